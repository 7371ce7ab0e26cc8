# SPDX-License-Identifier: GPL-3.0-or-later
"""What the photo's camera sees of a mesh in the view frame: outline, depth, normals, which points."""

import numpy as np
from numpy.typing import NDArray

from inference.priors.view_frame import Look, project

from .mesh import Array, TriangleMesh

#: Pixels along each side of the buffer against which points are tested.
DEPTH_SIZE = 384
#: How much deeper than the buffer a visible point may be, half windows, on a surface that faces the camera; and pixels
#: of slope that are allowed for, at most LARGEST_TOLERANCE.
TOLERANCE, SLOPE_PIXELS, LARGEST_TOLERANCE = 0.01, 2.0, 0.1


def look_at(mesh: TriangleMesh, focal: float, size: int) -> Look:
    """What the photo's camera sees of a mesh in the view frame, through the whole window."""
    return Look.at(mesh.vertices, mesh.triangles, focal, size)


def visible(points: Array, normals: Array, mesh: TriangleMesh, focal: float) -> NDArray[np.bool_]:
    """Which points (n, 3) on a mesh, with unit normals (n, 3), the camera sees.

    Those whose surface faces the camera and that are no deeper than the nearest surface in their pixel, up to a
    tolerance that grows with the slope.
    """
    look = look_at(mesh, focal, DEPTH_SIZE)
    window, depth = project(points, focal)
    sight = np.array([0, 0, focal]) - points
    facing = (normals * sight).sum(1) / np.linalg.norm(sight, axis=1)
    column, row = np.clip(((window * [1, -1] + 1) * (DEPTH_SIZE / 2)).astype(int), 0, DEPTH_SIZE - 1).T
    # Where the outline passes through a pixel its buffer may be empty.
    front = np.where(look.covered, look.depth, np.inf)[row, column]
    tangent = np.sqrt(np.maximum(1 - facing**2, 0)) / np.maximum(facing, 1e-6)
    tolerance = np.minimum(TOLERANCE + SLOPE_PIXELS * 2 / DEPTH_SIZE * tangent, LARGEST_TOLERANCE)
    return (facing > 0) & (depth <= front + tolerance)


def surface_points(
    mesh: TriangleMesh, focal: float, count: int, rng: np.random.Generator
) -> tuple[Array, NDArray[np.bool_]]:
    """Points on a mesh (count, 3), even over its area, and which of them the camera sees (count,)."""
    points, normals = mesh.sample(count, rng)
    return points, visible(points, normals, mesh, focal)
