# SPDX-License-Identifier: GPL-3.0-or-later
"""The photo from the clipboard: a picture copied in a browser or a painting program, or a picture's file."""

import sys

import bpy

from ..inference.errors import PhotoError
from ..options import PHOTO_SUFFIXES
from ..scene.clipboard import copied_file, pasted_image
from ..translations import error_text


class IMAGE_TO_3D_OT_paste_photo(bpy.types.Operator):
    """Take the picture, or the picture file, that was copied in another program as the photo"""

    bl_idname = "image_to_3d.paste_photo"
    bl_label = "Paste Image from Clipboard"
    bl_options = {"UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """A picture first: browsers copy a text beside it."""
        try:
            image = self._paste(context)
        except PhotoError as error:
            self.report({"ERROR"}, error_text(error))
            return {"CANCELLED"}
        context.scene.image_to_3d.photo = image
        return {"FINISHED"}

    @staticmethod
    def _paste(context: bpy.types.Context) -> bpy.types.Image:
        image = pasted_image(context)
        if image is not None:
            return image
        path = copied_file(context.window_manager.clipboard, PHOTO_SUFFIXES)
        if path is None:
            hint = "Copy a picture or its file, and paste again."
            if sys.platform == "linux":
                hint = "Copy a picture's file, and paste again: under X11 Blender cannot take pictures themselves."
            raise PhotoError("There is no picture on the clipboard.", hint)
        return bpy.data.images.load(str(path), check_existing=True)


register, unregister = bpy.utils.register_classes_factory((IMAGE_TO_3D_OT_paste_photo,))
