# SPDX-License-Identifier: GPL-3.0-or-later
"""Fitting a low-poly mesh to a high-poly surface: shrinkwrap and relax in turn, without folding faces.

Blender's Shrinkwrap modifier pulls each vertex to the nearest place, which on a thin wall may be the wrong side; here a
place that faces away is never taken.
"""

from typing import Any

import numpy as np
from mathutils import Vector
from mathutils.bvhtree import BVHTree
from numpy.typing import NDArray

from ..inference.monitor import Monitor
from .polygons import Polygons

Floats = NDArray[np.floating[Any]]

ROUNDS = 5
"""Of relaxing and projecting; more change nothing visible."""

RELAXATION = 0.4
"""Share of the way to the neighbours' middle in one round, along the surface only."""

SWELLING_ROUNDS = 2
SWELLING = 0.6
"""Vertices on a curved surface leave its faces inside; this share of that depth is given back in each last round."""

UNFOLDING_ROUNDS, UNFOLDING = 7, 0.7
"""Smoothing of folded faces, at most, and its share of the way to the neighbours' middle in one round."""

FOLD_COSINE = -0.1
"""A face whose normal makes more than a right angle with the high-poly's below it is folded over or turned round; a
little more than a right angle is allowed, for faces across a sharp rim."""

REACH = 2.0
"""Mean edge lengths within which a place that faces the right way is looked for along the normal."""


def fitted(polygons: Polygons, tree: BVHTree, monitor: Monitor, *, is_half: bool = False) -> Polygons:
    """The mesh with its vertices on the surface, evenly spread, and its faces on the surface in the mean.

    Args:
        polygons: near the surface.
        tree: of the high-poly's triangles, in the same coordinates.
        monitor: told of progress; asked for cancellation.
        is_half: vertices with x = 0 stay there, for they will be joined to their mirror images.
    """
    around = _Neighbours(polygons)
    points = polygons.vertices.astype(np.float64)
    free = np.ones((len(points), 3))
    if is_half:
        free[polygons.vertices[:, 0] == 0.0, 0] = 0.0
    free[around.border & ~((free[:, 0] == 0.0) & around.border)] = 0.0
    reach = REACH * around.mean_edge(points)
    for step in range(ROUNDS):
        normals = around.vertex_normals(points)
        pull = around.middles(points) - points
        pull -= (pull * normals).sum(axis=1, keepdims=True) * normals
        wanted = points + RELAXATION * free * pull
        wanted = np.where(free == 0.0, points, _projected(wanted, normals, tree, reach))
        points = around.without_folds(points, wanted)
        monitor.progress((step + 1) / (ROUNDS + SWELLING_ROUNDS))
    for step in range(SWELLING_ROUNDS):
        centres, face_normals = around.face_centres(points), around.face_normals(points)
        depth = ((_projected(centres, face_normals, tree, reach) - centres) * face_normals).sum(axis=1)
        push = around.of_faces(depth)[:, None] * around.vertex_normals(points)
        points = around.without_folds(points, points + SWELLING * free * push)
        monitor.progress((ROUNDS + step + 1) / (ROUNDS + SWELLING_ROUNDS))
    return polygons.moved(_unfolded(points, around, tree, free))


def _unfolded(points: Floats, around: "_Neighbours", tree: BVHTree, free: Floats) -> Floats:
    """Faces that look the other way than the surface below them smoothed out, with those around, where that helps."""
    best, fewest = points, len(points)
    for _ in range(UNFOLDING_ROUNDS):
        normals = around.face_normals(points)
        below = np.array([tree.find_nearest(point)[1] for point in around.face_centres(points).tolist()])
        folded = (normals * below).sum(axis=1) < FOLD_COSINE
        count = int(folded.sum())
        if count < fewest:
            best, fewest = points, count
        if count == 0:
            break
        chosen = around.near_faces(folded)[:, None] * free
        points = points + UNFOLDING * chosen * (around.middles(points) - points)
    return best


