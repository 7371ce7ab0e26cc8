# SPDX-License-Identifier: GPL-3.0-or-later
"""From a photo to a textured object: for the sidebar's button, for a file dropped on the viewport, and for scripts."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import bpy
from bpy.props import (
    BoolProperty,
    CollectionProperty,
    EnumProperty,
    FloatProperty,
    FloatVectorProperty,
    IntProperty,
    StringProperty,
)

from ..engine import ENGINE
from ..inference.bake import BakeSettings
from ..inference.errors import Cancelled, PhotoError, ReconstructionError
from ..inference.pipeline import RESOLUTION_RANGE, Settings
from ..inference.priors.choose import ShapeChoice
from ..inference.sentence import Sentence
from ..inference.surface import SurfaceSettings
from ..inference.symmetry_search import MirrorChoice
from ..models import MODELS, models_folder
from ..options import DEFAULT_QUALITY, PHOTO_SUFFIXES, QUALITIES, TEXTURE_SIZES
from ..presets import apply_defaults
from ..properties import (
    PHOTO_STRENGTH_TEXTS,
    QUALITY_ITEMS,
    RESOLUTION_TEXTS,
    SHAPE_ITEMS,
    SHAPE_TEXTS,
    SIZE_TEXTS,
    SYMMETRISE_TEXTS,
    SYSTEM_TEXTS,
    TARGET_FACES_TEXTS,
    TEXTURE_SIZE_TEXTS,
    system_items,
)
from ..scene.places import Place
from ..scene.shelf import shelved_results
from ..shelf import QUEUE, Order, RefineTask, ShelfTask
from ..shelf_properties import CUTOUT_ITEMS, CUTOUT_TEXTS, MASK_TEXTS, OWN_CUTOUTS
from ..tasks import ReconstructTask
from ..translations import error_text, rpt_, tip_
from .arguments import cutout_settings
from .drop import drop_point
from .orders import load_photos, order_by_sidebar, order_for, task_for
from .task_operator import TaskOperator, runs_in_window


def missing_system(context: bpy.types.Context) -> str:
    """Why the sidebar's system cannot run, a sentence; empty where it can."""
    system = context.scene.image_to_3d.system
    if not system:
        return "No network is chosen. Choose one above"
    state = MODELS.state(models_folder(context), system)
    if state.is_ready:
        return ""
    return Sentence("{name} is not installed. Install it, or choose another network", name=state.card.name)


class _ReconstructOperator(TaskOperator):
    """What both operators below report."""

    def report_done(self, _context: bpy.types.Context, task: ReconstructTask) -> None:
        """One line, and a warning where something could be better."""
        summary = task.summary
        ENGINE.summary = summary
        for warning in summary.warnings:
            self.report({"WARNING"}, rpt_(warning))
        if summary.shape:
            self.report({"INFO"}, rpt_(summary.shape))
        seconds = sum(summary.seconds.values())
        self.report(
            {"INFO"},
            rpt_(
                Sentence(
                    "Reconstructed '{name}': {faces:,} faces in {seconds:.1f} s",
                    name=summary.object,
                    faces=summary.faces,
                    seconds=seconds,
                )
            ),
        )

    def new_result(self, task: ReconstructTask) -> str:
        """The object."""
        return task.summary.object


class ShelfOperator(_ReconstructOperator):
    """Base of operators that work on an order of the queue, and tell the queue how it ended."""

    _is_first = True
    _row: tuple[str, ...] = ()

    def order(self, context: bpy.types.Context) -> Order:
        """The order; raises ``PhotoError`` where there is none."""
        raise NotImplementedError

    def create_task(self, context: bpy.types.Context) -> ShelfTask | RefineTask:
        """By the order's settings and the photo's own cut-out."""
        order = self.order(context)
        self._is_first = QUEUE.ended == 0
        QUEUE.begin(order)
        return task_for(order)

    def report_done(self, context: bpy.types.Context, task: ShelfTask | RefineTask) -> None:
        """One line, and warnings."""
        results = shelved_results(task.order.find_scene())
        self._row = tuple(results[photo].name for photo in QUEUE.succeed() if photo in results)
        if isinstance(task, ShelfTask):
            super().report_done(context, task)
        else:
            refined = Sentence(
                "Refined '{name}': {faces:,} faces", name=task.target, faces=len(task.result.surface.faces)
            )
            self.report({"INFO"}, rpt_(refined))

    def new_result(self, task: ShelfTask | RefineTask) -> str:
        """The first object of a queue, so that the view turns at once, and the last one, with all that were made."""
        if not self._is_first and not self._row:
            return ""
        return task.summary.object if isinstance(task, ShelfTask) else task.target

    def row(self) -> Sequence[str]:
        """What the queue has made."""
        return self._row

    def _leave(self, ending: ReconstructionError | Cancelled) -> set[str]:
        """Tell the queue, too."""
        if isinstance(ending, ReconstructionError):
            QUEUE.fail(ending)
        else:
            QUEUE.cancelled()
        return super()._leave(ending)


