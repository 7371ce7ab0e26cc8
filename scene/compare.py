# SPDX-License-Identifier: GPL-3.0-or-later
"""Several results of one photo: side by side to choose from, then one of them kept."""

import bpy

from ..inference.errors import SettingsError
from .camera import matched_camera, photo_cameras
from .provenance import provenance_of
from .stored_code import has_code

PLACE_KEY = "image_to_3d_place"
"""Custom property: where the object stood before it was lined up."""

GAP = 0.25
"""Between neighbours, as a share of the widest."""


def results_of_same_photo(target: bpy.types.Object) -> list[bpy.types.Object]:
    """All results in the scene of the photo that this object was made from, itself among them, by name.

    Photos are told apart by the hash of their file.
    """
    photo = provenance_of(target).get("photo_sha256")
    found = [
        item
        for item in bpy.context.scene.objects
        if has_code(item) and photo is not None and provenance_of(item).get("photo_sha256") == photo
    ]
    return sorted(found, key=lambda item: item.name)


def line_up(target: bpy.types.Object) -> list[bpy.types.Object]:
    """Stand all results of the object's photo side by side along X, beginning where the first of them stands.

    Raises:
        SettingsError: there is nothing to compare with.
    """
    results = results_of_same_photo(target)
    if len(results) < 2:
        raise SettingsError(
            f"'{target.name}' is the only result of its photo.",
            "Reconstruct the photo again with another system or other settings.",
        )
    for item in results:
        if PLACE_KEY not in item:
            item[PLACE_KEY] = list(item.location)
    step = max(item.dimensions.x for item in results) * (1 + GAP)
    first = results[0].location.copy()
    for number, item in enumerate(results):
        item.location = (first.x + number * step, first.y, first.z)
    return results


def keep(target: bpy.types.Object) -> int:
    """Keep this result, back in its place, and delete the other results of its photo with their cameras.

    Returns:
        How many were deleted.
    """
    others = [item for item in results_of_same_photo(target) if item != target]
    if PLACE_KEY in target:
        target.location = list(target[PLACE_KEY])
        del target[PLACE_KEY]
    removed: list[bpy.types.ID] = []
    for item in others:
        camera = matched_camera(item)
        family = {item, *photo_cameras(item), *([camera] if camera is not None else [])}
        removed += [
            collection
            for collection in item.users_collection
            if set(collection.all_objects) <= family and collection != bpy.context.scene.collection
        ]
        removed += family
    bpy.data.batch_remove(removed)
    return len(others)
