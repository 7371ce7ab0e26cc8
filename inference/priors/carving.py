# SPDX-License-Identifier: GPL-3.0-or-later
"""Concavities of turned things that the outline hides: the corner between a cup and its saucer, between crown and brim.

The largest body inside the outline bridges them. A ring about the axis is outside the object where, at most turns of it
that face the camera, the network sees the surface behind it.
"""

import numpy as np

from .lathe import Axis, Profile
from .view_frame import Array

MARGIN = 0.035
"""Half windows that the seen surface has to lie behind a ring. The network's depths are about as good. Found on
scans."""

TURNS = np.radians(np.linspace(-100, 100, 21))
"""Turns of a ring that are looked at; 0 faces the camera."""

LEAST_SEEN = 6
"""Turns at which a depth has to be known."""

QUANTILE = 0.35
"""Where the body is solid, its surface is taken to go through the lower part of the deviations: those in a concavity
are larger."""

STEEPEST = 0.6
"""Limit of the predicted depths' leaning, half windows per half window."""

RADII = 48
"""Radii at which each height's rings are looked at."""


def leaning(deviations: Array, y: Array, quantile: float) -> tuple[float, float]:
    """By how much predicted depths lie behind a body where it is solid: a constant, and a slope upwards in the window.

    Quantile regression by iteratively reweighted least squares.

    Args:
        deviations: (m,) predicted less the body's depths.
        y: (m,) window coordinates.
        quantile: through which part of the deviations, 0..1, the line goes.
    """
    design = np.stack([np.ones_like(y), y], 1)
    weights = np.ones(len(y))
    slope = 0.0
    for _ in range(15):
        solution = np.linalg.lstsq(design * weights[:, None], deviations * weights, rcond=None)[0]
        slope = float(np.clip(solution[1], -STEEPEST, STEEPEST))
        errors = deviations - design @ solution
        weights = np.sqrt(np.where(errors > 0, quantile, 1 - quantile) / np.maximum(np.abs(errors), 0.01))
    return float(np.quantile(deviations - slope * y, quantile)), slope


def carved(axis: Axis, profile: Profile, depth: Array) -> tuple[Profile, float]:
    """The profile without the rings that the network sees to be empty.

    Args:
        axis: about which it is turned.
        profile: the largest body inside the outline.
        depth: (96, 96) predicted depths in the body's scale and leaning, not a number where nothing is known.

    Returns:
        The carved profile at the same heights, and the share of the section's area that was taken away.
    """
    shares = np.linspace(0, 1, RADII)
    radii = profile.radii[:, None] * shares
    spokes = np.sin(TURNS)[:, None] * axis.sideways + np.cos(TURNS)[:, None] * axis.across
    points = axis.origin + profile.heights[:, None, None, None] * axis.direction + radii[..., None, None] * spokes
    x, y = axis.project(points)
    size = len(depth)
    column, row = ((x + 1) * (size / 2)).astype(int), ((1 - y) * (size / 2)).astype(int)
    inside = (column >= 0) & (column < size) & (row >= 0) & (row < size)
    seen = np.where(inside, depth[np.clip(row, 0, size - 1), np.clip(column, 0, size - 1)], np.nan)
    behind = _median(seen - (axis.focal - points[..., 2]))
    behind = _blurred(behind)
    # From the outside inwards, up to the first ring that is not empty.
    solid = behind <= MARGIN
    outermost = RADII - 1 - solid[:, ::-1].argmax(1)
    outermost = np.where(solid.any(1), outermost, 0)
    kept = profile.radii * shares[outermost]
    area = float(profile.radii.sum())
    return Profile(profile.heights, kept), float((profile.radii - kept).sum()) / max(area, 1e-9)


def _median(values: Array) -> Array:
    """Median over the last axis of what is known; deep inside, where too little is."""
    known = np.isfinite(values)
    count = known.sum(-1)
    ordered = np.sort(np.where(known, values, np.inf), axis=-1)
    middle = np.take_along_axis(ordered, np.maximum(count - 1, 0)[..., None] // 2, axis=-1)[..., 0]
    result: Array = np.where(count >= LEAST_SEEN, middle, -0.3)
    return result


def _blurred(values: Array) -> Array:
    """A little, so that single rays do not leave grooves."""
    clipped = np.clip(values, -0.15, 0.15)
    kernel = (0.25, 0.5, 0.25)
    for axis in (0, 1):
        padded = np.pad(clipped, [(1, 1) if a == axis else (0, 0) for a in (0, 1)], mode="edge")
        parts = [np.take(padded, np.arange(i, i + clipped.shape[axis]), axis) for i in range(3)]
        clipped = kernel[0] * parts[0] + kernel[1] * parts[1] + kernel[2] * parts[2]
    return clipped
