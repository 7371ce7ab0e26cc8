# SPDX-License-Identifier: GPL-3.0-or-later
"""Surfaces of revolution: cups, cans, bottles, bulbs, and what else is turned on a lathe or a potter's wheel.

The recipe, in the order of its steps, and where its constants were found:

1. ``axis_plane``: the mirror plane through the camera, from the outline alone. Few things have one; the rest stops
   here.
2. ``turned_body``: the lean of the axis, and the largest body inside the outline.
3. ``ends``, ``carving``, ``hollow``, put together in ``turned_shape``: what the outline does not show, from the
   predicted depths.
4. Here: what sticks out of the body's outline (a handle, a spout) stays the network's; the gates; the ``Primitive``.

All thresholds were found on 65 YCB scans in three views each.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from ..masks import label_parts
from ..systems.silhouette import squared_distance
from .axis_plane import AxisPlane, find_axis_planes
from .ends import ends_in_cone
from .evidence import Evidence
from .hollow import LARGEST_WALL, WALL
from .lathe import Axis, signed_distances
from .primitive import Fit, Numbers
from .turned_body import (
    COARSE,
    TurnedBody,
    coverage_at,
    finest_step,
    leant_to_rim,
    normal_deviation,
    refined,
    search_leans,
)
from .turned_shape import TurnedShape, shape_of
from .view_frame import Array, overlap

LEAST_SCORE, LEAST_CLEAN_SCORE, LEAST_FAIR_SCORE = 0.58, 0.85, 0.4
"""Shares of the outline that the mirror plane maps onto the outline: of a body with a handle, of a body without, and of
one that was asked for. Askew boxes have 0.4, round things 0.85 to 1."""

LEAST_COVERAGE = 0.90
"""Share of the outline that a body without a handle touches."""

LARGEST_ANGLE, LARGEST_FAIR_ANGLE = 20.0, 45.0
"""Degrees between the body's and the predicted normals, of a body with a handle, and of one without or that was asked
for."""

LARGEST_ERROR, LARGEST_CLEAN_ERROR = 0.06, 0.1
"""Mean deviation from the predicted depths, in largest diameters, of a body with a handle, and of one without: cups,
cans and fruit have 0.01 to 0.09, a can that is seen from above and was fitted as if seen from the side has 0.19."""

UPRIGHT = np.radians(20)
"""Roll of an axis up to which the thing stands, radians."""

EXPECTED_SPREAD, LYING_SPREAD = np.radians(12), np.radians(25)
"""How far the lean may well be from the predicted one, of standing and of lying things, radians."""

STANDING_LEANS = np.radians(np.arange(-24.0, 25.0, 6.0))
"""Leans tried first, about the predicted one."""

LYING_LEANS = np.radians(np.arange(-80.0, 86.0, 10.0))
"""Leans tried first of a lying thing."""

LEVEL, LEAST_THICKNESS = np.radians(30), 0.85
"""Of a closed body that leans less than this (radians), the least predicted thickness, in the body's own: cans and
fruit have 0.88 to 1.05, a bottle of mustard, which is symmetric but flat, has 0.78, a lying lemon 0.82."""

LYING_ADVANTAGE = 0.12
"""By how much the outline's mirror plane has to be better for a lying axis than for a standing one."""

TALL, TALL_LEAN, TALL_SHARE = 1.5, np.radians(15), 0.25
"""Height in diameters from which on a thing is tall, the lean towards which it is drawn, radians, and the share of the
rest of the predicted one that stays. A light bulb seen from the side was predicted to be seen from 46 degrees above."""

STEEP = np.radians(45)
"""Lean from which on the outline says little, unless a rim bounds the lean."""

RIM_STEP, RIM_DROP = np.radians(8), 0.12
"""A rim bounds the lean if with this much more of it the body touches that much less of the outline."""