class IMAGE_TO_3D_OT_reconstruct(_ReconstructOperator, bpy.types.Operator):
    """Make a textured 3D object from each photo file"""

    bl_idname = "image_to_3d.reconstruct"
    bl_label = "Reconstruct Mesh from Photo"
    # Without REGISTER: the redo panel would run the network again for every slider touched.
    bl_options = {"UNDO"}

    _is_browsing = False

    filepath: StringProperty(
        name="Photo", description="Photo of one object", subtype="FILE_PATH", options={"SKIP_SAVE", "HIDDEN"}
    )
    directory: StringProperty(
        name="Folder", description="Where the files are", subtype="DIR_PATH", options={"SKIP_SAVE", "HIDDEN"}
    )
    files: CollectionProperty(
        name="Files",
        description="Names of several photo files in the folder",
        type=bpy.types.OperatorFileListElement,
        options={"SKIP_SAVE", "HIDDEN"},
    )
    filter_image: BoolProperty(
        name="Images", description="Show picture files", default=True, options={"SKIP_SAVE", "HIDDEN"}
    )
    filter_folder: BoolProperty(
        name="Folders", description="Show folders", default=True, options={"SKIP_SAVE", "HIDDEN"}
    )
    system: EnumProperty(**SYSTEM_TEXTS, items=system_items(), options={"SKIP_SAVE"})
    cutout: EnumProperty(**CUTOUT_TEXTS, items=CUTOUT_ITEMS, options={"SKIP_SAVE"})
    mask_path: StringProperty(**MASK_TEXTS, subtype="FILE_PATH", options={"SKIP_SAVE"})
    quality: EnumProperty(
        name="Quality",
        description="How fine surface and texture are",
        items=QUALITY_ITEMS,
        default=DEFAULT_QUALITY,
        options={"SKIP_SAVE"},
    )
    resolution: IntProperty(
        name=RESOLUTION_TEXTS["name"],
        description="Cells along the longest side; 0 takes the quality's own",
        default=0,
        min=0,
        max=RESOLUTION_RANGE[1],
        options={"SKIP_SAVE"},
    )
    texture_size: IntProperty(
        name=TEXTURE_SIZE_TEXTS["name"],
        description="Pixels along each side of the maps; 0 takes the quality's own",
        default=0,
        min=0,
        max=TEXTURE_SIZES[-1],
        options={"SKIP_SAVE"},
    )
    target_faces: IntProperty(**TARGET_FACES_TEXTS, default=0, min=0, options={"SKIP_SAVE"})
    photo_strength: FloatProperty(
        **PHOTO_STRENGTH_TEXTS, default=1.0, min=0.0, max=1.0, subtype="FACTOR", options={"SKIP_SAVE"}
    )
    symmetrise: BoolProperty(**SYMMETRISE_TEXTS, default=False, options={"SKIP_SAVE"})
    shape: EnumProperty(**SHAPE_TEXTS, items=SHAPE_ITEMS, options={"SKIP_SAVE"})
    size: FloatProperty(**SIZE_TEXTS, default=1.0, min=0.001, subtype="DISTANCE", options={"SKIP_SAVE"})
    location: FloatVectorProperty(
        name="Location",
        description="Where the object stands; not given, at the 3D cursor",
        size=3,
        subtype="TRANSLATION",
        options={"SKIP_SAVE"},
    )
    keep_clear: BoolProperty(
        name="Keep Clear",
        description="Stand beside what is there already, never inside it",
        default=False,
        options={"SKIP_SAVE"},
    )

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Dropped files are put on the shelf and queued; without a file, the file browser opens.

        What the caller did not set comes from the sidebar.
        """
        self._take_scene_settings(context)
        if not self._paths():
            self._is_browsing = True
            context.window_manager.fileselect_add(self)
            return {"RUNNING_MODAL"}
        if not runs_in_window(context):
            return self.execute(context)
        dropped = drop_point(context, event)
        if dropped is not None and not self.properties.is_property_set("location"):
            self.location = dropped
        return self._queue(context)

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Block until all is done; but after the file browser, queue the chosen files so that the window lives on."""
        if self._is_browsing:
            return self._queue(context)
        paths = self._paths()
        return self._run_all(context, paths) if len(paths) > 1 else super().execute(context)

    def create_task(self, _context: bpy.types.Context) -> ReconstructTask:
        """By the operator's own arguments alone."""
        paths = self._paths()
        if not paths:
            raise PhotoError("No photo is given.", "Pass its path as 'filepath'.")
        return self._task(paths[0])

    def _task(self, path: Path) -> ReconstructTask:
        settings = replace(self._settings(), cutout=cutout_settings(self.cutout, self.mask_path))
        return ReconstructTask(path, settings, self.size, self._place())

    def _paths(self) -> list[Path]:
        """The photos' files, in the order given."""
        folder = Path(bpy.path.abspath(self.directory)) if self.directory else Path()
        named = [folder / file.name for file in self.files if file.name]
        return named or ([Path(bpy.path.abspath(self.filepath))] if self.filepath else [])

    def _settings(self) -> Settings:
        """The engine's, without the cut-out."""
        quality = QUALITIES[self.quality]
        return Settings(
            system=self.system,
            surface=SurfaceSettings(
                resolution=max(self.resolution, RESOLUTION_RANGE[0]) if self.resolution else quality.resolution,
                target_faces=self.target_faces or None,
            ),
            bake=BakeSettings(
                texture_size=self.texture_size or quality.texture_size, photo_strength=self.photo_strength
            ),
            symmetrise=MirrorChoice() if self.symmetrise else None,
            shape=ShapeChoice[self.shape],
        )

    def _place(self) -> Place:
        """Where the first object stands."""
        return Place(tuple(self.location) if self.properties.is_property_set("location") else None, self.keep_clear)

    def _run_all(self, context: bpy.types.Context, paths: list[Path]) -> set[str]:
        """One photo after another, in a row; those that fail are told at the end, the others are made."""
        made = 0
        for path in paths:
            try:
                task = self._task(path)
                task.place = replace(task.place, keeps_clear=self.keep_clear or made > 0)
                ENGINE.run(task, context)
            except ReconstructionError as error:
                self.report({"ERROR"}, f"{path.name}: {error_text(error)}")
            except Cancelled as ending:
                return self._leave(ending)
            else:
                made += 1
                self.report_done(context, task)
        return {"FINISHED"} if made else {"CANCELLED"}

    def _queue(self, context: bpy.types.Context) -> set[str]:
        """Put the photos on the shelf and let the queue begin; the first one becomes the sidebar's photo."""
        scene = context.scene
        images, failures = load_photos(self._paths())
        for failure in failures:
            self.report({"ERROR"}, error_text(failure))
        if not images:
            return {"CANCELLED"}
        if self.cutout != scene.image_to_3d.usual_cutout:
            for image in images:
                image.image_to_3d.cutout, image.image_to_3d.mask_path = self.cutout, self.mask_path
        scene.image_to_3d.photo = images[0]
        order = partial(
            order_for,
            settings=self._settings(),
            size=self.size,
            place=replace(self._place(), keeps_clear=True),
            draft_first=scene.image_to_3d.draft_first,
        )
        QUEUE.put(order(scene, image) for image in images)
        QUEUE.start()
        return {"FINISHED"}

    def _take_scene_settings(self, context: bpy.types.Context) -> None:
        """What the caller did not set comes from the sidebar. Each photo has a cut-out of its own, or the usual one."""
        apply_defaults(context.scene)
        settings = context.scene.image_to_3d
        names = ("system", "resolution", "target_faces", "photo_strength", "symmetrise", "shape", "size")
        for name in names:
            if not self.properties.is_property_set(name):
                setattr(self, name, getattr(settings, name))
        if not self.properties.is_property_set("cutout") and settings.usual_cutout not in OWN_CUTOUTS:
            self.cutout = settings.usual_cutout
        if not self.properties.is_property_set("texture_size"):
            self.texture_size = int(settings.texture_size)


