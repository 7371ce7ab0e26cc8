# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known of an object before anything is known of its shape: the outline, and what a network predicted.

Pebble's code holds depth maps. Of any other system the predicted surface is looked at through the code's camera, so
that the fits serve every system.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..camera import Camera
from ..code import Code
from ..errors import SurfaceError
from ..fields import Field
from ..monitor import Monitor, QuietMonitor
from ..surface import SurfaceSettings, extract_surface
from ..systems.pebble import MAPS
from ..systems.silhouette import silhouette_distance
from .view_frame import Array, Look, ViewFrame, pixel_grid

DEPTHS = "depths"
"""Name of the array of a code that predicts depths: (2, 96, 96), distances of the first and the last surface beyond the
plane through the object frame's origin, half windows."""

RESOLUTION = 96
"""Of the surface that is looked at where a code holds no depths: as fine as the depth maps."""

CONTOUR_POINTS = 1200
"""About as many points along the outline are enough for any fit: one in every half pixel of the depth maps."""


@dataclass(frozen=True)
class Evidence:
    """What the fits look at, in the view frame of the predicted camera (see ``view_frame``).

    Attributes:
        camera: the predicted camera.
        silhouette: (384, 384) float32, half windows to the cut-out's edge, positive inside; row 0 at the top.
        first: (96, 96), the visible surface: which pixels it covers, its depths from the camera, its normals.
        last: (96, 96) float64, depths from the camera of the surface that is last on each ray, infinity outside.
    """

    camera: Camera
    silhouette: NDArray[np.float32]
    first: Look
    last: Array

    @property
    def focal(self) -> float:
        """Focal length, half windows."""
        return self.camera.focal

    @property
    def elevation(self) -> float:
        """Radians above the horizon from which the camera looks, as predicted."""
        return float(np.arcsin(np.clip(self.camera.rotation[2, 2], -1, 1)))

    @property
    def up(self) -> Array:
        """(3,) unit vector: the object frame's up in the view frame, as predicted."""
        return np.array([0.0, np.cos(self.elevation), np.sin(self.elevation)])

    @cached_property
    def inside(self) -> NDArray[np.bool_]:
        """(96, 96) the pixels that the cut-out covers, even a little."""
        step = len(self.silhouette) // MAPS
        covered: NDArray[np.bool_] = self.silhouette.reshape(MAPS, step, MAPS, step).mean((1, 3)) > 0
        return covered

    @cached_property
    def contour(self) -> Array:
        """(n, 2) float64, points on the cut-out's outline, window coordinates, in no order; n about CONTOUR_POINTS."""
        points = _crossings(self.silhouette)
        kept = np.random.default_rng(0).permutation(len(points))[:CONTOUR_POINTS]
        return points[np.sort(kept)]

    @cached_property
    def hull(self) -> Array:
        """(n, 2) float64, corners of the outline's convex hull, window coordinates, counter-clockwise."""
        return convex_hull(_crossings(self.silhouette))

    @cached_property
    def fullness(self) -> float:
        """The cut-out's share of its convex hull, 0..1."""
        area = float((self.silhouette > 0).sum()) * (2 / len(self.silhouette)) ** 2
        return area / max(polygon_area(self.hull), 1e-9)

    def points(self) -> Array:
        """(n, 3) float64, the predicted points of both surfaces in the view frame."""
        x, y = pixel_grid(MAPS)
        rows, columns = np.nonzero(self.first.covered)
        both = [depth[rows, columns] for depth in (self.first.depth, self.last)]
        x, y = x[rows, columns], y[rows, columns]
        return np.concatenate([np.stack([x * d / self.focal, y * d / self.focal, self.focal - d], 1) for d in both])


