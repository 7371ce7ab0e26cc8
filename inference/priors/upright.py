# SPDX-License-Identifier: GPL-3.0-or-later
"""Tall bodies that lean: where the predicted elevation would let one topple, it is drawn upright.

Bottles, figures and lamps are photographed standing. Where the predicted depths and the predicted elevation disagree,
such a body leans towards the camera or away from it. What it stands on decides: a body that would stand as predicted,
on a broad foot or on spread legs, stays as it is.
"""

from dataclasses import dataclass

import numpy as np

from .evidence import Evidence
from .view_frame import Array

LEAST_SLENDERNESS = 1.8
"""Ratio of the spreads along the longest and the second axis from which on a body is tall. Of 65 YCB scans, bottles,
cans and blocks on end have 1.6 to 2.7."""

LEAST_LEAN, MOST_LEAN = np.radians(20.0), np.radians(40.0)
"""Angles between a body's longest axis and what was predicted as up from which on it leans, and up to which it was
standing: things that lie on a table seen from above have 43 degrees and more on the same scans."""

MOST_ROLL = np.radians(20.0)
"""Angle of the longest axis to the photo's vertical, up to which a body was standing."""

BASE_SHARE = 0.08
"""Share of the height that is looked at to find on what a body stands."""

LOWEST = 0.01
"""Share of the volume below which nothing is taken for the base: stray points."""

SHAKY, SETTLED = 0.15, 0.25
"""How far inside its base, as a share of it, a centre of mass is of a body that all but topples, and of one that
stands; 0.5 is the middle. A leaning bottle of the same scans has 0.02, and 0.4 when it is drawn upright."""

STEPS = 7
"""Points along each line of sight inside the body."""


@dataclass(frozen=True)
class Body:
    """Points spread through a predicted body.

    Attributes:
        points: (n, 3) in the view frame.
        weights: (n,) volumes, whose sum is 1.
    """

    points: Array
    weights: Array

    @classmethod
    def of(cls, evidence: Evidence) -> "Body":
        """The predicted body, solid between its first and its last surface."""
        covered = evidence.first.covered
        surfaces = evidence.points().reshape(2, int(covered.sum()), 3)
        shares = ((np.arange(STEPS) + 0.5) / STEPS)[:, None, None]
        points = surfaces[0] + shares * (surfaces[1] - surfaces[0])
        length = np.linalg.norm(surfaces[1] - surfaces[0], axis=1)
        weights = (length * (evidence.focal - points[..., 2]) ** 2).ravel()
        return cls(points.reshape(-1, 3), weights / weights.sum())

    def balance(self, elevation: float) -> float:
        """How far inside its base the centre of mass is, as a share of the base, seen from the side.

        0.5 is the middle; less than 0 is a body that topples.

        Args:
            elevation: that is taken for right, radians.
        """
        sine, cosine = np.sin(elevation), np.cos(elevation)
        heights, depths = self.points @ [0, cosine, sine], self.points @ [0, -sine, cosine]
        order = np.argsort(heights)
        lowest = heights[order[np.searchsorted(self.weights[order].cumsum(), LOWEST)]]
        base = depths[heights < lowest + BASE_SHARE * (heights.max() - lowest)]
        middle, front, back = float(self.weights @ depths), float(base.max()), float(base.min())
        return min(middle - back, front - middle) / max(front - back, 1e-6)


def upright_elevation(evidence: Evidence) -> float | None:
    """The elevation, radians, at which a tall body that leans stands upright; None where nothing leans."""
    if not evidence.first.covered.any():
        return None
    body = Body.of(evidence)
    offset = body.points - body.weights @ body.points
    spread, axes = np.linalg.eigh((offset * body.weights[:, None]).T @ offset)
    axis = axes[:, 2] * np.sign(axes[1, 2])
    elevation = float(np.arctan2(axis[2], axis[1]))
    is_tall = spread[2] >= LEAST_SLENDERNESS**2 * spread[1]
    leans = LEAST_LEAN <= abs(elevation - evidence.elevation) <= MOST_LEAN
    if not is_tall or not leans or abs(np.arctan2(axis[0], axis[1])) > MOST_ROLL:
        return None
    topples = body.balance(evidence.elevation) < SHAKY
    return elevation if topples and body.balance(elevation) > SETTLED else None