OUTSIDE, STICKING, DILATION = 5, 14, 11
"""Pixels of the silhouette: from the body's outline on, parts stick out of it; so far they have to reach to be kept;
and by so much they are extended into the body."""

LEAST_PART = 0.004
"""Share of the cut-out of which a part that sticks out is kept."""

CELL = 0.012
"""Spacing of the samples of the distances, half windows; half the surface's own at the default resolution."""

PADDING = 0.06
"""Of the samples around the section, half windows."""


@dataclass(frozen=True)
class Revolution:
    """A ``Primitive``.

    Attributes:
        axis: its direction points to the end that faces the camera.
        section: (n, 2) heights and radii; it begins and ends on the axis, and runs up the outside first.
        up: (3,) unit vector of the view frame that points up where the thing stands; None if it lies.
        rest: see ``Primitive``.
    """

    axis: Axis
    section: Array
    up: Array | None = None
    rest: NDArray[np.float32] | None = None

    @property
    def detail(self) -> float:
        """See ``Primitive``; the wall of a hollow thing."""
        rim = int(self.section[:, 0].argmax())
        is_hollow = len(self.section) - rim > 3
        return min(WALL, LARGEST_WALL * float(self.section[:, 1].max())) if is_hollow else float("inf")

    @classmethod
    def from_numbers(cls, numbers: Numbers) -> Self:
        """Inverse of ``numbers``."""
        values = {name: np.asarray(array, np.float64) for name, array in numbers.items()}
        axis = Axis(float(values["focal"]), values["origin"], values["direction"], values["sideways"])
        rest = np.asarray(numbers["rest"], np.float32) if "rest" in numbers else None
        return cls(axis, values["section"], values.get("up"), rest)

    def numbers(self) -> dict[str, NDArray[Any]]:
        """See ``Primitive``."""
        stored: dict[str, NDArray[Any]] = {
            "focal": np.float32(self.axis.focal).reshape(()),
            "origin": self.axis.origin.astype(np.float32),
            "direction": self.axis.direction.astype(np.float32),
            "sideways": self.axis.sideways.astype(np.float32),
            "section": self.section.astype(np.float32),
        }
        if self.up is not None:
            stored["up"] = self.up.astype(np.float32)
        if self.rest is not None:
            stored["rest"] = self.rest.astype(np.float16)
        return stored

    def distances(self, points: Array) -> NDArray[np.float32]:
        """See ``Primitive``; bilinearly interpolated in the half plane of the section."""
        heights, radii = self.axis.cylindrical(points)
        grid, start = self._grid
        row = ((heights - start) * (1 / CELL)).astype(np.float32)
        column = (radii * (1 / CELL)).astype(np.float32)
        nearest_row = np.clip(row, 0, np.float32(grid.shape[0] - 1.001))
        nearest_column = np.clip(column, 0, np.float32(grid.shape[1] - 1.001))
        beyond = np.maximum(np.abs(row - nearest_row), np.abs(column - nearest_column)) * np.float32(CELL)
        i, j = nearest_row.astype(np.int32), nearest_column.astype(np.int32)
        s, t = nearest_row - i, nearest_column - j
        flat, first = grid.reshape(-1), i * grid.shape[1] + j
        below = flat[first] * (1 - t) + flat[first + 1] * t
        first += grid.shape[1]
        above = flat[first] * (1 - t) + flat[first + 1] * t
        result: NDArray[np.float32] = below * (1 - s) + above * s - beyond
        return result

    def corners(self) -> Array:
        """See ``Primitive``."""
        return self.axis.circles(self.section[:, 0], self.section[:, 1], 24).reshape(-1, 3)

    @cached_property
    def _grid(self) -> tuple[NDArray[np.float32], float]:
        """Signed distances in the half plane, rows by height, columns by radius; and the first row's height."""
        low, high = self.section[:, 0].min() - PADDING, self.section[:, 0].max() + PADDING
        heights = np.arange(low, high + CELL, CELL)
        radii = np.arange(0, self.section[:, 1].max() + PADDING + CELL, CELL)
        return signed_distances(self.section, heights, radii), float(low)


