# SPDX-License-Identifier: GPL-3.0-or-later
"""Look at the object as a photo did."""

from collections.abc import Callable
from functools import partial

import bpy
from bpy.props import StringProperty

from ..photo_view import PHOTO_VIEW
from ..scene.camera import match_render, matched_camera
from ..scene.family import sculpture_of
from ..scene.photos import photo_camera
from ..scene.stored_code import load_code
from ..translations import rpt_, tip_


class IMAGE_TO_3D_OT_view_camera(bpy.types.Operator):
    """Look through the camera matched to the photo; renders match it too until you leave the camera's view"""

    bl_idname = "image_to_3d.view_camera"
    bl_label = "Look Through Photo's Camera"
    # Without UNDO: a look is no change of the scene, and no undo step shall hold it.
    bl_options = set()

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

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Turn the viewport to the camera for the time of a look; elsewhere as from a script."""
        if context.space_data is None or context.space_data.type != "VIEW_3D":
            return self.execute(context)
        return self._with_photo(context, partial(PHOTO_VIEW.begin, context))

    def execute(self, context: bpy.types.Context) -> set[str]:
        """From scripts: make it the scene's camera and give renders the photo's size, for good; no view is touched."""
        return self._with_photo(context, partial(match_render, context.scene))

    def _with_photo(self, context: bpy.types.Context, use: Callable[[bpy.types.Object, int, int], None]) -> set[str]:
        """Call with the photo's camera, width and height, or tell that there is none."""
        target = sculpture_of(context.object)
        code, _placement = load_code(target)
        window, camera = code.window, matched_camera(target)
        if self.photo:
            window = next((photo.window for photo in code.photos if photo.sha256 == self.photo), None)
            camera = photo_camera(target, self.photo)
        if window is None or camera is None:
            self.report({"ERROR"}, rpt_("This photo has no camera any more. Project it again; its camera is made anew"))
            return {"CANCELLED"}
        use(camera, window.photo_width, window.photo_height)
        return {"FINISHED"}


register, unregister = bpy.utils.register_classes_factory((IMAGE_TO_3D_OT_view_camera,))
