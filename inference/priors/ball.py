# SPDX-License-Identifier: GPL-3.0-or-later
"""A ball: the lines of sight that touch it all make the same angle with the one through its centre."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from .evidence import Evidence
from .primitive import Fit, Numbers
from .view_frame import Array, Look, depth_ratio, normal_angle, overlap, pixel_grid

KIND = "ball"

LARGEST_ERROR = 0.03
"""Mean distance of the outline from the ball's own, in radii, of a ball that is used unasked; twice this for one that
was asked for. Found on 65 YCB scans: balls and round fruit have 0.002 to 0.02."""

LEAST_OVERLAP, LEAST_FAIR_OVERLAP = 0.955, 0.85
"""Of the outlines, unasked and asked for; found on the same scans."""

LARGEST_ANGLE, LARGEST_FAIR_ANGLE = 30.0, 45.0
"""Degrees between the ball's and the predicted normals, unasked and asked for; found on the same scans."""

CLEAR_OVERLAP, LARGEST_DOUBTFUL_ANGLE = 0.97, 15.0
"""A ball whose outline agrees less is used unasked only up to this angle, degrees; found on the same scans."""

SOFT = 0.02
"""Half windows by which a point of the outline may be off before it counts for less."""

ROUNDS = 4
"""Of reweighting."""

CORNERS, INSCRIBED = 200, 0.985
"""Points whose convex hull holds a ball, and the radius of the largest ball in it, where theirs is 1."""


@dataclass(frozen=True)
class Ball:
    """A ``Primitive``.

    Attributes:
        centre: (3,) in the view frame.
        radius: half windows.
    """

    centre: Array
    radius: float
    up: Array | None = None
    detail: float = float("inf")
    rest: NDArray[np.float32] | None = None

    @classmethod
    def from_numbers(cls, numbers: Numbers) -> Self:
        """Inverse of ``numbers``."""
        return cls(numbers["centre"].astype(np.float64), float(numbers["radius"]))

    def numbers(self) -> dict[str, NDArray[Any]]:
        """See ``Primitive``."""
        return {"centre": self.centre.astype(np.float32), "radius": np.float32(self.radius).reshape(())}

    def distances(self, points: Array) -> NDArray[np.float32]:
        """See ``Primitive``."""
        away = np.linalg.norm(points - self.centre.astype(points.dtype), axis=1)
        return (self.radius - away).astype(np.float32)

    def corners(self) -> Array:
        """See ``Primitive``; spread evenly round the ball (Swinbank and Purser, "Fibonacci grids", 2006)."""
        number = np.arange(CORNERS) + 0.5
        height, turn = 1 - 2 * number / CORNERS, number * (np.pi * (3 - np.sqrt(5)))
        width = np.sqrt(1 - height * height)
        around = np.stack([np.cos(turn) * width, np.sin(turn) * width, height], 1)
        corners: Array = self.centre + self.radius / INSCRIBED * around
        return corners

    def look(self, focal: float, size: int) -> Look:
        """What the camera sees of it, pixel by pixel."""
        x, y = pixel_grid(size)
        rays = np.stack([x / focal, y / focal, -np.ones_like(x)], -1)
        to_centre = self.centre - [0, 0, focal]
        length = (rays * rays).sum(-1)
        along = rays @ to_centre / length
        square = along**2 - (to_centre @ to_centre - self.radius**2) / length
        covered = square > 0
        depth = along - np.sqrt(np.maximum(square, 0))
        normals = (rays * depth[..., None] - to_centre) / self.radius
        return Look(covered, np.where(covered, depth, np.inf), np.where(covered[..., None], normals, 0))


def fit_ball(evidence: Evidence, is_asked: bool) -> Fit | None:  # noqa: ARG001 - all of it is cheap
    """Fit a ball to the outline, at the depth that the prediction has it at.

    With v the unit vectors along the lines of sight to the outline and x the vector along the line to the centre whose
    length is the reciprocal of the half angle's cosine, v . x = 1 for all: linear least squares, reweighted.

    Returns:
        The fit, or None where the outline is no circle's at all.
    """
    focal = evidence.focal
    rays = np.column_stack([evidence.contour, np.full(len(evidence.contour), -focal)])
    rays /= np.linalg.norm(rays, axis=1, keepdims=True)
    weights = np.ones(len(rays))
    for _ in range(ROUNDS):
        solution = np.linalg.lstsq(rays * weights[:, None], weights, rcond=None)[0]
        length = float(np.linalg.norm(solution))
        if not length > 1:
            return None
        half_angle = np.arccos(1 / length)
        errors = np.arccos(np.clip(rays @ solution / length, -1, 1)) - half_angle
        weights = 1 / (1 + (errors * focal / SOFT) ** 2)
    direction = solution / length
    away = focal / abs(direction[2])  # its centre is first put into the plane z = 0
    ball = Ball(np.array([0, 0, focal]) + away * direction, float(away * np.sin(half_angle)))
    size = len(evidence.inside)
    scale = depth_ratio(evidence.first, ball.look(focal, size))
    camera = np.array([0, 0, focal])
    ball = Ball(camera + scale * (ball.centre - camera), scale * ball.radius)
    look = ball.look(focal, size)
    error = float(np.abs(errors).mean() / half_angle)
    shared, angle = overlap(look.covered, evidence.inside), normal_angle(look, evidence.first)
    return Fit(
        ball,
        shared,
        angle,
        is_sure=error <= LARGEST_ERROR
        and shared >= LEAST_OVERLAP
        and angle <= (LARGEST_ANGLE if shared >= CLEAR_OVERLAP else LARGEST_DOUBTFUL_ANGLE),
        is_fair=error <= 2 * LARGEST_ERROR and shared >= LEAST_FAIR_OVERLAP and angle <= LARGEST_FAIR_ANGLE,
    )
