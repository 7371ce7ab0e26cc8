# SPDX-License-Identifier: GPL-3.0-or-later
"""The panel with which a reconstructed object's surface and texture are changed without the network."""

import bpy

from ..scene.family import Member
from ..scene.stored_code import has_code, has_mirror
from ..text import wrap
from .sidebar import ResultPanel, draw_fold


class IMAGE_TO_3D_PT_adjust(ResultPanel, bpy.types.Panel):
    """Sliders for the active object, and the button."""

    bl_idname = "IMAGE_TO_3D_PT_adjust"
    bl_label = "Adjust"

    def draw(self, context: bpy.types.Context) -> None:
        """Shape, the button, symmetry; what is seldom needed is folded."""
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        if not has_code(context.object):
            draw_way_to_sculpture(layout, context)
            return
        values = context.window_manager.image_to_3d_adjust
        column = layout.column()
        for name in ("iso_shift", "base_cut", "smoothing", "photo_strength"):
            column.prop(values, name)
        column.prop(values, "is_live")
        row = layout.row(align=True)
        row.operator("image_to_3d.adjust", icon="CHECKMARK").use_sliders = True
        row.operator("image_to_3d.reset_adjustments", text="", icon="LOOP_BACK")
        _draw_symmetry(layout, context, values)
        body = draw_fold(layout, "adjust_detail", "Detail")
        if body is not None:
            for name in ("resolution", "target_faces", "texture_size", "floater_share"):
                body.prop(values, name)


def draw_way_to_sculpture(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """For a low-poly mesh, in panels that change what it was made of."""
    column = layout.column(align=True)
    for number, line in enumerate(wrap("This changes the sculpture, not its low-poly mesh.", context)):
        column.label(text=line, icon="INFO" if number == 0 else "BLANK1", translate=False)
    column.operator("image_to_3d.show_mesh", text="Show the Sculpture", icon="HIDE_OFF").member = Member.HIGH.name


def _draw_symmetry(layout: bpy.types.UILayout, context: bpy.types.Context, values: bpy.types.PropertyGroup) -> None:
    """The button, the planes to choose by hand, and the way back."""
    row = layout.row(align=True)
    row.operator("image_to_3d.symmetrise", icon="MOD_MIRROR")
    row.operator("image_to_3d.place_symmetry", text="", icon="EMPTY_ARROWS")
    row.operator("image_to_3d.symmetrise_by_hand", text="", icon="PREFERENCES")
    if has_mirror(context.object):
        column = layout.column()
        column.use_property_split = False  # a label of its own would leave no room for the name
        column.prop(values, "mirror_all")
        column.operator("image_to_3d.remove_symmetry", icon="X")


register, unregister = bpy.utils.register_classes_factory((IMAGE_TO_3D_PT_adjust,))
