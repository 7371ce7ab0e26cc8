# SPDX-License-Identifier: GPL-3.0-or-later
"""Correct the cut-out by hand: see it over the photo in the Image Editor, paint, box, invert, feather."""

from functools import partial

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, FloatVectorProperty

from ..calling import begin_or_report
from ..cutout_area import borrow_area, return_area
from ..cutout_overlay import BOX, OVERLAY
from ..inference.cutout import CutoutMethod, CutoutSettings
from ..inference.errors import CutoutError
from ..inference.sentence import Sentence
from ..scene.cutout_image import feather, find_cutout_image, invert, is_cutout_image
from ..status_text import clear_status, show_status
from ..tasks import CutOutTask
from ..translations import error_text, iface_, rpt_, tip_
from .arguments import scene_cutout_settings
from .photo_file import photo_file
from .task_operator import TaskOperator

BRUSH_BLENDS = {"ADD": "ADD_ALPHA", "REMOVE": "ERASE_ALPHA"}
TAB, TAB_SECONDS = "Image to 3D", 0.1
WHOLE_PHOTO = (0.0, 0.0, 1.0, 1.0)


class IMAGE_TO_3D_OT_edit_cutout(TaskOperator, bpy.types.Operator):
    """Cut the object out and open the result in an Image Editor, to be corrected with a brush"""

    bl_idname = "image_to_3d.edit_cutout"
    bl_label = "Edit Cut-Out"
    bl_options = {"UNDO"}

    box: FloatVectorProperty(
        name="Box",
        description="Left, top, right and bottom of the object's surroundings, as shares of the photo's sides",
        size=4,
        default=WHOLE_PHOTO,
        min=0.0,
        max=1.0,
        options={"SKIP_SAVE"},
    )
    begin_anew: BoolProperty(
        name="Begin Anew",
        description="Cut out once more, and give up what was painted",
        default=False,
        options={"SKIP_SAVE"},
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Grey without a photo, and says so."""
        if context.scene.image_to_3d.photo is None:
            cls.poll_message_set(tip_("No photo is chosen. Open one above"))
            return False
        return super().poll(context)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Start; what was painted before is shown again."""
        return self._show_painted(context) or super().invoke(context, event)

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Block; what was painted before is shown again."""
        return self._show_painted(context) or super().execute(context)

    def create_task(self, context: bpy.types.Context) -> CutOutTask:
        """By the sidebar's settings, as the preview; a box asks the network."""
        settings = context.scene.image_to_3d
        box = tuple(self.box) if tuple(self.box) != WHOLE_PHOTO else None
        if box is not None:
            chosen = CutoutSettings(CutoutMethod.NETWORK, box=box)
        elif settings.cutout == "EDITED":
            chosen = CutoutSettings(CutoutMethod.AUTOMATIC)
        else:
            chosen = scene_cutout_settings(settings)
        return CutOutTask(settings.photo, photo_file(settings.photo), chosen)

    def report_done(self, context: bpy.types.Context, task: CutOutTask) -> None:
        """Show it, unless the artist has gone on to another photo."""
        settings = context.scene.image_to_3d
        if find_cutout_image(settings.photo) != task.image:
            kept = Sentence(
                "The cut-out of '{name}' is kept. To use it, choose that photo and set Cut-Out to Edited",
                name=task.photo_name,
            )
            self.report({"INFO"}, rpt_(kept))
            return
        settings.cutout = "EDITED"
        show_in_image_editor(context, task.image)
        self._tell()

    def _show_painted(self, context: bpy.types.Context) -> set[str] | None:
        """Show the edited cut-out that the sidebar uses, if there is one and nothing else was asked for."""
        settings = context.scene.image_to_3d
        image = find_cutout_image(settings.photo)
        if settings.cutout != "EDITED" or image is None or self.begin_anew or tuple(self.box) != WHOLE_PHOTO:
            return None
        try:
            show_in_image_editor(context, image)
        except CutoutError as error:
            self.report({"ERROR"}, error_text(error))
            return {"CANCELLED"}
        self._tell()
        return {"FINISHED"}

    def _tell(self) -> None:
        told = "Paint with the brush; what is covered is cut away. Reconstruct uses the cut-out as it is"
        self.report({"INFO"}, rpt_(told))


class _CutoutImageOperator:
    """Base of operators on the cut-out that the Image Editor shows."""

    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Grey without an edited cut-out, and says so."""
        if shown_cutout(context) is None:
            cls.poll_message_set(tip_("There is no edited cut-out. Press Edit Cut-Out in the 3D viewport's sidebar"))
            return False
        return True


class IMAGE_TO_3D_OT_cutout_brush(_CutoutImageOperator, bpy.types.Operator):
    """Let the brush give back or take away"""

    bl_idname = "image_to_3d.cutout_brush"
    bl_label = "Cut-Out Brush"

    mode: EnumProperty(
        name="Brush",
        description="What the brush does",
        items=(("ADD", "Add", "Paint the object back"), ("REMOVE", "Remove", "Paint the background away")),
    )

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Set the present brush's blend mode."""
        brush = context.tool_settings.image_paint.brush
        if brush is None:
            self.report({"ERROR"}, rpt_("No brush is chosen. Choose one in the Image Editor's Paint mode"))
            return {"CANCELLED"}
        brush.blend = BRUSH_BLENDS[self.mode]
        return {"FINISHED"}


class IMAGE_TO_3D_OT_cutout_invert(_CutoutImageOperator, bpy.types.Operator):
    """Keep what was cut away and cut away what was kept"""

    bl_idname = "image_to_3d.cutout_invert"
    bl_label = "Invert"

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Invert the mask."""
        invert(shown_cutout(context))
        return {"FINISHED"}


class IMAGE_TO_3D_OT_cutout_feather(_CutoutImageOperator, bpy.types.Operator):
    """Soften the cut-out's edge"""

    bl_idname = "image_to_3d.cutout_feather"
    bl_label = "Feather"

    radius: FloatProperty(name="Radius", description="Of the blur, in pixels", default=2.0, min=0.0, soft_max=50.0)

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Blur the mask."""
        feather(shown_cutout(context), self.radius)
        return {"FINISHED"}


class IMAGE_TO_3D_OT_cutout_done(bpy.types.Operator):
    """Close the editor, or give it back what it showed before; the cut-out stays with its photo"""

    bl_idname = "image_to_3d.cutout_done"
    bl_label = "Done"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only in an Image Editor that shows a cut-out."""
        space = context.space_data
        return space is not None and space.type == "IMAGE_EDITOR" and is_cutout_image(space.image)

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Give it back."""
        return_area(context, context.area)
        return {"FINISHED"}


class IMAGE_TO_3D_OT_cutout_box(_CutoutImageOperator, bpy.types.Operator):
    """Drag a box round one object among several: the network looks at nothing else"""

    bl_idname = "image_to_3d.cutout_box"
    bl_label = "Box round Object"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only in an Image Editor that shows the cut-out."""
        return super().poll(context) and context.area is not None and context.area.type == "IMAGE_EDITOR"

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Wait for the drag."""
        self._corners: list[tuple[float, float]] = []
        context.window.cursor_modal_set("CROSSHAIR")
        show_status(context, iface_("Drag a box round the object     Esc: Cancel"))
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Press, drag, release."""
        if event.type in {"ESC", "RIGHTMOUSE"} and event.value == "PRESS":
            self._end(context)
            return {"CANCELLED"}
        region = next(item for item in context.area.regions if item.type == "WINDOW")
        place = region.view2d.region_to_view(event.mouse_x - region.x, event.mouse_y - region.y)
        if event.type == "LEFTMOUSE" and event.value == "PRESS":
            self._corners = [place, place]
        elif event.type == "MOUSEMOVE" and self._corners:
            self._corners[1] = place
        elif event.type == "LEFTMOUSE" and event.value == "RELEASE" and self._corners:
            box = box_of(*self._corners)
            self._end(context)
            return begin_or_report(self, "edit_cutout", box=box)
        else:
            return {"PASS_THROUGH"}
        BOX.corners = tuple(self._corners)
        context.area.tag_redraw()
        return {"RUNNING_MODAL"}

    def cancel(self, context: bpy.types.Context) -> None:
        """Blender ends it: give the cursor back."""
        self._end(context)

    def _end(self, context: bpy.types.Context) -> None:
        BOX.corners = None
        context.window.cursor_modal_restore()
        clear_status()
        context.area.tag_redraw()


def box_of(first: tuple[float, float], second: tuple[float, float]) -> tuple[float, float, float, float]:
    """Two corners in the Image Editor's coordinates (0..1, y up) as left, top, right, bottom with y down."""
    x = sorted(min(max(corner[0], 0.0), 1.0) for corner in (first, second))
    y = sorted(1 - min(max(corner[1], 0.0), 1.0) for corner in (first, second))
    return (x[0], y[0], x[1], y[1])


def shown_cutout(context: bpy.types.Context) -> bpy.types.Image | None:
    """The cut-out in this Image Editor; elsewhere that of the sidebar's photo."""
    space = context.space_data
    if space is not None and space.type == "IMAGE_EDITOR" and is_cutout_image(space.image):
        return space.image
    return find_cutout_image(context.scene.image_to_3d.photo)


def show_in_image_editor(context: bpy.types.Context, image: bpy.types.Image) -> None:
    """Show it in an Image Editor of this window, ready to paint; the largest 3D viewport makes room for one."""
    if bpy.app.background or context.window is None:
        return
    area = borrow_area(context)
    if area is None:
        raise CutoutError("There is no room for an Image Editor.", "Open one by hand and choose the cut-out in it.")
    space = area.spaces.active
    space.image = image
    space.ui_mode = "PAINT"
    space.show_region_ui = True
    space.display_channels = "COLOR"
    # The active object's UV map has nothing to do with the photo.
    space.uv_editor.show_uv = False
    OVERLAY.start()
    brush = context.tool_settings.image_paint.brush
    if brush is not None:
        brush.blend = BRUSH_BLENDS["REMOVE"]
    area.tag_redraw()
    bpy.app.timers.register(partial(_open_tab, tries=20), first_interval=TAB_SECONDS)


def _open_tab(tries: int) -> None:
    """Bring our tab to the front of the sidebar: it exists only after Blender has drawn it, so try until then."""
    regions = [
        region
        for window in bpy.context.window_manager.windows
        for area in window.screen.areas
        if area.type == "IMAGE_EDITOR" and is_cutout_image(area.spaces.active.image)
        for region in area.regions
        if region.type == "UI"
    ]
    try:
        for region in regions:
            region.active_panel_category = TAB
    except TypeError:
        if tries:
            bpy.app.timers.register(partial(_open_tab, tries=tries - 1), first_interval=TAB_SECONDS)


register, unregister = bpy.utils.register_classes_factory(
    (
        IMAGE_TO_3D_OT_edit_cutout,
        IMAGE_TO_3D_OT_cutout_brush,
        IMAGE_TO_3D_OT_cutout_invert,
        IMAGE_TO_3D_OT_cutout_feather,
        IMAGE_TO_3D_OT_cutout_box,
        IMAGE_TO_3D_OT_cutout_done,
    )
)
