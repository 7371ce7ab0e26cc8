# SPDX-License-Identifier: GPL-3.0-or-later
"""Polygon meshes as arrays: between mesh data-blocks, the background Blender and NumPy."""

from dataclasses import dataclass, replace
from typing import Any, Self

import bpy
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Polygons:
    """Faces of any number of corners.

    Attributes:
        vertices: (n, 3) float32.
        corners: (c,) int32, the vertex of each face corner, face after face, counter-clockwise seen from outside.
        starts: (m,) int32, the first corner of each face.
        uvs: (c, 2) float32 for each corner, or None.
        normals: (c, 3) float32, the shading normal at each corner, or None.
        tessellation: (t, 3) int32, the corners of each triangle as Blender cuts the faces, or None: cut as fans.
    """

    vertices: NDArray[np.float32]
    corners: NDArray[np.int32]
    starts: NDArray[np.int32]
    uvs: NDArray[np.float32] | None = None
    normals: NDArray[np.float32] | None = None
    tessellation: NDArray[np.int32] | None = None

    @classmethod
    def of_faces(cls, vertices: Floats, faces: NDArray[np.integer[Any]]) -> Self:
        """From faces (m, k) that all have k corners."""
        starts = np.arange(0, faces.size, faces.shape[1], dtype=np.int32)
        return cls(np.ascontiguousarray(vertices, np.float32), np.ascontiguousarray(faces, np.int32).ravel(), starts)

    @property
    def sizes(self) -> NDArray[np.int32]:
        """(m,) int32, corners of each face."""
        return np.diff(np.append(self.starts, len(self.corners))).astype(np.int32)

    @property
    def triangles(self) -> NDArray[np.int32]:
        """(t, 3) int32 vertices."""
        return self.corners[self.triangle_corners]

    @property
    def triangle_corners(self) -> NDArray[np.int32]:
        """(t, 3) int32 indices of corners."""
        if self.tessellation is not None:
            return self.tessellation
        sizes = self.sizes
        counts = sizes - 2
        face = np.repeat(np.arange(len(sizes)), counts)
        step = np.arange(len(face)) - np.repeat(np.cumsum(counts) - counts, counts)
        first = self.starts[face]
        return np.stack([first, first + step + 1, first + step + 2], axis=1).astype(np.int32)

    @property
    def uniform_faces(self) -> NDArray[np.int32] | None:
        """(m, k) int32 if all faces have the same number k of corners, 3 or 4; else None."""
        sizes = self.sizes
        if len(sizes) and sizes[0] in (3, 4) and (sizes == sizes[0]).all():
            return self.corners.reshape(-1, int(sizes[0]))
        return None

    def moved(self, vertices: Floats) -> Self:
        """The same faces on other vertices (n, 3), without shading normals."""
        return replace(self, vertices=np.ascontiguousarray(vertices, np.float32), normals=None, tessellation=None)

    def transformed(self, matrix: Floats) -> Self:
        """Moved by an affine map (4, 4) that does not mirror, shading normals and all."""
        vertices = self.vertices @ matrix[:3, :3].T + matrix[:3, 3]
        normals = self.normals
        if normals is not None:
            normals = normals @ np.linalg.inv(matrix[:3, :3])
            normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-30)
            normals = normals.astype(np.float32)
        return replace(self, vertices=vertices.astype(np.float32), normals=normals)


def read_polygons(mesh: bpy.types.Mesh, *, with_shading: bool = False) -> Polygons:
    """The faces of a mesh data-block.

    Args:
        mesh: a data-block, or the temporary mesh of an evaluated object.
        with_shading: read UVs, if there are any, shading normals and triangulation too.
    """
    vertices = np.empty(len(mesh.vertices) * 3, np.float32)
    mesh.vertices.foreach_get("co", vertices)
    corners = np.empty(len(mesh.loops), np.int32)
    mesh.loops.foreach_get("vertex_index", corners)
    starts = np.empty(len(mesh.polygons), np.int32)
    mesh.polygons.foreach_get("loop_start", starts)
    uvs = normals = tessellation = None
    if with_shading:
        mesh.calc_loop_triangles()
        tessellation = np.empty(len(mesh.loop_triangles) * 3, np.int32)
        mesh.loop_triangles.foreach_get("loops", tessellation)
        tessellation = tessellation.reshape(-1, 3)
        normals = np.empty(len(corners) * 3, np.float32)
        mesh.corner_normals.foreach_get("vector", normals)
        normals = normals.reshape(-1, 3)
        if mesh.uv_layers.active is not None:
            uvs = np.empty(len(corners) * 2, np.float32)
            mesh.uv_layers.active.uv.foreach_get("vector", uvs)
            uvs = uvs.reshape(-1, 2)
    return Polygons(vertices.reshape(-1, 3), corners, starts, uvs, normals, tessellation)


def read_evaluated(target: bpy.types.Object, depsgraph: bpy.types.Depsgraph, **options: bool) -> Polygons:
    """The faces of a mesh object as it looks, modifiers included; local coordinates; options of ``read_polygons``."""
    evaluated = target.evaluated_get(depsgraph)
    mesh = evaluated.to_mesh()
    try:
        return read_polygons(mesh, **options)
    finally:
        evaluated.to_mesh_clear()


def fill_mesh(mesh: bpy.types.Mesh, polygons: Polygons, uv_map: str = "UVMap") -> None:
    """Give an empty mesh data-block these faces, shaded smooth, with their UVs and shading normals if they have any."""
    mesh.vertices.add(len(polygons.vertices))
    mesh.vertices.foreach_set("co", np.ascontiguousarray(polygons.vertices, np.float32).ravel())
    mesh.loops.add(len(polygons.corners))
    mesh.loops.foreach_set("vertex_index", np.ascontiguousarray(polygons.corners, np.int32))
    mesh.polygons.add(len(polygons.starts))
    mesh.polygons.foreach_set("loop_start", np.ascontiguousarray(polygons.starts, np.int32))
    mesh.update(calc_edges=True)
    if polygons.uvs is not None:
        layer = mesh.uv_layers.new(name=uv_map, do_init=False)
        layer.uv.foreach_set("vector", np.ascontiguousarray(polygons.uvs, np.float32).ravel())
    mesh.shade_smooth()
    if polygons.normals is not None:
        mesh.normals_split_custom_set(polygons.normals.tolist())
