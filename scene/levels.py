# SPDX-License-Identifier: GPL-3.0-or-later
"""Levels of detail, told by their names as Unity and Unreal do: chair_LOD0, chair_LOD1, ..."""

import re

import bpy

LEVEL_NAME = re.compile(r"^(?P<stem>.+)_LOD(?P<level>\d+)$")


def levels_of(target: bpy.types.Object) -> list[bpy.types.Object]:
    """The object's levels of detail in its scene, finest first; itself alone if there are none.

    An object called ``chair`` is the finest level of ``chair_LOD1`` and so on where there is no ``chair_LOD0``,
    whichever of them is asked for.
    """
    match = LEVEL_NAME.match(target.name)
    stem = match["stem"] if match else target.name
    found: dict[int, bpy.types.Object] = {}
    base = target if match is None else None
    for item in bpy.context.scene.objects:
        level = LEVEL_NAME.match(item.name)
        if item.type != "MESH":
            continue
        if level is not None and level["stem"] == stem:
            found[int(level["level"])] = item
        elif item.name == stem:
            base = item
    if base is not None:
        found.setdefault(0, base)
    return [found[level] for level in sorted(found)]
