# SPDX-License-Identifier: GPL-3.0-or-later
"""Several results of one photo: side by side to choose from, then one of them kept."""

import bpy

from ..inference.errors import SettingsError
from ..inference.sentence import Sentence
from .camera import matched_camera, photo_cameras
from .provenance import provenance_of
from .stored_code import has_code, result_identifier

PLACE_KEY = "image_to_3d_place"
"""Custom property: where the object stood before it was lined up."""

COMPARISON_KEY = "image_to_3d_comparison"
"""Custom property of the collection that holds all results of a photo: the hash of the photo's file."""

GAP = 0.25
"""Between neighbours, as a share of the widest."""


def results_of_same_photo(target: bpy.types.Object) -> list[bpy.types.Object]:
    """All results in the scene of the photo that this object was made from, itself among them, by name.

    Photos are told apart by the hash of their file. The artist's copies of a result carry its code and are no further
    results: they are left out.
    """
    photo = provenance_of(target).get("photo_sha256")
    alike: dict[str | bytes, list[bpy.types.Object]] = {}
    for item in bpy.context.scene.objects:
        if has_code(item) and photo is not None and provenance_of(item).get("photo_sha256") == photo:
            alike.setdefault(result_identifier(item), []).append(item)
    found = [_original(copies, target) for copies in alike.values()]
    return sorted((item for item in found if item is not None), key=lambda item: item.name)


def _original(copies: list[bpy.types.Object], target: bpy.types.Object) -> bpy.types.Object | None:
    """Which of an object and its copies is the result: the one with the photo's camera, which copies leave behind.

    Where that does not decide, as after a copy of both, it is the target if that is one of them, else none: better a
    result too many than a copy lost.
    """
    if len(copies) == 1:
        return copies[0]
    with_camera = [item for item in copies if matched_camera(item) is not None]
    if len(with_camera) == 1:
        return with_camera[0]
    return target if target in copies else None


def line_up(target: bpy.types.Object) -> list[bpy.types.Object]:
    """Stand all results of the object's photo side by side along X, in one collection.

    They begin where the first of them stands.

    Raises:
        SettingsError: there is nothing to compare with.
    """
    results = results_of_same_photo(target)
    if len(results) < 2:
        raise SettingsError(
            Sentence("'{name}' is the only result of its photo.", name=target.name),
            "Reconstruct the photo again with another network or other settings.",
        )
    for item in results:
        if PLACE_KEY not in item:
            item[PLACE_KEY] = list(item.location)
    step = max(item.dimensions.x for item in results) * (1 + GAP)
    first = results[0].location.copy()
    for number, item in enumerate(results):
        item.location = (first.x + number * step, first.y, first.z)
    _gather(results)
    return results


def keep(target: bpy.types.Object) -> int:
    """Keep this result, back in its place, and delete the other results of its photo with their cameras.

    Copies stay, of this result and of the others.

    Returns:
        How many were deleted.
    """
    results = results_of_same_photo(target)
    others = [item for item in results if result_identifier(item) != result_identifier(target)]
    if target in results and PLACE_KEY in target:
        target.location = list(target[PLACE_KEY])
        del target[PLACE_KEY]
    comparison = _comparison(target)
    removed: list[bpy.types.ID] = []
    for item in others:
        own = _own_collection(item)
        removed += _family(item) | ({own} if own is not None else set())
    bpy.data.batch_remove(removed)
    if comparison is not None:
        _dissolve(comparison)
    return len(others)


def _family(item: bpy.types.Object) -> set[bpy.types.Object]:
    """A result and its cameras."""
    camera = matched_camera(item)
    return {item, *photo_cameras(item), *([camera] if camera is not None else [])}


def _own_collection(item: bpy.types.Object) -> bpy.types.Collection | None:
    """The collection that holds this result and nothing else; None where the artist has sorted things otherwise."""
    family = _family(item)
    for collection in item.users_collection:
        is_apart = collection != bpy.context.scene.collection and COMPARISON_KEY not in collection
        if is_apart and set(collection.all_objects) <= family:
            return collection
    return None


def _comparison(target: bpy.types.Object) -> bpy.types.Collection | None:
    """The collection with all results of the object's photo, if there is one."""
    photo = provenance_of(target).get("photo_sha256")
    found = (item for item in bpy.context.scene.collection.children if item.get(COMPARISON_KEY) == photo)
    return next(found, None)


def _gather(results: list[bpy.types.Object]) -> None:
    """Put the results into one collection; links into collections of the artist's stay."""
    root = bpy.context.scene.collection
    comparison = _comparison(results[0])
    if comparison is None:
        comparison = bpy.data.collections.new(f"{results[0].name} results")
        comparison[COMPARISON_KEY] = provenance_of(results[0])["photo_sha256"]
        root.children.link(comparison)
    for item in results:
        own = _own_collection(item)
        if own is None:
            if item.name not in comparison.objects:
                comparison.objects.link(item)
        elif own.name not in comparison.children:
            comparison.children.link(own)
            if own.name in root.children:
                root.children.unlink(own)


def _dissolve(comparison: bpy.types.Collection) -> None:
    """Remove the collection with all results; what would leave the scene with it goes to the top."""
    root = bpy.context.scene.collection
    own, items = list(comparison.children), list(comparison.objects)
    bpy.data.collections.remove(comparison)
    for collection in own:
        if collection not in root.children_recursive:
            root.children.link(collection)
    for item in items:
        if not item.users_collection:
            root.objects.link(item)
