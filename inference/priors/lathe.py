# SPDX-License-Identifier: GPL-3.0-or-later
"""Surfaces of revolution: their outline, what a camera sees of them, distances to them.

A *section* is the line that is turned about the axis: points (height, radius), from one end of the axis to the other.
Heights are measured along the axis from its origin. See ``view_frame`` for the frame.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .axis_plane import AxisPlane, sample_outline
from .view_frame import Array

TURN_POINTS = 48
"""Points on each circle."""

ALLOWED_OUTSIDE = 2
"""Points of a circle that may lie outside the outline: a nick in the cut-out does not make the whole body thinner."""

REACH, WIDEST = 1.7, 1.25
"""Largest distance along the axis from the origin, and largest radius, half windows: no framed object has more."""

CHUNK = 65536
"""Intersections of rays and parts of a section computed at a time: they stay in a core's cache."""


@dataclass(frozen=True)
class Axis:
    """A line in the view frame, about which things are turned.

    Attributes:
        focal: of the camera, half windows.
        origin: (3,) where heights are 0.
        direction: (3,) unit vector, towards greater heights.
        sideways: (3,) unit vector at right angles to the axis, and to the plane through it and the camera.
    """

    focal: float
    origin: Array
    direction: Array
    sideways: Array

    @classmethod
    def of(cls, plane: AxisPlane, lean: float) -> "Axis":
        """The axis in a plane that leans towards the camera by ``lean`` radians."""
        return cls(plane.focal, plane.origin, plane.axis(lean), plane.sideways)

    def turned_over(self) -> "Axis":
        """The same line with heights counted the other way."""
        return Axis(self.focal, self.origin, -self.direction, self.sideways)

    def scaled(self, factor: float) -> "Axis":
        """The axis after a scaling about the camera, which the photo cannot tell from the one before."""
        camera = np.array([0.0, 0.0, self.focal])
        return Axis(self.focal, camera + factor * (self.origin - camera), self.direction, self.sideways)

    @cached_property
    def across(self) -> Array:
        """(3,) unit vector at right angles to the axis and to ``sideways``, on the camera's side."""
        across = np.cross(self.sideways, self.direction)
        camera = np.array([0.0, 0.0, self.focal]) - self.origin
        result: Array = across * (1.0 if across @ camera >= 0 else -1.0)
        return result

    def circles(self, heights: Array, radii: Array, count: int = TURN_POINTS) -> Array:
        """(..., count, 3) points on circles about the axis; heights and radii (...) are broadcast."""
        turn = (np.arange(count) + 0.5) / count * 2 * np.pi
        spokes = np.cos(turn)[:, None] * self.sideways + np.sin(turn)[:, None] * self.across
        result: Array = (
            self.origin
            + np.asarray(heights)[..., None, None] * self.direction
            + np.asarray(radii)[..., None, None] * spokes
        )
        return result

    def project(self, points: Array) -> tuple[Array, Array]:
        """Window coordinates x and y of points (..., 3)."""
        scale = self.focal / np.maximum(self.focal - points[..., 2], 0.05 * self.focal)
        return points[..., 0] * scale, points[..., 1] * scale

    def seen_at(self, x: Array, y: Array, depth: Array) -> Array:
        """(m, 3) the points that the camera sees at window coordinates (m,) at depths (m,)."""
        return np.stack([x * depth / self.focal, y * depth / self.focal, self.focal - depth], 1)

    def cylindrical(self, points: Array) -> tuple[Array, Array]:
        """Heights and radii (n,) of points (n, 3), in their dtype."""
        local = points - self.origin.astype(points.dtype)
        heights = local @ self.direction.astype(points.dtype)
        radii = np.sqrt(np.maximum(np.einsum("ij,ij->i", local, local) - heights * heights, 0))
        return heights, radii


@dataclass(frozen=True)
class Profile:
    """Radii of the outside by height.

    Attributes:
        heights: (n,) ascending.
        radii: (n,).
    """

    heights: Array
    radii: Array

    def between(self, first: int, last: int) -> "Profile":
        """The circles of these numbers, both included."""
        return Profile(self.heights[first : last + 1], self.radii[first : last + 1])

    def turned_over(self) -> "Profile":
        """The same body with heights counted the other way."""
        return Profile(-self.heights[::-1], self.radii[::-1])

    @property
    def section(self) -> Array:
        """(n + 2, 2) the closed body's section."""
        points = np.stack([self.heights, self.radii], 1)
        return np.concatenate([[[self.heights[0], 0.0]], points, [[self.heights[-1], 0.0]]])


