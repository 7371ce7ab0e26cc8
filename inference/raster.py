# SPDX-License-Identifier: GPL-3.0-or-later
"""Triangles to grid points, in numpy: scan lines of all triangles at once, no loop over triangles.

The cost follows the number of rows and of points covered, not the triangles' bounding boxes: a hundred thousand
triangles at 2048 x 2048 take a fraction of a second, and one triangle that fills the picture is as welcome as slivers.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

BATCH = 1 << 18
"""Points per batch: a few attributes of this many points stay in the processor's cache."""


@dataclass(frozen=True)
class Fragments:
    """Grid points covered by triangles; a point that two triangles cover occurs twice.

    Attributes:
        triangle: (f,) int64 index of the triangle.
        x, y: (f,) int64 grid coordinates; may lie outside any picture, nothing is clipped.
    """

    triangle: NDArray[np.int64]
    x: NDArray[np.int64]
    y: NDArray[np.int64]


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
        x = fragments.x - self.origin[0][triangle]
        y = fragments.y - self.origin[1][triangle]
        return [
            value[triangle] + along_x[triangle] * x.astype(np.float32) + along_y[triangle] * y.astype(np.float32)
            for value, along_x, along_y in zip(self.values, self.along_x, self.along_y, strict=True)
        ]


def gradients(corners: NDArray[np.floating[Any]], attributes: NDArray[np.floating[Any]]) -> Gradients:
    """Prepare interpolation.

    Args:
        corners: (t, 3, 2) in grid units.
        attributes: (t, 3, k) the attributes at the corners. On triangles without area they are constant.
    """
    corners = corners.astype(np.float64)
    (ax, ay), (bx, by) = (corners[:, 1] - corners[:, 0]).T, (corners[:, 2] - corners[:, 0]).T
    area = ax * by - ay * bx
    scale = np.where(np.abs(area) > 1e-9, 1.0 / np.where(area == 0.0, 1.0, area), 0.0)[:, None]
    first, second = attributes[:, 1] - attributes[:, 0], attributes[:, 2] - attributes[:, 0]
    along_x = (first * by[:, None] - second * ay[:, None]) * scale
    along_y = (second * ax[:, None] - first * bx[:, None]) * scale
    arrays = (corners[:, 0], attributes[:, 0], along_x, along_y)
    return Gradients(*(np.ascontiguousarray(array.T, np.float32) for array in arrays))


def rasterize(corners: NDArray[np.floating[Any]], batch: int = BATCH) -> Iterator[Fragments]:
    """Yield the grid points inside triangles, in the triangles' order.

    A point belongs to a triangle when it lies inside; left and upper edges belong to it, right and lower edges do
    not, so that triangles that share an edge neither both cover a point on it nor leave it out.

    Args:
        corners: (t, 3, 2) float, in grid units: the grid's points have integer coordinates. Either winding;
            triangles without area cover nothing.
        batch: about how many points to yield at a time.
    """
    corners = corners.astype(np.float64)
    first = np.ceil(corners[:, :, 1].min(axis=1)).astype(np.int64)
    heights = np.maximum(np.ceil(corners[:, :, 1].max(axis=1)).astype(np.int64) - first, 0)
    widths = np.ptp(corners[:, :, 0], axis=1)
    expected = np.cumsum(heights * (0.5 * widths + 1.0))
    cuts = np.searchsorted(expected, np.arange(batch, expected[-1] if len(expected) else 0.0, batch))
    bounds = np.unique(np.concatenate([[0], cuts, [len(corners)]]))
    for start, stop in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        yield _scan(corners[start:stop], first[start:stop], heights[start:stop], start)


def _scan(corners: NDArray[np.float64], first: NDArray[np.int64], heights: NDArray[np.int64], offset: int) -> Fragments:
    """Fragments of triangles (t, 3, 2) whose scan lines start at ``first`` (t,)."""
    triangle, step = _expand(heights)
    row = first[triangle] + step
    left, right = _spans(corners, triangle, row.astype(np.float64))
    start = np.ceil(left).astype(np.int64)
    line, along = _expand(np.maximum(np.ceil(right).astype(np.int64) - start, 0))
    return Fragments(triangle[line] + offset, start[line] + along, row[line])


def _expand(counts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For counts [2, 3] the owners [0, 0, 1, 1, 1] and the steps [0, 1, 0, 1, 2]."""
    ends = np.cumsum(counts)
    total = int(ends[-1]) if len(ends) else 0
    return np.repeat(np.arange(len(counts)), counts), np.arange(total) - np.repeat(ends - counts, counts)


def _spans(
    corners: NDArray[np.float64], triangle: NDArray[np.int64], row: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where the lines y = ``row`` (r,) enter and leave their triangles."""
    left = np.full(len(row), np.inf)
    right = np.full(len(row), -np.inf)
    for index in range(3):
        # The lower end first, so that both triangles of an edge compute the same crossing to the last bit.
        a, b = corners[:, index], corners[:, (index + 1) % 3]
        swap = (a[:, 1] > b[:, 1]) | ((a[:, 1] == b[:, 1]) & (a[:, 0] > b[:, 0]))
        low, high = np.where(swap[:, None], b, a), np.where(swap[:, None], a, b)
        rise = high[:, 1] - low[:, 1]
        slope = (high[:, 0] - low[:, 0]) / np.where(rise > 0.0, rise, 1.0)
        height = row - low[triangle, 1]
        crossing = low[triangle, 0] + height * slope[triangle]
        inside = (height >= 0.0) & (row < high[triangle, 1])
        left = np.where(inside, np.minimum(left, crossing), left)
        right = np.where(inside, np.maximum(right, crossing), right)
    empty = left > right
    left[empty] = right[empty] = 0.0
    return left, right
