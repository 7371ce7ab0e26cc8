# SPDX-License-Identifier: GPL-3.0-or-later
"""The only writer of Blender's data-blocks: arrays from the engine become an object, its material and its camera."""
