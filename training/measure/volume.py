# SPDX-License-Identifier: GPL-3.0-or-later
"""Volumetric intersection over union of two closed meshes."""

import numpy as np
from numpy.typing import NDArray

from inference.priors.view_frame import overlap
from inference.raster import gradients, rasterize

from .mesh import Array, TriangleMesh

#: Cells along the longest side of the box round both.
CELLS = 96


def occupancy(mesh: TriangleMesh, low: Array, cell: float, shape: tuple[int, int, int]) -> NDArray[np.bool_]:
    """Which cell centres are inside a closed mesh, (x, y, z) bool.

    Along each column of centres the surface is crossed inwards and outwards; a centre is inside where more crossings
    below it lead in than out. That holds for overlapping parts too.

    Args:
        mesh: closed.
        low: (3,) lower corner of the grid.
        cell: side of a cell.
        shape: cells along x, y and z.
    """
    vertices = (mesh.vertices - low) / cell - 0.5
    corners = vertices[mesh.triangles]
    heights = gradients(corners[..., :2], corners[..., 2:])
    a, b, c = corners[..., :2].swapaxes(0, 1)
    # Seen from above, a triangle that turns left faces up: going up, there the column leaves the solid.
    steps = -np.sign((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]).astype(np.int32)
    changes = np.zeros((shape[0], shape[1], shape[2] + 1), np.int32)
    for fragments in rasterize(corners[..., :2]):
        z = np.clip(np.ceil(heights.at(fragments)[0]).astype(int), 0, shape[2])
        inside = (fragments.x >= 0) & (fragments.x < shape[0]) & (fragments.y >= 0) & (fragments.y < shape[1])
        place = tuple(axis[inside] for axis in (fragments.x, fragments.y, z))
        np.add.at(changes, place, steps[fragments.triangle[inside]])
    return changes.cumsum(2)[:, :, :-1] > 0


def volume_overlap(one: TriangleMesh, other: TriangleMesh) -> float:
    """Intersection over union of the volumes inside two closed meshes."""
    both = np.concatenate([one.vertices, other.vertices])
    low, high = both.min(0), both.max(0)
    cell = float((high - low).max()) / CELLS
    shape = tuple(int(n) for n in np.ceil((high - low) / cell))
    return overlap(occupancy(one, low, cell, shape), occupancy(other, low, cell, shape))
