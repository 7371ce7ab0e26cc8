# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps snapping and overlays in step with undo and redo of preparing and finishing retopology by hand.

Blender undoes the low-poly object, but not the scene's tool settings nor what a viewport shows.
"""

from typing import Any

import bpy
from bpy.app.handlers import persistent

from .scene.modelling_tools import apply_tools, former_tools, give_back

_prepared: dict[str, dict[str, Any]] = {}
"""By the name of a low-poly object for which tools are set up: what was before."""

_finished: set[str] = set()
"""Names of those that were finished, or whose preparation was undone."""


def note(low: bpy.types.Object) -> None:
    """Tools were set up for it."""
    _prepared[low.name] = former_tools(low)
    _finished.discard(low.name)


def finish(low: bpy.types.Object) -> None:
    """Give the tools back; undo brings them again."""
    give_back(former_tools(low))
    _prepared[low.name] = former_tools(low)
    _finished.add(low.name)


@persistent
def _on_undo(*_args: object) -> None:
    """After undo and redo: tools are set up for exactly those objects that are being modelled."""
    for name, former in _prepared.items():
        low = bpy.data.objects.get(name)
        is_modelled = bool(former_tools(low))
        if is_modelled and name in _finished:
            _finished.discard(name)
            apply_tools(low)
        elif not is_modelled and name not in _finished:
            _finished.add(name)
            give_back(former)


@persistent
def _on_load(*_args: object) -> None:
    _prepared.clear()
    _finished.clear()


def register() -> None:
    """Watch for undo, redo and loading."""
    bpy.app.handlers.undo_post.append(_on_undo)
    bpy.app.handlers.redo_post.append(_on_undo)
    bpy.app.handlers.load_pre.append(_on_load)


def unregister() -> None:
    """Let go."""
    bpy.app.handlers.undo_post.remove(_on_undo)
    bpy.app.handlers.redo_post.remove(_on_undo)
    bpy.app.handlers.load_pre.remove(_on_load)
