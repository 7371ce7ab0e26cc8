# SPDX-License-Identifier: GPL-3.0-or-later
"""Extract and bake a reconstructed object again with other settings, without running the network."""

from typing import Any

import bpy
from bpy.props import BoolProperty, FloatProperty, IntProperty, StringProperty

from ..adjustments import ADJUSTMENTS, BAKE_NAMES, SURFACE_NAMES, adjusted_settings
from ..inference.errors import Cancelled, ModelError, ReconstructionError
from ..inference.pipeline import RESOLUTION_RANGE, TEXTURE_SIZE_RANGE
from ..inference.sentence import Sentence
from ..properties import (
    BASE_CUT_TEXTS,
    FLOATER_TEXTS,
    ISO_TEXTS,
    MIRROR_ALL_TEXTS,
    PHOTO_STRENGTH_TEXTS,
    RESOLUTION_TEXTS,
    SMOOTHING_TEXTS,
    TARGET_FACES_TEXTS,
    TEXTURE_SIZE_TEXTS,
)
from ..scene.preview import end_previews
from ..scene.stored_code import has_code, load_code
from ..tasks import AdjustTask
from ..translations import rpt_, tip_
from .task_operator import TaskOperator


class IMAGE_TO_3D_OT_adjust(TaskOperator, bpy.types.Operator):
    """Make the object's surface and texture again from what the network made of the photo; the network does not run"""

    bl_idname = "image_to_3d.adjust"
    bl_label = "Apply Adjustments"
    bl_options = {"UNDO"}

    target: StringProperty(
        name="Object", description="Name of the object; the active one if empty", options={"SKIP_SAVE", "HIDDEN"}
    )
    use_sliders: BoolProperty(
        name="Use Sliders",
        description="What is not given comes from the sidebar's sliders, not from how the object was made",
        default=False,
        options={"SKIP_SAVE", "HIDDEN"},
    )
    resolution: IntProperty(
        **RESOLUTION_TEXTS, default=160, min=RESOLUTION_RANGE[0], max=RESOLUTION_RANGE[1], options={"SKIP_SAVE"}
    )
    target_faces: IntProperty(**TARGET_FACES_TEXTS, default=0, min=0, options={"SKIP_SAVE"})
    iso_shift: FloatProperty(**ISO_TEXTS, default=0.0, min=-1.0, max=1.0, options={"SKIP_SAVE"})
    base_cut: FloatProperty(**BASE_CUT_TEXTS, default=0.0, min=0.0, max=0.9, options={"SKIP_SAVE"})
    smoothing: IntProperty(**SMOOTHING_TEXTS, default=0, min=0, max=100, options={"SKIP_SAVE"})
    floater_share: FloatProperty(**FLOATER_TEXTS, default=0.01, min=0.0, max=1.0, options={"SKIP_SAVE"})
    texture_size: IntProperty(
        **TEXTURE_SIZE_TEXTS, default=2048, min=TEXTURE_SIZE_RANGE[0], max=TEXTURE_SIZE_RANGE[1], options={"SKIP_SAVE"}
    )
    photo_strength: FloatProperty(**PHOTO_STRENGTH_TEXTS, default=1.0, min=0.0, max=1.0, options={"SKIP_SAVE"})
    mirror_all: BoolProperty(**MIRROR_ALL_TEXTS, default=False, options={"SKIP_SAVE"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Grey in edit mode, and says so."""
        if context.mode != "OBJECT":
            cls.poll_message_set(tip_("Leave Edit Mode first: the mesh will be exchanged"))
            return False
        return super().poll(context)

    def create_task(self, context: bpy.types.Context) -> AdjustTask:
        """By the arguments that were given; everything else stays as it was made."""
        target = bpy.data.objects.get(self.target) if self.target else context.object
        if target is None or not has_code(target):
            raise ModelError(
                Sentence("'{name}' was not reconstructed from a photo.", name=target.name if target else self.target),
                "Select an object that was.",
            )
        code, _placement = load_code(target)
        values = ADJUSTMENTS.values(target) if self.use_sliders else {}
        settings = adjusted_settings(target, code.system, values | self._given())
        return AdjustTask(target.name, code, settings)

    def report_done(self, _context: bpy.types.Context, task: AdjustTask) -> None:
        """One line."""
        ADJUSTMENTS.forget(bpy.data.objects[task.target])
        for warning in task.result.warnings:
            self.report({"WARNING"}, rpt_(warning))
        seconds = sum(task.result.seconds.values())
        self.report(
            {"INFO"},
            rpt_(
                Sentence(
                    "Adjusted '{name}': {faces:,} faces in {seconds:.1f} s",
                    name=task.target,
                    faces=len(task.result.surface.faces),
                    seconds=seconds,
                )
            ),
        )

    def _given(self) -> dict[str, Any]:
        names = [name for name in (*SURFACE_NAMES, *BAKE_NAMES) if self.properties.is_property_set(name)]
        values = {name: getattr(self, name) for name in names}
        if "target_faces" in values:
            values["target_faces"] = values["target_faces"] or None
        return values

    def _leave(self, ending: ReconstructionError | Cancelled) -> set[str]:
        """The object shows its own mesh again; a cancelled change is forgotten, a failed one may be mended."""
        end_previews()
        if isinstance(ending, Cancelled):
            ADJUSTMENTS.forget_all()
        return super()._leave(ending)


class IMAGE_TO_3D_OT_reset_adjustments(bpy.types.Operator):
    """Set the sliders back to how the object was made"""

    bl_idname = "image_to_3d.reset_adjustments"
    bl_label = "Reset Sliders"
    bl_options = {"INTERNAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Forget what was changed and not yet applied."""
        end_previews()
        if context.object is not None:
            ADJUSTMENTS.forget(context.object)
        return {"FINISHED"}


register, unregister = bpy.utils.register_classes_factory((IMAGE_TO_3D_OT_adjust, IMAGE_TO_3D_OT_reset_adjustments))
