# SPDX-License-Identifier: GPL-3.0-or-later
"""An empty low-poly target over a locked high-poly, ready to model on."""

import bpy
from bpy.props import BoolProperty, FloatProperty

from .. import modelling_keeper
from ..inference.errors import ReconstructionError
from ..inference.sentence import Sentence
from ..retopology_properties import SYMMETRY_TEXTS, TOLERANCE_TEXTS
from ..scene.retopology import prepare, visible_others
from ..translations import error_text, rpt_, tip_

TARGET = "'{name}' is ready; symmetry error {error:.1%}, not mirrored"
MIRRORED_TARGET = "'{name}' is ready; symmetry error {error:.1%}, mirrored"
TOOL = "builtin.poly_build"


class IMAGE_TO_3D_OT_prepare_retopology(bpy.types.Operator):
    """Lock the active object as the high-poly and model an empty low-poly mesh over it, with snapping and shrinkwrap"""

    bl_idname = "image_to_3d.prepare_retopology"
    bl_label = "Prepare for Retopology"
    bl_options = {"REGISTER", "UNDO"}

    use_symmetry: BoolProperty(**SYMMETRY_TEXTS, default=True)
    tolerance: FloatProperty(**TOLERANCE_TEXTS, default=0.02, min=0.0, max=0.2, subtype="FACTOR")
    edit: BoolProperty(name="Start Modelling", description="Enter Edit Mode with the Poly Build tool", default=True)

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Grey without a mesh in Object Mode, and says so."""
        if context.mode != "OBJECT" or context.object is None or context.object.type != "MESH":
            cls.poll_message_set(tip_("Select the high-poly mesh in Object Mode"))
            return False
        return True

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """From the sidebar: with its settings."""
        settings = context.scene.image_to_3d.retopology
        for name in ("use_symmetry", "tolerance"):
            if not self.properties.is_property_set(name):
                setattr(self, name, getattr(settings, name))
        return self.execute(context)

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Prepare, then start modelling."""
        high = context.object
        try:
            prepared = prepare(context, high, self.tolerance, use_symmetry=self.use_symmetry)
        except ReconstructionError as error:
            self.report({"ERROR"}, error_text(error))
            return {"CANCELLED"}
        low = bpy.data.objects[prepared.low]
        others = visible_others(context, high, low)
        if others:
            self.report(
                {"WARNING"},
                rpt_(Sentence("Snapping also sees '{name}': hide all meshes but the high-poly", name=others[0])),
            )
        template = MIRRORED_TARGET if prepared.is_mirrored else TARGET
        self.report({"INFO"}, rpt_(Sentence(template, name=low.name, error=prepared.symmetry.error)))
        modelling_keeper.note(low)
        if self.edit:
            _start_modelling(context)
        return {"FINISHED"}


def _start_modelling(context: bpy.types.Context) -> None:
    bpy.ops.object.mode_set(mode="EDIT")
    if context.area is not None and context.area.type == "VIEW_3D":
        bpy.ops.wm.tool_set_by_id(name=TOOL)


register, unregister = bpy.utils.register_classes_factory((IMAGE_TO_3D_OT_prepare_retopology,))
