# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine: from a photo to arrays. No bpy, no network access outside ``hub.py``."""
