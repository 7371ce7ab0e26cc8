# SPDX-License-Identifier: GPL-3.0-or-later
"""The panel with which a reconstructed object's surface and texture are changed without the network."""

import bpy

from ..scene.stored_code import has_mirror
from .sidebar import ResultPanel


class IMAGE_TO_3D_PT_adjust(ResultPanel, bpy.types.Panel):
    """Sliders for the active object, and the button."""

    bl_idname = "IMAGE_TO_3D_PT_adjust"
    bl_label = "Adjust"

    def draw(self, context: bpy.types.Context) -> None:
        """Surface, then texture."""
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        values = context.window_manager.image_to_3d_adjust
        layout.prop(values, "is_live")
        column = layout.column()
        for name in ("iso_shift", "base_cut", "smoothing", "floater_share", "resolution", "target_faces"):
            column.prop(values, name)
        column = layout.column()
        for name in ("texture_size", "photo_strength"):
            column.prop(values, name)
        row = layout.row(align=True)
        row.operator("image_to_3d.adjust", icon="CHECKMARK").use_sliders = True
        row.operator("image_to_3d.reset_adjustments", text="", icon="LOOP_BACK")
        _draw_symmetry(layout, context, values)


def _draw_symmetry(layout: bpy.types.UILayout, context: bpy.types.Context, values: bpy.types.PropertyGroup) -> None:
    """The button, the planes to choose by hand, and the way back."""
    row = layout.row(align=True)
    row.operator("image_to_3d.symmetrise", icon="MOD_MIRROR")
    row.operator("image_to_3d.symmetrise_by_hand", text="", icon="PREFERENCES")
    if has_mirror(context.object):
        column = layout.column()
        column.use_property_split = False  # a label of its own would leave no room for the name
        column.prop(values, "mirror_all")
        column.operator("image_to_3d.remove_symmetry", icon="X")


register, unregister = bpy.utils.register_classes_factory((IMAGE_TO_3D_PT_adjust,))
