# SPDX-License-Identifier: GPL-3.0-or-later
"""The panel for real size, upright stand, origin and the photo's camera."""

import bpy

from ..scene.camera import matched_camera
from ..scene.family import sculpture_of
from .sidebar import ResultPanel


class IMAGE_TO_3D_PT_transform(ResultPanel, bpy.types.Panel):
    """How large the object is, how it stands, and how it compares with the photo."""

    bl_idname = "IMAGE_TO_3D_PT_transform"
    bl_label = "Size and Camera"

    def draw(self, context: bpy.types.Context) -> None:
        """Buttons, then the slider that fades between photo and render."""
        layout = self.layout
        row = layout.row(align=True)
        row.operator_context = "INVOKE_DEFAULT"
        row.operator("image_to_3d.drag_size", icon="ARROW_LEFTRIGHT")
        row.operator("image_to_3d.set_size", icon="FIXED_SIZE")
        layout.operator("image_to_3d.pick_distance", icon="DRIVER_DISTANCE")
        row = layout.row(align=True)
        row.operator("image_to_3d.stand_upright", icon="EMPTY_SINGLE_ARROW")
        row.operator_context = "INVOKE_DEFAULT"
        row.operator("image_to_3d.pick_ground", icon="SNAP_FACE")
        layout.operator_menu_enum("image_to_3d.set_origin", "where", icon="OBJECT_ORIGIN")
        layout.operator("image_to_3d.view_camera", icon="VIEW_CAMERA")
        if matched_camera(sculpture_of(context.object)) is not None:
            layout.prop(context.window_manager.image_to_3d, "photo_fade", slider=True)


register, unregister = bpy.utils.register_classes_factory((IMAGE_TO_3D_PT_transform,))