class IMAGE_TO_3D_OT_reconstruct_photo(ShelfOperator, bpy.types.Operator):
    """Make a textured 3D object from the photo chosen above"""

    bl_idname = "image_to_3d.reconstruct_photo"
    bl_label = "Reconstruct from Image"
    bl_options = {"UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Grey without a photo or a model, and says so."""
        settings = context.scene.image_to_3d
        if settings.photo is None:
            cls.poll_message_set(tip_("No photo is chosen. Open one above, or drop a photo on the viewport"))
            return False
        missing = missing_system(context)
        if missing:
            cls.poll_message_set(tip_(missing))
            return False
        return super().poll(context)

    def order(self, context: bpy.types.Context) -> Order:
        """The sidebar's photo by the sidebar's settings."""
        return order_by_sidebar(context.scene, context.scene.image_to_3d.photo)


class IMAGE_TO_3D_FH_photo(bpy.types.FileHandler):
    """One more choice among Blender's own for images dropped on the 3D viewport."""

    bl_idname = "IMAGE_TO_3D_FH_photo"
    bl_label = "Reconstruct Mesh from Photo"
    bl_import_operator = "image_to_3d.reconstruct"
    bl_file_extensions = ";".join(PHOTO_SUFFIXES)

    @classmethod
    def poll_drop(cls, context: bpy.types.Context) -> bool:
        """Only in the 3D viewport."""
        return context.area is not None and context.area.type == "VIEW_3D"


register, unregister = bpy.utils.register_classes_factory(
    (IMAGE_TO_3D_OT_reconstruct, IMAGE_TO_3D_OT_reconstruct_photo, IMAGE_TO_3D_FH_photo)
)
