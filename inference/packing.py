# SPDX-License-Identifier: GPL-3.0-or-later
"""Packing charts into the unit square.

Charts are placed one after the other, large ones first, each as low as it goes in the best of four directions, judged
by its true shape: small charts end up in the bays and holes of large ones. The square is a bitmap kept in one long
integer, so that one shift tests a row of a chart at every place of the square at once.
"""

from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from .monitor import Monitor
from .raster import rasterize

LEAST_CELLS = 128
"""Cells along the square's side at least, whatever the gap: more pack hardly closer and take longer."""

EXPECTED_USE, EXPECTED_FILL = 0.6, 0.77
"""Shares of the square that the charts, and the charts with their gaps, are first scaled to fill."""

SHRINK = 0.98
"""What is taken off besides when the charts did not fit: another scale is another puzzle."""

TIGHTEST, STEP = 1.08, 1.015
"""The first side that is tried, against that of a square with the charts' area, and the steps to others."""

PLACINGS, MOST_ORDERS = 600, 16
"""About so many charts are placed for each side, in several orders: more for few charts, which fit less easily."""

CHANCE = 0.4
"""Standard deviation, in natural logarithms, of the factor that disturbs the sizes by which an order is made."""


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
    bitmaps, lower = _bitmaps(labels, corners * np.float32(scale))
    scale *= np.sqrt(EXPECTED_FILL / sum(float(_grown(bitmap, apart).sum()) for bitmap in bitmaps)) * side
    while True:
        bitmaps, lower = _bitmaps(labels, corners * np.float32(scale))
        square = _smallest_square([_Chart.of(bitmap, apart) for bitmap in bitmaps], monitor)
        if square.side <= side:
            return square.maps(bitmaps, lower, scale, apart)
        scale *= SHRINK * side / square.side


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


class _Shape(NamedTuple):
    """A chart in one direction, with its gap.

    Attributes:
        height: rows.
        runs: row, first cell and number of cells of each run of occupied cells.
    """

    height: int
    runs: list[tuple[int, int, int]]


@dataclass(frozen=True)
class _Chart:
    """What is to be placed.

    Attributes:
        shapes: by quarter turns.
        area: cells, with the gap.
        longest: the longer side, cells, with the gap.
    """

    shapes: list[_Shape]
    area: int
    longest: int

    @classmethod
    def of(cls, bitmap: NDArray[np.bool_], apart: int) -> Self:
        """From cells (h, w)."""
        grown = [_grown(np.rot90(bitmap, turns), apart) for turns in range(4)]
        shapes = [_Shape(len(cells), _runs(cells)) for cells in grown]
        return cls(shapes, int(grown[0].sum()), max(grown[0].shape))


def _runs(bitmap: NDArray[np.bool_]) -> list[tuple[int, int, int]]:
    """Row, start and length of the runs of occupied cells."""
    edges = np.diff(np.pad(bitmap.astype(np.int8), ((0, 0), (1, 1))), axis=1)
    rows, starts = np.nonzero(edges == 1)
    lengths = np.nonzero(edges == -1)[1] - starts
    return list(zip(rows.tolist(), starts.tolist(), lengths.tolist(), strict=True))


def _smallest_square(charts: list[_Chart], monitor: Monitor) -> "_Square":
    """The smallest square found: grown until one order fits, then shrunk as long as others do."""
    random = np.random.default_rng(0)
    count = min(max(PLACINGS // len(charts), 2), MOST_ORDERS)
    sizes = [np.array([float(chart.area) for chart in charts]), np.array([float(chart.longest) for chart in charts])]
    chances = np.exp(CHANCE * random.normal(size=(count - len(sizes), len(charts))))
    orders = [np.argsort(-size, kind="stable").tolist() for size in [*sizes, *(sizes[0] * chances)]]
    side = max(TIGHTEST * float(sizes[0].sum()) ** 0.5, float(sizes[1].max()))
    best = None
    while best is None:
        best = _filled(charts, orders[0], int(np.ceil(side)), monitor)
        side *= STEP
    for order in orders[1:]:
        smaller = _filled(charts, order, int(best.side / STEP), monitor)
        while smaller is not None:
            best, smaller = smaller, _filled(charts, order, int(smaller.side / STEP), monitor)
    return best


def _filled(charts: list[_Chart], order: list[int], side: int, monitor: Monitor) -> "_Square | None":
    """A square with all charts, placed in this order; None if they do not fit."""
    square = _Square(side)
    return square if all(square.add(index, charts[index], monitor) for index in order) else None


@dataclass
class _Square:
    """A square and what lies in it.

    Attributes:
        side: cells.
        cells: occupied cells; cell (x, y) is bit ``y * (side + 1) + x``. The bits at x = side are set: no chart
            reaches across the square's right border into the next row.
        spots: by chart: quarter turns, x, y.
    """

    side: int
    spots: dict[int, tuple[int, int, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        stride = self.side + 1
        rows = np.zeros((stride, stride), bool)
        rows[:, self.side] = True
        self.cells = int.from_bytes(np.packbits(rows, bitorder="little").tobytes(), "little")

    def add(self, index: int, chart: _Chart, monitor: Monitor) -> bool:
        """Place a chart where it ends lowest, then leftmost; False if it does not fit."""
        monitor.progress(0.9)
        occupied = [self.cells]
        while 1 << len(occupied) <= chart.longest:
            occupied.append(occupied[-1] | (occupied[-1] >> (1 << (len(occupied) - 1))))
        best = None
        for turns, shape in enumerate(chart.shapes):
            x, y = self._lowest_spot(shape, occupied)
            if y + shape.height <= self.side and (best is None or (y + shape.height, x) < best[:2]):
                best = (y + shape.height, x, turns, y)
        if best is None:
            return False
        _, x, turns, y = best
        self.spots[index] = (turns, x, y)
        for row, start, length in chart.shapes[turns].runs:
            self.cells |= ((1 << length) - 1) << ((y + row) * (self.side + 1) + x + start)
        return True

    def _lowest_spot(self, shape: _Shape, occupied: list[int]) -> tuple[int, int]:
        """x and y of the lowest, then leftmost place where a shape is free of what is occupied.

        Bit p of ``occupied[k]`` says that one of the 2**k cells from p on is occupied; two such runs cover any run.
        """
        blocked = 0
        for row, start, length in shape.runs:
            level = length.bit_length() - 1
            place = row * (self.side + 1) + start
            blocked |= occupied[level] >> place
            if length > 1 << level:
                blocked |= occupied[level] >> (place + length - (1 << level))
        y, x = divmod((~blocked & (blocked + 1)).bit_length() - 1, self.side + 1)
        return x, y

    def maps(
        self, bitmaps: list[NDArray[np.bool_]], lower: NDArray[np.float64], scale: float, apart: int
    ) -> NDArray[np.float32]:
        """(c, 2, 3) float32 maps of charts, whose lower corners (c, 2) are in cells, into the unit square."""
        result = np.empty((len(bitmaps), 2, 3))
        for chart, (turns, x, y) in self.spots.items():
            height, width = bitmaps[chart].shape
            # np.rot90 turns clockwise as seen with y upwards, and keeps the bitmap's corner at the origin.
            turn = np.linalg.matrix_power(np.array([[0.0, 1.0], [-1.0, 0.0]]), turns)
            corner = np.array([(0.0, 0.0), (0.0, width), (width, height), (height, 0.0)][turns])
            shift = corner + np.array([x, y]) + 0.5 * apart - turn @ lower[chart]
            result[chart, :, :2] = turn * scale
            result[chart, :, 2] = shift
        return (result / self.side).astype(np.float32)
