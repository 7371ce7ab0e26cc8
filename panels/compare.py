# SPDX-License-Identifier: GPL-3.0-or-later
"""The panel for several results of one photo."""

import bpy

from .sidebar import ResultPanel


class IMAGE_TO_3D_PT_compare(ResultPanel, bpy.types.Panel):
    """Another result, side by side, keep one."""

    bl_idname = "IMAGE_TO_3D_PT_compare"
    bl_label = "Compare"

    def draw(self, _context: bpy.types.Context) -> None:
        """In the order of use."""
        layout = self.layout
        layout.operator_menu_enum("image_to_3d.reconstruct_again", "system", icon="FILE_REFRESH")
        row = layout.row(align=True)
        row.operator("image_to_3d.line_up", icon="SNAP_INCREMENT")
        row.operator("image_to_3d.keep", icon="CHECKMARK")


register, unregister = bpy.utils.register_classes_factory((IMAGE_TO_3D_PT_compare,))
