# SPDX-License-Identifier: GPL-3.0-or-later
"""A low-poly mesh made automatically, and levels of detail of any mesh."""

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty

from ..inference.sentence import Sentence
from ..retopology_properties import (
    FACES_TEXTS,
    LEVELS_TEXTS,
    METHOD_ITEMS,
    METHOD_TEXTS,
    RATIO_TEXTS,
    SHARP_TEXTS,
    SYMMETRY_TEXTS,
    TOLERANCE_TEXTS,
)
from ..retopology_tasks import RetopologyTask
from ..scene.retopology import add_levels
from ..translations import rpt_, tip_
from .arguments import retopology_options
from .task_operator import TaskOperator

RESULT = (
    "'{name}': {faces:,} faces, {quads:.0%} quads, {poles:,} poles; "
    "{mean:.2%} from the high-poly in the mean, {largest:.1%} at most"
)
MIRRORED_RESULT = (
    "'{name}': {faces:,} faces, {quads:.0%} quads, {poles:,} poles, mirrored; "
    "{mean:.2%} from the high-poly in the mean, {largest:.1%} at most"
)
SIDEBAR_NAMES = ("method", "faces", "use_symmetry", "tolerance", "keep_sharp", "levels", "level_ratio")


class IMAGE_TO_3D_OT_auto_retopology(TaskOperator, bpy.types.Operator):
    """Make a low-poly mesh with UVs beside the active object, which stays as it is"""

    bl_idname = "image_to_3d.auto_retopology"
    bl_label = "Auto Retopology"
    # Without REGISTER: the redo panel would start a minute's work for every slider touched.
    bl_options = {"UNDO"}

    method: EnumProperty(**METHOD_TEXTS, items=METHOD_ITEMS, options={"SKIP_SAVE"})
    faces: IntProperty(**FACES_TEXTS, default=5000, min=50, max=500_000, options={"SKIP_SAVE"})
    use_symmetry: BoolProperty(**SYMMETRY_TEXTS, default=True, options={"SKIP_SAVE"})
    tolerance: FloatProperty(**TOLERANCE_TEXTS, default=0.02, min=0.0, max=0.2, subtype="FACTOR", options={"SKIP_SAVE"})
    keep_sharp: BoolProperty(**SHARP_TEXTS, options={"SKIP_SAVE"})
    levels: IntProperty(**LEVELS_TEXTS, default=0, min=0, max=6, options={"SKIP_SAVE"})
    level_ratio: FloatProperty(**RATIO_TEXTS, default=0.5, min=0.05, max=0.95, subtype="FACTOR", options={"SKIP_SAVE"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Grey without a mesh in Object Mode, and says so."""
        if context.mode != "OBJECT" or context.object is None or context.object.type != "MESH":
            cls.poll_message_set(tip_("Select the high-poly mesh in Object Mode"))
            return False
        return super().poll(context)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """From the sidebar: with its settings."""
        settings = context.scene.image_to_3d.retopology
        for name in SIDEBAR_NAMES:
            if not self.properties.is_property_set(name):
                setattr(self, name, getattr(settings, name))
        return super().invoke(context, event)

    def create_task(self, context: bpy.types.Context) -> RetopologyTask:
        """By the operator's own arguments alone."""
        return RetopologyTask(context.object, retopology_options(self), context.evaluated_depsgraph_get())

    def report_done(self, _context: bpy.types.Context, task: RetopologyTask) -> None:
        """What was made, and what could be better."""
        for note in task.notes:
            self.report({"WARNING"}, rpt_(note))
        check = task.remeshed.check
        template = MIRRORED_RESULT if task.symmetry is not None else RESULT
        told = Sentence(
            template,
            name=task.low,
            faces=check.faces,
            quads=check.quads,
            poles=check.poles,
            mean=check.mean_distance,
            largest=check.largest_distance,
        )
        self.report({"INFO"}, rpt_(told))


class IMAGE_TO_3D_OT_add_levels(bpy.types.Operator):
    """Add levels of detail of the active mesh, with its UVs and material"""

    bl_idname = "image_to_3d.add_levels"
    bl_label = "Add Levels of Detail"
    bl_options = {"REGISTER", "UNDO"}

    levels: IntProperty(**LEVELS_TEXTS, default=2, min=0, max=6)
    level_ratio: FloatProperty(**RATIO_TEXTS, default=0.5, min=0.05, max=0.95, subtype="FACTOR")

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Grey without a mesh with faces in Object Mode, and says so."""
        target = context.object
        if context.mode != "OBJECT" or target is None or target.type != "MESH" or not target.data.polygons:
            cls.poll_message_set(tip_("Select a mesh with faces in Object Mode"))
            return False
        return True

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """From the sidebar: with its settings."""
        settings = context.scene.image_to_3d.retopology
        for name in ("levels", "level_ratio"):
            if not self.properties.is_property_set(name):
                setattr(self, name, getattr(settings, name))
        return self.execute(context)

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Add and name them."""
        if self.levels == 0:
            self.report({"WARNING"}, rpt_("Levels of Detail is 0: none was added. Set how many you want"))
            return {"CANCELLED"}
        made = add_levels(context, context.object, self.levels, self.level_ratio)
        counts = ", ".join(f"'{item.name}' {len(item.data.polygons):,}" for item in made)
        self.report({"INFO"}, rpt_(Sentence("Added {counts} faces; they are hidden in the viewport", counts=counts)))
        return {"FINISHED"}


register, unregister = bpy.utils.register_classes_factory((IMAGE_TO_3D_OT_auto_retopology, IMAGE_TO_3D_OT_add_levels))
