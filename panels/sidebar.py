# SPDX-License-Identifier: GPL-3.0-or-later
"""The tab "Image to 3D" in the 3D viewport's sidebar."""

import bpy

from ..cutout_preview import PREVIEW
from ..engine import ENGINE
from ..operators.cutout import preview_key
from ..presets import begin_soon
from ..progress import progress_text
from ..scene.family import sculpture_of
from ..translations import OWN_CONTEXT, iface_
from .networks import draw_network
from .shelf import draw_shelf

BUTTON_HEIGHT = 1.6
"""Of the main button, in rows."""


class SidebarPanel:
    """Where all our panels are."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Image to 3D"
    bl_translation_context = OWN_CONTEXT


class ResultPanel(SidebarPanel):
    """Folded panels for an object that was reconstructed, or its low-poly mesh; without one they are not there."""

    bl_parent_id = "IMAGE_TO_3D_PT_main"
    bl_options = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only for such an object."""
        return sculpture_of(context.object) is not None


def draw_fold(layout: bpy.types.UILayout, name: str, text: str) -> bpy.types.UILayout | None:
    """A heading that folds what is seldom needed, folded at first.

    Args:
        layout: a panel's own, of its full width.
        name: by which Blender remembers whether it is folded; unique.
        text: of the heading.

    Returns:
        Where to draw what it folds, one setting a row; None while it is folded.
    """
    header, body = layout.panel(f"IMAGE_TO_3D_{name}", default_closed=True)
    header.label(text=text)
    if body is not None:
        body.use_property_split = True
        body.use_property_decorate = False
    return body


def draw_big_button(layout: bpy.types.UILayout, operator: str, icon: str) -> bpy.types.OperatorProperties:
    """The button that a panel is for."""
    row = layout.row()
    row.scale_y = BUTTON_HEIGHT
    return row.operator(operator, icon=icon)


class IMAGE_TO_3D_PT_main(SidebarPanel, bpy.types.Panel):
    """From the photo to the button."""

    bl_idname = "IMAGE_TO_3D_PT_main"
    bl_label = "Image to 3D"

    def draw_header_preset(self, _context: bpy.types.Context) -> None:
        """The presets, and the way to the preferences."""
        bpy.types.IMAGE_TO_3D_PT_presets.draw_panel_header(self.layout)
        self.layout.operator("image_to_3d.open_preferences", text="", icon="PREFERENCES", emboss=False)

    def draw(self, context: bpy.types.Context) -> None:
        """Photo, cut-out, system, quality, size; then the button, or the progress of the job."""
        layout = self.layout
        settings = context.scene.image_to_3d
        begin_soon(context.scene)
        row = layout.row(align=True)
        row.template_ID(settings, "photo", open="image.open")
        row.operator("image_to_3d.paste_photo", text="", icon="PASTEDOWN")
        draw_shelf(layout, context)
        _draw_cutout(layout, settings)
        column = layout.column()
        column.use_property_split = True
        column.use_property_decorate = False
        draw_network(column, context, settings)
        column.prop(settings, "quality")
        column.prop(settings, "size")
        status = context.window_manager.image_to_3d
        if status.is_running:
            # As high as the button: sliders below must not move away from the mouse that drags them.
            row = layout.row(align=True)
            row.scale_y = BUTTON_HEIGHT
            left = ENGINE.progress.seconds_left
            row.progress(factor=status.fraction, text=iface_(progress_text(status.stage, status.fraction, left)))
            row.operator("image_to_3d.cancel", text="", icon="X")
        else:
            draw_big_button(layout, "image_to_3d.reconstruct_photo", "MESH_MONKEY")


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


register, unregister = bpy.utils.register_classes_factory((IMAGE_TO_3D_PT_main, IMAGE_TO_3D_PT_detail))
