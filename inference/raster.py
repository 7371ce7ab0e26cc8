# SPDX-License-Identifier: GPL-3.0-or-later
"""Triangles to grid points, in numpy: scan lines of all triangles at once, no loop over triangles.

The cost follows the number of rows and of points covered, not the triangles' bounding boxes: a hundred thousand
triangles at 2048 x 2048 take a fraction of a second, and one triangle that fills the picture is as welcome as slivers.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

BATCH = 1 << 17
"""Points per batch: a few attributes of this many points stay in the processor's cache."""


@dataclass(frozen=True)
class Fragments:
    """Grid points covered by triangles; a point that two triangles cover occurs twice.

    Attributes:
        triangle: (f,) int32 index of the triangle.
        x, y: (f,) int32 grid coordinates; may lie outside any picture, nothing is clipped.
    """

    triangle: NDArray[np.int32]
    x: NDArray[np.int32]
    y: NDArray[np.int32]


@dataclass(frozen=True)
class Gradients:
    """Attributes that vary linearly over triangles.

    Attributes:
        origin: (2, t) float32, x and y of each triangle's first corner.
        values: (k, t) float32, the attributes there.
        along_x, along_y: (k, t) float32, their growth per grid unit.
    """

    origin: NDArray[np.float32]
    values: NDArray[np.float32]
    along_x: NDArray[np.float32]
    along_y: NDArray[np.float32]

    def at(self, fragments: Fragments) -> list[NDArray[np.float32]]:
        """The k attributes (f,) float32 at grid points."""
        triangle = fragments.triangle
        x = np.subtract(fragments.x, self.origin[0][triangle], dtype=np.float32)
        y = np.subtract(fragments.y, self.origin[1][triangle], dtype=np.float32)
        attributes = []
        for value, along_x, along_y in zip(self.values, self.along_x, self.along_y, strict=True):
            attribute = along_x[triangle]
            attribute *= x
            term = along_y[triangle]
            term *= y
            attribute += term
            attribute += value[triangle]
            attributes.append(attribute)
        return attributes


def gradients(corners: NDArray[np.floating[Any]], attributes: NDArray[np.floating[Any]]) -> Gradients:
    """Prepare interpolation.

    Args:
        corners: (t, 3, 2) in grid units.
        attributes: (t, 3, k) the attributes at the corners. On triangles without area they are constant.
    """
    corners = corners.astype(np.float64)
    (ax, ay), (bx, by) = (corners[:, 1] - corners[:, 0]).T, (corners[:, 2] - corners[:, 0]).T
    area = ax * by - ay * bx
    scale = np.where(np.abs(area) > 1e-9, 1.0 / np.where(area == 0.0, 1.0, area), 0.0)
    # One row per attribute, so that the terms below are long vectors.
    rows = np.ascontiguousarray(attributes.transpose(1, 2, 0))
    first, second = rows[1] - rows[0], rows[2] - rows[0]
    along_x = first * (by * scale) - second * (ay * scale)
    along_y = second * (ax * scale) - first * (bx * scale)
    arrays = (corners[:, 0].T, rows[0], along_x, along_y)
    return Gradients(*(np.ascontiguousarray(array, np.float32) for array in arrays))


def batches(corners: NDArray[np.floating[Any]], points: int = BATCH) -> list[slice]:
    """Runs of triangles (t, 3, 2) that cover about ``points`` points each, or are one large triangle."""
    rise, width = np.ptp(corners[:, :, 1], axis=1), np.ptp(corners[:, :, 0], axis=1)
    expected = np.cumsum((rise + 1.0) * (0.5 * width + 1.0))
    cuts = np.searchsorted(expected, np.arange(points, expected[-1] if len(expected) else 0.0, points))
    bounds = np.unique(np.concatenate([[0], cuts, [len(corners)]])).tolist()
    return [slice(start, stop) for start, stop in pairwise(bounds)]


def rasterize(corners: NDArray[np.floating[Any]]) -> Iterator[Fragments]:
    """Yield the grid points inside triangles in batches, in the triangles' order; see ``scan``."""
    for batch in batches(corners):
        yield scan(corners, batch)


def scan(corners: NDArray[np.floating[Any]], batch: slice) -> Fragments:
    """The grid points inside some triangles.

    A point belongs to a triangle when it lies inside; left and upper edges belong to it, right and lower edges do
    not, so that triangles that share an edge neither both cover a point on it nor leave it out.

    Args:
        corners: (t, 3, 2) float, in grid units: the grid's points have integer coordinates. Either winding;
            triangles without area cover nothing.
        batch: which triangles.
    """
    part = corners[batch].astype(np.float64)
    # By y, then x: both triangles of an edge see the same lower end, and compute crossings equal to the last bit.
    order = np.lexsort((part[:, :, 0], part[:, :, 1]), axis=1)
    part = np.take_along_axis(part, order[:, :, None], axis=1)
    low, middle, high = part[:, 0], part[:, 1], part[:, 2]
    first = np.ceil(low[:, 1]).astype(np.int32)
    triangle, step = _expand(np.ceil(high[:, 1]).astype(np.int32) - first)
    row = first[triangle] + step
    long_side = _crossing(low, high, triangle, row)
    # Two short sides: from the lowest corner to the middle one, and from there to the highest.
    upper = row >= middle[triangle, 1]
    which = triangle + len(part) * upper
    short_side = _crossing(np.concatenate([low, middle]), np.concatenate([middle, high]), which, row)
    start = np.ceil(np.minimum(long_side, short_side)).astype(np.int32)
    line, along = _expand(np.ceil(np.maximum(long_side, short_side)).astype(np.int32) - start)
    return Fragments((triangle + np.int32(batch.start))[line], start[line] + along, row[line])


def _expand(counts: NDArray[np.int32]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """For counts [2, 0, 3] the owners [0, 0, 2, 2, 2] and the steps [0, 1, 0, 1, 2]."""
    ends = np.cumsum(counts, dtype=np.int32)
    owners = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
    return owners, np.arange(len(owners), dtype=np.int32) - (ends - counts)[owners]


def _crossing(
    low: NDArray[np.float64], high: NDArray[np.float64], side: NDArray[np.int32], row: NDArray[np.int32]
) -> NDArray[np.float64]:
    """x (r,) where lines y = ``row`` cross the ``side``-th of the sides from ``low`` to ``high``, both (s, 2)."""
    rise = high[:, 1] - low[:, 1]
    slope = (high[:, 0] - low[:, 0]) / np.where(rise > 0.0, rise, 1.0)
    return low[side, 0] + (row - low[side, 1]) * slope[side]