def outline_profile(
    silhouette: NDArray[np.float32], axis: Axis, count: int, turn_points: int = TURN_POINTS
) -> Profile | None:
    """The largest body about an axis whose image stays inside an outline.

    At each height the largest circle is sought of which all but ``ALLOWED_OUTSIDE`` points are inside: by steps first,
    since circles may fit again beyond a gap, then by halving.

    Args:
        silhouette: (s, s) distances to the outline, half windows, positive inside.
        axis: about which.
        count: heights.
        turn_points: points on each circle.

    Returns:
        The profile over all heights at which the axis is inside the outline; None where there are none.
    """
    heights = np.linspace(-REACH, REACH, 120)
    on_axis = axis.origin + heights[:, None] * axis.direction
    inside = np.flatnonzero(
        (sample_outline(silhouette, *axis.project(on_axis)) > 0) & (on_axis[:, 2] < 0.8 * axis.focal)
    )
    if len(inside) < 2:
        return None
    heights = np.linspace(heights[max(inside[0] - 1, 0)], heights[min(inside[-1] + 1, 119)], count)
    on_axis = axis.origin + heights[:, None] * axis.direction
    is_inside = sample_outline(silhouette, *axis.project(on_axis)) > 0

    def fits(at: Array, radii: Array) -> NDArray[np.bool_]:
        distances = sample_outline(silhouette, *axis.project(axis.circles(at, radii, turn_points)))
        return np.count_nonzero(distances < 0, axis=-1) <= ALLOWED_OUTSIDE * turn_points // TURN_POINTS

    steps = np.linspace(0, WIDEST, 14)
    fails = ~fits(heights[:, None], steps[None, 1:])
    first = np.where(fails.any(1), fails.argmax(1), len(steps) - 2)
    low, high = steps[first], steps[first + 1]
    for _ in range(5):
        middle = (low + high) / 2
        fitting = fits(heights, middle)
        low, high = np.where(fitting, middle, low), np.where(fitting, high, middle)
    return Profile(heights, np.where(is_inside, (low + high) / 2, 0))


def touches(
    silhouette: NDArray[np.float32], contour: Array, axis: Axis, profile: Profile, tolerance: float
) -> NDArray[np.bool_]:
    """Which of a profile's circles pass by which points of the outline in the image.

    Args:
        silhouette: (s, s) distances to the outline, to leave out what is far inside.
        contour: (m, 2) points on the outline, window coordinates.
        axis: about which the profile (of n circles) is turned.
        profile: the body.
        tolerance: largest distance, half windows.

    Returns:
        (m, n).
    """
    x, y = axis.project(axis.circles(profile.heights, profile.radii))
    dx, dy = np.roll(x, -1, 1) - x, np.roll(y, -1, 1) - y
    near = (np.abs(sample_outline(silhouette, x, y)) < tolerance + np.hypot(dx, dy)) & (profile.radii > 0)[:, None]
    circle = np.nonzero(near)[0]
    result = np.zeros((len(contour), len(profile.radii)), bool)
    if not len(circle):
        return result
    x, y, dx, dy = (a[near].astype(np.float32) for a in (x, y, dx, dy))
    px, py = contour.T[..., None].astype(np.float32)
    px, py = px - x, py - y
    along = np.clip((px * dx + py * dy) / (dx * dx + dy * dy + np.float32(1e-12)), 0, 1)
    squared = (px - along * dx) ** 2 + (py - along * dy) ** 2
    starts = np.flatnonzero(np.diff(circle, prepend=-1))
    result[:, circle[starts]] = np.minimum.reduceat(squared, starts, axis=1) < tolerance * tolerance
    return result


def shortest_stretch(touched: NDArray[np.bool_], slack: float) -> tuple[int, int, float]:
    """The fewest neighbouring circles that touch as much of the outline as all of them.

    Args:
        touched: (m, n) of ``touches``.
        slack: share of the outline's points that may be given up at each end.

    Returns:
        The first and the last circle, and the share of the outline that all touch.
    """
    count, circles = touched.shape
    has = touched.any(1)
    total = int(has.sum())
    if total == 0:
        return 0, circles - 1, 0.0
    first = touched[has].argmax(1)
    last = circles - 1 - touched[has][:, ::-1].argmax(1)
    needed = total - slack * count
    numbers = np.arange(circles)
    from_below = (last[:, None] >= numbers).sum(0) >= needed
    from_above = (first[:, None] <= numbers).sum(0) >= needed
    return int(np.flatnonzero(from_below)[-1]), int(np.flatnonzero(from_above)[0]), total / count


@dataclass(frozen=True)
class Hits:
    """Where rays first meet a body.

    Attributes:
        depth: (m,) half windows along the camera's axis, infinity where a ray misses.
        normals: (m, 3) unit vectors towards the camera, zero where it misses.
        part: (m,) which stretch between two points of the section is met; -1 where it misses.
    """

    depth: Array
    normals: Array
    part: NDArray[np.intp]

    @property
    def is_hit(self) -> NDArray[np.bool_]:
        """(m,)."""
        return self.part >= 0


