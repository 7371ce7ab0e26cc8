# SPDX-License-Identifier: GPL-3.0-or-later
"""What is solid: a signed distance grid for any triangle soup, decided from outside.

Real models are soups with gaps, inner walls and paper-thin shells. A ball of ``CLOSING`` radius
rolls round the object; what it cannot reach is solid, so gaps narrower than twice the radius do
not hollow an object out. Shells thinner than the network can represent are thickened.
"""

import numpy as np
from scipy import ndimage

from .grid import CELL, EXTENT, RESOLUTION, TRUNCATION
from .meshes import Model, sample_surface

#: Radius of the rolling ball, object units (the longest side is 2).
CLOSING = 1.5 * CELL
#: A space this far from the surface is open whatever its depth; narrower ones (a spout, the gap
#: round a lid) are open only for NARROW_REACH cells from their mouths, for nobody sees further in.
WIDE = 3.5 * CELL
NARROW_REACH = 6
#: Cells round the object's box: the ball must be able to roll all round it.
PADDING = 6
#: Half of the least thickness, object units: together about 1.5 cells.
HALF_SHELL = 0.75 * CELL
SURFACE_SAMPLES = 300_000


def signed_distance(model: Model, seed: int = 0) -> np.ndarray:
    """Distance to the visible surface, (R, R, R) float32 indexed [x, y, z], positive inside."""
    points = sample_surface(model, SURFACE_SAMPLES, np.random.default_rng(seed))
    # Work in the object's own box of cells (objects are rarely cubes), padded for the ball.
    low = np.floor((points.min(0) + EXTENT) / CELL).astype(int) - PADDING
    high = np.floor((points.max(0) + EXTENT) / CELL).astype(int) + PADDING + 1
    distance = _distance_to(points, low, high)
    outside = _reached(distance)
    to_outside = ndimage.distance_transform_edt(~outside).astype(np.float32) * CELL
    seen = to_outside[tuple(_cells(points, low).T)] <= CLOSING + 1.2 * CELL
    if 0 < seen.mean() < 0.98:
        distance = _distance_to(points[seen], low, high)
    # To the nearest reached *centre* the path is half a cell too long on average.
    inside = to_outside - CLOSING - 0.5 * CELL
    signed = np.where(inside > 0, inside, -distance)
    core = signed > 1.5 * HALF_SHELL
    to_core = ndimage.distance_transform_edt(~core) * CELL if core.any() else np.full(signed.shape, np.inf)
    shell = np.maximum(signed, HALF_SHELL - distance)
    signed = np.where(to_core > 3 * HALF_SHELL, shell, signed)
    result = np.full((RESOLUTION,) * 3, -TRUNCATION, np.float32)
    start, stop = np.maximum(low, 0), np.minimum(high, RESOLUTION)
    inner = tuple(slice(a - o, b - o) for a, b, o in zip(start, stop, low, strict=True))
    result[tuple(slice(a, b) for a, b in zip(start, stop, strict=True))] = signed[inner]
    return result


def _reached(distance: np.ndarray) -> np.ndarray:
    """Cells where the ball's centre can be: wide spaces wholly, narrow ones only near their mouths."""
    wide, _ = ndimage.label(distance > WIDE)
    return ndimage.binary_dilation(wide == wide[0, 0, 0], iterations=NARROW_REACH, mask=distance > CLOSING)


def quantise(signed: np.ndarray) -> np.ndarray:
    """Truncate and store as int8."""
    return np.round(np.clip(signed / TRUNCATION, -1, 1) * 127).astype(np.int8)


def _cells(points: np.ndarray, low: np.ndarray) -> np.ndarray:
    return np.floor((points + EXTENT) / CELL).astype(np.int64) - low


def _distance_to(points: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Distance of each cell centre in the box to the nearest occupied cell's sample point."""
    shape = tuple(high - low)
    where = tuple(_cells(points, low).T)
    empty = np.ones(shape, bool)
    nearest = np.zeros((*shape, 3), np.float32)
    empty[where] = False
    nearest[where] = points
    index = ndimage.distance_transform_edt(empty, return_distances=False, return_indices=True)
    axes = [(np.arange(a, b, dtype=np.float32) + 0.5) * CELL - EXTENT for a, b in zip(low, high, strict=True)]
    picked = nearest[tuple(index)]
    square = np.zeros(shape, np.float32)
    for i, axis in enumerate(axes):
        along = axis.reshape([-1 if j == i else 1 for j in range(3)])
        square += (picked[..., i] - along) ** 2
    return np.sqrt(square)
