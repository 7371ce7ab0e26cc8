# SPDX-License-Identifier: GPL-3.0-or-later
"""Show the photo's cut-out before running."""

import bpy

from ..cutout_preview import PREVIEW, PreviewKey
from ..properties import ImageTo3DSettings
from ..tasks import PreviewTask
from ..translations import tip_
from .arguments import scene_cutout_settings
from .photo_file import photo_file
from .task_operator import TaskOperator


class IMAGE_TO_3D_OT_preview_cutout(TaskOperator, bpy.types.Operator):
    """Show which part of the photo will be reconstructed"""

    bl_idname = "image_to_3d.preview_cutout"
    bl_label = "Preview Cut-Out"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Grey without a photo, and says so."""
        if context.scene.image_to_3d.photo is None:
            cls.poll_message_set(tip_("No photo is chosen. Open one above"))
            return False
        return super().poll(context)

    def create_task(self, context: bpy.types.Context) -> PreviewTask:
        """By the sidebar's settings."""
        settings = context.scene.image_to_3d
        self._key = preview_key(settings)
        return PreviewTask(photo_file(settings.photo), scene_cutout_settings(settings))

    def report_done(self, _context: bpy.types.Context, task: PreviewTask) -> None:
        """The picture speaks for itself."""
        PREVIEW.show(self._key, task.pixels)


def preview_key(settings: ImageTo3DSettings) -> PreviewKey:
    """What a preview by the sidebar's settings is made of."""
    return PreviewKey(settings.photo.name if settings.photo else "", settings.cutout, settings.mask_path)


register, unregister = bpy.utils.register_classes_factory((IMAGE_TO_3D_OT_preview_cutout,))