def fit_revolution(evidence: Evidence, is_asked: bool) -> Fit | None:
    """Fit a surface of revolution.

    Returns:
        The fit, or None where the outline has no mirror plane; unasked also where the axis does not stand.
    """
    body = _best_body(evidence, find_axis_planes(evidence), is_asked)
    if body is None:
        return None
    shape = shape_of(evidence, body)
    facing = body.facing()
    if not shape.is_rounded and ends_in_cone(facing.shown, facing.lean):
        leant = leant_to_rim(evidence, body)
        if leant is not None:
            body, shape = leant, shape_of(evidence, leant)
    covered = _outline(shape, len(evidence.silhouette))
    rest, left = _rest(evidence, covered)
    step = len(left) // len(evidence.inside)
    angle = normal_deviation(evidence, shape.axis, shape.section, 1, 180.0, ~left[::step, ::step])
    up = body.axis.direction if abs(body.plane.roll) < UPRIGHT else None
    return Fit(
        Revolution(shape.axis.scaled(shape.scale), shape.section * shape.scale, up, rest),
        overlap(covered & ~left, (evidence.silhouette > 0) & ~left),
        angle,
        is_sure=up is not None and _is_sure(evidence, body, shape, angle, rest is not None),
        is_fair=angle <= LARGEST_FAIR_ANGLE,
    )


def _is_sure(evidence: Evidence, body: TurnedBody, shape: TurnedShape, angle: float, has_rest: bool) -> bool:
    """Whether outline, normals and depths agree with a shape so well that it is used unasked.

    An outline that the mirror plane does not map onto itself has to be explained by a part that sticks out of a thing
    with a rim, as a mug's handle does. Without either, the thing is not round about this axis: a strawberry seen from
    above, a person.
    """
    if shape.is_dish:
        return False
    if abs(body.lean) >= STEEP and not _is_bound(evidence, body):
        return False
    if abs(body.lean) < LEVEL and not shape.is_hollow and _predicted_thickness(evidence, body) < LEAST_THICKNESS:
        return False
    error = shape.error / (2 * float(shape.section[:, 1].max()))
    is_symmetric = body.plane.score >= LEAST_CLEAN_SCORE
    if is_symmetric and body.coverage >= LEAST_COVERAGE:
        return angle <= LARGEST_FAIR_ANGLE and error <= LARGEST_CLEAN_ERROR
    if not is_symmetric and (shape.is_rounded or not has_rest or body.plane.score < LEAST_SCORE):
        return False
    return angle <= LARGEST_ANGLE and error <= LARGEST_ERROR


def _predicted_thickness(evidence: Evidence, body: TurnedBody) -> float:
    """Median of the predicted thickness along the lines of sight that meet the axis, as a share of the body's own."""
    heights, radii = body.shown.heights, body.shown.radii
    x, y = body.axis.project(body.axis.origin + heights[:, None] * body.axis.direction)
    size = len(evidence.inside)
    column = np.clip(((x + 1) * (size / 2)).astype(int), 0, size - 1)
    row = np.clip(((1 - y) * (size / 2)).astype(int), 0, size - 1)
    known = evidence.first.covered[row, column] & (radii > 0.1)
    if not known.any():
        return 1.0
    row, column = row[known], column[known]
    thickness = evidence.last[row, column] - evidence.first.depth[row, column]
    return float(np.median(thickness * np.cos(body.lean) / (2 * radii[known])))


