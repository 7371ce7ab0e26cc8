# SPDX-License-Identifier: GPL-3.0-or-later
"""What the photo's camera sees of a mesh in the view frame: outline, depth, normals, which points."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from inference.raster import gradients, rasterize

from .mesh import Array, TriangleMesh

#: Pixels along each side of the buffer against which points are tested.
DEPTH_SIZE = 384
#: How much deeper than the buffer a visible point may be, half windows, on a surface that faces the camera; and pixels
#: of slope that are allowed for, at most LARGEST_TOLERANCE.
TOLERANCE, SLOPE_PIXELS, LARGEST_TOLERANCE = 0.01, 2.0, 0.1


def project(points: Array, focal: float) -> tuple[Array, Array]:
    """View frame (n, 3) -> window coordinates (n, 2), x right, y up, -1..1, and depth (n,) from the camera."""
    depth = focal - points[:, 2]
    return points[:, :2] * (focal / depth)[:, None], depth


@dataclass(frozen=True)
class Look:
    """The nearest surface in each pixel; row 0 at the top.

    covered: (s, s) bool. depth: (s, s), infinity where nothing is. normals: (s, s, 3), zero where nothing is.
    """

    covered: NDArray[np.bool_]
    depth: Array
    normals: Array

    @classmethod
    def at(cls, mesh: TriangleMesh, focal: float, size: int) -> Self:
        """Look at a mesh through the whole window."""
        window, depth = project(mesh.vertices, focal)
        pixels = (window * [1, -1] + 1) * (size / 2) - 0.5
        corners = pixels[mesh.triangles]
        nearness = 1 / depth  # linear on the screen, as are attributes divided by depth
        attributes = np.concatenate([nearness[:, None], mesh.vertex_normals() * nearness[:, None]], 1)
        slopes = gradients(corners, attributes[mesh.triangles])
        kept: list[tuple[Array, ...]] = []
        for fragments in rasterize(corners):
            near, *normal = slopes.at(fragments)
            inside = (fragments.x >= 0) & (fragments.x < size) & (fragments.y >= 0) & (fragments.y < size)
            kept.append(tuple(a[inside] for a in (fragments.y * size + fragments.x, near, *normal)))
        place, *values = (np.concatenate(parts) for parts in zip(*kept, strict=True))
        order = np.argsort(values[0])  # of several values written to one place, the last stays
        buffer = np.zeros((size * size, 4), np.float32)
        buffer[place[order]] = np.stack(values, 1)[order]
        buffer = buffer.reshape(size, size, 4)
        covered = buffer[..., 0] > 0
        normals = buffer[..., 1:] / np.maximum(np.linalg.norm(buffer[..., 1:], axis=-1, keepdims=True), 1e-30)
        return cls(covered, np.where(covered, 1 / np.where(covered, buffer[..., 0], 1), np.inf), normals)

    @classmethod
    def from_depth(cls, depth: Array, focal: float) -> Self:
        """From depths (s, s) along the axis, infinity where nothing is.

        Of the two neighbours in each direction the nearer in depth tells the slope, so that normals stay true beside
        steps from one surface to another.
        """
        size = len(depth)
        axis = (np.arange(size) + 0.5) / size * 2 - 1
        u, v = np.meshgrid(axis, -axis)
        flat = np.where(np.isfinite(depth), depth, 0)
        points = np.stack([u * flat / focal, v * flat / focal, focal - flat], -1)
        across, down = (_nearer_difference(points, depth, direction) for direction in (1, 0))
        normals = np.cross(down, across)
        covered = np.isfinite(depth) & (np.linalg.norm(normals, axis=-1) > 0)
        normals = np.where(covered[..., None], normals, 0)
        return cls(covered, depth, normals / np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-30))


def _nearer_difference(points: Array, depth: Array, axis: int) -> Array:
    """(s, s, 3): to the next pixel along an axis or from the one before, whichever is less of a step in depth."""
    steps = np.diff(points, axis=axis)
    with np.errstate(invalid="ignore"):
        jumps = np.abs(np.diff(depth, axis=axis))
    before, after = ([(0, 0), (0, 0)] for _ in range(2))
    before[axis], after[axis] = (1, 0), (0, 1)
    jumps = np.where(np.isfinite(jumps), jumps, np.inf)
    take_before = np.pad(jumps, before, constant_values=np.inf) < np.pad(jumps, after, constant_values=np.inf)
    padded = (np.pad(steps, [*side, (0, 0)], constant_values=0) for side in (before, after))
    return np.where(take_before[..., None], *padded)


def visible(points: Array, normals: Array, mesh: TriangleMesh, focal: float) -> NDArray[np.bool_]:
    """Which points (n, 3) on a mesh, with unit normals (n, 3), the camera sees.

    Those whose surface faces the camera and that are no deeper than the nearest surface in their pixel, up to a
    tolerance that grows with the slope.
    """
    look = Look.at(mesh, focal, DEPTH_SIZE)
    window, depth = project(points, focal)
    sight = np.array([0, 0, focal]) - points
    facing = (normals * sight).sum(1) / np.linalg.norm(sight, axis=1)
    column, row = np.clip(((window * [1, -1] + 1) * (DEPTH_SIZE / 2)).astype(int), 0, DEPTH_SIZE - 1).T
    # Where the outline passes through a pixel its buffer may be empty.
    front = np.where(look.covered, look.depth, np.inf)[row, column]
    tangent = np.sqrt(np.maximum(1 - facing**2, 0)) / np.maximum(facing, 1e-6)
    tolerance = np.minimum(TOLERANCE + SLOPE_PIXELS * 2 / DEPTH_SIZE * tangent, LARGEST_TOLERANCE)
    return (facing > 0) & (depth <= front + tolerance)


def surface_points(
    mesh: TriangleMesh, focal: float, count: int, rng: np.random.Generator
) -> tuple[Array, NDArray[np.bool_]]:
    """Points on a mesh (count, 3), even over its area, and which of them the camera sees (count,)."""
    points, normals = mesh.sample(count, rng)
    return points, visible(points, normals, mesh, focal)


def overlap(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    """Intersection over union of two masks or volumes; 1 if both are empty."""
    union = (one | other).sum()
    return float((one & other).sum() / union) if union else 1.0


def normal_angle(one: Look, other: Look) -> float:
    """Mean angle in degrees between the normals in the pixels that both cover; 90, as by chance, if there are none."""
    both = one.covered & other.covered
    if not both.any():
        return 90.0
    cosine = (one.normals[both] * other.normals[both]).sum(1)
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))).mean())
