# SPDX-License-Identifier: GPL-3.0-or-later
"""From photos on the shelf to the tasks that reconstruct them."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import bpy

from ..adjustments import adjusted_settings
from ..inference.errors import PhotoError
from ..inference.pipeline import Settings
from ..inference.sentence import Sentence
from ..options import QUALITIES
from ..scene.places import Place
from ..scene.shelf import shelve, shelved_results
from ..scene.stored_code import load_code
from ..shelf import Order, RefineTask, ShelfTask
from .arguments import photo_cutout_settings, scene_settings
from .photo_file import photo_file

BESIDE_OTHERS = Place(keeps_clear=True)
"""At the 3D cursor where that is free, else in a row."""


def load_photos(paths: Iterable[Path]) -> tuple[list[bpy.types.Image], list[PhotoError]]:
    """Images of photo files, each file once, and why some could not be loaded."""
    images: list[bpy.types.Image] = []
    failures = []
    for path in paths:
        try:
            images.append(bpy.data.images.load(str(path), check_existing=True))
        except RuntimeError as error:
            reason = str(error).strip()
            failures.append(
                PhotoError(
                    Sentence("'{name}' could not be opened ({reason}).", name=path.name, reason=reason),
                    "Choose a PNG, JPEG, WebP or TIFF file.",
                )
            )
    return list(dict.fromkeys(images)), failures


def order_for(
    scene: bpy.types.Scene,
    image: bpy.types.Image,
    settings: Settings,
    size: float,
    *,
    place: Place = BESIDE_OTHERS,
    draft_first: bool = False,
) -> Order:
    """That a photo be reconstructed; it is put on the scene's shelf where it is not there yet."""
    order = Order(shelve(scene, image).identifier, scene.session_uid, settings, size, place)
    draft = QUALITIES["DRAFT"]
    if not draft_first or settings.surface.resolution <= draft.resolution:
        return order
    quick = replace(
        settings,
        surface=replace(settings.surface, resolution=draft.resolution, target_faces=None),
        bake=replace(settings.bake, texture_size=min(draft.texture_size, settings.bake.texture_size)),
    )
    return replace(order, settings=quick, refined=settings)


def order_by_sidebar(scene: bpy.types.Scene, image: bpy.types.Image, *, draft_first: bool = False) -> Order:
    """That a photo be reconstructed by the scene's settings."""
    settings = scene.image_to_3d
    return order_for(scene, image, scene_settings(settings), settings.size, draft_first=draft_first)


def task_for(order: Order) -> ShelfTask | RefineTask:
    """The task of an order whose turn has come.

    Raises:
        ReconstructionError: the photo, its file or its mask is missing, or the draft's code is damaged.
    """
    image, scene = order.find_photo(), order.find_scene()
    if not order.is_refinement:
        cutout = photo_cutout_settings(scene.image_to_3d, image)
        return ShelfTask(order, photo_file(image), replace(order.settings, cutout=cutout))
    target = shelved_results(scene)[order.photo]
    code, _placement = load_code(target)
    surface, bake = order.settings.surface, order.settings.bake
    # What a draft has coarser than asked for; everything else stays as it was made.
    values = {
        "resolution": surface.resolution,
        "target_faces": surface.target_faces,
        "texture_size": bake.texture_size,
    }
    return RefineTask(order, target.name, code, adjusted_settings(target, code.system, values))
