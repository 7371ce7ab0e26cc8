# SPDX-License-Identifier: GPL-3.0-or-later
"""Every difference between Blender versions that the extension copes with, and the version that made it."""

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy


def ensure_node_tree(material: bpy.types.Material) -> bpy.types.NodeTree:
    """The material's node tree; before 5.0 a new one has none until ``use_nodes`` is set, later setting that warns."""
    if material.node_tree is None:
        material.use_nodes = True
    return material.node_tree


def unified_paint_settings(context: bpy.types.Context) -> bpy.types.UnifiedPaintSettings:
    """The brush size that all brushes share; since 5.0 each painting mode has its own."""
    settings = context.tool_settings
    own = getattr(settings.image_paint, "unified_paint_settings", None)
    return own if own is not None else settings.unified_paint_settings


def exit_handlers() -> list[Callable[..., Any]] | None:
    """Handlers called when Blender quits: 5.1 and later; before that only Python's own ``atexit`` tells."""
    return getattr(bpy.app.handlers, "exit_pre", None)


def has_usd() -> bool:
    """Whether this Blender writes USD and brings its Python library; some Linux distributions build it without."""
    return bool(bpy.app.build_options.usd) and module_folder("pxr") is not None


def module_folder(name: str) -> Path | None:
    """The folder that must be on a Python's search path to import a module, found without importing it.

    Modules bundled with Blender (OpenVDB among them) are on the path of a Blender binary from the start; in Blender as
    a Python module they are only after ``expose_bundled_modules()``, which exists since 4.4.
    """
    if bpy.app.module:
        bpy.utils.expose_bundled_modules()
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        return None
    file = Path(spec.origin)
    return file.parent.parent if spec.submodule_search_locations else file.parent


def library_folders() -> tuple[Path, ...]:
    """Folders with the DLLs that Blender's bundled modules need; a child process on Windows does not find them itself.

    Blender's program keeps them in ``blender.shared`` beside it; Blender as a Python module beside ``bpy``.
    """
    if sys.platform != "win32":
        return ()
    candidates = [Path(bpy.__file__).parent]
    if bpy.app.binary_path:
        candidates.append(Path(bpy.app.binary_path).parent / "blender.shared")
    return tuple(folder for folder in candidates if folder.is_dir())
