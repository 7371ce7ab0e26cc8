# SPDX-License-Identifier: GPL-3.0-or-later
"""How well an object was reconstructed: geometry, both sides of it, outline, normals, texture.

Everything is measured in the *view frame*: the axes of the photo's camera (x right, y up, z towards the camera), units
of half the photo's window in the plane through the middle of the object's depth, where the origin is. The camera stands
at (0, 0, focal), focal being 1 / tan(half the field of view). Distances are given in units in which the truth's longest
side in this frame is 2.
"""