def cast(axis: Axis, section: Array, x: Array, y: Array) -> Hits:
    """Meet rays of the camera with a surface of revolution, each stretch of whose section is a cone's frustum.

    Args:
        axis: about which it is turned.
        section: (n, 2) heights and radii.
        x, y: (m,) window coordinates of the rays.
    """
    rays = np.stack([x / axis.focal, y / axis.focal, np.full(len(x), -1.0)], 1)
    step = max(CHUNK // len(section), 1)
    pieces = [_cast(axis, section, rays[start : start + step]) for start in range(0, len(rays), step)]
    if not pieces:
        return Hits(np.zeros(0), np.zeros((0, 3)), np.zeros(0, np.intp))
    depth, part = (np.concatenate(values) for values in zip(*pieces, strict=True))
    part = np.where(np.isfinite(depth), part, -1)
    return Hits(depth, _normals_at(axis, section, rays, depth, part), part)


def _cast(axis: Axis, section: Array, rays: Array) -> tuple[Array, NDArray[np.intp]]:
    """Depths (m,) and numbers of the stretches met first.

    With height h(s) = a + b s and squared radius q(s) along the ray, a frustum of slope k is met where
    q(s) = (r0 + k (h(s) - h0))^2; a flat ring, where h(s) = h0.
    """
    start = np.array([0.0, 0.0, axis.focal]) - axis.origin
    height = start @ axis.direction
    climb = (rays @ axis.direction)[:, None]
    fixed = start - height * axis.direction
    moving = rays - climb * axis.direction
    square, mixed = (moving * moving).sum(1)[:, None], (moving @ fixed)[:, None]
    (h0, r0), (h1, r1) = section[:-1].T, section[1:].T
    is_flat = np.abs(h1 - h0) < 1e-6
    slope = np.where(is_flat, 0.0, (r1 - r0) / np.where(is_flat, 1.0, h1 - h0))
    low, high = np.minimum(h0, h1) - 1e-9, np.maximum(h0, h1) + 1e-9
    alpha, beta = r0 + slope * (height - h0), slope * climb
    a = square - beta * beta
    b = mixed - alpha * beta
    c = fixed @ fixed - alpha * alpha
    discriminant = b * b - a * c
    is_real = discriminant >= 0
    root = np.sqrt(np.maximum(discriminant, 0))
    safe = np.where(np.abs(a) < 1e-12, 1e-12, a)
    nearest = np.full((len(rays), len(h0)), np.inf)
    for sign in (-1.0, 1.0):
        s = (sign * root - b) / safe
        at = height + climb * s
        met = is_real & (s > 0) & (at >= low) & (at <= high) & (alpha + beta * s >= 0)
        np.minimum(nearest, np.where(met, s, np.inf), out=nearest)
    flat = np.flatnonzero(is_flat)
    if len(flat):
        s = (h0[flat] - height) / np.where(np.abs(climb) < 1e-9, 1e-9, climb)
        radius = np.sqrt(np.maximum(square * s * s + 2 * mixed * s + fixed @ fixed, 0))
        met = (s > 0) & (radius >= np.minimum(r0, r1)[flat]) & (radius <= np.maximum(r0, r1)[flat])
        nearest[:, flat] = np.where(met, s, np.inf)
    part = nearest.argmin(1)
    return nearest[np.arange(len(rays)), part], part


def _normals_at(axis: Axis, section: Array, rays: Array, depth: Array, part: NDArray[np.intp]) -> Array:
    """(m, 3) unit normals towards the camera."""
    met = part >= 0
    points = np.array([0.0, 0.0, axis.focal]) + rays * np.where(met, depth, 0)[:, None] - axis.origin
    outwards = points - (points @ axis.direction)[:, None] * axis.direction
    outwards /= np.maximum(np.linalg.norm(outwards, axis=1, keepdims=True), 1e-12)
    rise, widening = (section[part + 1] - section[part]).T if len(part) else np.zeros((2, 0))
    normals = rise[:, None] * outwards - widening[:, None] * axis.direction
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    normals *= -np.sign((normals * rays).sum(1, keepdims=True))
    return np.where(met[:, None], normals, 0)


def signed_distances(section: Array, heights: Array, radii: Array) -> NDArray[np.float32]:
    """Distances to the outside of a body in the half plane of its section.

    Args:
        section: (n, 2) heights and radii; begins and ends on the axis.
        heights: (t,) of the samples, ascending.
        radii: (r,) likewise.

    Returns:
        (t, r) float32, positive inside.
    """
    at, out = (grid.ravel().astype(np.float32) for grid in np.meshgrid(heights, radii, indexing="ij"))
    squared = np.full(len(at), np.inf, np.float32)
    inside = np.zeros(len(at), bool)
    for (h0, r0), (h1, r1) in zip(section[:-1].tolist(), section[1:].tolist(), strict=True):
        rise, widening = h1 - h0, r1 - r0
        length = rise * rise + widening * widening
        if length == 0:
            continue
        along = np.clip(((at - h0) * rise + (out - r0) * widening) / length, 0, 1)
        np.minimum(squared, (at - h0 - along * rise) ** 2 + (out - r0 - along * widening) ** 2, out=squared)
        if h0 != h1:
            inside ^= ((at >= h0) != (at >= h1)) & (out < r0 + (at - h0) * (widening / rise))
    distance = np.sqrt(squared)
    return np.where(inside, distance, -distance).reshape(len(heights), len(radii)).astype(np.float32)


def as_float(values: NDArray[Any]) -> Array:
    """Stored numbers in the precision of computing."""
    result: Array = np.asarray(values, np.float64)
    return result
