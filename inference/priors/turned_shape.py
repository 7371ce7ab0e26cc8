# SPDX-License-Identifier: GPL-3.0-or-later
"""From the largest body inside an outline to the shape of the thing: how it ends, where it is stepped, whether it is
hollow.

The outline does not tell these; the predicted depths do. They lean, and their scale is not the body's, so both are
taken out first, where the body is solid.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .carving import QUANTILE, carved, leaning
from .ends import closed, cut_at_rim, ends_in_cone, smoothed
from .evidence import Evidence
from .hollow import Opening, dish, hollow_cup
from .lathe import Axis, Hits, Profile, cast
from .turned_body import TurnedBody
from .view_frame import Array, pixel_grid

LEAST_CARVED = 0.02
"""Share of the section's area from which on a concavity is believed. Found on scans."""

CAP_FACTOR = 0.75
"""A rounded end towards the camera is taken instead of a hollow one if its depth error is less by this factor, and
instead of a flat one unless its error is larger by as much."""

LARGEST_RIM = 0.1
"""Share of a profile's circles up to which what carving takes from the upper end is a rim."""

SMOOTHING = 1.5
"""Standard deviation of the profile's blur, circles: the outline's pixels would show as grooves."""

STRIDE = 2
"""Pixels of the depth map between the rays that are looked at, in each direction."""

LEAST_OPENING, LEAST_SOLID = 4, 16
"""Rays through which an inside has to be seen, and those that have to meet the outside for the depths to be judged
there."""

THINNEST_TOP = 0.15
"""Share of the largest radius below which what carving leaves at the upper end is dropped: a pail's handle, a crack."""


@dataclass(frozen=True)
class TurnedShape:
    """A shape about an axis.

    Attributes:
        axis: in the body's scale; its direction points to the end that faces the camera.
        section: (n, 2) heights and radii, from the lower end up the outside and, where it is hollow, down the inside.
        scale: factor about the camera that brings the shape to the predicted depths.
        error: mean distance along the camera's axis between the shape and the predicted depths, half windows, after the
            depths' leaning.
        is_hollow: whether the camera looks into it.
        is_dish: whether its inside is the predicted one, turned.
        is_rounded: whether its end towards the camera is.
    """

    axis: Axis
    section: Array
    scale: float
    error: float
    is_hollow: bool = False
    is_dish: bool = False
    is_rounded: bool = False


@dataclass(frozen=True)
class _Rays:
    """Every ``STRIDE``-th of the depth map's rays inside the cut-out: window coordinates and predicted depths, (m,)
    each."""

    x: Array
    y: Array
    depth: Array

    @classmethod
    def of(cls, evidence: Evidence) -> "_Rays":
        chosen = np.zeros_like(evidence.first.covered)
        chosen[::STRIDE, ::STRIDE] = evidence.first.covered[::STRIDE, ::STRIDE]
        x, y = pixel_grid(len(chosen))
        return cls(x[chosen], y[chosen], evidence.first.depth[chosen])


def shape_of(evidence: Evidence, body: TurnedBody) -> TurnedShape:
    """What the thing is like whose outline allows this body."""
    body = body.facing()
    rays = _Rays.of(evidence)
    shown = smoothed(body.shown, SMOOTHING)
    flat = closed(cut_at_rim(shown, body.lean), body.whole, body.lean, flat_end=1)
    open_or_flat = _flat_ended(evidence, body.axis, flat, rays, ends_in_cone(shown, body.lean))
    capped = closed(shown, body.whole, body.lean)
    if np.isclose(capped.heights[-1], flat.heights[-1]):
        return open_or_flat
    rounded = _scaled(body.axis, capped.section, rays)
    if open_or_flat.is_hollow:
        largest = CAP_FACTOR * open_or_flat.error
    else:  # compared with the flat end as it was before it was carved to fit the depths
        largest = _scaled(body.axis, flat.section, rays).error / CAP_FACTOR
    return replace(rounded, is_rounded=True) if rounded.error < largest else open_or_flat


def _scaled(axis: Axis, section: Array, rays: _Rays, is_hollow: bool = False, is_dish: bool = False) -> TurnedShape:
    """A shape with the scale at which the predicted depths are nearest, and their remaining error."""
    hits = cast(axis, section, rays.x, rays.y)
    met = hits.is_hit
    if not met.any():
        return TurnedShape(axis, section, 1.0, float("inf"), is_hollow, is_dish)
    scale = float(np.median(rays.depth[met] / hits.depth[met]))
    deviations = rays.depth[met] / scale - hits.depth[met]
    constant, slope = leaning(deviations, rays.y[met], 0.5)
    error = float(np.abs(deviations - constant - slope * rays.y[met]).mean())
    return TurnedShape(axis, section, scale, error, is_hollow, is_dish)


def _lid(hits: Hits, profile: Profile) -> NDArray[np.bool_]:
    """(m,) which rays meet the flat end towards the camera: the last stretch of the section."""
    result: NDArray[np.bool_] = hits.part == len(profile.section) - 2
    return result


def _flat_ended(evidence: Evidence, axis: Axis, profile: Profile, rays: _Rays, is_cone: bool) -> TurnedShape:
    """A shape whose end towards the camera is flat or open; ``is_cone`` says that circles beyond its rim are no
    rim's."""
    scale, constant, slope = _straightening(axis, profile, rays)
    straight = evidence.first.depth / scale - constant - slope * pixel_grid(len(evidence.first.depth))[1]
    stepped, share = carved(axis, profile, np.where(evidence.first.covered, straight, np.nan))
    if share > LEAST_CARVED:
        stepped = _without_thin_top(stepped)
        lost = profile.heights > stepped.heights[-1]
        if not is_cone and lost.mean() < LARGEST_RIM:  # the network blurs a rim away that the outline shows
            stepped = Profile(
                np.append(stepped.heights, profile.heights[lost]), np.append(stepped.radii, profile.radii[lost])
            )
        profile = smoothed(stepped, SMOOTHING)
    hits = cast(axis, profile.section, rays.x, rays.y)
    seen = _lid(hits, profile)
    if seen.sum() < LEAST_OPENING:
        return _scaled(axis, profile.section, rays)
    depth = rays.depth[seen] / scale - constant - slope * rays.y[seen]
    opening = Opening(rays.x[seen], rays.y[seen], depth)
    section = dish(axis, profile, opening)
    if section is not None:
        return _scaled(axis, section, rays, is_hollow=True, is_dish=True)
    section = hollow_cup(axis, profile, opening, hits.depth[seen])
    if section is not None:
        return _scaled(axis, section, rays, is_hollow=True)
    return _scaled(axis, profile.section, rays)


def _straightening(axis: Axis, profile: Profile, rays: _Rays) -> tuple[float, float, float]:
    """What brings predicted depths to a body where it is solid: the scale to divide by, then what to take off
    (``leaning``)."""
    hits = cast(axis, profile.section, rays.x, rays.y)
    solid = hits.is_hit & ~_lid(hits, profile)
    if solid.sum() < LEAST_SOLID:
        solid = hits.is_hit
    if not solid.any():
        return 1.0, 0.0, 0.0
    scale = float(np.median(rays.depth[solid] / hits.depth[solid]))
    return scale, *leaning(rays.depth[solid] / scale - hits.depth[solid], rays.y[solid], QUANTILE)


def _without_thin_top(profile: Profile) -> Profile:
    """The profile up to where it is last of any width."""
    wide = np.flatnonzero(profile.radii > THINNEST_TOP * profile.radii.max())
    return profile.between(int(wide[0]), int(wide[-1]))
