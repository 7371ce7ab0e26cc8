# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps what an edited cut-out shows and what the file holds the same: when saving, undoing and redoing."""

import bpy
from bpy.app.handlers import persistent

from .scene.cutout_image import follow_undo, forget_history, pack_changed


@persistent
def _on_save(*_args: object) -> None:
    """Blender writes packed files, not pixels: without this, strokes would be missing from the .blend."""
    pack_changed()


@persistent
def _on_undo(*_args: object) -> None:
    follow_undo()


@persistent
def _on_load(*_args: object) -> None:
    forget_history()


HANDLERS = (
    (bpy.app.handlers.save_pre, _on_save),
    (bpy.app.handlers.undo_post, _on_undo),
    (bpy.app.handlers.redo_post, _on_undo),
    (bpy.app.handlers.load_post, _on_load),
)


def register() -> None:
    """Watch for saving, undo, redo and loading."""
    for handlers, handler in HANDLERS:
        handlers.append(handler)


def unregister() -> None:
    """Let go."""
    for handlers, handler in HANDLERS:
        handlers.remove(handler)
    forget_history()
