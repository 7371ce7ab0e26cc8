# SPDX-License-Identifier: GPL-3.0-or-later
"""Presets by Blender's own means, and one of them as the defaults of new scenes."""

from typing import ClassVar

import bpy
from bl_operators.presets import AddPresetBase
from bpy.props import BoolProperty

from ..presets import DEFAULTS_NAME, SUBFOLDER, VALUES, defaults_file
from ..translations import rpt_, tip_


class IMAGE_TO_3D_MT_presets(bpy.types.Menu):
    """The presets; Blender's operators keep the chosen one's name in its label."""

    bl_idname = "IMAGE_TO_3D_MT_presets"
    bl_label = "Reconstruction Presets"
    preset_subdir = SUBFOLDER
    preset_operator = "script.execute_preset"

    draw = bpy.types.Menu.draw_preset


class IMAGE_TO_3D_OT_add_preset(AddPresetBase, bpy.types.Operator):
    """Add or remove a preset of the reconstruction's settings"""

    bl_idname = "image_to_3d.add_preset"
    bl_label = "Add Reconstruction Preset"
    preset_menu = IMAGE_TO_3D_MT_presets.bl_idname
    preset_subdir = SUBFOLDER
    preset_defines: ClassVar[list[str]] = ["settings = bpy.context.scene.image_to_3d"]
    preset_values: ClassVar[list[str]] = [f"settings.{name}" for name in VALUES]

    # As in the base class, which describes neither.
    remove_name: BoolProperty(
        name="Remove", description="Remove the preset of this name", default=False, options={"HIDDEN", "SKIP_SAVE"}
    )
    remove_active: BoolProperty(
        name="Remove Chosen",
        description="Remove the preset that was applied last",
        default=False,
        options={"HIDDEN", "SKIP_SAVE"},
    )


class IMAGE_TO_3D_OT_save_defaults(bpy.types.Operator):
    """Let new scenes begin with the present settings; they are kept as the preset My Defaults"""

    bl_idname = "image_to_3d.save_defaults"
    bl_label = "Save as My Defaults"
    bl_options = {"INTERNAL"}

    def execute(self, _context: bpy.types.Context) -> set[str]:
        """Write the preset anew: Blender refuses to replace one."""
        if defaults_file() is not None:
            bpy.ops.image_to_3d.add_preset(remove_name=True, name=DEFAULTS_NAME)
        result = bpy.ops.image_to_3d.add_preset(name=DEFAULTS_NAME)
        if defaults_file() is None:
            self.report({"ERROR"}, rpt_("The preset could not be written. Check Blender's folder for user files"))
            return {"CANCELLED"}
        self.report({"INFO"}, rpt_("New scenes begin with these settings"))
        return result


class IMAGE_TO_3D_OT_forget_defaults(bpy.types.Operator):
    """Let new scenes begin with the extension's settings again"""

    bl_idname = "image_to_3d.forget_defaults"
    bl_label = "Forget My Defaults"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """Grey where there are none."""
        if defaults_file() is None:
            cls.poll_message_set(tip_("No defaults of your own were saved"))
            return False
        return True

    def execute(self, _context: bpy.types.Context) -> set[str]:
        """Remove the preset."""
        return bpy.ops.image_to_3d.add_preset(remove_name=True, name=DEFAULTS_NAME)


register, unregister = bpy.utils.register_classes_factory(
    (IMAGE_TO_3D_MT_presets, IMAGE_TO_3D_OT_add_preset, IMAGE_TO_3D_OT_save_defaults, IMAGE_TO_3D_OT_forget_defaults)
)
