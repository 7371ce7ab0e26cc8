# SPDX-License-Identifier: GPL-3.0-or-later
"""Presets of the reconstruction's settings, and the artist's own defaults: a preset that new scenes begin with.

Presets are Blender's own: Python files in the user's preset folder, made, chosen and removed by Blender's operators.
For a new scene the file is read, not run.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import bpy
from bpy.app.handlers import persistent

from .models import redraw

SUBFOLDER = "image_to_3d"
"""Of Blender's preset folders."""

DEFAULTS_NAME = "My Defaults"

VALUES = (
    "system",
    "usual_cutout",
    "resolution",
    "texture_size",
    "target_faces",
    "photo_strength",
    "symmetrise",
    "shape",
    "size",
    "draft_first",
)
"""Names of the scene's settings that a preset holds: everything but what belongs to one photo."""


def defaults_file() -> Path | None:
    """The preset with the artist's own defaults, if there is one."""
    found = bpy.utils.preset_find(DEFAULTS_NAME, SUBFOLDER, display_name=True)
    return Path(found) if found else None


def apply_defaults(scene: bpy.types.Scene) -> None:
    """Give a scene the artist's own defaults, unless something was set in it already."""
    settings = scene.image_to_3d
    if settings.is_begun:
        return
    settings.is_begun = True
    path = defaults_file()
    if path is None or any(settings.is_property_set(name) for name in VALUES):
        return
    for name, value in read_preset(path):
        try:
            setattr(settings, name, value)
        except TypeError:  # of another version of the extension: a system that it no longer has
            continue


def read_preset(path: Path) -> Iterator[tuple[str, object]]:
    """Names and values of the settings in a preset's file, as ``AddPresetBase`` writes it; nothing of it is run."""
    try:
        lines = ast.parse(path.read_text(encoding="utf-8")).body
    except (OSError, SyntaxError, ValueError):
        return
    for line in lines:
        if isinstance(line, ast.Assign) and isinstance(line.targets[0], ast.Attribute):
            name = line.targets[0].attr
            if name in VALUES and isinstance(line.value, ast.Constant):
                yield name, line.value.value


def begin_soon(scene: bpy.types.Scene) -> None:
    """Called while a new scene is drawn, when nothing may be changed: give it the artist's defaults right after.

    Blender tells of no new scene as such, and an empty one has no update of its dependency graph either.
    """
    if not scene.image_to_3d.is_begun and not bpy.app.timers.is_registered(begin_scenes):
        bpy.app.timers.register(begin_scenes, first_interval=0.0)


def begin_scenes() -> None:
    """Give all new scenes the artist's defaults."""
    for scene in bpy.data.scenes:
        apply_defaults(scene)
    redraw()


@persistent
def _on_load(*_args: object) -> None:
    begin_scenes()


def register() -> None:
    """Watch for new files."""
    bpy.app.handlers.load_post.append(_on_load)


def unregister() -> None:
    """Let go."""
    if bpy.app.timers.is_registered(begin_scenes):
        bpy.app.timers.unregister(begin_scenes)
    bpy.app.handlers.load_post.remove(_on_load)
