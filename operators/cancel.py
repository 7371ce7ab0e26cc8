# SPDX-License-Identifier: GPL-3.0-or-later
"""Stop the task in progress."""

import bpy

from ..engine import ENGINE
from ..shelf import QUEUE
from ..translations import tip_


class IMAGE_TO_3D_OT_cancel(bpy.types.Operator):
    """Stop the reconstruction in progress; the scene stays as it is"""

    bl_idname = "image_to_3d.cancel"
    bl_label = "Cancel"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """Grey while there is nothing to cancel."""
        if not ENGINE.is_busy:
            cls.poll_message_set(tip_("No reconstruction is in progress"))
            return False
        return True

    def execute(self, _context: bpy.types.Context) -> set[str]:
        """Ask; the modal operator ends itself when the worker has stopped. What waits is cancelled, too."""
        QUEUE.clear()
        ENGINE.cancel()
        return {"FINISHED"}


register, unregister = bpy.utils.register_classes_factory((IMAGE_TO_3D_OT_cancel,))
