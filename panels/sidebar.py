# SPDX-License-Identifier: GPL-3.0-or-later
"""The tab "Image to 3D" in the 3D viewport's sidebar."""

import bpy

from ..cutout_preview import PREVIEW
from ..engine import ENGINE
from ..inference.sentence import Sentence
from ..operators.cutout import preview_key
from ..scene.stored_code import has_code
from ..text import wrap
from ..translations import OWN_CONTEXT, iface_
from .models import draw_hint

BUTTON_HEIGHT = 1.6
"""Of the main button, in rows."""


class SidebarPanel:
    """Where all our panels are."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Image to 3D"
    bl_translation_context = OWN_CONTEXT


class ResultPanel(SidebarPanel):
    """Folded panels for an object that was reconstructed; without one they are not there."""

    bl_parent_id = "IMAGE_TO_3D_PT_main"
    bl_options = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only for an object that was reconstructed."""
        return has_code(context.object)


class IMAGE_TO_3D_PT_main(SidebarPanel, bpy.types.Panel):
    """From the photo to the button."""

    bl_idname = "IMAGE_TO_3D_PT_main"
    bl_label = "Image to 3D"

    def draw_header_preset(self, _context: bpy.types.Context) -> None:
        """The way to the preferences."""
        self.layout.operator("image_to_3d.open_preferences", text="", icon="PREFERENCES", emboss=False)

    def draw(self, context: bpy.types.Context) -> None:
        """Photo, cut-out, system, quality, size; then the button, or the progress of the job."""
        layout = self.layout
        settings = context.scene.image_to_3d
        row = layout.row(align=True)
        row.template_ID(settings, "photo", open="image.open")
        row.operator("image_to_3d.paste_photo", text="", icon="PASTEDOWN")
        _draw_cutout(layout, settings)
        column = layout.column()
        column.use_property_split = True
        column.use_property_decorate = False
        column.prop(settings, "system")
        draw_hint(column, context, settings.system)
        column.prop(settings, "quality")
        column.prop(settings, "size")
        status = context.window_manager.image_to_3d
        if status.is_running:
            # As high as the button: sliders below must not move away from the mouse that drags them.
            row = layout.row(align=True)
            row.scale_y = BUTTON_HEIGHT
            row.progress(factor=status.fraction, text=f"{iface_(status.stage)}  {status.fraction:.0%}")
            row.operator("image_to_3d.cancel", text="", icon="X")
        else:
            button = layout.row()
            button.scale_y = BUTTON_HEIGHT
            button.operator("image_to_3d.reconstruct_photo", icon="MESH_MONKEY")


class IMAGE_TO_3D_PT_detail(SidebarPanel, bpy.types.Panel):
    """The numbers behind the quality."""

    bl_idname = "IMAGE_TO_3D_PT_detail"
    bl_parent_id = "IMAGE_TO_3D_PT_main"
    bl_label = "Detail"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        """Resolution, texture size, target faces, photo strength, shape, symmetry."""
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        settings = context.scene.image_to_3d
        for name in ("resolution", "texture_size", "target_faces", "photo_strength", "shape", "symmetrise"):
            layout.prop(settings, name)


class IMAGE_TO_3D_PT_result(SidebarPanel, bpy.types.Panel):
    """What was made last, or why nothing was."""

    bl_idname = "IMAGE_TO_3D_PT_result"
    bl_parent_id = "IMAGE_TO_3D_PT_main"
    bl_label = "Result"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """Only when there is something to tell; also while a job runs, because panels below would move otherwise."""
        return ENGINE.failure is not None or _summary_stands()

    def draw(self, context: bpy.types.Context) -> None:
        """The failure and what to do about it, or counts and times."""
        if ENGINE.failure is not None:
            _draw_failure(self.layout.column(align=True), context)
        elif _summary_stands():
            _draw_summary(self.layout, context)
            _draw_shading(self.layout, context)


def _draw_cutout(layout: bpy.types.UILayout, settings: bpy.types.PropertyGroup) -> None:
    column = layout.column()
    column.use_property_split = True
    column.use_property_decorate = False
    column.prop(settings, "cutout")
    if settings.cutout == "MASK":
        column.prop(settings, "mask_path")
    icon = PREVIEW.icon(preview_key(settings))
    if icon is not None:
        layout.template_icon(icon_value=icon, scale=9.0)
    row = layout.row(align=True)
    row.operator("image_to_3d.preview_cutout", icon="IMAGE_ALPHA")
    row.operator("image_to_3d.edit_cutout", text="", icon="BRUSH_DATA")


def _summary_stands() -> bool:
    """Whether the object last made is still there: it may have been undone or deleted."""
    return ENGINE.summary is not None and ENGINE.summary.object in bpy.data.objects


def _draw_failure(column: bpy.types.UILayout, context: bpy.types.Context) -> None:
    failure = ENGINE.failure
    message = column.column(align=True)
    message.alert = True
    for number, line in enumerate(wrap(failure.message, context)):
        message.label(text=line, icon="ERROR" if number == 0 else "BLANK1")
    for line in wrap(failure.hint, context):
        column.label(text=line, icon="BLANK1")
    column.operator("image_to_3d.copy_diagnostics", icon="COPYDOWN")


def _draw_summary(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    summary = ENGINE.summary
    column = layout.column(align=True)
    column.label(text=summary.object, icon="OUTLINER_OB_MESH", translate=False)
    counts = Sentence("{faces:,} faces, {islands:,} UV islands", faces=summary.faces, islands=summary.islands)
    column.label(text=iface_(counts), translate=False)
    for sentence in (*([summary.shape] if summary.shape else []), *summary.warnings):
        for number, line in enumerate(wrap(sentence, context)):
            column.label(text=line, icon="INFO" if number == 0 else "BLANK1")
    times = layout.column(align=True)
    for stage, seconds in [*summary.seconds.items(), ("Total", sum(summary.seconds.values()))]:
        row = times.row()
        row.label(text=stage, text_ctxt=OWN_CONTEXT)
        value = row.row()
        value.alignment = "RIGHT"
        value.label(text=f"{seconds:.2f} s")
    layout.operator("image_to_3d.view_camera", icon="VIEW_CAMERA")


def _draw_shading(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Blender's own shading buttons: in Solid mode the texture that was just made is not seen."""
    space = context.space_data
    if space is not None and space.type == "VIEW_3D":
        layout.row(align=True).prop(space.shading, "type", text="", expand=True)


register, unregister = bpy.utils.register_classes_factory(
    (IMAGE_TO_3D_PT_main, IMAGE_TO_3D_PT_detail, IMAGE_TO_3D_PT_result)
)
