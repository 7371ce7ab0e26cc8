# SPDX-License-Identifier: GPL-3.0-or-later
"""The grid on which an object's solid is stored: what its cells and its numbers mean."""

#: Cells along each axis of the grid, which spans [-EXTENT, EXTENT] of the object's units.
RESOLUTION = 96
EXTENT = 1.1
CELL = 2 * EXTENT / RESOLUTION
#: Distances are stored as int8, in units of TRUNCATION / 127.
TRUNCATION = 0.20
