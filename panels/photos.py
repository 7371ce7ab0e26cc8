# SPDX-License-Identifier: GPL-3.0-or-later
"""The panel for further photos of a reconstructed object."""

import bpy

from ..scene.family import sculpture_of
from ..scene.photos import listed_photos
from ..scene.stored_code import has_code
from .adjust import draw_way_to_sculpture
from .sidebar import ResultPanel


class IMAGE_TO_3D_PT_photos(ResultPanel, bpy.types.Panel):
    """The photos that were projected, and the button for another."""

    bl_idname = "IMAGE_TO_3D_PT_photos"
    bl_label = "More Photos"

    def draw(self, context: bpy.types.Context) -> None:
        """A line for each photo: its name, how well its outline agrees, and what can be done with it."""
        layout = self.layout
        if not has_code(context.object):
            draw_way_to_sculpture(layout, context)
        layout.operator_context = "INVOKE_DEFAULT"
        column = layout.column(align=True)
        for photo in listed_photos(sculpture_of(context.object)):
            row = column.row(align=True)
            row.label(text=photo.name, translate=False)
            share = row.row(align=True)
            share.alignment = "RIGHT"
            share.label(text=f"{photo.agreement:.0%}", translate=False)
            row.operator("image_to_3d.view_camera", text="", icon="VIEW_CAMERA").photo = photo.sha256
            row.operator("image_to_3d.place_photo", text="", icon="FILE_REFRESH").photo = photo.sha256
            row.operator("image_to_3d.remove_photo", text="", icon="X").photo = photo.sha256
        layout.operator("image_to_3d.project_photo", icon="IMAGE_DATA")


register, unregister = bpy.utils.register_classes_factory((IMAGE_TO_3D_PT_photos,))
