# SPDX-License-Identifier: GPL-3.0-or-later
"""Further photos of a reconstructed object: project one, use its camera as the artist fitted it, remove it again."""

from pathlib import Path

import bpy
from bpy.props import EnumProperty, StringProperty

from ..calling import begin_or_report
from ..inference.errors import PhotoError, SettingsError
from ..inference.sentence import Sentence
from ..inference.view_matching import Side, Start
from ..options import PHOTO_SUFFIXES
from ..properties import CUTOUT_ITEMS, CUTOUT_TEXTS, MASK_TEXTS
from ..scene.family import sculpture_of
from ..scene.photos import view_rotation
from ..scene.stored_code import elevation_of
from ..tasks import PlacePhotoTask, ProjectPhotoTask, RemovePhotoTask
from ..translations import rpt_, tip_
from .arguments import cutout_settings
from .task_operator import TaskOperator

VIEWPORT = ("VIEWPORT", "As in the Viewport", "About as the viewport shows the object now")
SIDE_ITEMS = (
    (Side.BACK.name, "Back", "From behind, as Blender's back view (Ctrl Numpad 1)"),
    (Side.LEFT.name, "Left", "From the object's -X, as Blender's left view (Ctrl Numpad 3)"),
    (Side.RIGHT.name, "Right", "From the object's +X, as Blender's right view (Numpad 3)"),
    (Side.TOP.name, "Top", "From above (Numpad 7)"),
    (Side.BOTTOM.name, "Bottom", "From below (Ctrl Numpad 7)"),
    (Side.FRONT.name, "Front", "About from where the first photo was taken"),
    VIEWPORT,
)
PHOTO_TEXTS = {"name": "Photo", "description": "SHA-256 of the photo's file"}


class _PhotosOperator(TaskOperator):
    """Base of the operators below."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Grey without a reconstructed object in Object Mode, and says so."""
        if sculpture_of(context.object) is None or context.mode != "OBJECT":
            cls.poll_message_set(tip_("Select an object that was reconstructed from a photo, in Object Mode"))
            return False
        return super().poll(context)

    def report_done(self, _context: bpy.types.Context, task: ProjectPhotoTask | PlacePhotoTask) -> None:
        """One line, with how well the outlines agree."""
        for warning in task.result.warnings:
            self.report({"WARNING"}, rpt_(warning))
        photo = task.photo
        done = Sentence(
            "Projected '{photo}' on '{name}': outlines agree by {agreement:.0%}",
            photo=photo.name,
            name=task.target,
            agreement=photo.agreement,
        )
        self.report({"INFO"}, rpt_(done))


class IMAGE_TO_3D_OT_project_photo(_PhotosOperator, bpy.types.Operator):
    """Project another photo of the same thing on the object; from where it was taken is found by its outline"""

    bl_idname = "image_to_3d.project_photo"
    bl_label = "Project Another Photo"
    bl_options = {"UNDO"}

    _is_browsing = False

    filepath: StringProperty(
        name="Photo", description="Another photo of the object", subtype="FILE_PATH", options={"SKIP_SAVE", "HIDDEN"}
    )
    filter_glob: StringProperty(
        name="Filter",
        description="Which files are shown",
        default=";".join(f"*{suffix}" for suffix in PHOTO_SUFFIXES),
        options={"SKIP_SAVE", "HIDDEN"},
    )
    side: EnumProperty(
        name="Side",
        description="Roughly which side of the object the photo shows",
        items=SIDE_ITEMS,
        options={"SKIP_SAVE"},
    )
    cutout: EnumProperty(**CUTOUT_TEXTS, items=CUTOUT_ITEMS, options={"SKIP_SAVE"})
    mask_path: StringProperty(**MASK_TEXTS, subtype="FILE_PATH", options={"SKIP_SAVE"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Without a file, the file browser opens; side and cut-out are chosen beside it."""
        if not self.filepath:
            self._is_browsing = True
            context.window_manager.fileselect_add(self)
            return {"RUNNING_MODAL"}
        return super().invoke(context, event)

    def draw(self, _context: bpy.types.Context) -> None:
        """Beside the file browser."""
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.prop(self, "side")
        layout.prop(self, "cutout")
        if self.cutout == "MASK":
            layout.prop(self, "mask_path")

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Block; but after the file browser, start anew with the chosen file so that the window lives on."""
        if self._is_browsing:
            arguments = {name: getattr(self, name) for name in ("filepath", "side", "cutout", "mask_path")}
            return begin_or_report(self, "project_photo", **arguments)
        return super().execute(context)

    def create_task(self, context: bpy.types.Context) -> ProjectPhotoTask:
        """By the operator's arguments, and the viewport where it is asked for."""
        if not self.filepath:
            raise PhotoError("No photo is given.", "Pass its path as 'filepath'.")
        return ProjectPhotoTask(
            sculpture_of(context.object),
            Path(bpy.path.abspath(self.filepath)),
            self._start(context),
            cutout_settings(self.cutout, self.mask_path),
            context.evaluated_depsgraph_get(),
        )

    def _start(self, context: bpy.types.Context) -> Start:
        if self.side != VIEWPORT[0]:
            return Start.at(Side[self.side], elevation_of(sculpture_of(context.object)))
        # After the file browser the context may be a window of its own.
        areas = [context.area, *(area for window in context.window_manager.windows for area in window.screen.areas)]
        space = next((area.spaces.active for area in areas if area is not None and area.type == "VIEW_3D"), None)
        if space is None:
            raise SettingsError("There is no 3D viewport.", "Choose a side.")
        return Start(view_rotation(sculpture_of(context.object), space.region_3d.view_matrix.inverted()))


class IMAGE_TO_3D_OT_place_photo(_PhotosOperator, bpy.types.Operator):
    """Project the photo again from where its camera stands now, after it was fitted by hand"""

    bl_idname = "image_to_3d.place_photo"
    bl_label = "Use Camera as It Stands"
    bl_options = {"UNDO"}

    photo: StringProperty(**PHOTO_TEXTS, options={"SKIP_SAVE", "HIDDEN"})

    def create_task(self, context: bpy.types.Context) -> PlacePhotoTask:
        """By the operator's arguments."""
        return PlacePhotoTask(sculpture_of(context.object), self.photo, context.evaluated_depsgraph_get())


class IMAGE_TO_3D_OT_remove_photo(_PhotosOperator, bpy.types.Operator):
    """Remove the photo and its camera from the object, and bake the texture without it"""

    bl_idname = "image_to_3d.remove_photo"
    bl_label = "Remove Photo"
    bl_options = {"UNDO"}

    photo: StringProperty(**PHOTO_TEXTS, options={"SKIP_SAVE", "HIDDEN"})

    def create_task(self, context: bpy.types.Context) -> RemovePhotoTask:
        """By the operator's arguments."""
        return RemovePhotoTask(sculpture_of(context.object), self.photo, context.evaluated_depsgraph_get())

    def report_done(self, _context: bpy.types.Context, task: RemovePhotoTask) -> None:
        """One line."""
        done = Sentence("Removed '{photo}' from '{name}'", photo=task.photo.name, name=task.target)
        self.report({"INFO"}, rpt_(done))


register, unregister = bpy.utils.register_classes_factory(
    (IMAGE_TO_3D_OT_project_photo, IMAGE_TO_3D_OT_place_photo, IMAGE_TO_3D_OT_remove_photo)
)
