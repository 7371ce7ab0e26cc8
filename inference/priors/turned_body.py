# SPDX-License-Identifier: GPL-3.0-or-later
"""The search for the axis of a turned thing, and for the largest body about it that the outline allows.

The mirror plane (``axis_plane``) leaves one number open: how far the axis leans towards the camera. A flat rim bounds
it from
above: with more lean, the rim's circle no longer fits into the outline, and the body touches little of it. From below
it is bound by the predicted elevation and normals alone.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .axis_plane import AxisPlane
from .ends import closed, ends_in_cone
from .evidence import Evidence
from .lathe import Axis, Profile, cast, outline_profile, shortest_stretch, touches
from .view_frame import Array, pixel_grid

COVERAGE_COST, ANGLE_COST = 20.0, 1 / 8
"""Costs of leaving all of the outline untouched, and of each degree between the normals; with ``spread`` as the unit of
the lean's deviation. Found on 65 YCB scans."""

LARGEST_ANGLE = 35.0
"""Degrees from which on a deviating normal costs no more."""

SLACK = 0.006
"""Share of the outline's points that may be given up to end the body earlier."""

LEAST_CIRCLES = 4
"""Of which a body is made."""

HALVINGS = 2
"""How often the step between leans is halved around the best one."""


RIM_STEP, RIM_STEPS = np.radians(2), 6
"""Radians by which a body is leant on to find its rim, and how often."""

RIM_SLACK = 0.1
"""Share of the outline that it may touch less then."""


@dataclass(frozen=True)
class Detail:
    """How finely a lean is judged.

    Attributes:
        circles: heights of the profile.
        turn_points: points on each circle.
        contour: points of the outline.
        tolerance: distance up to which a circle touches them, half windows.
        stride: every how many pixels of the depth map, in each direction, normals are compared.
    """

    circles: int
    turn_points: int
    contour: int
    tolerance: float
    stride: int


COARSE = Detail(circles=48, turn_points=32, contour=100, tolerance=0.018, stride=3)
FINE = Detail(circles=96, turn_points=48, contour=200, tolerance=0.015, stride=2)


@dataclass(frozen=True)
class TurnedBody:
    """The largest body about an axis whose image stays inside the outline.

    Attributes:
        cost: how badly it explains the outline, the normals and the expected lean.
        plane: the mirror plane in which the axis lies.
        lean: of the axis towards the camera, radians; negative where its lower end faces the camera.
        axis: its direction points up in the photo.
        coverage: share of the outline that it touches, 0..1.
        whole: all circles inside the outline.
        shown: the shortest stretch of them that touches as much.
    """

    cost: float
    plane: AxisPlane
    lean: float
    axis: Axis
    coverage: float
    whole: Profile
    shown: Profile

    @property
    def slenderness(self) -> float:
        """Height of what the outline shows, in diameters."""
        return float(np.ptp(self.shown.heights) / (2 * self.shown.radii.max()))

    def facing(self) -> "TurnedBody":
        """The same body with its axis directed to the end that faces the camera."""
        if self.lean >= 0:
            return self
        return TurnedBody(
            self.cost,
            self.plane,
            -self.lean,
            self.axis.turned_over(),
            self.coverage,
            self.whole.turned_over(),
            self.shown.turned_over(),
        )


def search_leans(
    evidence: Evidence, plane: AxisPlane, expected: float, spread: float, leans: Array
) -> TurnedBody | None:
    """The body with the least cost in a mirror plane, judged coarsely.

    Args:
        evidence: outline and predicted normals.
        plane: in which the axis lies.
        expected: lean that was predicted, radians.
        spread: how far the true one may well be from it, radians.
        leans: (n,) evenly spaced, tried first, radians.
    """
    best = _best(evidence, plane, leans, expected, spread, COARSE)
    step = float(leans[1] - leans[0])
    for _ in range(HALVINGS):
        if best is None:
            return None
        step /= 2
        best = _best(evidence, plane, (best.lean - step, best.lean + step), expected, spread, COARSE, best)
    return best


