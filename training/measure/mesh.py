# SPDX-License-Identifier: GPL-3.0-or-later
"""Triangle meshes, points on them, and similarity transforms."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Array = NDArray[np.floating]


@dataclass(frozen=True)
class Similarity:
    """x -> matrix @ x + offset; ``matrix`` (3, 3) is a rotation times a scale."""

    matrix: Array
    offset: Array

    @classmethod
    def identity(cls) -> Self:
        """Leaves everything where it is."""
        return cls(np.eye(3), np.zeros(3))

    def apply(self, points: Array) -> Array:
        """(..., 3) -> (..., 3)."""
        return points @ self.matrix.T + self.offset

    def after(self, first: "Similarity") -> "Similarity":
        """The transform that does ``first``, then this."""
        return Similarity(self.matrix @ first.matrix, self.matrix @ first.offset + self.offset)

    def inverse(self) -> "Similarity":
        """The way back."""
        matrix = np.linalg.inv(self.matrix)
        return Similarity(matrix, -matrix @ self.offset)


@dataclass(frozen=True)
class TriangleMesh:
    """vertices: (n, 3) float. triangles: (m, 3) int, counter-clockwise seen from outside."""

    vertices: Array
    triangles: NDArray[np.integer]

    @classmethod
    def from_quads(cls, vertices: Array, quads: NDArray[np.integer]) -> Self:
        """(n, 3) vertices and (m, 4) quads, each cut along its first diagonal."""
        return cls(vertices, quads[:, [0, 1, 2, 0, 2, 3]].reshape(-1, 3))

    @property
    def corners(self) -> Array:
        """(m, 3, 3)."""
        return self.vertices[self.triangles]

    @property
    def longest_side(self) -> float:
        """Of the bounding box."""
        return float(np.ptp(self.vertices, axis=0).max())

    def moved(self, transform: Similarity) -> "TriangleMesh":
        """The mesh after a transform."""
        return TriangleMesh(transform.apply(self.vertices), self.triangles)

    def face_normals(self) -> Array:
        """(m, 3), as long as twice the triangle's area."""
        a, b, c = self.corners.swapaxes(0, 1)
        return np.cross(b - a, c - a)

    def vertex_normals(self) -> Array:
        """(n, 3) unit normals: the mean of the triangles around, weighted by area."""
        faces = np.repeat(self.face_normals(), 3, axis=0)
        flat = self.triangles.ravel()
        total = np.stack([np.bincount(flat, faces[:, i], len(self.vertices)) for i in range(3)], 1)
        return total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-30)

    def sample(self, count: int, rng: np.random.Generator) -> tuple[Array, Array]:
        """(count, 3) points, even over the area, and the unit normals (count, 3) of their triangles."""
        normals = self.face_normals()
        doubled = np.linalg.norm(normals, axis=1)
        index = rng.choice(len(doubled), count, p=doubled / doubled.sum())
        a, b = rng.random((2, count, 1))
        flip = a + b > 1
        a, b = np.where(flip, 1 - a, a), np.where(flip, 1 - b, b)
        corners = self.corners[index]
        points = corners[:, 0] + a * (corners[:, 1] - corners[:, 0]) + b * (corners[:, 2] - corners[:, 0])
        return points, normals[index] / np.maximum(doubled[index, None], 1e-30)


def outwards(mesh: TriangleMesh) -> TriangleMesh:
    """The closed mesh, with its triangles turned round if it encloses a negative volume."""
    if np.linalg.det(mesh.corners).sum() < 0:
        return TriangleMesh(mesh.vertices, mesh.triangles[:, ::-1])
    return mesh


def smooth(mesh: TriangleMesh, rounds: int = 15) -> TriangleMesh:
    """Without the steps of the grid that it comes from, and without shrinking.

    Taubin, "A signal processing approach to fair surface design", 1995: steps inwards, then slightly larger outwards.
    """
    count = len(mesh.vertices)
    start, end = mesh.triangles.ravel(), np.roll(mesh.triangles, -1, axis=1).ravel()
    links = sparse.coo_array((np.ones(len(start)), (start, end)), (count, count)).tocsr()
    links = ((links + links.T) > 0).astype(np.float64)
    links = sparse.diags_array(1 / np.maximum(links.sum(1), 1)) @ links
    vertices = mesh.vertices
    for _ in range(rounds):
        for weight in (0.5, -0.53):
            vertices = vertices + weight * (links @ vertices - vertices)
    return TriangleMesh(vertices, mesh.triangles)
