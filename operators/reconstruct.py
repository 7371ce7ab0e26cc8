# SPDX-License-Identifier: GPL-3.0-or-later
"""From a photo to a textured object: for the sidebar's button, for a file dropped on the viewport, and for scripts."""

from pathlib import Path

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, FloatVectorProperty, IntProperty, StringProperty

from ..engine import ENGINE
from ..inference.bake import BakeSettings
from ..inference.errors import PhotoError
from ..inference.pipeline import RESOLUTION_RANGE, Settings
from ..inference.priors.choose import ShapeChoice
from ..inference.sentence import Sentence
from ..inference.surface import SurfaceSettings
from ..inference.symmetry_search import MirrorChoice
from ..models import MODELS, models_folder
from ..options import DEFAULT_QUALITY, PHOTO_SUFFIXES, QUALITIES, TEXTURE_SIZES
from ..properties import (
    CUTOUT_ITEMS,
    CUTOUT_TEXTS,
    EDITED_CUTOUT,
    MASK_TEXTS,
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
from ..tasks import ReconstructTask
from ..translations import rpt_, tip_
from .arguments import cutout_settings, scene_settings
from .drop import drop_point
from .photo_file import photo_file
from .task_operator import TaskOperator


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


class IMAGE_TO_3D_OT_reconstruct(_ReconstructOperator, bpy.types.Operator):
    """Make a textured 3D object from a photo file"""

    bl_idname = "image_to_3d.reconstruct"
    bl_label = "Reconstruct Mesh from Photo"
    # Without REGISTER: the redo panel would run the network again for every slider touched.
    bl_options = {"UNDO"}

    _is_browsing = False

    filepath: StringProperty(
        name="Photo", description="Photo of one object", subtype="FILE_PATH", options={"SKIP_SAVE", "HIDDEN"}
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
        """A dropped file starts at once, with the sidebar's settings; without a file, the file browser opens."""
        if not self.filepath:
            self._is_browsing = True
            context.window_manager.fileselect_add(self)
            return {"RUNNING_MODAL"}
        self._take_scene_settings(context)
        if not self.properties.is_property_set("keep_clear"):
            self.keep_clear = True
            dropped = drop_point(context, event)
            if dropped is not None and not self.properties.is_property_set("location"):
                self.location = dropped
        return super().invoke(context, event)

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Block; but after the file browser, start anew with the chosen file so that the window lives on."""
        if self._is_browsing:
            bpy.ops.image_to_3d.reconstruct("INVOKE_DEFAULT", filepath=self.filepath, keep_clear=True)
            # Not FINISHED: that would be an undo step of its own in which nothing has happened.
            return {"CANCELLED"}
        return super().execute(context)

    def create_task(self, _context: bpy.types.Context) -> ReconstructTask:
        """By the operator's own arguments alone."""
        if not self.filepath:
            raise PhotoError("No photo is given.", "Pass its path as 'filepath'.")
        quality = QUALITIES[self.quality]
        settings = Settings(
            system=self.system,
            cutout=cutout_settings(self.cutout, self.mask_path),
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
        point = tuple(self.location) if self.properties.is_property_set("location") else None
        place = Place(point, self.keep_clear)
        return ReconstructTask(Path(bpy.path.abspath(self.filepath)), settings, self.size, place)

    def _take_scene_settings(self, context: bpy.types.Context) -> None:
        """What the caller did not set comes from the sidebar."""
        settings = context.scene.image_to_3d
        names = ("system", "mask_path", "resolution", "target_faces", "photo_strength", "symmetrise", "shape", "size")
        for name in names:
            if not self.properties.is_property_set(name):
                setattr(self, name, getattr(settings, name))
        # An edited cut-out is that of the sidebar's photo, not of the file at hand.
        if not self.properties.is_property_set("cutout") and settings.cutout != EDITED_CUTOUT[0]:
            self.cutout = settings.cutout
        if not self.properties.is_property_set("texture_size"):
            self.texture_size = int(settings.texture_size)


class IMAGE_TO_3D_OT_reconstruct_photo(_ReconstructOperator, bpy.types.Operator):
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
        if not settings.system:
            cls.poll_message_set(tip_("No network is chosen. Choose one above"))
            return False
        state = MODELS.state(models_folder(context), settings.system)
        if not state.is_ready:
            cls.poll_message_set(
                tip_(Sentence("{name} is not installed. Install it, or choose another network", name=state.card.name))
            )
            return False
        return super().poll(context)

    def create_task(self, context: bpy.types.Context) -> ReconstructTask:
        """By the sidebar's settings."""
        settings = context.scene.image_to_3d
        place = Place(keeps_clear=True)
        return ReconstructTask(photo_file(settings.photo), scene_settings(settings), settings.size, place)


class IMAGE_TO_3D_FH_photo(bpy.types.FileHandler):
    """One more choice among Blender's own for an image dropped on the 3D viewport."""

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