def refined(evidence: Evidence, body: TurnedBody, expected: float, spread: float, step: float) -> TurnedBody | None:
    """The best body at the lean that a search found, and a step on either side, judged finely.

    Args:
        evidence, expected, spread: as they were searched with.
        body: that was found.
        step: radians.
    """
    leans = (body.lean - step, body.lean, body.lean + step)
    return _best(evidence, body.plane, leans, expected, spread, FINE)


def finest_step(leans: Array) -> float:
    """Half the step, radians, with which ``search_leans`` ends that began with these leans."""
    return float(leans[1] - leans[0]) / 2 ** (HALVINGS + 1)


def _best(
    evidence: Evidence,
    plane: AxisPlane,
    leans: Iterable[float],
    expected: float,
    spread: float,
    detail: Detail,
    known: TurnedBody | None = None,
) -> TurnedBody | None:
    bodies = [_body_at(evidence, plane, lean, expected, spread, detail) for lean in leans]
    found = [body for body in [*bodies, known] if body is not None]
    return min(found, key=lambda body: body.cost, default=None)


def normal_deviation(
    evidence: Evidence,
    axis: Axis,
    section: Array,
    stride: int,
    largest: float,
    where: NDArray[np.bool_] | None = None,
) -> float:
    """Mean angle in degrees between a body's normals and the predicted ones.

    Args:
        evidence: the predicted normals.
        axis, section: of the body.
        stride: every how many pixels, in each direction, are compared.
        largest: degrees at which each angle is cut off.
        where: (96, 96) the pixels that count; None for all.
    """
    chosen = np.zeros_like(evidence.first.covered)
    chosen[::stride, ::stride] = evidence.first.covered[::stride, ::stride]
    if where is not None:
        chosen &= where
    x, y = pixel_grid(len(chosen))
    hits = cast(axis, section, x[chosen], y[chosen])
    if hits.is_hit.sum() < 20:
        return 90.0
    cosine = (hits.normals * evidence.first.normals[chosen]).sum(1)[hits.is_hit]
    return float(np.minimum(np.degrees(np.arccos(np.clip(cosine, -1, 1))), largest).mean())


def leant_to_rim(evidence: Evidence, body: TurnedBody) -> TurnedBody | None:
    """The body leant on until a flat rim explains the outline beyond it, or None where no rim does.

    While the lean is too small, the rim's circle looks too flat, and the outline shows circles beyond it along the line
    of sight.

    Args:
        evidence: outline and predicted normals.
        body: whose end towards the camera is flat or open.
    """
    direction = 1 if body.lean >= 0 else -1
    for number in range(1, RIM_STEPS + 1):
        lean = body.lean + direction * number * RIM_STEP
        tried = _body_at(evidence, body.plane, lean, lean, 1.0, FINE)
        if tried is None or tried.coverage < body.coverage - RIM_SLACK:
            return None
        if not ends_in_cone(tried.facing().shown, lean):
            return tried
    return None


def coverage_at(evidence: Evidence, plane: AxisPlane, lean: float, detail: Detail) -> float:
    """Share of the outline that the largest body about an axis touches."""
    body = _body_at(evidence, plane, lean, lean, 1.0, detail)
    return 0.0 if body is None else body.coverage


def _body_at(
    evidence: Evidence, plane: AxisPlane, lean: float, expected: float, spread: float, detail: Detail
) -> TurnedBody | None:
    axis = Axis.of(plane, lean)
    whole = outline_profile(evidence.silhouette, axis, detail.circles, detail.turn_points)
    if whole is None:
        return None
    contour = evidence.contour[:: max(len(evidence.contour) // detail.contour, 1)]
    touched = touches(evidence.silhouette, contour, axis, whole, detail.tolerance)
    first, last, coverage = shortest_stretch(touched, SLACK)
    if last - first < LEAST_CIRCLES - 1:
        return None
    shown = whole.between(first, last)
    body = closed(shown, whole, lean)
    if len(body.heights) < LEAST_CIRCLES:
        return None
    angle = normal_deviation(evidence, axis, body.section, detail.stride, LARGEST_ANGLE)
    cost = COVERAGE_COST * (1 - coverage) + ((lean - expected) / spread) ** 2 + ANGLE_COST * angle
    return TurnedBody(cost, plane, lean, axis, coverage, whole, shown)
