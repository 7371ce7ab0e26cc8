# SPDX-License-Identifier: GPL-3.0-or-later
"""The inside of turned things that are open towards the camera: cups, bowls, plates.

The body that an outline tells is closed by a flat lid. Where the network sees depths below the lid, the body is hollow:
a cup, whose wall has one thickness and whose floor is flat, or a dish, whose inside is what the network sees, turned
about the axis. Only depths tell the two from a closed can.
"""

from dataclasses import dataclass

import numpy as np

from .ends import blurred
from .lathe import Axis, Profile, cast
from .view_frame import Array

WALL = 0.05
"""Thickness of a hollow thing's wall, half windows: two samples of the default resolution and a little."""

LARGEST_WALL = 0.35
"""Largest thickness of the wall, as a share of the body's radius."""

LEAST_HOLLOW = 0.45
"""How far from the lid towards the deepest possible inside the predicted depths have to be in the middle of the
opening. Found on
scans: closed cans and fruit have up to 0.36, cups and bowls from 0.53 on; the network is timid about insides."""

NARROWEST = 0.25
"""Radius of an opening, as a share of the largest one, below which nothing is seen of the inside."""

MIDDLE, FAR_RIM = 0.6, 0.7
"""Share of the opening's radius up to which is its middle, and from which on, on the far side, is its rim. There the
depths are the lid's, however they lean."""

FLOORS = np.linspace(0.08, 0.95, 8)
"""Depths of a cup's floor that are tried, shares of the deepest possible one."""

NEARLY_BEST = 3.0
"""The deepest floor is taken whose error is less than this many times the best one's. Where a floor is seen, as that of
a full cup, the error tells; elsewhere insides are deep: on nine scans of cups F@0.1 is 0.88 to 1.00 with the deepest
floor, against 0.80 to 0.94 with the one that the depths favour."""

DISH = 0.4
"""Height, as a share of the radius, below which a hollow thing is a dish."""

RINGS = 12
"""At which a dish's inside is read from the depths."""

RAYS = 400
"""Rays through the opening at which floors are compared."""


@dataclass(frozen=True)
class Opening:
    """What is seen through the lid of a body.

    Attributes:
        x, y: (m,) window coordinates of the rays.
        depth: (m,) predicted depths, in the body's scale.
    """

    x: Array
    y: Array
    depth: Array


def hollow_cup(axis: Axis, profile: Profile, opening: Opening, lid: Array) -> Array | None:
    """The section (n, 2) of a cup, or None where the depths show a closed lid.

    Args:
        axis: about which it is turned; its direction points to the lid.
        profile: of the outside.
        opening: what is seen through the lid.
        lid: (m,) depths of the lid itself.
    """
    if profile.radii[-1] < NARROWEST * profile.radii.max():
        return None
    step = max(len(lid) // RAYS, 1)
    x, y, depth, lid = opening.x[::step], opening.y[::step], opening.depth[::step], lid[::step]
    places = axis.seen_at(x, y, lid)
    distance = axis.cylindrical(places)[1] / profile.radii[-1]
    behind = (places - axis.origin) @ axis.across / profile.radii[-1] < -FAR_RIM / 2
    rim, middle = (distance > FAR_RIM) & behind, distance < MIDDLE
    if not rim.any() or not middle.any():
        return None
    few = Opening(x, y, depth - np.median((depth - lid)[rim]))
    top, deepest = float(profile.heights[-1]), float(profile.heights[0]) + _wall(profile)
    sections = [hollowed(profile, top - float(share) * (top - deepest)) for share in FLOORS]
    possible = [section for section in sections if section is not None]
    if not possible:
        return None
    deep = cast(axis, possible[-1], x[middle], y[middle]).depth
    if np.median((few.depth - lid)[middle]) < LEAST_HOLLOW * np.median(deep - lid[middle]):
        return None
    errors = np.array([_depth_error(axis, section, few) for section in possible])
    return possible[int(np.flatnonzero(errors <= NEARLY_BEST * errors.min())[-1])]


def hollowed(profile: Profile, floor: float) -> Array | None:
    """The section (n, 2) of a body with a wall of one thickness and a flat floor at a height; None if that leaves none.

    It runs up the outside, over the rim and down the inside.
    """
    heights, radii = profile.heights, profile.radii
    wall = _wall(profile)
    rise, widening = np.gradient(heights), np.gradient(radii)
    length = np.hypot(rise, widening)
    # The inside is the outside moved along its normal. It narrows downwards: what bulges below a neck is not seen
    # anyway.
    inner_heights = np.minimum(heights + wall * widening / length, heights[-1])
    inner_radii = np.minimum(radii - wall * rise / length, radii - wall / 2)
    inner_heights = np.maximum.accumulate(inner_heights)
    inner_radii = np.minimum.accumulate(inner_radii[::-1])[::-1]
    kept = (inner_heights > floor) & (inner_heights < heights[-1] - 1e-6) & (inner_radii > 0.02)
    if kept.sum() < 2:
        return None
    inside = np.stack([inner_heights[kept], inner_radii[kept]], 1)[::-1]
    rim = [[heights[-1], max(inside[0, 1], radii[-1] - 1.2 * wall)]]
    outside = np.concatenate([[[heights[0], 0.0]], np.stack([heights, radii], 1)])
    return np.concatenate([outside, rim, inside, [[floor, inside[-1, 1]], [floor, 0.0]]])


def dish(axis: Axis, profile: Profile, opening: Opening) -> Array | None:
    """The section (n, 2) of a dish, or None where the body is too high for one or too little of the inside is seen.

    The inside is what the network sees, turned about the axis; below it the dish has a wall's thickness, where the
    outline does not show more.
    """
    heights, radii = profile.heights, profile.radii
    rim = float(radii[-1])
    if heights[-1] - heights[0] >= DISH * radii.max() or rim < 0.8 * radii.max():
        return None
    at, away = axis.cylindrical(axis.seen_at(opening.x, opening.y, opening.depth))
    edges = np.linspace(0, 0.96 * rim, RINGS + 1)
    ring = np.digitize(away, edges) - 1
    middles = (edges[1:] + edges[:-1]) / 2
    found = np.array(
        [np.median(at[ring == number]) if (ring == number).sum() > 3 else np.nan for number in range(RINGS)]
    )
    known = np.isfinite(found)
    if known.sum() < RINGS // 2:
        return None
    inside = blurred(np.interp(middles, middles[known], found[known]), 0.8)
    inside = np.minimum(inside, heights[-1])
    wall = _wall(profile)
    # The underside follows the inside, but not above the outline's own lower edge.
    inner = middles < radii[0] - wall / 2
    below = np.minimum(inside[inner] - wall, heights[0])
    outside = np.concatenate([np.stack([below, middles[inner]], 1), np.stack([heights, radii], 1)])
    outside = np.concatenate([[[outside[0, 0], 0.0]], outside])
    back = np.stack([inside, middles], 1)[::-1]
    return np.concatenate([outside, [[heights[-1], 0.98 * rim]], back, [[back[-1, 0], 0.0]]])


def _wall(profile: Profile) -> float:
    return min(WALL, LARGEST_WALL * float(profile.radii.max()))


def _depth_error(axis: Axis, section: Array, opening: Opening) -> float:
    """Mean distance along the camera's axis between a body and the predicted depths, half windows."""
    hits = cast(axis, section, opening.x, opening.y)
    met = hits.is_hit
    return float(np.abs(hits.depth[met] - opening.depth[met]).mean()) if met.any() else float("inf")
