# SPDX-License-Identifier: GPL-3.0-or-later
"""Switch between a sculpture and its low-poly mesh."""

import bpy
from bpy.props import EnumProperty

from ..inference.errors import ReconstructionError
from ..scene.family import Member, find_member, show_member
from ..translations import error_text, tip_

MEMBER_ITEMS = (
    (Member.HIGH.name, "High", "The sculpture, with all its faces"),
    (Member.LOW.name, "Low", "The mesh with few faces that was made of it"),
)


class IMAGE_TO_3D_OT_show_mesh(bpy.types.Operator):
    """Show the sculpture or its low-poly mesh, and hide the other; the panels below follow"""

    bl_idname = "image_to_3d.show_mesh"
    bl_label = "Show High or Low"
    bl_options = {"REGISTER", "UNDO"}

    member: EnumProperty(name="Mesh", description="Which one to show", items=MEMBER_ITEMS, options={"SKIP_SAVE"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Grey where there is no such pair, and says so."""
        target = context.object
        if context.mode != "OBJECT" or target is None or find_member(target, Member.LOW) is None:
            cls.poll_message_set(tip_("Select a sculpture that has a low-poly mesh, or that mesh, in Object Mode"))
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Switch, or tell why not."""
        try:
            show_member(context, context.object, Member[self.member])
        except ReconstructionError as error:
            self.report({"ERROR"}, error_text(error))
            return {"CANCELLED"}
        return {"FINISHED"}


register, unregister = bpy.utils.register_classes_factory((IMAGE_TO_3D_OT_show_mesh,))