def _projected(points: Floats, normals: Floats, tree: BVHTree, reach: float) -> Floats:
    """The nearest place of the surface that faces the same way; where there is none within reach, the point itself."""
    places = points.copy()
    for index, (point, normal) in enumerate(zip(points.tolist(), map(Vector, normals), strict=True)):
        place, facing, _, _ = tree.find_nearest(point)
        if facing.dot(normal) <= 0.0:
            found = [tree.ray_cast(point, direction, reach) for direction in (normal, -normal)]
            found = [hit for hit in found if hit[0] is not None and hit[1].dot(normal) > 0.0]
            place = min(found, key=lambda hit: hit[3])[0] if found else None
        if place is not None:
            places[index] = place
    return places


class _Neighbours:
    """What is next to what in a mesh of any faces; made once, for moving vertices."""

    def __init__(self, polygons: Polygons) -> None:
        self._corners, self._starts, self._sizes = polygons.corners, polygons.starts, polygons.sizes
        self._count = len(polygons.vertices)
        self._face = np.repeat(np.arange(len(self._starts)), self._sizes)
        following = np.arange(1, len(self._corners) + 1)
        following[self._starts + self._sizes - 1] = self._starts
        pairs = np.sort(np.stack([self._corners, self._corners[following]], axis=1), axis=1)
        self._edges, uses = np.unique(pairs, axis=0, return_counts=True)
        self.border = np.zeros(self._count, bool)
        self.border[self._edges[uses == 1].ravel()] = True
        self._valence = np.maximum(np.bincount(self._edges.ravel(), minlength=self._count), 1)
        self._faces_of = np.maximum(np.bincount(self._corners, minlength=self._count), 1)
        self._triangles = polygons.triangles
        self._triangle_face = np.repeat(np.arange(len(self._starts)), self._sizes - 2)

    def mean_edge(self, points: Floats) -> float:
        """Length."""
        return float(np.linalg.norm(points[self._edges[:, 0]] - points[self._edges[:, 1]], axis=1).mean())

    def middles(self, points: Floats) -> Floats:
        """(n, 3) the mean of each vertex's neighbours; of those on the border for vertices on it."""
        total = np.zeros_like(points)
        for one, other in ((0, 1), (1, 0)):
            ends = self._edges[:, one]
            for axis in range(3):
                total[:, axis] += np.bincount(ends, points[self._edges[:, other], axis], minlength=self._count)
        return total / self._valence[:, None]

    def face_centres(self, points: Floats) -> Floats:
        """(m, 3)."""
        return np.add.reduceat(points[self._corners], self._starts) / self._sizes[:, None]

    def face_normals(self, points: Floats) -> Floats:
        """(m, 3) unit."""
        normals = np.stack(
            [np.bincount(self._triangle_face, axis, len(self._starts)) for axis in self._areas(points).T], axis=1
        )
        return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-30)

    def vertex_normals(self, points: Floats) -> Floats:
        """(n, 3) unit."""
        areas = np.repeat(self._areas(points), 3, axis=0)
        flat = self._triangles.ravel()
        normals = np.stack([np.bincount(flat, axis, self._count) for axis in areas.T], axis=1)
        return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-30)

    def near_faces(self, chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """(n,) vertices of the chosen faces (m,) and of the faces next to them."""
        own = np.zeros(self._count, bool)
        own[self._corners[chosen[self._face]]] = True
        beside = np.zeros(len(self._starts), bool)
        beside[self._face[own[self._corners]]] = True
        own[self._corners[beside[self._face]]] = True
        return own

    def of_faces(self, values: Floats) -> Floats:
        """(n,) the mean over each vertex's faces of a value (m,) of theirs."""
        return np.bincount(self._corners, values[self._face], self._count) / self._faces_of

    def without_folds(self, before: Floats, after: Floats) -> Floats:
        """``after``, but vertices of triangles that would turn over stay as they were."""
        old, new = self._areas(before), self._areas(after)
        turned = (old * new).sum(axis=1) <= 0.0
        result = after.copy()
        held = np.unique(self._triangles[turned])
        result[held] = before[held]
        return result

    def _areas(self, points: Floats) -> Floats:
        a, b, c = (points[self._triangles[:, corner]] for corner in range(3))
        return np.cross(b - a, c - a)
