# SPDX-License-Identifier: GPL-3.0-or-later
"""Packing charts into the unit square.

Largest first, each chart goes where the square grows least, in the best of four directions, judged by its true
shape: small charts end up in the bays and holes of large ones. The square is a bitmap kept in one long integer, so
that one shift tests a row of a chart at every place of the square at once.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .monitor import Monitor
from .raster import rasterize

LEAST_CELLS = 128
"""Cells along the square's side at least: more pack hardly closer (within 2 %), and take longer."""

EXPECTED_USE = 0.58
"""Share of the square that the charts are first scaled to cover; a good packing reaches it, so that one round does."""

SHRINK = 0.98
"""What is taken off besides when the charts did not fit: another scale is another puzzle."""

ORDERS = 12
"""Orders of placing that are tried when the square grows."""

STRIPS = (0.85, 0.9, 0.95, 1.0, 1.05, 1.1, 1.15, 1.2)
"""Widths of strips that are tried, in parts of the side of a square with the area of all charts' boxes."""

CHANCE = 0.5
"""Standard deviation, in natural logarithms, of the factor that disturbs the areas by which an order is made."""


def pack(
    labels: NDArray[np.integer[Any]], corners: NDArray[np.float32], gap: float, monitor: Monitor
) -> NDArray[np.float32]:
    """Place charts in the unit square, all at one scale.

    Args:
        labels: (t,) chart of each triangle, 0 to c - 1.
        corners: (t, 3, 2) float32, the triangles in their chart's plane, one scale for all charts.
        gap: least distance between charts, in parts of the square; half of it remains at the square's border.
        monitor: asked for cancellation.

    Returns:
        (c, 2, 3) float32 affine maps into the unit square: a turn by quarters, the scale, a shift.
    """
    apart = max(1, int(np.ceil(gap * LEAST_CELLS)))
    side = apart / gap
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    area = float(np.abs(first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]).sum() * 0.5)
    scale = side * np.sqrt(EXPECTED_USE / area)
    while True:
        bitmaps, lower = _bitmaps(labels, corners * np.float32(scale))
        square = _best_square(bitmaps, apart, monitor)
        if square.size <= side:
            return square.maps(lower, scale, apart)
        scale *= SHRINK * side / square.size


def _best_square(bitmaps: list[NDArray[np.bool_]], apart: int, monitor: Monitor) -> "_Square":
    """The smallest square of those that several orders of placing give, growing or in strips."""
    boxes = sum(float((bitmap.shape[0] + apart) * (bitmap.shape[1] + apart)) for bitmap in bitmaps)
    longest = max(max(bitmap.shape) for bitmap in bitmaps) + apart
    by_area, *orders = _orders(bitmaps)
    attempts = [(order, None) for order in orders]
    attempts += [(by_area, round(boxes**0.5 * part)) for part in STRIPS if boxes**0.5 * part >= longest]
    best = _Square(int(max(1.25 * boxes**0.5, longest)))
    best.fill(bitmaps, by_area, apart, np.inf, monitor)
    for order, strip in attempts:
        attempt = _Square(best.stride, strip)
        if attempt.fill(bitmaps, order, apart, best.size - 1, monitor):
            best = attempt
    return best


def _orders(bitmaps: list[NDArray[np.bool_]]) -> list[list[int]]:
    """Orders worth trying: by area, by longer side, and by area with chance, always large charts before small."""
    random = np.random.default_rng(0)
    area = np.array([float(bitmap.sum()) for bitmap in bitmaps])
    sizes = [area, np.array([float(max(bitmap.shape)) for bitmap in bitmaps])]
    sizes += [area * np.exp(CHANCE * random.normal(size=len(area))) for _ in range(ORDERS - len(sizes))]
    return [np.argsort(-size, kind="stable").tolist() for size in sizes]


def _bitmaps(
    labels: NDArray[np.integer[Any]], corners: NDArray[np.float32]
) -> tuple[list[NDArray[np.bool_]], NDArray[np.float64]]:
    """Each chart's cells (h, w) bool, row 0 lowest, and the charts' lower corners (c, 2); corners in cells."""
    order = np.argsort(labels, kind="stable")
    starts = np.searchsorted(labels[order], np.arange(int(labels.max()) + 1))
    lower = np.minimum.reduceat(corners.min(axis=1)[order], starts).astype(np.float64)
    size = np.floor(np.maximum.reduceat(corners.max(axis=1)[order], starts) - lower).astype(np.int64) + 1
    begins = np.concatenate([[0], np.cumsum(size[:, 0] * size[:, 1])])
    cells = np.zeros(begins[-1], bool)
    local = corners - lower[labels][:, None]
    # Corners mark cells that parts thinner than a cell touch; the raster fills triangles larger than a cell.
    touched = np.floor(local).astype(np.int64)
    cells[begins[labels][:, None] + touched[:, :, 1] * size[labels, 0][:, None] + touched[:, :, 0]] = True
    for fragments in rasterize(local - 0.5):
        chart = labels[fragments.triangle]
        cells[begins[chart] + fragments.y * size[chart, 0] + fragments.x] = True
    bitmaps = [
        cells[begins[chart] : begins[chart + 1]].reshape(size[chart, 1], size[chart, 0]) for chart in range(len(size))
    ]
    return bitmaps, lower


