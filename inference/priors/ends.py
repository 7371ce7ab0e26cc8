# SPDX-License-Identifier: GPL-3.0-or-later
"""How a turned body ends, which its outline does not show: flat, or rounded off.

At an edge, a can's, the outline bends sharply and the body is flat beyond. Where the line of sight only grazes a bend,
a lemon's, the largest body inside the outline goes on along the line of sight in a cone. That cone is recognised by its
slope and replaced by a cap.
"""

import numpy as np

from .lathe import Profile
from .view_frame import Array

NEAR_END, FITTED = 0.10, 0.35
"""Shares of the profile's circles: those whose slope tells a grazing line of sight, and those to which a cap is
fitted."""

GRAZING = 0.3
"""A profile that widens by more than this share of the line of sight's slope is taken to be grazed. Found on scans."""

ROUNDEST, FLATTEST = -0.4, -2.5
"""Limits of a cap's curvature c in r^2 = r0^2 + b x + c x^2, x along the axis; a ball has -1. Found on scans."""

CAP_CIRCLES = 10

CAP_BLUR = 2.0
"""Standard deviation of the blur over the kink where a cap begins, circles."""

CONE, CONE_CIRCLES = 0.5, 3
"""Share of the line of sight's slope from which on a profile's last circles are taken to follow it, and how many they
are."""

RIM, WIDEST, NEAR_RIM = 0.88, 0.97, 0.4
"""Shares of the largest radius from which on a lower end belongs to a rim (a ball seen from 35 degrees above has 0.57
there), and from which on it is the rim; and share of the circles within which that has to be so."""


def closed(profile: Profile, whole: Profile, lean: float, flat_end: int | None = None) -> Profile:
    """The profile with caps where its ends are grazed.

    Args:
        profile: the stretch that the outline shows.
        whole: all circles inside the outline; a cap never reaches beyond them.
        lean: of the axis towards the camera, radians.
        flat_end: the end that stays flat whatever the outline says: 0 the lower, 1 the upper.
    """
    spacing = whole.heights[1] - whole.heights[0]
    kept = profile.radii > 0.5 * spacing
    profile = Profile(profile.heights[kept], profile.radii[kept])
    if len(profile.heights) < 6:
        return profile
    shown = whole.heights[whole.radii > 0]
    if flat_end != 1:
        profile = _capped(profile, float(shown[-1]), lean)
    if flat_end != 0:
        profile = _capped(profile.turned_over(), -float(shown[0]), lean).turned_over()
    return profile


def ends_in_cone(profile: Profile, lean: float) -> bool:
    """Whether a profile goes on beyond its upper edge along the lines of sight.

    Args:
        profile: the stretch that the outline shows.
        lean: of the axis, radians.
    """
    heights, radii = profile.heights[-CONE_CIRCLES:], profile.radii[-CONE_CIRCLES:]
    return bool(radii[0] - radii[-1] > CONE * _sight_slope(lean) * (heights[-1] - heights[0]))


def _is_grazed(profile: Profile, lean: float) -> bool:
    """Whether the outline shows the upper end of a profile as a line of sight that grazes a bend, and not as an
    edge."""
    radius, widening = _upper_end(profile)
    is_tip = radius < 0.3 * profile.radii.max() and widening > 0.5
    return is_tip or widening > GRAZING * _sight_slope(lean)


def _upper_end(profile: Profile) -> tuple[float, float]:
    """The radius there, and by how much the profile widens downwards."""
    near = max(int(len(profile.radii) * NEAR_END), 4)
    heights, radii = profile.heights[-near:], profile.radii[-near:]
    return float(np.median(radii[-2:])), -float(np.polyfit(heights - heights.mean(), radii, 1)[0])


def _sight_slope(lean: float) -> float:
    """How much the cone of the lines of sight widens with height."""
    return 1 / max(float(np.tan(abs(lean))), 0.05)


def _capped(profile: Profile, limit: float, lean: float) -> Profile:
    """The profile with a cap at its upper end, if that is grazed; the cap ends below the height ``limit``."""
    if not _is_grazed(profile, lean):
        return profile
    heights, radii = profile.heights, profile.radii
    (radius, widening), sight = _upper_end(profile), _sight_slope(lean)
    end = float(heights[-1])
    fitted = max(int(len(radii) * FITTED), 6)
    x, y = heights[-fitted:] - end, radii[-fitted:] ** 2 - radius**2
    slope = -2 * radius * min(max(widening, GRAZING * sight), 1.4 * sight)
    curvature = float(np.clip(((y - slope * x) * x * x).sum() / (x**4).sum(), FLATTEST, ROUNDEST))
    tip = max((-slope - np.sqrt(slope * slope - 4 * curvature * radius**2)) / (2 * curvature), 0.0)
    room = 0.9 * (limit - end + 0.02)
    if tip > room:  # the cone of lines of sight ends first: the cap is bent to end within it
        tip = room
        curvature = min((-slope * tip - radius**2) / tip**2, -0.1 * radius**2 / tip**2)
        slope = -(radius**2 + curvature * tip**2) / tip
    beyond = tip * (1 - (1 - np.linspace(0, 1, CAP_CIRCLES)[1:]) ** 2)
    capped = np.sqrt(np.maximum(radius**2 + slope * beyond + curvature * beyond**2, 0))
    return _evened(Profile(np.append(heights, end + beyond), np.append(radii, capped)), float(heights[1] - heights[0]))


def _evened(profile: Profile, spacing: float) -> Profile:
    """The profile at even heights, without a kink where its cap begins; squares are blurred, so that the tip stays
    round."""
    heights = np.linspace(profile.heights[0], profile.heights[-1], int(np.ptp(profile.heights) / spacing) + 2)
    squares = blurred(np.interp(heights, profile.heights, profile.radii**2), CAP_BLUR)
    return Profile(heights, np.sqrt(np.maximum(squares, 0)))


def cut_at_rim(profile: Profile, lean: float) -> Profile:
    """The profile without what lies below a sharp lower rim: the widest circle, from which on it narrows along the line
    of sight.

    A hat's brim or a saucer's edge, seen from above, hides what is below it; a ball narrows well before the outline
    ends.
    """
    radii, heights = profile.radii, profile.heights
    widest = int(np.flatnonzero(radii >= WIDEST * radii.max())[0])
    if np.median(radii[:2]) < RIM * radii.max() or widest > NEAR_RIM * len(radii):
        return profile
    follows_sight = radii[widest] - radii[0] > CONE * _sight_slope(lean) * (heights[widest] - heights[0])
    return profile.between(widest, len(radii) - 1) if follows_sight else profile


def smoothed(profile: Profile, circles: float) -> Profile:
    """The profile with its radii blurred along the axis by a standard deviation in circles; both ends stay."""
    return Profile(profile.heights, blurred(profile.radii, circles))


def blurred(values: Array, deviation: float) -> Array:
    """Blur evenly spaced values (n,) by a Gaussian whose standard deviation is in samples; a straight line stays
    one."""
    reach = min(int(3 * deviation) + 1, len(values) - 1)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / deviation) ** 2)
    # Continued point-symmetrically, so that the ends stay where they are.
    before, after = 2 * values[0] - values[reach:0:-1], 2 * values[-1] - values[-2 : -reach - 2 : -1]
    result: Array = np.convolve(np.concatenate([before, values, after]), kernel / kernel.sum(), mode="valid")
    return result
