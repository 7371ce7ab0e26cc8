# SPDX-License-Identifier: GPL-3.0-or-later
"""Entries in Blender's own menus, where people look first; Blender's search (F3) finds what is in them."""

import bpy
from bl_ui.utils import PresetPanel

from ..presets import SUBFOLDER
from ..scene.stored_code import has_code
from ..translations import OWN_CONTEXT


class IMAGE_TO_3D_MT_add(bpy.types.Menu):
    """Add > Image to 3D."""

    bl_idname = "IMAGE_TO_3D_MT_add"
    bl_label = "Image to 3D"
    bl_translation_context = OWN_CONTEXT

    def draw(self, _context: bpy.types.Context) -> None:
        """From files, from the sidebar's photo, from the clipboard."""
        layout = self.layout
        layout.operator_context = "INVOKE_DEFAULT"
        layout.operator("image_to_3d.reconstruct", text="Reconstruct from Photos...", icon="FILE_IMAGE")
        layout.operator("image_to_3d.reconstruct_photo", icon="MESH_MONKEY")
        layout.operator("image_to_3d.paste_photo", icon="PASTEDOWN")


class IMAGE_TO_3D_MT_object(bpy.types.Menu):
    """The object's context menu > Image to 3D."""

    bl_idname = "IMAGE_TO_3D_MT_object"
    bl_label = "Image to 3D"
    bl_translation_context = OWN_CONTEXT

    def draw(self, context: bpy.types.Context) -> None:
        """What can be done with a reconstructed object, then what with any mesh."""
        layout = self.layout
        layout.operator_context = "INVOKE_DEFAULT"
        if has_code(context.object):
            layout.operator("image_to_3d.reconstruct_again", icon="FILE_REFRESH")
            layout.operator("image_to_3d.project_photo", icon="IMAGE_DATA")
            layout.operator("image_to_3d.symmetrise", icon="MOD_MIRROR")
            layout.operator("image_to_3d.view_camera", icon="VIEW_CAMERA")
            layout.separator()
        layout.operator("image_to_3d.auto_retopology", icon="MOD_REMESH")
        layout.operator("image_to_3d.prepare_retopology", icon="GREASEPENCIL")
        layout.operator("image_to_3d.bake", icon="RENDER_STILL")
        layout.operator("image_to_3d.check_asset", icon="CHECKMARK")


class IMAGE_TO_3D_PT_presets(PresetPanel, bpy.types.Panel):
    """Blender's own list of presets, and the artist's defaults."""

    bl_idname = "IMAGE_TO_3D_PT_presets"
    bl_label = "Reconstruction Presets"
    preset_subdir = SUBFOLDER
    preset_operator = "script.execute_preset"
    preset_add_operator = "image_to_3d.add_preset"

    def draw(self, context: bpy.types.Context) -> None:
        """The list, then the buttons for new scenes."""
        layout = self.layout
        if bpy.utils.preset_paths(SUBFOLDER):
            super().draw(context)
        else:
            # Blender's list says "Missing Paths" where nothing was saved yet.
            row = layout.row()
            row.prop(context.window_manager, "preset_name", text="")
            row.operator(self.preset_add_operator, text="", icon="ADD").name = context.window_manager.preset_name
        layout.separator()
        layout.operator("image_to_3d.save_defaults", icon="FILE_TICK")
        layout.operator("image_to_3d.forget_defaults", icon="LOOP_BACK")


def _draw_add(self: bpy.types.Menu, context: bpy.types.Context) -> None:
    if context.mode == "OBJECT":
        self.layout.separator()
        self.layout.menu(IMAGE_TO_3D_MT_add.bl_idname, icon="MESH_MONKEY")


def _draw_import(self: bpy.types.Menu, _context: bpy.types.Context) -> None:
    self.layout.operator_context = "INVOKE_DEFAULT"
    self.layout.operator("image_to_3d.reconstruct", text="Image to 3D (Photos)", text_ctxt=OWN_CONTEXT)


def _draw_object(self: bpy.types.Menu, context: bpy.types.Context) -> None:
    if context.object is not None and context.object.type == "MESH":
        self.layout.separator()
        self.layout.menu(IMAGE_TO_3D_MT_object.bl_idname, icon="MESH_MONKEY")


ENTRIES = (
    ("VIEW3D_MT_add", _draw_add),
    ("TOPBAR_MT_file_import", _draw_import),
    ("VIEW3D_MT_object_context_menu", _draw_object),
)
"""Blender's menu, and what is drawn at its end."""

_register_classes, _unregister_classes = bpy.utils.register_classes_factory(
    (IMAGE_TO_3D_MT_add, IMAGE_TO_3D_MT_object, IMAGE_TO_3D_PT_presets)
)


def register() -> None:
    """Add the entries."""
    _register_classes()
    for menu, draw in ENTRIES:
        getattr(bpy.types, menu).append(draw)


def unregister() -> None:
    """Take them away."""
    for menu, draw in ENTRIES:
        getattr(bpy.types, menu).remove(draw)
    _unregister_classes()
