# SPDX-License-Identifier: GPL-3.0-or-later
"""The shelf of photos: choose several, reconstruct them one after another, go to a result, take a photo off."""

from pathlib import Path

import bpy
from bpy.props import BoolProperty, CollectionProperty, StringProperty

from ..engine import ENGINE
from ..inference.errors import Cancelled, PhotoError, ReconstructionError
from ..scene.selection import make_active
from ..scene.shelf import find_shelved, shelve, shelved_results, unshelve
from ..shelf import QUEUE, Order, PhotoState
from ..translations import error_text, rpt_, tip_
from .orders import load_photos, order_by_sidebar, task_for
from .reconstruct import ShelfOperator, missing_system
from .task_operator import runs_in_window

IDENTIFIER_TEXTS = {"name": "Photo", "description": "The photo's identifier on the shelf"}
CLICKS = {
    PhotoState.NEW: "Click to choose the photo, again to reconstruct it",
    PhotoState.WAITING: "Waiting for its turn. Click to choose the photo",
    PhotoState.WORKING: "At work. Click to choose the photo",
    PhotoState.DONE: "Click to select the result, again to reconstruct the photo once more",
    PhotoState.FAILED: "Click to choose the photo, again to try once more",
}
"""What a click on a thumbnail does, by the photo's state."""


class IMAGE_TO_3D_OT_add_photos(bpy.types.Operator):
    """Put photo files on the shelf, to reconstruct one or all of them"""

    bl_idname = "image_to_3d.add_photos"
    bl_label = "Add Photos"
    bl_options = {"UNDO"}

    directory: StringProperty(
        name="Folder", description="Where the files are", subtype="DIR_PATH", options={"SKIP_SAVE", "HIDDEN"}
    )
    files: CollectionProperty(
        name="Files",
        description="Names of photo files in the folder",
        type=bpy.types.OperatorFileListElement,
        options={"SKIP_SAVE", "HIDDEN"},
    )
    filter_image: BoolProperty(
        name="Images", description="Show picture files", default=True, options={"SKIP_SAVE", "HIDDEN"}
    )
    filter_folder: BoolProperty(
        name="Folders", description="Show folders", default=True, options={"SKIP_SAVE", "HIDDEN"}
    )

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Open the file browser."""
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Load them; the first one becomes the sidebar's photo."""
        folder = Path(bpy.path.abspath(self.directory))
        images, failures = load_photos(folder / file.name for file in self.files if file.name)
        for failure in failures:
            self.report({"ERROR"}, error_text(failure))
        if not images:
            return {"CANCELLED"}
        for image in images:
            shelve(context.scene, image)
        context.scene.image_to_3d.photo = images[0]
        return {"FINISHED"}


class IMAGE_TO_3D_OT_reconstruct_shelf(bpy.types.Operator):
    """Reconstruct all photos on the shelf that have no result yet, one after another"""

    bl_idname = "image_to_3d.reconstruct_shelf"
    bl_label = "Reconstruct All"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Grey without photos to reconstruct or without the model, and says so."""
        if not open_photos(context.scene):
            cls.poll_message_set(tip_("All photos are reconstructed or waiting. Click one twice to do it again"))
            return False
        missing = missing_system(context)
        if missing:
            cls.poll_message_set(tip_(missing))
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Queue them; without a window, block until all are done, and tell which failed."""
        scene = context.scene
        photos = open_photos(scene)
        draft_first = scene.image_to_3d.draft_first
        QUEUE.put(order_by_sidebar(scene, shelved.image, draft_first=draft_first) for shelved in photos)
        if runs_in_window(context):
            QUEUE.start()
            return {"FINISHED"}
        while (order := QUEUE.take()) is not None:
            try:
                ENGINE.run(task_for(order), context)
            except ReconstructionError as error:
                QUEUE.fail(error)
                self.report({"ERROR"}, f"{order.find_photo().name}: {error_text(error)}")
            except Cancelled:
                QUEUE.cancelled()
                return {"CANCELLED"}
            else:
                QUEUE.succeed()
        return {"FINISHED"}