def _best_body(evidence: Evidence, planes: list[AxisPlane], is_asked: bool) -> TurnedBody | None:
    """The body in the best plane in which the thing stands; if it was asked for, lying ones are tried, too."""
    least = LEAST_FAIR_SCORE if is_asked else LEAST_SCORE
    standing = next((plane for plane in planes if abs(plane.roll) < UPRIGHT), None)
    bodies = []
    if standing is not None and standing.score >= least:
        bodies.append(_standing_body(evidence, standing))
    best = planes[0]
    if is_asked and best is not standing and best.score >= least:
        across = float(np.arctan2(-(best.up @ evidence.up), best.back @ evidence.up))
        expected = (across + np.pi / 2) % np.pi - np.pi / 2
        if standing is None or best.score > standing.score + LYING_ADVANTAGE:
            lying = search_leans(evidence, best, expected, LYING_SPREAD, LYING_LEANS)
            if lying is not None:
                bodies.append(refined(evidence, lying, expected, LYING_SPREAD, finest_step(LYING_LEANS)))
    return min((body for body in bodies if body is not None), key=lambda body: body.cost, default=None)


def _standing_body(evidence: Evidence, plane: AxisPlane) -> TurnedBody | None:
    """The body in an upright plane, near the predicted lean.

    Nothing but that prediction tells the lean of a tall thing without a rim, and it leans such things too much: they
    are photographed from about their own height.
    """

    def near(expected: float) -> TurnedBody | None:
        leans = np.clip(expected + STANDING_LEANS, np.radians(-85), np.radians(88))
        return search_leans(evidence, plane, expected, EXPECTED_SPREAD, leans)

    expected = plane.lean_of(evidence.up)
    body = near(expected)
    if body is None:
        return None
    if body.lean >= TALL_LEAN and body.slenderness >= TALL and not _is_bound(evidence, body):
        drawn = TALL_LEAN + TALL_SHARE * (expected - TALL_LEAN)
        upright = near(drawn)
        if upright is not None:
            body, expected = upright, drawn
    return refined(evidence, body, expected, EXPECTED_SPREAD, finest_step(STANDING_LEANS))


def _is_bound(evidence: Evidence, body: TurnedBody) -> bool:
    """Whether a rim bounds the lean: leaning more, the body would touch much less of the outline."""
    beyond = body.lean + np.copysign(RIM_STEP, body.lean)
    return coverage_at(evidence, body.plane, float(beyond), COARSE) <= body.coverage - RIM_DROP


def _outline(shape: TurnedShape, size: int) -> NDArray[np.bool_]:
    """(size, size) the pixels that the shape covers in the window: the union of its circles and what is between
    them."""
    image = Image.new("1", (size, size))
    draw = ImageDraw.Draw(image)
    heights, radii = shape.section.T
    dense = np.linspace(0, len(heights) - 1, 4 * len(heights))
    number = np.arange(len(heights))
    circles = shape.axis.circles(np.interp(dense, number, heights), np.interp(dense, number, radii))
    x, y = shape.axis.project(circles)
    corners = np.stack([(x + 1) * (size / 2) - 0.5, (1 - y) * (size / 2) - 0.5], -1)
    for circle in corners:
        draw.polygon(circle.ravel().tolist(), fill=1)
    return np.array(image)


def _rest(evidence: Evidence, covered: NDArray[np.bool_]) -> tuple[NDArray[np.float32] | None, NDArray[np.bool_]]:
    """The map of what is left to the prediction (see ``Primitive``), and the pixels of the parts that stick out."""
    inside = evidence.silhouette > 0
    away = squared_distance(covered)
    labels = label_parts(inside & (away > OUTSIDE**2))
    sizes = np.bincount(labels.ravel())
    far = np.bincount(labels[away >= STICKING**2], minlength=len(sizes))
    kept = np.flatnonzero((sizes > LEAST_PART * inside.sum()) & (far > 0))
    parts = np.isin(labels, kept[kept > 0])
    if not parts.any():
        return None, parts
    region = squared_distance(parts) <= DILATION**2
    distance = np.sqrt(squared_distance(~region)) - np.sqrt(squared_distance(region))
    return (distance * np.float32(2 / len(inside))).astype(np.float32), region
