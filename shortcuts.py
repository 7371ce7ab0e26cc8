# SPDX-License-Identifier: GPL-3.0-or-later
"""The extension's keyboard shortcut, which the artist changes in Blender's preferences like any other."""

from dataclasses import dataclass

import bpy


@dataclass(frozen=True)
class Shortcut:
    """An entry of Blender's key map.

    Attributes:
        keymap: name of Blender's key map, of 3D viewports.
        operator: what it runs.
        key: with Ctrl, Shift and Alt as named.
    """

    keymap: str
    operator: str
    key: str
    ctrl: bool = False
    shift: bool = False
    alt: bool = False


SHORTCUTS = (Shortcut("Object Mode", "image_to_3d.reconstruct_photo", "R", ctrl=True, shift=True, alt=True),)
"""None of them is used by Blender's own key maps, which a test asserts."""

_registered: list[tuple[bpy.types.KeyMap, bpy.types.KeyMapItem]] = []


def registered_items() -> list[tuple[bpy.types.KeyMap, bpy.types.KeyMapItem]]:
    """Key map and entry of each shortcut as the artist has it now, to be drawn and changed."""
    user = bpy.context.window_manager.keyconfigs.user
    found = []
    for shortcut in SHORTCUTS:
        keymap = user.keymaps.get(shortcut.keymap) if user is not None else None
        item = keymap.keymap_items.find_from_operator(shortcut.operator) if keymap is not None else None
        if item is not None:
            found.append((keymap, item))
    return found


def register() -> None:
    """Add the entries to the add-ons' key configuration; a Blender without a window has none."""
    configuration = bpy.context.window_manager.keyconfigs.addon
    if configuration is None:
        return
    for shortcut in SHORTCUTS:
        keymap = configuration.keymaps.new(shortcut.keymap)
        item = keymap.keymap_items.new(
            shortcut.operator, shortcut.key, "PRESS", ctrl=shortcut.ctrl, shift=shortcut.shift, alt=shortcut.alt
        )
        _registered.append((keymap, item))


def unregister() -> None:
    """Take them away."""
    for keymap, item in _registered:
        keymap.keymap_items.remove(item)
    _registered.clear()
