# SPDX-License-Identifier: GPL-3.0-or-later
"""Arrays to a mesh data-block."""

from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

UV_MAP = "UVMap"
"""Name of the UV map, the one Blender itself gives a first UV map."""


def create_mesh(
    name: str, vertices: NDArray[np.float32], faces: NDArray[np.int32], uvs: NDArray[np.float32]
) -> bpy.types.Mesh:
    """A smooth-shaded mesh.

    Args:
        name: of the data-block.
        vertices: (n, 3) float32, local coordinates.
        faces: (m, 4) int32, quads, counter-clockwise seen from outside.
        uvs: (m, 4, 2) float32, one UV per corner.
    """
    mesh = create_plain_mesh(name, vertices, faces)
    layer = mesh.uv_layers.new(name=UV_MAP, do_init=False)
    layer.uv.foreach_set("vector", _flat(uvs, np.float32))
    # The surface may hold a quad whose corners fell together; validate() takes it out and keeps the rest.
    mesh.validate()
    return mesh


def create_plain_mesh(name: str, vertices: NDArray[np.float32], faces: NDArray[np.int32]) -> bpy.types.Mesh:
    """A smooth-shaded mesh without UVs; arguments as of ``create_mesh``."""
    mesh = bpy.data.meshes.new(name)
    mesh.vertices.add(len(vertices))
    mesh.vertices.foreach_set("co", _flat(vertices, np.float32))
    mesh.loops.add(faces.size)
    mesh.loops.foreach_set("vertex_index", _flat(faces, np.int32))
    mesh.polygons.add(len(faces))
    mesh.polygons.foreach_set("loop_start", np.arange(0, faces.size, faces.shape[1], dtype=np.int32))
    mesh.update(calc_edges=True)
    mesh.shade_smooth()
    return mesh


def count_islands(faces: NDArray[np.int32], uvs: NDArray[np.float32]) -> int:
    """How many pieces a UV map has: faces are in one piece if they share a vertex at one place of the map.

    Args:
        faces: (m, k) int32.
        uvs: (m, k, 2) float32, 0..1.
    """
    grid = np.rint(uvs.reshape(-1, 2).astype(np.float64) * 2**20).astype(np.int64)
    keys = (faces.ravel().astype(np.int64) << 42) | (grid[:, 0] << 21) | grid[:, 1]
    corners = np.unique(keys, return_inverse=True)[1].reshape(faces.shape)
    labels = np.arange(int(corners.max()) + 1)
    while True:
        # Hook each face's pieces to the lowest of them, then let every corner look through to its root.
        lowest = labels[corners].min(axis=1)
        hooked = labels.copy()
        np.minimum.at(hooked, labels[corners].ravel(), np.repeat(lowest, faces.shape[1]))
        hooked = hooked[hooked[hooked]]
        if np.array_equal(hooked, labels):
            return len(np.unique(labels))
        labels = hooked


def _flat(array: NDArray[Any], dtype: type[np.generic]) -> NDArray[Any]:
    """``foreach_set`` wants one contiguous row of exactly Blender's own type; anything else is slow or refused."""
    return np.ascontiguousarray(array, dtype).ravel()
