# SPDX-License-Identifier: GPL-3.0-or-later
"""UVs for a low-poly mesh, however it was made."""

import math

import bpy
import numpy as np
from numpy.typing import NDArray

from ..inference.errors import SettingsError
from ..inference.monitor import Monitor
from ..inference.unwrap import GAP, unwrap
from .polygons import Polygons, fill_mesh, read_polygons

SMART_ANGLE = math.radians(66.0)
"""Blender's default for Smart UV Project."""


def unwrapped(polygons: Polygons, monitor: Monitor) -> NDArray[np.float32]:
    """UVs for each corner (c, 2) float32 within the unit square, without overlap.

    Meshes of quads alone or triangles alone get the engine's own few, large islands. Mixed ones get Blender's Smart UV
    Project, in the present file with temporary data-blocks.

    Raises:
        SettingsError: Blender could not unwrap it.
        Cancelled: the monitor said so.
    """
    faces = polygons.uniform_faces
    if faces is not None:
        return unwrap(polygons.vertices, faces, monitor).reshape(-1, 2)
    mesh = bpy.data.meshes.new("unwrap")
    fill_mesh(mesh, polygons)
    mesh.uv_layers.new(name="UVMap")
    target = bpy.data.objects.new("unwrap", mesh)
    try:
        bpy.context.scene.collection.objects.link(target)
        bpy.context.view_layer.objects.active = target
        target.select_set(True)
        bpy.ops.object.mode_set(mode="EDIT")
        bpy.ops.mesh.select_all(action="SELECT")
        done = bpy.ops.uv.smart_project(angle_limit=SMART_ANGLE, island_margin=GAP / 2, margin_method="FRACTION")
        bpy.ops.object.mode_set(mode="OBJECT")
        uvs = read_polygons(mesh, with_shading=True).uvs
        if done != {"FINISHED"} or uvs is None:
            raise SettingsError("The mesh could not be unwrapped.", "Unwrap it yourself (U in Edit Mode).")
        return uvs
    finally:
        bpy.data.objects.remove(target)
        bpy.data.meshes.remove(mesh)
