# SPDX-License-Identifier: GPL-3.0-or-later
"""The training set: sources of meshes, their solids, and rendered views (see ``training/DATA.md``)."""
