# SPDX-License-Identifier: GPL-3.0-or-later
"""The panel for the last step: check the asset and write it."""

import bpy

from ..operators.export_asset import BUTTON_KIND
from ..scene.export_asset import KINDS
from .sidebar import SidebarPanel

ICONS = {"WEB": "WORLD", "QUICK_LOOK": "HIDE_OFF", "ENGINE": "AUTO"}


class IMAGE_TO_3D_PT_export(SidebarPanel, bpy.types.Panel):
    """One button for each use."""

    bl_idname = "IMAGE_TO_3D_PT_export"
    bl_parent_id = "IMAGE_TO_3D_PT_main"
    bl_label = "Export"
    bl_options = {"DEFAULT_CLOSED"}
    bl_order = 10

    def draw(self, _context: bpy.types.Context) -> None:
        """Check, then the uses, then the asset library."""
        layout = self.layout
        layout.operator("image_to_3d.check_asset", icon="CHECKMARK")
        column = layout.column(align=True)
        for key, kind in KINDS.items():
            row = column.row(align=True)
            row.context_string_set(BUTTON_KIND, key)
            row.operator("image_to_3d.export_asset", text=kind.label, icon=ICONS[key]).kind = key
        layout.operator("image_to_3d.add_asset", icon="ASSET_MANAGER")


register, unregister = bpy.utils.register_classes_factory((IMAGE_TO_3D_PT_export,))
