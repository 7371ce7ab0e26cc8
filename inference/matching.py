# SPDX-License-Identifier: GPL-3.0-or-later
"""Matching: what the photos say on the part they show, carried on over the part they do not show.

The photos and the field differ in colour: exposure, light, a network's caution. Left alone, the object is two objects
glued along a seam. The difference is therefore averaged in a pyramid of grids, as in pull-push interpolation
(Gortler et al. 1996), and added to the field's colours everywhere: locally near the seam, on the whole far from it.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

NEAR_LEVELS, FAR_LEVELS = 4, 2
"""The grid near the seam has 2**4 cells along the object's cube, the one that is used on its far side 2**2."""

PRIOR = 4.0
"""How many fully seen points weigh as much as the coarser grid."""

FAR_FACING, NEAR_FACING = -0.5, 0.0
"""Cosines to the line of sight between which the far side's grid takes over: the back of a thin part lies in the same
fine cells as its front, and would show the front's picture, blurred."""


CONTENT = 40.0
"""Differences this far (0..255) from the usual one are half believed to be content, which has no place elsewhere."""


def likeness(difference: Floats, weights: Floats) -> NDArray[np.float32]:
    """(k,) 0..1: how far differences are of exposure and light, not of content that the field knows nothing of.

    A label on the back is not the light that falls on the sides: carried on, it would be a stain there. For further
    photos, of which the field has seen nothing; the first photo's content is the field's own.

    Args:
        difference: (k, 3) of 0..255.
        weights: (k,) how far it is to be believed.
    """
    sure = difference[weights > 0.5]
    if not len(sure):
        return np.ones(len(weights), np.float32)
    deviation = difference - np.median(sure, axis=0)
    return (1.0 / (1.0 + (deviation**2).sum(axis=1) / CONTENT**2)).astype(np.float32)


def extended(
    difference: Floats, weights: Floats, points: Floats, seen: NDArray[np.integer[Any]], facing: Floats
) -> NDArray[np.float32]:
    """(n, 3) float32: a difference known at some points, for all.

    Args:
        difference: (k, 3) at the points seen.
        weights: (k,) how far it is to be believed.
        points: (n, 3) in the object frame.
        seen: (k,) indices; what several photos say of a point counts several times.
        facing: (n,) cosine between the normal and the direction to the camera; of several cameras, the largest.
    """
    levels = _pyramid(difference * weights[:, None], weights, points[seen])
    value: Floats = np.zeros((1, 1, 1, 3))
    far = value
    for level, grid in enumerate(reversed(levels)):
        if level > 0:
            value = _doubled(value)
        value = (grid[..., :3] + PRIOR * value) / (grid[..., 3:] + PRIOR)
        if level == FAR_LEVELS:
            far = value
    near = np.clip((facing - FAR_FACING) / (NEAR_FACING - FAR_FACING), 0.0, 1.0).astype(np.float32)[:, None]
    away = _trilinear(far, points)
    return away + (_trilinear(value, points) - away) * near


def _pyramid(sums: Floats, weights: Floats, points: Floats) -> list[Floats]:
    """Sums of three channels and of the weight (g, g, g, 4) over [-1, 1]^3, from the finest grid to a single cell."""
    size = 1 << NEAR_LEVELS
    cells = np.clip(((points + 1.0) * (0.5 * size)).astype(np.int64), 0, size - 1)
    cell = (cells[:, 0] * size + cells[:, 1]) * size + cells[:, 2]
    channels = [*sums.T, weights]
    grids = [np.bincount(cell, channel, minlength=size**3).astype(np.float64) for channel in channels]
    levels: list[Floats] = [np.stack(grids, axis=-1).reshape(size, size, size, 4)]
    for _ in range(NEAR_LEVELS):
        halved = levels[-1][0::2] + levels[-1][1::2]
        halved = halved[:, 0::2] + halved[:, 1::2]
        levels.append(halved[:, :, 0::2] + halved[:, :, 1::2])
    return levels


def _doubled(grid: Floats) -> Floats:
    """A grid (g, g, g, 3) at twice the resolution, linear between its cells' centres."""
    for axis in range(3):
        before = np.concatenate([grid.take([0], axis), grid.take(range(grid.shape[axis] - 1), axis)], axis)
        after = np.concatenate([grid.take(range(1, grid.shape[axis]), axis), grid.take([-1], axis)], axis)
        pair = np.stack([0.75 * grid + 0.25 * before, 0.75 * grid + 0.25 * after], axis + 1)
        grid = pair.reshape(*grid.shape[:axis], -1, *grid.shape[axis + 1 :])
    return grid


def _trilinear(grid: Floats, points: NDArray[np.float32]) -> NDArray[np.float32]:
    """A grid (g, g, g, 3) over [-1, 1]^3, values at cell centres, at points (n, 3)."""
    size = len(grid)
    place = np.clip((points + 1.0) * (0.5 * size) - 0.5, 0.0, size - 1.0)
    low = np.minimum(place.astype(np.int64), size - 2)
    part = place - low
    flat = grid.astype(np.float32).reshape(-1, 3)
    total = np.zeros((len(points), 3), np.float32)
    for corner in np.ndindex(2, 2, 2):
        index = low + np.array(corner)
        weight = np.where(np.array(corner) == 1, part, 1.0 - part).prod(axis=1).astype(np.float32)
        total += weight[:, None] * flat[(index[:, 0] * size + index[:, 1]) * size + index[:, 2]]
    return total
