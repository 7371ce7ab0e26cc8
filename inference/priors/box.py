# SPDX-License-Identifier: GPL-3.0-or-later
"""A box that stands upright, with rounded edges; its upright edges may be rounder than the others, as a tin's are."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from .evidence import Evidence
from .least_squares import least_squares
from .primitive import Fit, Numbers
from .view_frame import Array, Look, depth_ratio, normal_angle, overlap, pixel_grid

LEAST_OVERLAP, LEAST_FAIR_OVERLAP = 0.95, 0.88
"""Of the outlines, unasked and asked for; found on 65 YCB scans."""

LARGEST_ANGLE, LARGEST_FAIR_ANGLE = 17.0, 35.0
"""Degrees between the box's and the predicted normals, unasked and asked for; found on the same scans."""

LEAST_FULLNESS, LEAST_FAIR_FULLNESS = 0.93, 0.85
"""Share of its convex hull that the outline fills: a box is convex. Unasked and asked for; found on the same scans."""

LARGEST_SURE_ROUNDNESS, OBLONG = 0.55, 0.7
"""How much rounder upright edges may be, as a share of what they can be, of a box that is used unasked and whose plan
is not at least so oblong: a drum, whose plan is round, ends at the limit with a square one. Found on the same scans."""

MOST_FRONTAL = 0.925
"""Cosine between the line of sight and a box's axis up to which it is used unasked: of a box that is seen from one side
alone nobody knows how long it is. Found on the same scans."""

DIRECTIONS = 72
"""In which the outlines' hulls are compared: every 5 degrees."""

PIXELS = 160
"""Of the depth maps that are compared."""

OUTLINE_ERROR, DEPTH_ERROR = 0.01, 0.06
"""Ordinary errors of the outline and of predicted depths, half windows."""

DEPTH_WEIGHT, MOST_DEPTH_ERROR = 0.35, 6.0
"""Weight of a pixel's depth beside a direction of the outline, and the multiple of ``DEPTH_ERROR`` where it is cut off:
neighbouring pixels are wrong together."""

MISS = 0.3
"""Depth error of a pixel at which the box is not met, half windows."""

ELEVATION_ERROR, ELEVATION_WEIGHT = np.radians(6.0), 1.5
"""Ordinary error of the predicted elevation, radians, and the weight of that one number."""

YAWS = np.radians([-40.0, -20.0, 0.0, 20.0, 40.0])
"""Where the fit begins, radians; a box that is turned by 90 degrees is another box."""

ROUNDS = 40
"""Of the fit, at most."""

LARGEST_RADIUS, LARGEST_UPRIGHT_RADIUS = 0.5, 0.6
"""Of the rounded edges, as a share of the least half size, and of what is left of it for upright ones: a rounder thing
is no box."""

TRACING_STEPS = 12
"""Of sphere tracing: rounded edges are met to a hundredth of a pixel."""

ON_SURFACE = 1e-5
"""Half windows by which points on a flat side may be off it, as rounding makes them."""

ROLL_ERROR, ROLL_WEIGHT = np.radians(3.0), 1.5
"""Ordinary tilt of a hand-held camera about its own axis, radians, and the weight of that one number."""

SIGNS = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], np.float64)
"""(8, 3) the corners of a box of half size 1."""


