# SPDX-License-Identifier: GPL-3.0-or-later
"""Mirror symmetry of a mesh: the upright plane that maps it best onto itself, and how well.

Objects reconstructed from a photo taken from an angle stand turned, so that all upright planes are candidates and not
only those of the axes.
"""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from mathutils.bvhtree import BVHTree
from numpy.typing import NDArray

from ..inference.symmetry import refine_plane
from .polygons import Polygons

Floats = NDArray[np.floating[Any]]

COARSE_SAMPLES, FINE_SAMPLES = 400, 3000
"""Points of the surface that are mirrored to judge a plane."""

DIRECTIONS = 36
"""Planes tried first, 5 degrees apart."""

ROUNDS = 6
"""Times that the best plane is refined, each time with half the step."""

QUANTILE = 0.9
"""The error of a plane is the distance that this share of the points keeps below: small one-sided things (a handle's
screw, a badge) do not hide that the object is symmetric."""


@dataclass(frozen=True)
class Symmetry:
    """An upright mirror plane: the points x with ``normal . x = offset``.

    Attributes:
        normal: unit vector, horizontal.
        offset: in the mesh's units.
        error: how far nine tenths of the mirrored surface are from the surface at most, in parts of the longest side.
    """

    normal: tuple[float, float, float]
    offset: float
    error: float

    def mirrored(self, points: Floats) -> Floats:
        """Points (n, 3) on the other side."""
        normal = np.asarray(self.normal, points.dtype)
        return points - 2.0 * (points @ normal - points.dtype.type(self.offset))[:, None] * normal


def find_symmetry(polygons: Polygons) -> Symmetry:
    """The best upright mirror plane of a mesh, however good it is: look at its ``error``.

    Args:
        polygons: with at least one face that has an area.
    """
    triangles = polygons.triangles
    tree = BVHTree.FromPolygons(polygons.vertices.tolist(), triangles.tolist())
    points = surface_samples(polygons.vertices, triangles, FINE_SAMPLES)
    middle = _weighted_middle(polygons.vertices, triangles)
    size = float(np.ptp(polygons.vertices, axis=0).max())

    def plane(angle: float, shift: float) -> Symmetry:
        normal = (math.cos(angle), math.sin(angle), 0.0)
        return Symmetry(normal, float(middle @ np.array(normal)) + shift, 0.0)

    def error(angle: float, shift: float, samples: Floats) -> float:
        return _distance(tree, plane(angle, shift).mirrored(samples)) / size

    coarse = points[:: max(1, len(points) // COARSE_SAMPLES)]
    directions = (np.arange(DIRECTIONS) * math.pi / DIRECTIONS).tolist()
    direction = min(directions, key=lambda angle: error(angle, 0.0, coarse))
    steps = math.pi / DIRECTIONS / 2, 0.02 * size
    angle, shift = refine_plane(lambda angle, shift: error(angle, shift, coarse), (direction, 0.0), steps, ROUNDS)
    found = plane(angle, shift)
    normal = tuple(0.0 if abs(value) < 1e-9 else value for value in found.normal)
    return Symmetry(normal, found.offset, error(angle, shift, points))


def judged(polygons: Polygons, symmetry: Symmetry) -> Symmetry:
    """A known plane with the error that it has for a mesh."""
    tree = BVHTree.FromPolygons(polygons.vertices.tolist(), polygons.triangles.tolist())
    samples = surface_samples(polygons.vertices, polygons.triangles, FINE_SAMPLES)
    size = float(np.ptp(polygons.vertices, axis=0).max())
    return replace(symmetry, error=_distance(tree, symmetry.mirrored(samples)) / size)


def surface_samples(vertices: Floats, triangles: NDArray[np.integer[Any]], count: int) -> Floats:
    """``count`` points (count, 3) float64 spread evenly over the area of triangles (t, 3); always the same."""
    places = vertices[triangles].astype(np.float64)
    triangle, weights = spread_samples(places, count)
    return np.einsum("nk,nkx->nx", weights, places[triangle])


def spread_samples(places: Floats, count: int) -> tuple[NDArray[np.int64], Floats]:
    """Triangle (count,) and barycentric coordinates (count, 3) of points spread evenly over triangles (t, 3, 3)."""
    rng = np.random.default_rng(0)
    across = np.cross(places[:, 1] - places[:, 0], places[:, 2] - places[:, 0])
    total = np.cumsum(np.linalg.norm(across, axis=1))
    # Evenly spaced along the summed areas with one random shift: less clumping than independent draws.
    triangle = np.searchsorted(total, (np.arange(count) + rng.random()) / count * total[-1])
    u, v = rng.random((2, count))
    over = (u + v) > 1.0
    u, v = np.where(over, 1.0 - u, u), np.where(over, 1.0 - v, v)
    return np.minimum(triangle, len(places) - 1), np.stack([1.0 - u - v, u, v], axis=1)


def _weighted_middle(vertices: Floats, triangles: NDArray[np.integer[Any]]) -> Floats:
    """(3,) the surface's centre of area."""
    a, b, c = (vertices[triangles[:, corner]].astype(np.float64) for corner in range(3))
    areas = np.linalg.norm(np.cross(b - a, c - a), axis=1, keepdims=True)
    return ((a + b + c) / 3 * areas).sum(axis=0) / areas.sum()


def _distance(tree: BVHTree, points: Floats) -> float:
    distances = sorted(tree.find_nearest(point)[3] for point in points.tolist())
    return distances[int(QUANTILE * (len(distances) - 1))]
