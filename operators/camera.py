# SPDX-License-Identifier: GPL-3.0-or-later
"""Look at the object as a photo did."""

import bpy
from bpy.props import StringProperty

from ..scene.camera import match_render, matched_camera
from ..scene.family import sculpture_of
from ..scene.photos import photo_camera
from ..scene.stored_code import load_code
from ..translations import rpt_, tip_


class IMAGE_TO_3D_OT_view_camera(bpy.types.Operator):
    """Look through the camera matched to the photo, and give renders the photo's size"""

    bl_idname = "image_to_3d.view_camera"
    bl_label = "Look Through Photo's Camera"
    bl_options = {"REGISTER", "UNDO"}

    photo: StringProperty(
        name="Photo",
        description="SHA-256 of another photo's file; empty for the photo that the object was made from",
        options={"SKIP_SAVE", "HIDDEN"},
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Grey unless the active object was reconstructed and still has its camera."""
        if matched_camera(sculpture_of(context.object)) is None:
            cls.poll_message_set(
                tip_("The active object has no camera matched to a photo. Select a reconstructed object")
            )
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Make it the scene's camera and turn the viewport to it."""
        target = sculpture_of(context.object)
        code, _placement = load_code(target)
        window, camera = code.window, matched_camera(target)
        if self.photo:
            window = next((photo.window for photo in code.photos if photo.sha256 == self.photo), None)
            camera = photo_camera(target, self.photo)
        if window is None or camera is None:
            self.report({"ERROR"}, rpt_("This photo has no camera any more. Project it again; its camera is made anew"))
            return {"CANCELLED"}
        match_render(context.scene, camera, window.photo_width, window.photo_height)
        if context.space_data is not None and context.space_data.type == "VIEW_3D":
            context.space_data.region_3d.view_perspective = "CAMERA"
        return {"FINISHED"}


register, unregister = bpy.utils.register_classes_factory((IMAGE_TO_3D_OT_view_camera,))
