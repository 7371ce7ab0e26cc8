# SPDX-License-Identifier: GPL-3.0-or-later
"""Back from modelling a low-poly mesh by hand, with everything as it was before."""

import bpy

from .. import modelling_keeper
from ..inference.sentence import Sentence
from ..scene.modelling_tools import FORMER_KEY, former_tools
from ..scene.retopology import high_of
from ..translations import rpt_, tip_
from .task_operator import runs_in_window


class IMAGE_TO_3D_OT_finish_retopology(bpy.types.Operator):
    """Leave Edit Mode and give back snapping, overlays and tool as they were; the high-poly can be selected again"""

    bl_idname = "image_to_3d.finish_retopology"
    bl_label = "Finish Retopology"
    bl_options = {"UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Grey unless the active object was prepared and not finished, and says so."""
        if not former_tools(context.object):
            cls.poll_message_set(tip_("The active object was not prepared for retopology. Select the low-poly mesh"))
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Give everything back."""
        low = context.object
        former = former_tools(low)
        if low.mode == "EDIT":
            if former.get("tool") and runs_in_window(context) and context.area.type == "VIEW_3D":
                bpy.ops.wm.tool_set_by_id(name=former["tool"])
            bpy.ops.object.mode_set(mode="OBJECT")
        modelling_keeper.finish(low)
        low.show_in_front = False
        del low[FORMER_KEY]
        high = high_of(low)
        if high is not None:
            high.hide_select = former.get("is_locked", False)
        self.report(
            {"INFO"}, rpt_(Sentence("'{name}' is finished; snapping and overlays are as before", name=low.name))
        )
        return {"FINISHED"}


register, unregister = bpy.utils.register_classes_factory((IMAGE_TO_3D_OT_finish_retopology,))
