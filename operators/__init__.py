# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators: gather arguments, hand a task to the engine, report."""

from . import (
    add_asset,
    adjust,
    auto_retopology,
    bake,
    camera,
    cancel,
    compare,
    cutout,
    diagnostics,
    drag_size,
    edit_cutout,
    export_asset,
    finish_retopology,
    game_asset,
    models,
    paste_photo,
    place_symmetry,
    prepare_retopology,
    presets,
    project_photo,
    reconstruct,
    shelf,
    show_mesh,
    symmetrise,
    transform,
)

MODULES = (
    cancel,
    paste_photo,
    cutout,
    edit_cutout,
    reconstruct,
    shelf,
    presets,
    compare,
    show_mesh,
    adjust,
    project_photo,
    symmetrise,
    transform,
    drag_size,
    place_symmetry,
    prepare_retopology,
    finish_retopology,
    auto_retopology,
    bake,
    camera,
    export_asset,
    add_asset,
    game_asset,
    models,
    diagnostics,
)


def register() -> None:
    """Register each module's classes."""
    for module in MODULES:
        module.register()


def unregister() -> None:
    """The exact reverse."""
    for module in reversed(MODULES):
        module.unregister()
