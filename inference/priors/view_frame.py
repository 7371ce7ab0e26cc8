# SPDX-License-Identifier: GPL-3.0-or-later
"""The view frame of a camera, and what the camera sees of a mesh in it.

Axes are the camera's: x right, y up, z towards the camera. The camera is at (0, 0, f) with the focal length f. The unit
is half the window's side in the plane z = 0, which goes through the object frame's origin.
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..camera import Camera
from ..raster import gradients, rasterize

Array = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class ViewFrame:
    """The way between the object frame and the view frame of a camera that looks at the object frame's origin.

    Attributes:
        camera: the camera.
    """

    camera: Camera

    @property
    def half(self) -> float:
        """Half the window's side in the plane through the origin, object units: one unit of the view frame."""
        return float(np.linalg.norm(self.camera.position)) / self.camera.focal

    def from_object(self, points: Array) -> Array:
        """Object frame (n, 3) to the view frame (n, 3), same dtype."""
        local = self.camera.to_camera(points) / points.dtype.type(self.half)
        local[:, 2] += points.dtype.type(self.camera.focal)
        return local

    def to_object(self, points: Array) -> Array:
        """View frame (n, 3) to the object frame (n, 3), same dtype; inverse of ``from_object``."""
        local = points - np.array([0, 0, self.camera.focal], points.dtype)
        turned: Array = local @ self.camera.rotation.T.astype(points.dtype) * points.dtype.type(self.half)
        return turned + self.camera.position.astype(points.dtype)


def project(points: Array, focal: float) -> tuple[Array, Array]:
    """View frame (..., 3) to window coordinates (..., 2), x right, y up, -1..1, and depth (...) from the camera."""
    depth = focal - points[..., 2]
    return points[..., :2] * (focal / depth)[..., None], depth


def pixel_grid(size: int) -> tuple[Array, Array]:
    """Window coordinates x, y of the pixels' middles, (size, size) float64 each; row 0 is at the top."""
    axis = (np.arange(size) + 0.5) / size * 2 - 1
    x, y = np.meshgrid(axis, -axis)
    return x, y


@dataclass(frozen=True)
class Look:
    """The nearest surface in each pixel of the whole window; row 0 is at the top.

    Attributes:
        covered: (s, s) bool.
        depth: (s, s) float, half windows from the camera along its axis, infinity where nothing is.
        normals: (s, s, 3) float, unit vectors in the view frame, zero where nothing is.
    """

    covered: NDArray[np.bool_]
    depth: Array
    normals: Array

    @classmethod
    def at(cls, vertices: Array, triangles: NDArray[np.integer[Any]], focal: float, size: int) -> Self:
        """Look at a mesh in the view frame.

        Args:
            vertices: (n, 3).
            triangles: (m, 3), counter-clockwise seen from outside.
            focal: of the camera, half windows.
            size: pixels along each side.
        """
        window, depth = project(vertices, focal)
        corners = ((window * [1, -1] + 1) * (size / 2) - 0.5)[triangles]
        nearness = 1 / depth  # linear on the screen, as are attributes divided by depth
        attributes = np.concatenate([nearness[:, None], _vertex_normals(vertices, triangles) * nearness[:, None]], 1)
        slopes = gradients(corners, attributes[triangles])
        kept: list[tuple[NDArray[Any], ...]] = []
        for fragments in rasterize(corners):
            near, *normal = slopes.at(fragments)
            inside = (fragments.x >= 0) & (fragments.x < size) & (fragments.y >= 0) & (fragments.y < size)
            kept.append(tuple(a[inside] for a in (fragments.y * size + fragments.x, near, *normal)))
        place, *values = [np.concatenate(parts) for parts in zip(*kept, strict=True)]
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
        x, y = pixel_grid(len(depth))
        flat = np.where(np.isfinite(depth), depth, 0)
        points = np.stack([x * flat / focal, y * flat / focal, focal - flat], -1)
        across, down = (_nearer_difference(points, depth, direction) for direction in (1, 0))
        normals = np.cross(down, across)
        covered = np.isfinite(depth) & (np.linalg.norm(normals, axis=-1) > 0)
        normals = np.where(covered[..., None], normals, 0)
        return cls(covered, depth, normals / np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-30))


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


def depth_ratio(one: Look, other: Look) -> float:
    """Median ratio of the first's depths to the second's where both cover; 1 if they share no pixel.

    A camera cannot tell a near small thing from a far large one: scaled by this ratio about the camera, the second lies
    where the first does.
    """
    both = one.covered & other.covered
    return float(np.median(one.depth[both] / other.depth[both])) if both.any() else 1.0


def _vertex_normals(vertices: Array, triangles: NDArray[np.integer[Any]]) -> Array:
    """(n, 3) unit normals: the mean of the triangles around, weighted by area."""
    a, b, c = (vertices[triangles[:, corner]] for corner in range(3))
    faces = np.repeat(np.cross(b - a, c - a), 3, axis=0)
    flat = triangles.ravel()
    total = np.stack([np.bincount(flat, faces[:, i], len(vertices)) for i in range(3)], 1)
    normals: Array = total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-30)
    return normals


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
    before_step, after_step = padded
    nearer: Array = np.where(take_before[..., None], before_step, after_step)
    return nearer
