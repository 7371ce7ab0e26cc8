# SPDX-License-Identifier: GPL-3.0-or-later
"""Look at the object as the photo did."""

import bpy

from ..scene.camera import match_render, matched_camera
from ..scene.stored_code import has_code, load_code
from ..translations import tip_


class IMAGE_TO_3D_OT_view_camera(bpy.types.Operator):
    """Look through the camera matched to the photo, and give renders the photo's size"""

    bl_idname = "image_to_3d.view_camera"
    bl_label = "Look Through Photo's Camera"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Grey unless the active object was reconstructed and still has its camera."""
        if not has_code(context.object) or matched_camera(context.object) is None:
            cls.poll_message_set(
                tip_("The active object has no camera matched to a photo. Select a reconstructed object")
            )
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Make it the scene's camera and turn the viewport to it."""
        code, _placement = load_code(context.object)
        window = code.window
        match_render(context.scene, matched_camera(context.object), window.photo_width, window.photo_height)
        if context.space_data is not None and context.space_data.type == "VIEW_3D":
            context.space_data.region_3d.view_perspective = "CAMERA"
        return {"FINISHED"}


register, unregister = bpy.utils.register_classes_factory((IMAGE_TO_3D_OT_view_camera,))
