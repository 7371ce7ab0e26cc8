# SPDX-License-Identifier: GPL-3.0-or-later
"""The scene's unit of length: what one Blender unit is in metres."""

import bpy

USD_LEAST, USD_MOST = 1e-4, 1e3
"""What Blender's USD exporter (4.5 to 5.2) takes as ``meters_per_unit``."""


def metres_per_unit(scene: bpy.types.Scene) -> float:
    """Metres that one unit of coordinates stands for; without a unit system Blender ignores the scale, and so do we."""
    units = scene.unit_settings
    return 1.0 if units.system == "NONE" else float(units.scale_length)


def length_text(length: float) -> str:
    """A length in coordinates, as the present scene's units say it."""
    scene = bpy.context.scene
    metres = length * metres_per_unit(scene)
    return str(bpy.utils.units.to_string(scene.unit_settings.system, "LENGTH", metres, precision=3))


def usd_meters_per_unit(scene: bpy.types.Scene) -> float:
    """For Blender's USD exporter: what makes coordinates metres.

    The exporter takes the scene's units for metres, whatever they are, and divides them by this number.
    """
    return min(max(1 / metres_per_unit(scene), USD_LEAST), USD_MOST)
