# SPDX-License-Identifier: GPL-3.0-or-later
"""Text for a bug report, and the way to the preferences."""

import getpass
import platform
import re
from importlib import metadata
from pathlib import Path

import bpy

from ..engine import ENGINE
from ..models import MODELS
from ..preferences import user_settings

PACKAGES = ("onnxruntime", "onnxruntime-gpu", "pillow", "numpy", "huggingface-hub")


class IMAGE_TO_3D_OT_copy_diagnostics(bpy.types.Operator):
    """Copy versions, settings and the last error for a bug report; your name and home folder are masked"""

    bl_idname = "image_to_3d.copy_diagnostics"
    bl_label = "Copy Diagnostics"
    bl_options = {"INTERNAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """To the clipboard."""
        context.window_manager.clipboard = diagnostics(context)
        self.report({"INFO"}, "Diagnostics are in the clipboard")
        return {"FINISHED"}


class IMAGE_TO_3D_OT_open_preferences(bpy.types.Operator):
    """Open the extension's preferences: compute device, threads, memory"""

    bl_idname = "image_to_3d.open_preferences"
    bl_label = "Image to 3D Preferences"
    bl_options = {"INTERNAL"}

    def execute(self, _context: bpy.types.Context) -> set[str]:
        """In Blender's own window."""
        bpy.ops.preferences.addon_show(module=__package__.rpartition(".")[0])
        return {"FINISHED"}


def diagnostics(context: bpy.types.Context) -> str:
    """A block of text with nothing private in it."""
    settings = user_settings(context)
    lines = [
        f"Blender {bpy.app.version_string} ({bpy.app.build_hash.decode()})",
        f"Python {platform.python_version()} on {platform.platform()}",
        *(f"{name} {_version(name)}" for name in PACKAGES),
        f"Device {settings.runtime.device}, threads {settings.runtime.threads or 'all'}",
        f"Package {__package__}",
    ]
    if ENGINE.failure is not None:
        lines += ["Last error:", str(ENGINE.failure), ENGINE.failure_details]
    if MODELS.failure is not None:
        lines += ["Last error with a model:", str(MODELS.failure), MODELS.failure_details]
    return mask_private("\n".join(lines))


def mask_private(text: str) -> str:
    """Replace the home folder and the user's name."""
    masked = text.replace(str(Path.home()), "~")
    return re.sub(rf"\b{re.escape(getpass.getuser())}\b", "<user>", masked)


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


register, unregister = bpy.utils.register_classes_factory(
    (IMAGE_TO_3D_OT_copy_diagnostics, IMAGE_TO_3D_OT_open_preferences)
)