def _grown(bitmap: NDArray[np.bool_], by: int) -> NDArray[np.bool_]:
    """A bitmap (h, w) spread ``by`` cells to the right and upwards: (h + by, w + by)."""
    height, width = bitmap.shape
    wide = np.zeros((height, width + by), bool)
    for step in range(by + 1):
        wide[:, step : step + width] |= bitmap
    grown = np.zeros((height + by, width + by), bool)
    for step in range(by + 1):
        grown[step : step + height] |= wide
    return grown


def _spans(bitmap: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Rows, starts and lengths of the runs of occupied cells."""
    edges = np.diff(np.pad(bitmap.astype(np.int8), ((0, 0), (1, 1))), axis=1)
    rows, starts = np.nonzero(edges == 1)
    return rows, starts, np.nonzero(edges == -1)[1] - starts


@dataclass
class _Square:
    """The growing square and what lies in it.

    Attributes:
        stride: bits per row of ``cells``, and the square's greatest width; rounded up to a multiple of 8.
        strip: width within which charts are placed as low as possible; None to let the square grow to both sides.
        size: side of the occupied square, cells.
        cells: occupied cells; cell (x, y) is bit ``y * stride + x``.
        spots: by chart: quarter turns, x, y, and width and height of its ungrown bitmap before turning.
    """

    stride: int
    strip: int | None = None
    size: int = 0
    cells: int = 0
    spots: dict[int, tuple[int, int, int, int, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.stride = -(-self.stride // 8) * 8

    def fill(
        self, bitmaps: list[NDArray[np.bool_]], order: list[int], apart: int, limit: float, monitor: Monitor
    ) -> bool:
        """Place charts in this order; False, and no further, once the square exceeds ``limit``."""
        for chart in order:
            monitor.progress(0.9)
            self.add(chart, bitmaps[chart], apart)
            if self.size > limit:
                return False
        return True

    def add(self, chart: int, bitmap: NDArray[np.bool_], apart: int) -> None:
        """Place one chart where the square grows least, or in a strip where it ends lowest."""
        height, width = bitmap.shape
        shapes = [_grown(np.rot90(bitmap, turns), apart) for turns in range(4)]
        runs = self._runs(max(max(shape.shape) for shape in shapes))
        best = None
        for turns, shape in enumerate(shapes):
            spot = self._best_spot(shape, runs)
            if best is None or (spot[1], spot[0]) < (best[0][1], best[0][0]):
                best = (spot, turns)
        assert best is not None
        (size, _, y, x), turns = best
        self.spots[chart] = (turns, x, y, width, height)
        self.size = max(self.size, size)
        for row, start, length in zip(*(values.tolist() for values in _spans(shapes[turns])), strict=True):
            self.cells |= ((1 << length) - 1) << ((y + row) * self.stride + x + start)

    def _runs(self, longest: int) -> list[int]:
        """Bit p of entry k: one of the 2**k cells from p on is occupied."""
        runs = [self.cells]
        while 1 << len(runs) <= longest:
            runs.append(runs[-1] | (runs[-1] >> (1 << (len(runs) - 1))))
        return runs

    def _best_spot(self, shape: NDArray[np.bool_], runs: list[int]) -> tuple[int, int, int, int]:
        """(size of the square then, rank, y, x) for the best free place of a grown bitmap; the lowest rank is best."""
        height, width = shape.shape
        blocked = 0
        for row, start, length in zip(*(values.tolist() for values in _spans(shape)), strict=True):
            level = length.bit_length() - 1
            shift = row * self.stride + start
            blocked |= runs[level] >> shift
            if length > 1 << level:
                blocked |= runs[level] >> (shift + length - (1 << level))
        reach = self.size + 1
        count = reach * self.stride
        blocked &= (1 << count) - 1
        bits = np.frombuffer(blocked.to_bytes(count // 8, "little"), np.uint8)
        taken = np.unpackbits(bits, bitorder="little").reshape(reach, self.stride)
        taken = taken[:, : min(reach, (self.strip or self.stride) - width + 1)]
        if taken.shape[1] == 0:
            return 1 << 30, 1 << 31, 0, 0
        along, up = np.arange(taken.shape[1], dtype=np.int32), np.arange(reach, dtype=np.int32)[:, None]
        size = np.maximum(np.maximum(along + width, self.size), up + height)
        # One number to compare: what matters most comes first, taken places come last.
        first, second = (size, along + up) if self.strip is None else (up + height, along)
        rank = first * np.int32(4 * self.stride) + second + taken.astype(np.int32) * (1 << 30)
        y, x = divmod(int(rank.argmin()), taken.shape[1])
        return int(size[y, x]), int(rank[y, x]), y, x

    def maps(self, lower: NDArray[np.float64], scale: float, apart: int) -> NDArray[np.float32]:
        """(c, 2, 3) float32 maps of charts, whose lower corners (c, 2) are in cells, into the unit square."""
        result = np.empty((len(self.spots), 2, 3))
        for chart, (turns, x, y, width, height) in self.spots.items():
            # np.rot90 turns clockwise as seen with y upwards, and keeps the bitmap's corner at the origin.
            turn = np.linalg.matrix_power(np.array([[0.0, 1.0], [-1.0, 0.0]]), turns)
            corner = np.array([(0.0, 0.0), (0.0, width), (width, height), (height, 0.0)][turns])
            shift = corner + np.array([x, y]) + 0.5 * apart - turn @ lower[chart]
            result[chart, :, :2] = turn * scale
            result[chart, :, 2] = shift
        return (result / self.size).astype(np.float32)
