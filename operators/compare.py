# SPDX-License-Identifier: GPL-3.0-or-later
"""Make another result of the same photo, compare the results, keep one."""

from pathlib import Path

import bpy
from bpy.props import EnumProperty

from ..engine import ENGINE
from ..inference.cutout import CutoutMethod, CutoutSettings
from ..inference.errors import PhotoError, ReconstructionError, SettingsError
from ..inference.framing import whole_mask
from ..inference.pipeline import Settings
from ..inference.sentence import Sentence
from ..inference.symmetry_search import MirrorChoice
from ..properties import system_items
from ..scene.camera import matched_camera
from ..scene.compare import keep, line_up
from ..scene.cutout_image import write_grey
from ..scene.family import sculpture_of
from ..scene.stored_code import load_code, load_mirror, load_settings, load_shape
from ..tasks import ReconstructAgainTask
from ..translations import error_text, rpt_, tip_
from .photo_file import photo_file
from .task_operator import TaskOperator


class _ResultOperator:
    """Base of operators on a reconstructed object."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Grey without one, and says so."""
        if sculpture_of(context.object) is None or context.mode != "OBJECT":
            cls.poll_message_set(tip_("Select an object that was reconstructed from a photo, in Object Mode"))
            return False
        return True


class IMAGE_TO_3D_OT_reconstruct_again(_ResultOperator, TaskOperator, bpy.types.Operator):
    """Reconstruct the object's photo once more, with its cut-out and settings; the object stays"""

    bl_idname = "image_to_3d.reconstruct_again"
    bl_label = "Reconstruct Again"
    bl_options = {"UNDO"}

    system: EnumProperty(
        name="Network",
        description="The network that reconstructs; by default the one that made the object",
        items=(("SAME", "The Same", "The network that made the object"), *system_items()),
        default="SAME",
        options={"SKIP_SAVE"},
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Both bases' conditions."""
        return _ResultOperator.poll.__func__(cls, context) and TaskOperator.poll.__func__(cls, context)

    def create_task(self, context: bpy.types.Context) -> ReconstructAgainTask:
        """From the photo behind the object's camera."""
        target = sculpture_of(context.object)
        code, _placement = load_code(target)
        surface, bake = load_settings(target)
        mirror = load_mirror(target)
        system = code.system if self.system == "SAME" else self.system
        mask = write_grey(whole_mask(code.photo, code.window), Path(bpy.app.tempdir) / "image_to_3d_masks", target.name)
        settings = Settings(
            system=system,
            cutout=CutoutSettings(CutoutMethod.MASK, mask),
            surface=surface,
            bake=bake,
            mirror=mirror,
            # Another network sees the object in another frame.
            symmetrise=MirrorChoice() if mirror is not None and system != code.system else None,
            shape=load_shape(target),
        )
        return ReconstructAgainTask(_photo_of(target), settings, max(target.dimensions), target.name, code.provenance)

    def report_done(self, _context: bpy.types.Context, task: ReconstructAgainTask) -> None:
        """Stand the results side by side, where the others are still there."""
        ENGINE.summary = task.summary
        name = task.summary.object
        try:
            results = line_up(bpy.data.objects[name])
        except SettingsError:
            self.report(
                {"WARNING"},
                rpt_(Sentence("Reconstructed '{name}'; there is no other result of its photo any more", name=name)),
            )
            return
        self.report(
            {"INFO"},
            rpt_(Sentence("Reconstructed '{name}': now {count} results of this photo", name=name, count=len(results))),
        )

    def new_result(self, task: ReconstructAgainTask) -> str:
        """The object, where it stands in line."""
        return task.summary.object


class IMAGE_TO_3D_OT_line_up(_ResultOperator, bpy.types.Operator):
    """Stand all results of this object's photo side by side"""

    bl_idname = "image_to_3d.line_up"
    bl_label = "Line Up Results"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Do it, or tell why not."""
        try:
            line_up(sculpture_of(context.object))
        except ReconstructionError as error:
            self.report({"ERROR"}, error_text(error))
            return {"CANCELLED"}
        return {"FINISHED"}


class IMAGE_TO_3D_OT_keep(_ResultOperator, bpy.types.Operator):
    """Keep this result and delete the other results of its photo"""

    bl_idname = "image_to_3d.keep"
    bl_label = "Keep This One"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Do it."""
        target = sculpture_of(context.object)
        count = keep(target)
        self.report(
            {"INFO"},
            rpt_(Sentence("Kept '{name}', deleted {count} other results", name=target.name, count=count)),
        )
        return {"FINISHED"}


def _photo_of(target: bpy.types.Object) -> Path:
    camera = matched_camera(target)
    backgrounds = camera.data.background_images if camera is not None else ()
    image = backgrounds[0].image if backgrounds else None
    if image is None:
        raise PhotoError(
            Sentence("The photo of '{name}' is not in this file any more.", name=target.name),
            "Choose it in the sidebar and reconstruct it.",
        )
    return photo_file(image)


register, unregister = bpy.utils.register_classes_factory(
    (IMAGE_TO_3D_OT_reconstruct_again, IMAGE_TO_3D_OT_line_up, IMAGE_TO_3D_OT_keep)
)