@dataclass(frozen=True)
class Box:
    """A ``Primitive``.

    Attributes:
        centre: (3,) in the view frame.
        axes: (3, 3) unit vectors as rows: width, depth, up.
        half_sizes: (3,) half windows.
        radius: of its rounded edges, half windows, at most the least half size.
        upright_radius: of the four edges along the third axis, at least ``radius``.
    """

    centre: Array
    axes: Array
    half_sizes: Array
    radius: float
    upright_radius: float
    detail: float = float("inf")
    rest: NDArray[np.float32] | None = None

    @property
    def up(self) -> Array:
        """See ``Primitive``; the box stands upright."""
        up: Array = self.axes[2]
        return up

    @classmethod
    def from_numbers(cls, numbers: Numbers) -> Self:
        """Inverse of ``numbers``."""
        centre, axes, half_sizes = (numbers[name].astype(np.float64) for name in ("centre", "axes", "half_sizes"))
        return cls(centre, axes, half_sizes, float(numbers["radius"]), float(numbers["upright_radius"]))

    def numbers(self) -> dict[str, NDArray[Any]]:
        """See ``Primitive``."""
        names = ("centre", "axes", "half_sizes", "radius", "upright_radius")
        return {name: np.asarray(getattr(self, name), np.float32) for name in names}

    def distances(self, points: Array) -> NDArray[np.float32]:
        """See ``Primitive``."""
        beyond = self._beyond(np.abs(self._local(points)))
        plan = np.hypot(*np.maximum(beyond[:, :2], 0).T) + np.minimum(beyond[:, :2].max(axis=1), 0)
        rim = np.stack([plan - points.dtype.type(self.upright_radius - self.radius), beyond[:, 2]])
        outside, inside = np.hypot(*np.maximum(rim, 0)), np.minimum(rim.max(axis=0), 0)
        return (self.radius - outside - inside).astype(np.float32)

    def corners(self) -> Array:
        """See ``Primitive``."""
        return self.centre + (SIGNS * self.half_sizes) @ self.axes

    def look(self, focal: float, size: int) -> Look:
        """What the camera sees of it, pixel by pixel."""
        x, y = (grid.ravel() for grid in pixel_grid(size))
        depth, last = slab(self.axes, self.centre, self.half_sizes, np.stack([x, y], 1), focal)
        met = np.flatnonzero(depth < last)
        depth, last = depth[met], last[met]
        rays = np.stack([x[met] / focal, y[met] / focal, -np.ones(len(met))], 1)
        stretch = np.linalg.norm(rays, axis=1)
        camera = np.array([0, 0, focal])
        for _ in range(TRACING_STEPS):
            depth -= self.distances(camera + rays * depth[:, None]) / stretch
        is_hit = depth < last
        depths, normals = np.full(size * size, np.inf), np.zeros((size * size, 3))
        depths[met[is_hit]] = depth[is_hit]
        normals[met[is_hit]] = self._normals((camera + rays * depth[:, None])[is_hit])
        return Look(np.isfinite(depths).reshape(size, size), depths.reshape(size, size), normals.reshape(size, size, 3))

    def _normals(self, points: Array) -> Array:
        """(n, 3) outward unit normals at points on the surface."""
        local = self._local(points)
        beyond = self._beyond(np.abs(local))
        across = _shares(beyond[:, :2])
        plan = (across * beyond[:, :2]).sum(axis=1) - (self.upright_radius - self.radius)
        along = _shares(np.column_stack([plan, beyond[:, 2]]))
        outward = np.column_stack([across * along[:, :1], along[:, 1]])
        normals: Array = (np.sign(local) * outward) @ self.axes
        return normals

    def _beyond(self, local: Array) -> Array:
        """Absolute coordinates (n, 3) from the middle -> (n, 3), from where the edges' rounding begins."""
        rounding = np.array([self.upright_radius, self.upright_radius, self.radius])
        return local - (self.half_sizes - rounding).astype(local.dtype)

    @property
    def oblongness(self) -> float:
        """The shorter side of the plan as a share of the longer one."""
        return float(self.half_sizes[:2].min() / self.half_sizes[:2].max())

    def frontality(self, focal: float) -> float:
        """Cosine of the least angle between an axis and the line of sight to the middle."""
        sight = np.array([0, 0, focal]) - self.centre
        return float(np.abs(self.axes @ sight).max() / np.linalg.norm(sight))

    def scaled(self, scale: float, focal: float) -> "Box":
        """The box as large and as far away again by a factor: it looks the same."""
        camera = np.array([0, 0, focal])
        sizes = scale * np.array([*self.half_sizes, self.radius, self.upright_radius])
        return Box(camera + scale * (self.centre - camera), self.axes, sizes[:3], float(sizes[3]), float(sizes[4]))

    def _local(self, points: Array) -> Array:
        """View frame (n, 3) to the box's own axes, from its centre."""
        local: Array = (points - self.centre.astype(points.dtype)) @ self.axes.T.astype(points.dtype)
        return local


