# SPDX-License-Identifier: GPL-3.0-or-later
"""From a reconstruction to an object in the scene: everything is made, or nothing."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import bpy
import numpy as np
from mathutils import Vector
from numpy.typing import NDArray

from ..inference.pipeline import Reconstruction, Settings
from .camera import create_camera, match_render
from .facts import Facts, facts_of, store_facts
from .images import create_photo
from .material import create_material
from .mesh import create_mesh
from .placement import Placement
from .places import AT_CURSOR, Place, find_place
from .provenance import store_provenance
from .retopology import high_of
from .selection import leave_edit_mode, make_active
from .stored_code import load_code, load_settings, store_code, store_settings
from .transform import follow, vertices_of

CREATED_TYPES = ("objects", "meshes", "materials", "images", "cameras", "collections")
"""Collections of ``bpy.data`` that building adds to."""


@dataclass(frozen=True)
class Built:
    """The names of what was made; names outlive undo and file loading, references to data-blocks do not.

    Attributes:
        object: the textured object.
        camera: the camera matched to the photo, its child.
        collection: holds both.
    """

    object: str
    camera: str
    collection: str


def build(
    context: bpy.types.Context,
    reconstruction: Reconstruction,
    photo_path: Path,
    settings: Settings,
    size: float,
    place: Place = AT_CURSOR,
) -> Built:
    """Put a reconstruction into the scene, facing -Y.

    The object becomes the selected and active one, unless the artist is editing another. A scene without a camera gets
    the matched one as its camera; a scene that has one keeps it.

    Args:
        context: with the scene and view layer to build in.
        reconstruction: what the engine returned.
        photo_path: the photo, packed as the camera's background.
        settings: what the engine was asked for, kept with the object.
        size: longest side, Blender units.
        place: where it is to stand.

    Raises:
        PhotoError: the photo cannot be read any more. Nothing has been made.
    """
    scene, name = context.scene, reconstruction.name
    placement = Placement.standing(reconstruction.surface.vertices, size)
    with all_or_nothing():
        vertices = placement.to_local(reconstruction.surface.vertices)
        mesh = create_mesh(name, vertices, reconstruction.surface.faces, reconstruction.uvs)
        mesh.materials.append(create_material(name, reconstruction.maps))
        made = bpy.data.objects.new(name, mesh)
        # The cursor's rotation is left alone on purpose: the object stands on the ground and faces -Y.
        made.location = find_place(context, vertices.min(axis=0), vertices.max(axis=0), place)
        store_code(made, reconstruction.code.to_bytes(), placement)
        store_settings(made, replace(settings, mirror=reconstruction.mirror))
        store_provenance(made, reconstruction.code.provenance)
        store_facts(made, Facts(dict(reconstruction.seconds), tuple(reconstruction.warnings), reconstruction.shape))
        code = reconstruction.code
        camera = create_camera(f"{name} camera", code.camera, code.window, placement, create_photo(photo_path))
        camera.parent = made
        collection = bpy.data.collections.new(name)
        collection.objects.link(made)
        collection.objects.link(camera)
        scene.collection.children.link(collection)
        if scene.camera is None:
            match_render(scene, camera, code.window.photo_width, code.window.photo_height)
        make_active(context, made)
    return Built(made.name, camera.name, collection.name)


def rebuild(target: bpy.types.Object, reconstruction: Reconstruction, settings: Settings) -> None:
    """Give an object the surface and maps that its code was made into again.

    The object's place, its camera and its origin stay, so that what was modelled on it still fits. Only where its base
    is cut at another height, and nothing was modelled on it yet, surface and camera are lowered so that it stands as it
    did. Its former mesh and material leave the object but stay in the file, with whatever the artist did to them, until
    it is saved without a user of theirs.

    Args:
        target: an object that was reconstructed from a photo.
        reconstruction: what the engine returned.
        settings: what it was asked for, kept with the object.

    Raises:
        ModelError: the object has lost its code meanwhile. Nothing has been changed.
        OutputError: it cannot leave Edit Mode. Nothing has been changed.
    """
    _code, placement = load_code(target)
    leave_edit_mode(target)
    with all_or_nothing():
        vertices = placement.to_local(reconstruction.surface.vertices)
        lowering = standing_shift(target, vertices, settings)
        mesh = create_mesh(target.name, vertices + lowering, reconstruction.surface.faces, reconstruction.uvs)
        mesh.materials.append(create_material(target.name, reconstruction.maps))
    target.data = mesh
    # What ran again has new times; the network did not.
    facts = facts_of(target)
    seconds = {**facts.seconds, **reconstruction.seconds}
    store_facts(target, replace(facts, seconds=seconds, warnings=tuple(reconstruction.warnings)))
    follow(target, Vector(lowering))
    store_settings(target, replace(settings, mirror=reconstruction.mirror))


def standing_shift(target: bpy.types.Object, vertices: NDArray[np.float32], settings: Settings) -> NDArray[np.float32]:
    """By how much a new surface has to be moved so that the object stands where it stood.

    Args:
        target: the object with its own mesh.
        vertices: (n, 3) of the new surface, local coordinates.
        settings: by which it was made.

    Returns:
        (3,) in local coordinates; zeros where the base is cut as before, or low-poly meshes lie on the surface.
    """
    shift = np.zeros(3, np.float32)
    is_cut_anew = settings.surface.base_cut != load_settings(target)[0].base_cut
    if is_cut_anew and target.data.vertices and not any(high_of(item) == target for item in bpy.data.objects):
        shift[2] = vertices_of(target.data)[:, 2].min() - vertices[:, 2].min()
    return shift


@contextmanager
def all_or_nothing() -> Iterator[None]:
    """Remove every data-block made inside the block if it ends with an exception."""
    before = {block.session_uid for kind in CREATED_TYPES for block in getattr(bpy.data, kind)}
    try:
        yield
    except BaseException:
        made = [block for kind in CREATED_TYPES for block in getattr(bpy.data, kind) if block.session_uid not in before]
        bpy.data.batch_remove(made)
        raise
