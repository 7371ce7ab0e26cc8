# SPDX-License-Identifier: GPL-3.0-or-later
"""How good a low-poly mesh is: its distance to the high-poly, and its topology."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from mathutils import Vector
from mathutils.bvhtree import BVHTree
from numpy.typing import NDArray

from .fitting import FOLD_COSINE
from .polygons import Polygons
from .symmetry import spread_samples, surface_samples

Floats = NDArray[np.floating[Any]]

SAMPLES = 8000
"""Points of each surface whose distance to the other is measured."""


@dataclass(frozen=True)
class MeshCheck:
    """What was measured. Distances are in parts of the high-poly's longest side.

    Attributes:
        vertices, faces: counts.
        quads: share of faces with four corners.
        poles: vertices inside the mesh with other than four edges.
        wild_poles: those with fewer than three or more than five.
        folds: faces that look the other way than the high-poly below them.
        open_edges: edges with one face.
        knotted_edges: edges with more than two faces, or with two that run the same way.
        mean_distance, largest_distance: between the surfaces, the worse of both directions; parts of the high-poly
            inside others do not count.
    """

    vertices: int
    faces: int
    quads: float
    poles: int
    wild_poles: int
    folds: int
    open_edges: int
    knotted_edges: int
    mean_distance: float
    largest_distance: float

    @property
    def is_sound(self) -> bool:
        """Whether every edge joins two faces and none is folded over: nothing that an artist would have to repair."""
        return self.folds == 0 and self.open_edges == 0 and self.knotted_edges == 0


def check_mesh(low: Polygons, high: Polygons, high_tree: BVHTree | None = None) -> MeshCheck:
    """Measure a low-poly mesh against the high-poly that it stands for; both in the same coordinates.

    Args:
        low: at least one face.
        high: at least one face.
        high_tree: of the high-poly's triangles, if it is at hand.
    """
    high_tree = high_tree or triangle_tree(high)
    size = float(np.ptp(high.vertices, axis=0).max())
    forth = nearest_distances(high_tree, surface_samples(low.vertices, low.triangles, SAMPLES))
    outer = _not_inside(high, high_tree, size)
    back = nearest_distances(triangle_tree(low), outer) if len(outer) else forth
    edges, uses, same_way = _edges(low)
    valence = np.bincount(edges.ravel(), minlength=len(low.vertices))
    inside = np.ones(len(low.vertices), bool)
    inside[edges[uses == 1].ravel()] = False
    inside &= valence > 0
    return MeshCheck(
        vertices=len(low.vertices),
        faces=len(low.starts),
        quads=float((low.sizes == 4).mean()),
        poles=int(((valence != 4) & inside).sum()),
        wild_poles=int((((valence < 3) | (valence > 5)) & inside).sum()),
        folds=int(folded_faces(low, high_tree).sum()),
        open_edges=int((uses == 1).sum()),
        knotted_edges=int(((uses > 2) | (same_way & (uses == 2))).sum()),
        mean_distance=float(max(forth.mean(), back.mean())) / size,
        largest_distance=float(max(forth.max(), back.max())) / size,
    )


def _not_inside(high: Polygons, tree: BVHTree, size: float) -> Floats:
    """Points (n, 3) of the high-poly's surface, but not those inside another part of it, which no low-poly needs.

    Seen from there along the normal, the next surface shows its back.
    """
    places = high.vertices[high.triangles].astype(np.float64)
    triangle, weights = spread_samples(places, SAMPLES)
    points = np.einsum("nk,nkx->nx", weights, places[triangle])
    normals = np.cross(places[:, 1] - places[:, 0], places[:, 2] - places[:, 0])[triangle]
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-30)
    seen = np.ones(len(points), bool)
    for index, (start, normal) in enumerate(
        zip((points + 1e-4 * size * normals).tolist(), map(Vector, normals), strict=True)
    ):
        place, facing, _, _ = tree.ray_cast(start, normal)
        seen[index] = place is None or facing.dot(normal) < 0.0
    return points[seen]


def triangle_tree(polygons: Polygons) -> BVHTree:
    """For nearest points and rays."""
    return BVHTree.FromPolygons(polygons.vertices.tolist(), polygons.triangles.tolist())


def nearest_distances(tree: BVHTree, points: Floats) -> Floats:
    """(n,) float64 distance of each point (n, 3) to the surface."""
    return np.array([tree.find_nearest(point)[3] for point in points.tolist()])


def folded_faces(low: Polygons, high_tree: BVHTree) -> NDArray[np.bool_]:
    """(m,) whether each face looks the other way than the nearest place of the high-poly."""
    normals, centres = face_normals(low), face_centres(low)
    below = np.array([high_tree.find_nearest(point)[1] for point in centres.tolist()])
    return (normals * below).sum(axis=1) < FOLD_COSINE


def face_normals(polygons: Polygons) -> Floats:
    """(m, 3) float64 unit normals; 0 for faces without area."""
    corners = polygons.triangle_corners
    a, b, c = (polygons.vertices[polygons.corners[corners[:, i]]].astype(np.float64) for i in range(3))
    face = np.repeat(np.arange(len(polygons.starts)), polygons.sizes - 2)
    total = np.zeros((len(polygons.starts), 3))
    np.add.at(total, face, np.cross(b - a, c - a))
    return total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-30)


def face_centres(polygons: Polygons) -> Floats:
    """(m, 3) float64 means of the faces' corners."""
    sums = np.add.reduceat(polygons.vertices[polygons.corners].astype(np.float64), polygons.starts)
    return sums / polygons.sizes[:, None]


def _edges(polygons: Polygons) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Edges (e, 2), the number of faces on each, and whether two of them run along it the same way."""
    following = np.arange(1, len(polygons.corners) + 1)
    following[polygons.starts + polygons.sizes - 1] = polygons.starts
    start, end = polygons.corners.astype(np.int64), polygons.corners[following].astype(np.int64)
    low, high = np.minimum(start, end), np.maximum(start, end)
    keys, inverse, uses = np.unique(low * len(polygons.vertices) + high, return_inverse=True, return_counts=True)
    forward = np.bincount(inverse.ravel(), start < end, minlength=len(keys))
    edges = np.stack([keys // len(polygons.vertices), keys % len(polygons.vertices)], axis=1)
    return edges, uses, (forward != 1) & (uses == 2)
