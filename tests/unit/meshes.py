# SPDX-License-Identifier: GPL-3.0-or-later
"""Meshes for tests, as quads that face outwards."""

import numpy as np


def voxel_surface(inside, resolution):
    """The boundary of the voxels of [-1, 1]^3 whose centres are inside: vertices (n, 3) and quads (m, 4)."""
    axis = (np.arange(resolution) + 0.5) * (2.0 / resolution) - 1.0
    centres = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1)
    solid = np.pad(inside(centres.reshape(-1, 3)).reshape(centres.shape[:3]), 1)
    quads = []
    for axis in range(3):
        u, v = np.eye(3, dtype=int)[(axis + 1) % 3], np.eye(3, dtype=int)[(axis + 2) % 3]
        for sign in (1, -1):
            cells = np.argwhere(solid & ~np.roll(solid, -sign, axis=axis))
            base = cells + (np.eye(3, dtype=int)[axis] if sign == 1 else 0)
            around = [base, base + u, base + u + v, base + v][::sign]
            quads.append(np.stack(around, axis=1))
    corners = np.concatenate(quads)
    places, faces = np.unique(corners.reshape(-1, 3), axis=0, return_inverse=True)
    vertices = (places - 1) * (2.0 / resolution) - 1.0
    return vertices.astype(np.float32), faces.reshape(-1, 4).astype(np.int32)


def bumpy_ball(steps, radius=0.7, bumps=0.03):
    """A cube's faces, each of steps^2 quads, blown up to a ball with bumps."""
    grid = np.arange(-steps, steps + 1, 2)
    a, b = np.meshgrid(grid[:-1], grid[:-1], indexing="ij")
    quads = []
    for axis in range(3):
        u, v = np.eye(3, dtype=int)[(axis + 1) % 3], np.eye(3, dtype=int)[(axis + 2) % 3]
        for sign in (1, -1):
            base = a.reshape(-1, 1) * u + b.reshape(-1, 1) * v + sign * steps * np.eye(3, dtype=int)[axis]
            quads.append(np.stack([base, base + 2 * u, base + 2 * u + 2 * v, base + 2 * v][::sign], axis=1))
    places, faces = np.unique(np.concatenate(quads).reshape(-1, 3), axis=0, return_inverse=True)
    direction = np.tan(places / steps * (np.pi / 4))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    height = radius + bumps * np.sin(9 * direction[:, 0]) * np.sin(7 * direction[:, 1] + 11 * direction[:, 2])
    return (direction * height[:, None]).astype(np.float32), faces.reshape(-1, 4).astype(np.int32)


def wall(steps, half_size, y):
    """A square of steps^2 quads in the plane Y = y facing -Y, and its corner UVs (m, 4, 2) over the whole square."""
    grid = np.linspace(-1.0, 1.0, steps + 1)
    x, z = np.meshgrid(grid, grid, indexing="ij")
    vertices = np.stack([half_size * x, np.full_like(x, y), half_size * z], axis=-1).reshape(-1, 3)
    index = np.arange((steps + 1) ** 2).reshape(steps + 1, steps + 1)
    corners = [index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]]
    faces = np.stack([corner.ravel() for corner in corners], axis=1)
    uvs = 0.5 + 0.5 * np.stack([x, z], axis=-1).reshape(-1, 2)[faces]
    return vertices.astype(np.float32), faces.astype(np.int32), uvs.astype(np.float32)


def triangulated(faces, uvs):
    """Quads and their corner UVs as triangles: (2 m, 3) and (2 m, 3, 2)."""
    halves = ([0, 1, 2], [0, 2, 3])
    return np.concatenate([faces[:, half] for half in halves]), np.concatenate([uvs[:, half] for half in halves])
