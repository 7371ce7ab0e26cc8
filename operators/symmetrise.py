# SPDX-License-Identifier: GPL-3.0-or-later
"""Mirror the side of a reconstructed object that its photo sees better onto the other one, or take that back."""

import math

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, StringProperty

from ..adjustments import ADJUSTMENTS
from ..calling import begin_or_report
from ..inference.errors import ModelError
from ..inference.sentence import Sentence
from ..properties import MIRROR_ALL_TEXTS
from ..scene.preview import end_previews
from ..scene.stored_code import has_code
from ..symmetry_tasks import Across, AsymmetryTask, SymmetryOptions, SymmetryTask
from ..tasks import AdjustTask
from ..translations import rpt_, tip_
from .task_operator import TaskOperator

PLANE_ITEMS = (
    (Across.AUTOMATIC.name, "Automatic", "The upright plane that agrees best with what the photo shows"),
    (Across.X.name, "X Axis", "Across the object's X axis, through its origin, however well it fits"),
    (Across.Y.name, "Y Axis", "Across the object's Y axis, through its origin, however well it fits"),
)
SIDE_ITEMS = (
    ("SEEN", "Seen Better", "The side that the photo shows more of is mirrored onto the other one"),
    ("OTHER", "The Other One", "The side that the photo shows less of is mirrored"),
)


class _SymmetryOperator(TaskOperator):
    """What both operators below have in common."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Grey in edit mode, and says so."""
        if context.mode != "OBJECT":
            cls.poll_message_set(tip_("Leave Edit Mode first: the mesh will be exchanged"))
            return False
        return TaskOperator.poll.__func__(cls, context)

    def find_target(self, context: bpy.types.Context) -> bpy.types.Object:
        """The object that is meant; raises ``ModelError`` if it was not reconstructed."""
        target = bpy.data.objects.get(self.target) if self.target else context.object
        if target is None or not has_code(target):
            raise ModelError(
                Sentence("'{name}' was not reconstructed from a photo.", name=target.name if target else self.target),
                "Select an object that was.",
            )
        return target

    def tell(self, task: AdjustTask, done: str) -> None:
        """One line, and what could be better."""
        end_previews()
        ADJUSTMENTS.forget(bpy.data.objects[task.target])
        for warning in task.result.warnings:
            self.report({"WARNING"}, rpt_(warning))
        self.report({"INFO"}, rpt_(done))


class _PlaneProperties:
    """What can be said about the mirror."""

    plane: EnumProperty(
        name="Plane",
        description="Where the mirror stands",
        items=PLANE_ITEMS,
        default="AUTOMATIC",
        options={"SKIP_SAVE"},
    )
    angle: FloatProperty(
        name="Turn",
        description="Turn the plane about Z, counter-clockwise seen from above",
        default=0.0,
        min=-math.pi,
        max=math.pi,
        subtype="ANGLE",
        options={"SKIP_SAVE"},
    )
    offset: FloatProperty(
        name="Move",
        description="Move the plane along its normal; an automatic one towards the kept side",
        default=0.0,
        subtype="DISTANCE",
        options={"SKIP_SAVE"},
    )
    side: EnumProperty(name="Kept Side", description="Which side is mirrored", items=SIDE_ITEMS, options={"SKIP_SAVE"})
    mirror_all: BoolProperty(**MIRROR_ALL_TEXTS, default=False, options={"SKIP_SAVE"})


class IMAGE_TO_3D_OT_symmetrise(_PlaneProperties, _SymmetryOperator, bpy.types.Operator):
    """Mirror the side that the photo sees better onto the other one, shape and colours; the network does not run"""

    bl_idname = "image_to_3d.symmetrise"
    bl_label = "Symmetrise"
    bl_options = {"UNDO"}

    target: StringProperty(
        name="Object", description="Name of the object; the active one if empty", options={"SKIP_SAVE", "HIDDEN"}
    )

    def create_task(self, context: bpy.types.Context) -> SymmetryTask:
        """By the operator's own arguments alone."""
        options = SymmetryOptions(Across[self.plane], self.angle, self.offset, self.side == "OTHER", self.mirror_all)
        return SymmetryTask(self.find_target(context), options)

    def report_done(self, _context: bpy.types.Context, task: SymmetryTask) -> None:
        """How well the plane fits."""
        self.tell(
            task,
            Sentence(
                "'{name}' is symmetric now; before, both halves matched within {difference:.1%}",
                name=task.target,
                difference=task.difference,
            ),
        )


class IMAGE_TO_3D_OT_symmetrise_by_hand(_PlaneProperties, bpy.types.Operator):
    """Choose where the mirror stands and which side is kept, then symmetrise"""

    bl_idname = "image_to_3d.symmetrise_by_hand"
    bl_label = "Symmetrise by Hand"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """As the operator that does it."""
        return IMAGE_TO_3D_OT_symmetrise.poll.__func__(cls, context)

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Ask."""
        return context.window_manager.invoke_props_dialog(self, title="Symmetrise", confirm_text="Symmetrise")

    def execute(self, _context: bpy.types.Context) -> set[str]:
        """Hand what was chosen over, so that the window lives on while it is done."""
        names = ("plane", "angle", "offset", "side", "mirror_all")
        return begin_or_report(self, "symmetrise", **{name: getattr(self, name) for name in names})


class IMAGE_TO_3D_OT_remove_symmetry(_SymmetryOperator, bpy.types.Operator):
    """Bring the network's own reading of the other side back"""

    bl_idname = "image_to_3d.remove_symmetry"
    bl_label = "Remove Symmetry"
    bl_options = {"UNDO"}

    target: StringProperty(
        name="Object", description="Name of the object; the active one if empty", options={"SKIP_SAVE", "HIDDEN"}
    )

    def create_task(self, context: bpy.types.Context) -> AsymmetryTask:
        """For the object that is meant."""
        return AsymmetryTask(self.find_target(context))

    def report_done(self, _context: bpy.types.Context, task: AsymmetryTask) -> None:
        """One line."""
        self.tell(task, Sentence("'{name}' is as the network read it", name=task.target))


register, unregister = bpy.utils.register_classes_factory(
    (IMAGE_TO_3D_OT_symmetrise, IMAGE_TO_3D_OT_symmetrise_by_hand, IMAGE_TO_3D_OT_remove_symmetry)
)
