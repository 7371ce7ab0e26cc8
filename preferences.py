# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings per user: on what and how the worker computes."""

import importlib.util
from dataclasses import dataclass, field

import bpy
from bpy.props import EnumProperty, FloatProperty, IntProperty

from .inference.runtime import RuntimeSettings

DEVICES = (
    ("auto", "Automatic", "A GPU where ONNX Runtime finds one, otherwise the CPU"),
    ("cpu", "CPU", "The processor; works everywhere"),
    ("cuda", "CUDA", "An NVIDIA GPU; needs the extension's GPU flavour, and CUDA 12 and cuDNN 9 installed"),
    ("directml", "DirectML", "Any GPU on Windows, where the installed ONNX Runtime was built with DirectML"),
    ("coreml", "Core ML", "Apple's GPU and Neural Engine"),
)
"""Identifier, label and tooltip of each compute device."""


@dataclass(frozen=True)
class UserSettings:
    """The preferences as plain values, with the defaults that hold where the extension is used as a library.

    Attributes:
        runtime: compute device and threads.
        idle_seconds: after this time without a job the worker frees its memory.
    """

    runtime: RuntimeSettings = field(default_factory=RuntimeSettings)
    idle_seconds: float = 600.0


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
    idle_minutes: FloatProperty(
        name="Free Memory After",
        description="Minutes without work after which the worker process ends; the next reconstruction starts it again",
        default=10.0,
        min=0.1,
        soft_max=120.0,
        precision=1,
    )

    def draw(self, _context: bpy.types.Context) -> None:
        """Settings, whether ONNX Runtime is there, and the diagnostics button."""
        layout = self.layout
        layout.use_property_split = True
        layout.prop(self, "device")
        layout.prop(self, "threads")
        layout.prop(self, "idle_minutes")
        for label, icon in runtime_status():
            layout.label(text=label, icon=icon)
        layout.operator("image_to_3d.copy_diagnostics", icon="COPYDOWN")


def runtime_status() -> list[tuple[str, str]]:
    """A line and an icon for each Python package the worker needs."""
    lines = []
    for module, label in (("onnxruntime", "ONNX Runtime"), ("PIL", "Pillow")):
        found = importlib.util.find_spec(module) is not None
        text = f"{label} found" if found else f"{label} is missing. Install the extension again from its zip file"
        lines.append((text, "CHECKMARK" if found else "ERROR"))
    return lines


def user_settings(context: bpy.types.Context) -> UserSettings:
    """The preferences, or their defaults where the extension is not enabled as an add-on (scripts, tests)."""
    addon = context.preferences.addons.get(__package__)
    if addon is None or addon.preferences is None:
        return UserSettings()
    preferences = addon.preferences
    runtime = RuntimeSettings(device=preferences.device, threads=preferences.threads)
    return UserSettings(runtime, preferences.idle_minutes * 60)


register, unregister = bpy.utils.register_classes_factory((ImageTo3DPreferences,))