def slab(axes: Array, centre: Array, half_sizes: Array, window: Array, focal: float) -> tuple[Array, Array]:
    """Depths at which lines of sight enter and leave sharp boxes; where entry is beyond exit the box is missed.

    Args:
        axes: (..., 3, 3) unit vectors as rows.
        centre: (..., 3).
        half_sizes: (..., 3).
        window: (n, 2) window coordinates.
        focal: half windows.

    Returns:
        (..., n) and (..., n).
    """
    rays = np.column_stack([window / focal, -np.ones(len(window))])
    along = rays @ np.swapaxes(axes, -1, -2)
    along = np.where(np.abs(along) < 1e-6, 1e-6, along)
    start = (axes @ (np.array([0, 0, focal]) - centre)[..., None])[..., 0][..., None, :]
    middle, reach = -start / along, half_sizes[..., None, :] / np.abs(along)
    return (middle - reach).max(axis=-1), (middle + reach).min(axis=-1)


class _Problem:
    """What a box has to agree with.

    Parameters are the elevation, the yaw about the upright axis, x and y of the centre in the plane z = 0, the
    logarithms of the half sizes, the radius of the edges as a share of the least half size, the camera's roll, and by
    how much upright edges are rounder, as a share of the least horizontal half size.
    """

    def __init__(self, evidence: Evidence) -> None:
        self._focal = evidence.focal
        self._elevation = evidence.elevation
        angles = np.arange(DIRECTIONS) * (2 * np.pi / DIRECTIONS)
        self._directions = np.stack([np.cos(angles), np.sin(angles)])
        self._support = (evidence.hull @ self._directions).max(axis=0)
        rows, columns = np.nonzero(_eroded(_eroded(evidence.first.covered)))
        chosen = np.random.default_rng(0).permutation(len(rows))[:PIXELS]
        rows, columns = rows[chosen], columns[chosen]
        x, y = pixel_grid(len(evidence.last))
        self._window = np.stack([x[rows, columns], y[rows, columns]], 1)
        self._first, self._last = evidence.first.depth[rows, columns], evidence.last[rows, columns]
        self._hull = evidence.hull
        self.has_pixels = len(rows) > 0

    def starts(self) -> Array:
        """(s, 10)."""
        middle = (self._hull.min(axis=0) + self._hull.max(axis=0)) / 2
        extent = np.ptp(self._hull, axis=0) / 2
        sizes = np.log([max(0.8 * extent[0], 0.05), 0.7 * extent.mean(), max(0.8 * extent[1], 0.05)])
        return np.array([[self._elevation, yaw, *middle, *sizes, 0.05, 0.0, 0.05] for yaw in YAWS])

    def box(self, parameters: Array) -> Box:
        """The box of (10,) parameters."""
        axes, centre, sizes, radii = (values[0] for values in self._unpacked(parameters[None]))
        return Box(centre, axes, sizes, float(radii[0]), float(radii[1]))

    def residuals(self, parameters: Array) -> Array:
        """(b, 10) -> (b, n)."""
        axes, centre, sizes, radii = self._unpacked(parameters)
        return np.concatenate(
            [
                (self._supports(axes, centre, sizes, radii) - self._support) / OUTLINE_ERROR,
                DEPTH_WEIGHT * self._depth_errors(axes, centre, sizes),
                (parameters[:, :1] - self._elevation) / ELEVATION_ERROR * ELEVATION_WEIGHT,
                parameters[:, 8:9] / ROLL_ERROR * ROLL_WEIGHT,
            ],
            axis=1,
        )

    def _unpacked(self, parameters: Array) -> tuple[Array, Array, Array, Array]:
        """(b, 10) -> axes (b, 3, 3), centres (b, 3), half sizes (b, 3), radii (b, 2)."""
        elevation, yaw, roll = parameters[:, 0], parameters[:, 1], parameters[:, 8]
        zero = np.zeros_like(yaw)
        across = np.stack([np.cos(roll), np.sin(roll), zero], 1)
        upwards = np.stack([-np.sin(roll), np.cos(roll), zero], 1)
        up = np.cos(elevation)[:, None] * upwards + np.sin(elevation)[:, None] * [0.0, 0.0, 1.0]
        back = np.cos(elevation)[:, None] * [0.0, 0.0, 1.0] - np.sin(elevation)[:, None] * upwards
        cosine, sine = np.cos(yaw)[:, None], np.sin(yaw)[:, None]
        axes = np.stack([cosine * across + sine * back, -sine * across + cosine * back, up], 1)
        centre = np.column_stack([parameters[:, 2:4], zero])
        sizes = np.exp(np.clip(parameters[:, 4:7], -6, 2))
        radius = np.clip(parameters[:, 7], 0, LARGEST_RADIUS) * sizes.min(axis=1)
        room = sizes[:, :2].min(axis=1) - radius
        upright = radius + np.clip(parameters[:, 9], 0, LARGEST_UPRIGHT_RADIUS) * room
        return axes, centre, sizes, np.stack([radius, upright], 1)

    def _supports(self, axes: Array, centre: Array, sizes: Array, radii: Array) -> Array:
        """(b, d) how far the boxes' outlines reach in each direction.

        A rounded box is the hull of what lies in its corners: a disc across its third axis, thickened by a ball. Their
        size on the screen is taken to first order.
        """
        radius, upright = radii[:, 0], radii[:, 1]
        inner = sizes - np.stack([upright, upright, radius], 1)
        corners = centre[:, None] + (SIGNS * inner[:, None]) @ axes
        depth = np.maximum(self._focal - corners[..., 2], 0.1 * self._focal)
        nearness = (self._focal / depth)[..., None]
        place = (corners[..., :2] * nearness) @ self._directions
        # How fast the place on the screen grows along x and y, along z, and along the third axis.
        along_z = place / depth[..., None]
        along_axis = nearness * (axes[:, 2, :2] @ self._directions)[:, None] + along_z * axes[:, None, 2, 2:]
        square = nearness**2 + along_z**2
        disc = np.sqrt(np.maximum(square - along_axis**2, 0)) * (upright - radius)[:, None, None]
        supports: Array = (place + disc + np.sqrt(square) * radius[:, None, None]).max(axis=1)
        return supports

    def _depth_errors(self, axes: Array, centre: Array, sizes: Array) -> Array:
        """(b, 2 k) differences from both depths, in ordinary errors, after their common offset."""
        first, last = slab(axes, centre, sizes, self._window, self._focal)
        errors = np.concatenate([first - self._first, last - self._last], axis=1)
        errors -= np.median(errors, axis=1, keepdims=True)
        missed = np.concatenate([first > last] * 2, axis=1)
        return np.clip(np.where(missed, MISS, errors) / DEPTH_ERROR, -MOST_DEPTH_ERROR, MOST_DEPTH_ERROR)


