# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings per user: on what and how the worker computes, where models are, and how the hub is reached."""

import importlib.util
from dataclasses import dataclass, field
from pathlib import Path

import bpy
import rna_keymap_ui
from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty, StringProperty

from .inference.network import Precision
from .inference.runtime import RuntimeSettings
from .shortcuts import registered_items
from .translations import OWN_CONTEXT

DEVICES = (
    ("auto", "Automatic", "A GPU where ONNX Runtime finds one, otherwise the CPU"),
    ("cpu", "CPU", "The processor; works everywhere"),
    ("cuda", "CUDA", "An NVIDIA GPU; needs the extension's GPU flavour, and CUDA 12 and cuDNN 9 installed"),
    ("directml", "DirectML", "Any GPU on Windows, where the installed ONNX Runtime was built with DirectML"),
    ("coreml", "Core ML", "Apple's GPU and Neural Engine"),
)
"""Identifier, label and tooltip of each compute device."""

PRECISIONS = (
    ("automatic", "Automatic", "As the authors run it on the CPU, 16 bits on a GPU"),
    ("float32", "32 bits", "As the authors run it"),
    ("float16", "16 bits", "Weights of half the size; no visible difference, and on the CPU no faster"),
    ("int8", "8 bits", "Weights of a quarter of the size, about twice as fast on the CPU; details may shift slightly"),
)
"""Identifier, label and tooltip of each precision; Pebble's weights are what they are."""


@dataclass(frozen=True)
class UserSettings:
    """The preferences as plain values, with the defaults that hold where the extension is used as a library.

    Attributes:
        runtime: compute device, threads, models folder and precision.
        idle_seconds: after this time without a job the worker frees its memory.
        mirror: address of a mirror of the Hugging Face hub; empty for the hub itself.
        token: access token for the hub; empty for none.
        reveals: whether the viewport turns to a new result and shows its texture.
    """

    runtime: RuntimeSettings = field(default_factory=RuntimeSettings)
    idle_seconds: float = 600.0
    mirror: str = ""
    token: str = field(default="", repr=False)
    reveals: bool = True


_session_token = ""
"""The access token. In memory alone: a property with a value of its own would be saved with Blender's preferences."""


def _get_token(_self: "ImageTo3DPreferences") -> str:
    return _session_token


def _set_token(_self: "ImageTo3DPreferences", value: str) -> None:
    global _session_token
    _session_token = value.strip()


class ImageTo3DPreferences(bpy.types.AddonPreferences):
    """Drawn in Blender's preferences, below the extension."""

    bl_idname = __package__

    device: EnumProperty(
        name="Compute Device",
        description="What the network runs on; where it fails, the CPU takes over and says so",
        items=DEVICES,
        default="auto",
    )
    threads: IntProperty(
        name="Threads",
        description="Processor threads the network may use; 0 uses all cores",
        default=0,
        min=0,
        max=256,
        soft_max=32,
    )
    precision: EnumProperty(
        name="Precision",
        description="How the weights of downloaded models are kept in memory",
        items=PRECISIONS,
        default="automatic",
    )
    idle_minutes: FloatProperty(
        name="Free Memory After",
        description="Minutes without work after which the worker process ends; the next reconstruction starts it again",
        default=10.0,
        min=0.1,
        soft_max=120.0,
        precision=1,
    )
    reveals: BoolProperty(
        name="Show Results",
        description="Turn the viewport to a new result and show its texture; otherwise the viewport stays as it is",
        default=True,
    )
    models_folder: StringProperty(
        name="Models Folder",
        description="Where downloaded models are kept; empty for a folder of the extension's own, which Blender "
        "removes when the extension is uninstalled",
        subtype="DIR_PATH",
    )
    mirror: StringProperty(
        name="Mirror",
        description="Address of a mirror of the Hugging Face hub, such as a studio's own; empty for the hub itself, "
        "or the environment variable HF_ENDPOINT",
        translation_context=OWN_CONTEXT,  # Blender's own is the verb
    )
    token: StringProperty(
        name="Access Token",
        description="For models whose authors want to know who uses them. Kept until Blender is closed and written "
        "nowhere; for good: the environment variable HF_TOKEN, or the command 'hf auth login'",
        subtype="PASSWORD",
        get=_get_token,
        set=_set_token,
    )

    def draw(self, context: bpy.types.Context) -> None:
        """Settings, models, whether the packages are there, and the diagnostics button."""
        # Not at module level: what is drawn there builds on the engine, which reads these settings.
        from .panels.models import draw_models

        layout = self.layout
        layout.use_property_split = True
        layout.prop(self, "device")
        layout.prop(self, "threads")
        layout.prop(self, "precision")
        layout.prop(self, "idle_minutes")
        layout.prop(self, "reveals")
        draw_models(layout, context, self)
        _draw_shortcuts(layout, context)
        for label, icon in runtime_status():
            layout.label(text=label, icon=icon)
        layout.operator("image_to_3d.copy_diagnostics", icon="COPYDOWN")


def _draw_shortcuts(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Blender's own editor of key map entries."""
    configuration = context.window_manager.keyconfigs.user
    column = layout.column()
    for keymap, item in registered_items():
        column.context_pointer_set("keymap", keymap)
        rna_keymap_ui.draw_kmi([], configuration, keymap, item, column, 0)


def runtime_status() -> list[tuple[str, str]]:
    """A line and an icon for each Python package the worker needs."""
    lines = []
    packages = (("onnxruntime", "ONNX Runtime"), ("PIL", "Pillow"), ("huggingface_hub", "Hugging Face Hub client"))
    for module, label in packages:
        found = importlib.util.find_spec(module) is not None
        text = f"{label} found" if found else f"{label} is missing. Install the extension again from its zip file"
        lines.append((text, "CHECKMARK" if found else "ERROR"))
    return lines


def user_settings(context: bpy.types.Context) -> UserSettings:
    """The preferences, or their defaults where the extension is not enabled as an add-on (scripts, tests)."""
    addon = context.preferences.addons.get(__package__)
    if addon is None or addon.preferences is None:
        return UserSettings(RuntimeSettings(models_folder=default_models_folder()))
    preferences = addon.preferences
    folder = Path(bpy.path.abspath(preferences.models_folder)) if preferences.models_folder else default_models_folder()
    runtime = RuntimeSettings(preferences.device, preferences.threads, folder, Precision(preferences.precision))
    return UserSettings(
        runtime,
        preferences.idle_minutes * 60,
        preferences.mirror.strip(),
        preferences.token,
        preferences.reveals,
    )


def default_models_folder() -> Path:
    """The extension's own folder for its user's files; where it runs from a clone, one among Blender's data files."""
    try:
        return Path(bpy.utils.extension_path_user(__package__, path="models"))
    except ValueError:
        return Path(bpy.utils.user_resource("DATAFILES", path="image_to_3d/models"))


register, unregister = bpy.utils.register_classes_factory((ImageTo3DPreferences,))
