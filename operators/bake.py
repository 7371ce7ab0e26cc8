# SPDX-License-Identifier: GPL-3.0-or-later
"""Bake a reconstruction's colours to any mesh with UVs, such as the artist's own retopology."""

import bpy

from ..inference.bake import BakeSettings
from ..inference.pipeline import Settings
from ..scene.stored_code import has_code, load_code
from ..scene.uv_mesh import read_uv_mesh
from ..tasks import BakeTask
from .task_operator import TaskOperator


class IMAGE_TO_3D_OT_bake(TaskOperator, bpy.types.Operator):
    """Bake the photo and the network's colours to the active mesh, from a selected object that was reconstructed"""

    bl_idname = "image_to_3d.bake"
    bl_label = "Bake to Active Mesh"
    bl_options = {"UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Grey without a mesh that has UVs and an object to bake from, and says what is missing."""
        target = context.object
        if target is None or target.type != "MESH" or not target.data.uv_layers:
            cls.poll_message_set("The active object is no mesh with a UV map. Select one and unwrap it")
            return False
        if find_source(context) is None:
            cls.poll_message_set(
                "No selected object was reconstructed from a photo. Select it, then the mesh to bake to"
            )
            return False
        return super().poll(context)

    def create_task(self, context: bpy.types.Context) -> BakeTask:
        """With the sidebar's texture size and photo strength."""
        source, target = find_source(context), context.object
        code, placement = load_code(source)
        scene = context.scene.image_to_3d
        bake = BakeSettings(texture_size=int(scene.texture_size), photo_strength=scene.photo_strength)
        mesh = read_uv_mesh(target, source, placement, context.evaluated_depsgraph_get())
        return BakeTask(target.name, code, mesh, Settings(system=code.system, bake=bake))

    def report_done(self, _context: bpy.types.Context, task: BakeTask) -> None:
        """One line."""
        self.report({"INFO"}, f"Baked to '{task.target}'")


def find_source(context: bpy.types.Context) -> bpy.types.Object | None:
    """The reconstructed object to bake from: another selected one, or the active object itself."""
    selected = [item for item in context.selected_objects if item != context.object]
    return next((item for item in [*selected, context.object] if has_code(item)), None)


register, unregister = bpy.utils.register_classes_factory((IMAGE_TO_3D_OT_bake,))
