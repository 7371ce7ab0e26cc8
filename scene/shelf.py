# SPDX-License-Identifier: GPL-3.0-or-later
"""The photos on a scene's shelf, and the result of each.

A result is found by a custom property of the object, not by its name, which the artist may change, nor by a pointer,
which would keep a deleted object in the file. So undo, deleting and renaming need nothing from us.
"""

from collections.abc import Iterable
from uuid import uuid4

import bpy

RESULT_KEY = "image_to_3d_shelved"
"""Custom property of the object that was made last from a photo: the photo's identifier on the shelf."""


def shelve(scene: bpy.types.Scene, image: bpy.types.Image) -> bpy.types.PropertyGroup:
    """The photo's place on the shelf, at its end if it has none yet. Places of deleted images are given up."""
    shelf = scene.image_to_3d.shelf
    for index in reversed(range(len(shelf))):
        if shelf[index].image is None:
            shelf.remove(index)
    found = next((shelved for shelved in shelf if shelved.image == image), None)
    if found is None:
        found = shelf.add()
        found.identifier, found.image = uuid4().hex, image
    return found


def unshelve(scene: bpy.types.Scene, identifier: str) -> None:
    """Take a photo off the shelf; its image and its result stay in the file."""
    shelf = scene.image_to_3d.shelf
    index = next((index for index, shelved in enumerate(shelf) if shelved.identifier == identifier), None)
    if index is not None:
        shelf.remove(index)


def find_shelved(scene: bpy.types.Scene, identifier: str) -> bpy.types.PropertyGroup | None:
    """A photo on the shelf; None if it was taken off, or its image was deleted."""
    return next(
        (shelved for shelved in scene.image_to_3d.shelf if shelved.identifier == identifier and shelved.image), None
    )


def shelved_results(scene: bpy.types.Scene) -> dict[str, bpy.types.Object]:
    """The latest result of each photo, by the photo's identifier.

    Copies that the artist made of a result carry its identifier too; the oldest of them is the result.
    """
    tagged = [item for item in scene.objects if RESULT_KEY in item]
    tagged.sort(key=lambda item: item.session_uid, reverse=True)
    return {item[RESULT_KEY]: item for item in tagged}


def tag_result(result: bpy.types.Object, identifier: str, objects: Iterable[bpy.types.Object]) -> None:
    """Make this the photo's latest result among ``objects``."""
    for item in objects:
        if item.get(RESULT_KEY) == identifier:
            del item[RESULT_KEY]
    result[RESULT_KEY] = identifier
