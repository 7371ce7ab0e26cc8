# SPDX-License-Identifier: GPL-3.0-or-later
"""A surface as a small graph of patches, on which colours spread.

A patch is the part of the surface inside one cell of a grid that faces one of the six axis directions: the two sides of
a thin wall are different patches, and only patches that share an edge of the mesh are neighbours. So what spreads
over the graph goes along the surface and never through it, and the graph hardly depends on how the mesh is divided.
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

CELL = np.array([0.07, 0.07, 0.04])
"""Sides of the grid's cells, object units. Low cells keep the layers of a cake apart. They may not be much smaller than
the spacing of the bake's samples, which is at most 1/24."""

ROUNDS, TOLERANCE = 150, 0.5
"""Most steps of the conjugate gradients, and by how much (0..255) a patch may still want to change when they end."""


@dataclass(frozen=True)
class SurfaceGraph:
    """Patches of a surface and which of them touch.

    Attributes:
        patch: (n,) which patch each vertex belongs to.
        areas: (n,) float64, each vertex's share of the surface.
        points: (p, 3) float64, the patches' middles.
        normals: (p, 3) float64, unit.
        starts, ends: (e,) the patches that touch; each pair occurs in both directions, sorted by ``starts``.
        cells: (p, 4) int64, each patch's cell (3) and direction: 0 to 2 for x, y, z, 3 to 5 for their opposites.
    """

    patch: NDArray[np.intp]
    areas: Floats
    points: Floats
    normals: Floats
    starts: NDArray[np.intp]
    ends: NDArray[np.intp]
    cells: NDArray[np.int64]

    @property
    def sizes(self) -> Floats:
        """(p,) the patches' areas."""
        return np.bincount(self.patch, self.areas).astype(np.float64)

    @classmethod
    def of(cls, points: NDArray[np.float32], normals: NDArray[np.float32], triangles: NDArray[np.integer[Any]]) -> Self:
        """Divide a mesh into patches.

        Args:
            points: (n, 3) object frame, no farther apart than about a cell.
            normals: (n, 3) unit.
            triangles: (t, 3).
        """
        cells = np.floor(points / CELL).astype(np.int64)
        axis = np.abs(normals).argmax(axis=1)
        direction = axis + 3 * (np.take_along_axis(normals, axis[:, None], 1)[:, 0] < 0)
        first = cells.min(axis=0, initial=0)
        width, depth = (np.ptp(cells, axis=0) + 1)[1:] if len(cells) else (1, 1)
        x, y, z = (cells - first).T
        key = ((x * width + y) * depth + z) * 6 + direction
        _, member, patch = np.unique(key, return_index=True, return_inverse=True)
        patch = patch.reshape(-1)
        areas = _vertex_areas(points, triangles)
        total = np.maximum(np.bincount(patch, areas), 1e-12)
        middle, normal = (
            np.stack([np.bincount(patch, areas * values[:, axis]) for axis in range(3)], axis=1) / total[:, None]
            for values in (points, normals)
        )
        normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)
        starts, ends = _touching(patch[triangles], len(member))
        described = np.concatenate([cells, direction[:, None]], axis=1)[member]
        return cls(patch, areas, middle, normal, starts, ends, described)

    def mean(self, values: Floats, weights: Floats) -> tuple[Floats, Floats]:
        """Means over each patch (p, k) of the vertices' values (n, k) by weights (n,), and mean weights (p,)."""
        total = np.bincount(self.patch, self.areas * weights)
        sums = [np.bincount(self.patch, self.areas * weights * channel) for channel in values.T]
        share = total / np.maximum(np.bincount(self.patch, self.areas), 1e-12)
        return np.stack(sums, axis=1) / np.maximum(total, 1e-12)[:, None], share

    def steps(self, starts: NDArray[np.bool_], most: int) -> Floats:
        """(p,) from each patch to the nearest of some (p,), in patches, at most ``most``."""
        steps = np.where(starts, 0.0, float(most))
        heads = np.flatnonzero(np.diff(self.starts, prepend=-1))
        owners = self.starts[heads]
        for _ in range(most - 1 if len(heads) else 0):
            nearest = np.minimum.reduceat(steps[self.ends], heads) + 1.0
            steps[owners] = np.minimum(steps[owners], nearest)
        return steps

    def spread(self, known: Floats, weights: Floats, conductance: Floats) -> Floats:
        """The values (p, k) that differ least between neighbours and from what is known.

        They minimise the sum over neighbours of conductance times squared difference, plus the sum over patches of
        weight times the squared difference to what is known: the equations of a membrane, or of heat that flows.

        Args:
            known: (p, k).
            weights: (p,) above 0.
            conductance: (e,) of ``starts`` to ``ends``, alike in both directions.
        """
        heads = np.flatnonzero(np.diff(self.starts, prepend=-1))
        owners = self.starts[heads]
        strength = conductance[:, None]
        diagonal = (weights + np.bincount(self.starts, conductance, len(weights)))[:, None]

        def neighbours(values: Floats) -> Floats:
            total = np.zeros_like(values)
            if len(heads):
                total[owners] = np.add.reduceat(values[self.ends] * strength, heads)
            return total

        values = known.copy()
        residual = weights[:, None] * known - diagonal * values + neighbours(values)
        step = residual / diagonal
        direction, old = step, (residual * step).sum(axis=0)
        for _ in range(ROUNDS):
            if np.abs(step).max(initial=0.0) < TOLERANCE:
                break
            moved = diagonal * direction - neighbours(direction)
            length = old / np.maximum((direction * moved).sum(axis=0), 1e-30)
            values = values + length * direction
            residual = residual - length * moved
            step = residual / diagonal
            new = (residual * step).sum(axis=0)
            direction, old = step + (new / np.maximum(old, 1e-30)) * direction, new
        return values

    def at(self, values: Floats, points: NDArray[np.float32], normals: NDArray[np.float32]) -> NDArray[np.float32]:
        """Values of the patches (p, k) carried smoothly to points (m, 3) of the same surface: (m, k) float32.

        Each point sees the patches of the eight cells around it, and of the directions that its normal (m, 3) points
        to, by the square of its component (the basis of Valve's ambient cube).
        """
        low = self.cells[:, :3].min(axis=0) - 1
        shape = self.cells[:, :3].max(axis=0) - low + 2
        strides = np.array([shape[1] * shape[2], shape[2], 1])
        table = np.zeros((6 * int(shape.prod()), values.shape[1] + 1), np.float32)
        place = self.cells[:, 3] * int(shape.prod()) + (self.cells[:, :3] - low) @ strides
        table[place, :-1], table[place, -1] = values, 1.0
        grid = points / CELL.astype(np.float32) - np.float32(0.5)
        corner = np.clip(np.floor(grid).astype(np.int64), low, low + shape - 2)
        part = np.clip(grid - corner, 0.0, 1.0).astype(np.float32)
        base = (corner - low) @ strides
        total = np.zeros((len(points), table.shape[1]), np.float32)
        sides = [(1.0 - part[:, axis], part[:, axis]) for axis in range(3)]
        squared = normals**2
        offsets = [np.where(normals[:, axis] < 0, axis + 3, axis) * int(shape.prod()) + base for axis in range(3)]
        for x, y, z in np.ndindex(2, 2, 2):
            corner_weight = sides[0][x] * sides[1][y] * sides[2][z]
            step = int(np.array([x, y, z]) @ strides)
            for axis in range(3):
                total += table[offsets[axis] + step] * (corner_weight * squared[:, axis])[:, None]
        return total[:, :-1] / np.maximum(total[:, -1:], 1e-6)


def _vertex_areas(points: NDArray[np.float32], triangles: NDArray[np.integer[Any]]) -> Floats:
    """(n,) a third of the areas of the triangles around each vertex, and a little, so that no weight is 0."""
    a, b, c = (points[triangles[:, corner]] for corner in range(3))
    areas = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 6.0
    return np.bincount(triangles.ravel(), np.repeat(areas, 3), minlength=len(points)) + 1e-12


def _touching(patches: NDArray[np.intp], count: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Pairs of patches that share an edge of triangles (t, 3), both ways, sorted."""
    start, end = patches.ravel(), np.roll(patches, -1, axis=1).ravel()
    differ = start != end
    start, end = start[differ], end[differ]
    pairs = np.unique(np.concatenate([start * count + end, end * count + start]))
    return pairs // max(count, 1), pairs % max(count, 1)
