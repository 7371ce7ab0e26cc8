# SPDX-License-Identifier: GPL-3.0-or-later
"""An artist's own mesh, as the engine bakes onto it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..inference.bake import UVMesh
from ..inference.errors import SettingsError
from ..inference.raster import rasterize
from .placement import Placement
from .polygons import Polygons

FARTHEST_UV = 16.0
"""UVs farther out are damaged."""


def uv_mesh(polygons: Polygons, to_source: NDArray[np.floating[Any]], placement: Placement) -> UVMesh:
    """Triangles and UVs in the object frame of a reconstructed object.

    Args:
        polygons: with UVs.
        to_source: (4, 4) from their coordinates to the reconstructed object's local ones.
        placement: of the reconstructed object.

    Raises:
        SettingsError: there are no UVs.
    """
    if polygons.uvs is None:
        raise SettingsError("The mesh has no UV map to bake to.", "Unwrap it first (U in Edit Mode).")
    local = polygons.vertices @ to_source[:3, :3].T + to_source[:3, 3]
    return UVMesh(
        placement.to_object_frame(local).astype(np.float32),
        polygons.triangles,
        polygons.uvs[polygons.triangle_corners],
    )


def uv_overlap(polygons: Polygons, size: int = 512) -> float:
    """Share of the UVs, in texels of a map of ``size``, that lie over others or outside the square; 1 without UVs."""
    if polygons.uvs is None:
        return 1.0
    corners = polygons.uvs[polygons.triangle_corners].astype(np.float64)
    if not np.isfinite(corners).all() or np.abs(corners).max() > FARTHEST_UV:
        return 1.0
    covered = np.zeros(size * size, bool)
    painted = 0
    for part in rasterize(corners * size - 0.5):
        inside = (part.x >= 0) & (part.x < size) & (part.y >= 0) & (part.y < size)
        covered[part.y[inside] * size + part.x[inside]] = True
        painted += len(part.x)
    return 1.0 - np.count_nonzero(covered) / painted if painted else 1.0
