# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules that register something with Blender, in order."""

from importlib import import_module

MODULES = (
    "preferences",
    "retopology_properties",
    "shelf_properties",
    "properties",
    "cutout_preview",
    "thumbnails",
    "cutout_overlay",
    "viewport_sketch",
    "cutout_keeper",
    "operators",
    "panels",
    "shortcuts",
    "presets",
    "adjustments",
    "modelling_keeper",
    "photo_view",
    "reveal",
    "shelf",
    "translations",
    "engine",
    "models",
    "cli",
)
"""Each has ``register()`` and ``unregister()``; the order matters: operators and panels use what precedes them."""


def register() -> None:
    """Register everything; if one module fails, take back those before it and let the error through."""
    done: list[str] = []
    try:
        for name in MODULES:
            import_module(f".{name}", __package__).register()
            done.append(name)
    except Exception:
        for name in reversed(done):
            import_module(f".{name}", __package__).unregister()
        raise


def unregister() -> None:
    """The exact reverse of ``register``."""
    for name in reversed(MODULES):
        import_module(f".{name}", __package__).unregister()
