# SPDX-License-Identifier: GPL-3.0-or-later
"""A sculpture and the low-poly meshes made of it: one object to the artist, of which one mesh is shown at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum

import bpy
from mathutils import Matrix

from ..inference.errors import SettingsError
from ..inference.sentence import Sentence
from .asset_check import images_of
from .levels import LEVEL_NAME
from .retopology import high_of, low_frame
from .selection import make_active
from .stored_code import has_code


class Member(StrEnum):
    """Which mesh of a family is meant; the value names it to the artist."""

    HIGH = "High"
    LOW = "Low"


class NextStep(StrEnum):
    """What is usually done next with an object; the value says it to the artist."""

    MODEL = "Next: model over the sculpture, or make a mesh"
    RETOPOLOGY = "Next: a mesh with few faces"
    BAKE = "Next: bake the textures to it"
    EXPORT = "Next: check it, then export it"
    SWITCH = "Next: go on with the low-poly mesh"


def sculpture_of(target: bpy.types.Object | None) -> bpy.types.Object | None:
    """The reconstructed object that an object is, or that its low-poly mesh was made of; None if there is none."""
    for item in (target, high_of(target)):
        if has_code(item) and item.type == "MESH":
            return item
    return None


def low_polys_of(high: bpy.types.Object) -> list[bpy.types.Object]:
    """The low-poly meshes of a high-poly in the present scene, levels of detail left out, by name."""
    found = [item for item in bpy.context.scene.objects if item != high and high_of(item) == high]
    return sorted((item for item in found if not _is_level(item)), key=lambda item: item.name)


def family_of(target: bpy.types.Object) -> list[bpy.types.Object]:
    """A high-poly and all that was made of it, levels of detail included; the object alone if it has no family."""
    high = high_of(target) or target
    return [high, *(item for item in bpy.context.scene.objects if item != high and high_of(item) == high)]


def find_member(target: bpy.types.Object, member: Member) -> bpy.types.Object | None:
    """The high-poly of an object's family, or the newest low-poly mesh; None if there is none."""
    high = high_of(target) or target
    lows = low_polys_of(high)
    if member is Member.HIGH:
        return high if lows else None
    return target if target in lows else next(reversed(lows), None)


def show_member(context: bpy.types.Context, target: bpy.types.Object, member: Member) -> bpy.types.Object:
    """Show the high-poly or the low-poly of an object, make it the active object and hide the rest of its family.

    Args:
        context: in Object Mode.
        target: any of the family.
        member: which to show.

    Returns:
        What is shown now.

    Raises:
        SettingsError: there is no such mesh.
    """
    shown = find_member(target, member)
    if shown is None:
        raise SettingsError(
            Sentence("'{name}' has no low-poly mesh.", name=target.name), "Make one with Auto Retopology first."
        )
    layer = context.view_layer
    for item in family_of(target):
        if item.name in layer.objects:
            item.hide_set(item != shown, view_layer=layer)
    make_active(context, shown)
    return shown


def next_step(target: bpy.types.Object) -> NextStep:
    """What an artist usually does next with a mesh object of a family."""
    if high_of(target) is None:
        return NextStep.SWITCH if low_polys_of(target) else NextStep.RETOPOLOGY
    if not target.data.polygons:
        return NextStep.MODEL
    return NextStep.EXPORT if images_of(target) else NextStep.BAKE


@contextmanager
def moving_together(target: bpy.types.Object) -> Iterator[None]:
    """Let the family follow what the block does to an object's place, so that its meshes stay over each other.

    Raises:
        SettingsError: the object has a family, and is mirrored or scaled to nothing.
    """
    others = [item for item in family_of(target) if item != target]
    before = low_frame(target) if others else Matrix()
    yield
    for item in others:
        item.matrix_world = item.matrix_world @ before.inverted() @ low_frame(target)


def _is_level(item: bpy.types.Object) -> bool:
    match = LEVEL_NAME.match(item.name)
    return match is not None and int(match["level"]) > 0