def evidence_of(code: Code, make_field: Callable[[], Field], monitor: Monitor) -> Evidence | None:
    """What is known of a code's object.

    Args:
        code: as its system made it, without a prior.
        make_field: makes the code's field; only asked where the code holds no depths.
        monitor: asked for cancellation.

    Returns:
        The evidence, or None where the cut-out is empty or the field has no surface.

    Raises:
        Cancelled: the monitor said so.
    """
    silhouette = silhouette_distance(np.ascontiguousarray(code.photo[..., 3]))
    alpha = Image.fromarray(np.ascontiguousarray(code.photo[..., 3]))
    inside = np.asarray(alpha.resize((MAPS, MAPS), Image.Resampling.BOX)) > 127
    if not inside.any():
        return None
    focal = code.camera.focal
    if DEPTHS in code.arrays:
        first, last = np.where(inside, focal + np.asarray(code.arrays[DEPTHS], np.float64), np.inf)
    else:
        try:
            first, last = _seen_depths(code.camera, make_field(), monitor)
        except SurfaceError:
            return None  # whoever extracts the surface tells the artist
    return Evidence(code.camera, silhouette, Look.from_depth(first, focal), last)


def _seen_depths(camera: Camera, field: Field, monitor: Monitor) -> tuple[Array, Array]:
    """(96, 96) depths of the first and of the last surface of a field, half windows, infinity where it is empty."""
    surface = extract_surface(field, SurfaceSettings(resolution=RESOLUTION), QuietMonitor(monitor))
    vertices = ViewFrame(camera).from_object(surface.vertices.astype(np.float64))
    triangles = np.concatenate([surface.faces[:, [0, 1, 2]], surface.faces[:, [0, 2, 3]]])
    first = Look.at(vertices, triangles, camera.focal, MAPS).depth
    last = _last_depth(vertices, triangles, camera.focal)
    return first, np.where(np.isfinite(first), np.maximum(last, first), np.inf)


def _last_depth(vertices: Array, triangles: NDArray[np.integer[Any]], focal: float) -> Array:
    """(96, 96) depths of the farthest surface: what the camera sees when near and far are exchanged."""
    depth = focal - vertices[:, 2]
    sum_of_ends = 1 / depth.min() + 1 / depth.max()
    turned = 1 / (sum_of_ends - 1 / depth)
    moved = np.column_stack([vertices[:, :2] * (turned / depth)[:, None], focal - turned])
    look = Look.at(moved, triangles, focal, MAPS)
    with np.errstate(divide="ignore"):
        return np.where(look.covered, 1 / (sum_of_ends - 1 / look.depth), np.inf)


def _crossings(signed: NDArray[np.float32]) -> Array:
    """(n, 2) window coordinates where a signed map (s, s) changes its sign between neighbouring pixels."""
    size = len(signed)
    values = signed.astype(np.float64)
    found = []
    for axis in (0, 1):
        low, high = np.split(values, [-1], axis)[0], np.split(values, [1], axis)[1]
        rows, columns = np.nonzero((low > 0) != (high > 0))
        place = np.stack([columns, rows], 1).astype(np.float64)
        place[:, 1 - axis] += (low / np.where(low == high, 1, low - high))[rows, columns]
        found.append(place)
    pixels = np.concatenate(found)
    return ((pixels + 0.5) * (2 / size) - 1) * [1, -1]


def convex_hull(points: Array) -> Array:
    """(n, 2) -> (m, 2) corners of the convex hull, counter-clockwise (Andrew's monotone chain, 1979)."""
    ordered = np.unique(points, axis=0).tolist()

    def chain(sequence: list[list[float]]) -> list[list[float]]:
        corners: list[list[float]] = []
        for x, y in sequence:
            while len(corners) > 1:
                (ax, ay), (bx, by) = corners[-2:]
                if (bx - ax) * (y - ay) - (by - ay) * (x - ax) > 0:
                    break
                corners.pop()
            corners.append([x, y])
        return corners[:-1]

    return np.array(chain(ordered) + chain(ordered[::-1]))


def polygon_area(corners: Array) -> float:
    """Area of a polygon (n, 2), positive if it runs counter-clockwise."""
    following = np.roll(corners, -1, axis=0)
    return float((corners[:, 0] * following[:, 1] - corners[:, 1] * following[:, 0]).sum() / 2)