def fit_box(evidence: Evidence, is_asked: bool) -> Fit | None:
    """Fit a box to the outline's hull and to both predicted depths.

    Returns:
        The fit, or None where the outline is not convex enough for a box, or too small.
    """
    if evidence.fullness < (LEAST_FAIR_FULLNESS if is_asked else LEAST_FULLNESS):
        return None
    problem = _Problem(evidence)
    if not problem.has_pixels:
        return None
    parameters, _cost = least_squares(problem.residuals, problem.starts(), ROUNDS)
    box, focal, size = problem.box(parameters), evidence.focal, len(evidence.last)
    box = box.scaled(depth_ratio(evidence.first, box.look(focal, size)), focal)
    look = box.look(focal, size)
    shared, angle = overlap(look.covered, evidence.inside), normal_angle(look, evidence.first)
    return Fit(
        box,
        shared,
        angle,
        is_sure=shared >= LEAST_OVERLAP
        and angle <= LARGEST_ANGLE
        and evidence.fullness >= LEAST_FULLNESS
        and (parameters[9] < LARGEST_SURE_ROUNDNESS or box.oblongness < OBLONG)
        and box.frontality(focal) < MOST_FRONTAL,
        is_fair=shared >= LEAST_FAIR_OVERLAP and angle <= LARGEST_FAIR_ANGLE,
    )


def _shares(beyond: Array) -> Array:
    """How far points are beyond each of two sides (n, 2) -> the direction (n, 2) in which they are outside a corner.

    That of the nearer side alone where they are inside, or hardly outside, both.
    """
    outside = np.maximum(beyond, 0)
    nearest = (beyond == beyond.max(axis=1, keepdims=True)).astype(np.float64)
    outside = np.where(outside.max(axis=1, keepdims=True) < ON_SURFACE, nearest, outside)
    shares: Array = outside / np.linalg.norm(outside, axis=1, keepdims=True)
    return shares


def _eroded(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(s, s) the pixels of a mask whose four neighbours belong to it too."""
    padded = np.pad(mask, 1)
    return mask & padded[2:, 1:-1] & padded[:-2, 1:-1] & padded[1:-1, 2:] & padded[1:-1, :-2]
