# SPDX-License-Identifier: GPL-3.0-or-later
"""An artist's own mesh, as the engine bakes onto it."""

import bpy
import numpy as np

from ..inference.bake import UVMesh
from ..inference.errors import SettingsError
from .placement import Placement


def read_uv_mesh(
    target: bpy.types.Object, source: bpy.types.Object, placement: Placement, depsgraph: bpy.types.Depsgraph
) -> UVMesh:
    """Triangles and UVs of a mesh object as it looks, modifiers included, in the object frame of another.

    Args:
        target: has an active UV map.
        source: the reconstructed object; where it stands in the world is where its object frame is.
        placement: of the source.
        depsgraph: evaluated.

    Raises:
        SettingsError: the mesh has no faces or no UV map, or the source is scaled to nothing.
    """
    evaluated = target.evaluated_get(depsgraph)
    mesh = evaluated.to_mesh()
    try:
        layer = mesh.uv_layers.active
        if layer is None or not mesh.polygons:
            raise SettingsError(f"'{target.name}' has no UV map to bake to.", "Unwrap it first (U in Edit Mode).")
        mesh.calc_loop_triangles()
        vertices = np.empty(len(mesh.vertices) * 3, np.float32)
        mesh.vertices.foreach_get("co", vertices)
        triangles = np.empty(len(mesh.loop_triangles) * 3, np.int32)
        mesh.loop_triangles.foreach_get("vertices", triangles)
        corners = np.empty(len(mesh.loop_triangles) * 3, np.int32)
        mesh.loop_triangles.foreach_get("loops", corners)
        uvs = np.empty(len(mesh.loops) * 2, np.float32)
        layer.uv.foreach_get("vector", uvs)
    finally:
        evaluated.to_mesh_clear()
    try:
        to_source = np.array(source.matrix_world.inverted() @ target.matrix_world)
    except ValueError as error:
        raise SettingsError(f"'{source.name}' is scaled to nothing.", "Give it a scale other than 0.") from error
    local = vertices.reshape(-1, 3) @ to_source[:3, :3].T + to_source[:3, 3]
    return UVMesh(
        placement.to_object_frame(local).astype(np.float32),
        triangles.reshape(-1, 3),
        uvs.reshape(-1, 2)[corners].reshape(-1, 3, 2),
    )
