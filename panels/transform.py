# SPDX-License-Identifier: GPL-3.0-or-later
"""The panel for real size, upright stand, origin and the photo's camera."""

import bpy

from ..scene.camera import matched_camera
from ..scene.family import sculpture_of
from .sidebar import ResultPanel

SIZE_BUTTONS = (
    ("image_to_3d.drag_size", "ARROW_LEFTRIGHT"),
    ("image_to_3d.set_size", "FIXED_SIZE"),
    ("image_to_3d.pick_distance", "DRIVER_DISTANCE"),
)
STAND_BUTTONS = (("image_to_3d.stand_upright", "EMPTY_SINGLE_ARROW"), ("image_to_3d.pick_ground", "SNAP_FACE"))
"""Operators and their icons."""


class IMAGE_TO_3D_PT_transform(ResultPanel, bpy.types.Panel):
    """How large the object is, how it stands, and how it compares with the photo."""

    bl_idname = "IMAGE_TO_3D_PT_transform"
    bl_label = "Size and Camera"

    def draw(self, context: bpy.types.Context) -> None:
        """Buttons, then the slider that fades between photo and render."""
        layout = self.layout
        # A row each: beside each other their names are cut off, in English as in German.
        for operators in SIZE_BUTTONS, STAND_BUTTONS:
            column = layout.column(align=True)
            column.operator_context = "INVOKE_DEFAULT"
            for operator, icon in operators:
                column.operator(operator, icon=icon)
        layout.operator_menu_enum("image_to_3d.set_origin", "where", icon="OBJECT_ORIGIN")
        layout.operator("image_to_3d.view_camera", icon="VIEW_CAMERA")
        if matched_camera(sculpture_of(context.object)) is not None:
            layout.prop(context.window_manager.image_to_3d, "photo_fade", slider=True)


register, unregister = bpy.utils.register_classes_factory((IMAGE_TO_3D_PT_transform,))