class IMAGE_TO_3D_OT_reconstruct_next(ShelfOperator, bpy.types.Operator):
    """Reconstruct the photo whose turn it is; the queue calls this"""

    bl_idname = "image_to_3d.reconstruct_next"
    bl_label = "Reconstruct from Image"
    bl_options = {"UNDO", "INTERNAL"}

    def order(self, _context: bpy.types.Context) -> Order:
        """The one that the queue has at work, or its next one."""
        order = QUEUE.working or QUEUE.take()
        if order is None:
            raise PhotoError("No photo waits.", "Choose photos and press Reconstruct All.")
        return order

    def _leave(self, ending: ReconstructionError | Cancelled) -> set[str]:
        """A failure is told on the shelf, and here in a line that interrupts nothing: the next photo goes on."""
        if isinstance(ending, ReconstructionError) and runs_in_window(bpy.context):
            QUEUE.fail(ending)
            self.report({"WARNING"}, error_text(ending))
            return {"CANCELLED"}
        return super()._leave(ending)


class IMAGE_TO_3D_OT_choose_photo(bpy.types.Operator):
    """Choose the photo and select its result"""

    bl_idname = "image_to_3d.choose_photo"
    bl_label = "Choose Photo"
    bl_options = {"UNDO", "INTERNAL"}

    photo: StringProperty(**IDENTIFIER_TEXTS, options={"SKIP_SAVE"})

    @classmethod
    def description(cls, context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        """The photo's name and state, why it failed, and what a click does."""
        shelved = find_shelved(context.scene, properties.photo)
        if shelved is None:
            return ""
        state = QUEUE.state(properties.photo, shelved_results(context.scene))
        lines = [shelved.image.name, tip_(CLICKS[state])]
        if state is PhotoState.FAILED:
            lines.insert(1, error_text(QUEUE.failures[properties.photo]))
        return "\n".join(lines)

    def execute(self, context: bpy.types.Context) -> set[str]:
        """First the photo and its result; where both are chosen already, once more."""
        scene = context.scene
        shelved = find_shelved(scene, self.photo)
        if shelved is None:
            return {"CANCELLED"}
        results = shelved_results(scene)
        result = results.get(self.photo)
        was_chosen = scene.image_to_3d.photo == shelved.image and (result is None or result == context.object)
        if not was_chosen:
            scene.image_to_3d.photo = shelved.image
            if result is not None:
                make_active(context, result)
            return {"FINISHED"}
        if QUEUE.state(self.photo, results) in (PhotoState.WAITING, PhotoState.WORKING):
            return {"CANCELLED"}
        missing = missing_system(context)
        if missing:
            self.report({"ERROR"}, rpt_(missing))
            return {"CANCELLED"}
        QUEUE.put([order_by_sidebar(scene, shelved.image)])
        QUEUE.start()
        return {"CANCELLED"}


class IMAGE_TO_3D_OT_cancel_photo(bpy.types.Operator):
    """Take this photo out of the queue; the others go on"""

    bl_idname = "image_to_3d.cancel_photo"
    bl_label = "Cancel Photo"
    bl_options = {"INTERNAL"}

    photo: StringProperty(**IDENTIFIER_TEXTS, options={"SKIP_SAVE"})

    def execute(self, _context: bpy.types.Context) -> set[str]:
        """Forget its order, or stop it."""
        QUEUE.cancel_photo(self.photo)
        return {"FINISHED"}


class IMAGE_TO_3D_OT_remove_from_shelf(bpy.types.Operator):
    """Take this photo off the shelf; its result stays"""

    bl_idname = "image_to_3d.remove_from_shelf"
    bl_label = "Remove from Shelf"
    bl_options = {"UNDO", "INTERNAL"}

    photo: StringProperty(**IDENTIFIER_TEXTS, options={"SKIP_SAVE"})

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Also out of the queue, and out of the sidebar's selector."""
        scene = context.scene
        QUEUE.cancel_photo(self.photo)
        shelved = find_shelved(scene, self.photo)
        if shelved is not None and scene.image_to_3d.photo == shelved.image:
            scene.image_to_3d.photo = None
        unshelve(scene, self.photo)
        return {"FINISHED"}


def open_photos(scene: bpy.types.Scene) -> list[bpy.types.PropertyGroup]:
    """The photos on the shelf that neither have a result nor wait for one."""
    results = shelved_results(scene)
    return [
        shelved
        for shelved in scene.image_to_3d.shelf
        if shelved.image and QUEUE.state(shelved.identifier, results) in (PhotoState.NEW, PhotoState.FAILED)
    ]


register, unregister = bpy.utils.register_classes_factory(
    (
        IMAGE_TO_3D_OT_add_photos,
        IMAGE_TO_3D_OT_reconstruct_shelf,
        IMAGE_TO_3D_OT_reconstruct_next,
        IMAGE_TO_3D_OT_choose_photo,
        IMAGE_TO_3D_OT_cancel_photo,
        IMAGE_TO_3D_OT_remove_from_shelf,
    )
)
