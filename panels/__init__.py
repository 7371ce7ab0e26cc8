# SPDX-License-Identifier: GPL-3.0-or-later
"""Panels: they draw, nothing else."""

from . import adjust, compare, cutout_editor, export, menus, networks, photos, result, retopology, sidebar, transform

MODULES = (menus, networks, sidebar, result, adjust, photos, transform, compare, retopology, export, cutout_editor)
"""In the order in which the sidebar shows them."""


def register() -> None:
    """Register each module's classes."""
    for module in MODULES:
        module.register()


def unregister() -> None:
    """The exact reverse."""
    for module in reversed(MODULES):
        module.unregister()
