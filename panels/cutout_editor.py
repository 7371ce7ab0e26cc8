# SPDX-License-Identifier: GPL-3.0-or-later
"""The panel in the Image Editor's sidebar with which a cut-out is corrected."""

import bpy

from ..compat import unified_paint_settings
from ..operators.edit_cutout import BRUSH_BLENDS
from ..scene.cutout_image import is_cutout_image
from .sidebar import draw_big_button


class IMAGE_TO_3D_PT_cutout_editor(bpy.types.Panel):
    """Brush, box, invert, feather; then the way on."""

    bl_idname = "IMAGE_TO_3D_PT_cutout_editor"
    bl_label = "Cut-Out"
    bl_space_type = "IMAGE_EDITOR"
    bl_region_type = "UI"
    bl_category = "Image to 3D"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only where a cut-out is shown."""
        return is_cutout_image(context.space_data.image)

    def draw(self, context: bpy.types.Context) -> None:
        """In the order of use."""
        layout = self.layout
        brush = context.tool_settings.image_paint.brush
        row = layout.row(align=True)
        for mode, label, icon in (("ADD", "Add", "ADD"), ("REMOVE", "Remove", "REMOVE")):
            is_on = brush is not None and brush.blend == BRUSH_BLENDS[mode]
            row.operator("image_to_3d.cutout_brush", text=label, icon=icon, depress=is_on).mode = mode
        if brush is not None:
            layout.prop(unified_paint_settings(context), "size", slider=True)
        layout.operator("image_to_3d.cutout_box", icon="SELECT_SET")
        row = layout.row(align=True)
        row.operator("image_to_3d.cutout_invert", icon="ARROW_LEFTRIGHT")
        row.operator("image_to_3d.cutout_feather", icon="SMOOTHCURVE")
        layout.operator("image_to_3d.edit_cutout", text="Begin Anew", icon="FILE_REFRESH").begin_anew = True
        layout.row(align=True).prop(context.scene.image_to_3d, "cutout_overlay", expand=True)
        draw_big_button(layout, "image_to_3d.cutout_done", "CHECKMARK")
        layout.operator("image_to_3d.reconstruct_photo", icon="MESH_MONKEY")


register, unregister = bpy.utils.register_classes_factory((IMAGE_TO_3D_PT_cutout_editor,))
