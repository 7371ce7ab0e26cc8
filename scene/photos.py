# SPDX-License-Identifier: GPL-3.0-or-later
"""Further photos of an object: their cameras, the list that the sidebar shows, and the texture they were baked into."""

import json
from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np
from mathutils import Matrix
from numpy.typing import NDArray

from ..inference.bake import UVMesh
from ..inference.camera import Camera, Window
from ..inference.code import Code, FurtherPhoto
from ..inference.errors import OutputError, SettingsError
from ..inference.pipeline import Projected
from ..inference.sentence import Sentence
from .build import all_or_nothing
from .camera import PHOTO_KEY, create_camera, photo_cameras
from .images import create_photo
from .material import create_material
from .placement import Placement
from .polygons import read_evaluated
from .provenance import store_provenance
from .stored_code import load_code, store_code
from .uv_mesh import uv_mesh

PHOTOS_KEY = "image_to_3d_photos"
"""Custom property: the list as JSON, so that drawing a panel need not open the stored code."""


@dataclass(frozen=True)
class ListedPhoto:
    """A line of the list.

    Attributes:
        sha256: of its file; photos are told apart by it.
        name: of its file.
        agreement: of the silhouettes, 0..1.
    """

    sha256: str
    name: str
    agreement: float


def listed_photos(target: bpy.types.Object) -> tuple[ListedPhoto, ...]:
    """An object's further photos; none of one whose property was edited to nonsense."""
    try:
        return tuple(ListedPhoto(**values) for values in json.loads(target.get(PHOTOS_KEY, "[]")))
    except (TypeError, ValueError):
        return ()


def photo_camera(target: bpy.types.Object, sha256: str) -> bpy.types.Object | None:
    """The camera of one of its further photos; None if the artist deleted it."""
    return next((camera for camera in photo_cameras(target) if camera[PHOTO_KEY] == sha256), None)


def mesh_in_object_frame(target: bpy.types.Object, depsgraph: bpy.types.Depsgraph) -> UVMesh:
    """The object as it looks, modifiers and all, to bake on.

    Raises:
        SettingsError: it has no faces or no UVs.
        ModelError: it has no code.
    """
    _code, placement = load_code(target)
    polygons = read_evaluated(target, depsgraph, with_shading=True)
    if not len(polygons.starts):
        raise SettingsError(Sentence("'{name}' has no faces.", name=target.name), "Choose an object with a surface.")
    return uv_mesh(polygons, np.eye(4), placement)


def read_camera(target: bpy.types.Object, photo: FurtherPhoto) -> Camera:
    """A further photo's camera as the artist left it; inverse of ``create_camera``.

    Raises:
        SettingsError: there is no such camera, or it is none that a photo's window could have.
    """
    camera_object = photo_camera(target, photo.sha256)
    if camera_object is None:
        raise SettingsError(
            Sentence("The camera of '{name}' was deleted.", name=photo.name),
            "Project the photo again; its camera is made anew.",
        )
    data, window = camera_object.data, photo.window
    if data.type != "PERSP":
        raise SettingsError(
            Sentence("'{name}' is no perspective camera.", name=camera_object.name), "Set its type to Perspective."
        )
    if not np.allclose([data.shift_x, data.shift_y], _shift(window), atol=1e-4) or data.sensor_fit != "HORIZONTAL":
        raise SettingsError(
            Sentence("The lens shift or the sensor fit of '{name}' was changed.", name=camera_object.name),
            "Undo that: move and turn the camera, or change its focal length.",
        )
    _code, placement = load_code(target)
    matrix = np.array(target.matrix_world.inverted() @ camera_object.matrix_world)
    rotation = matrix[:3, :3] / np.linalg.norm(matrix[:3, :3], axis=0)
    position = placement.to_object_frame(matrix[None, :3, 3])[0]
    return Camera(position, rotation, data.lens / data.sensor_width * window.photo_width / window.half_size)


def view_rotation(target: bpy.types.Object, view: Matrix) -> NDArray[np.float64]:
    """(3, 3) of a viewport's rotation in world coordinates, as an engine camera's in the object frame."""
    matrix = target.matrix_world.to_3x3().normalized().inverted() @ view.to_3x3()
    return np.array(matrix)


def update_photos(target: bpy.types.Object, projected: Projected, photo_path: Path | None = None) -> None:
    """Give an object the code and the texture with other further photos than before, and their cameras.

    Its former material leaves it but stays in the file until it is saved without a user of it.

    Args:
        target: an object that was reconstructed from a photo.
        projected: what the engine returned.
        photo_path: the photo that was added last, packed as its camera's background.

    Raises:
        ModelError: the object has lost its code meanwhile. Nothing has been changed.
        PhotoError: the photo cannot be read any more. Nothing has been changed.
        OutputError: the object's mesh went away meanwhile. Nothing has been changed.
    """
    _code, placement = load_code(target)
    if target.type != "MESH":
        raise OutputError(
            Sentence("'{name}' is no mesh any more.", name=target.name), "Undo, and project the photo again."
        )
    code = projected.code
    with all_or_nothing():
        material = create_material(target.name, projected.maps)
        added = _new_camera(target, code, placement, photo_path) if photo_path is not None else None
    kept = {photo.sha256 for photo in code.photos}
    if added is not None:
        kept.remove(code.photos[-1].sha256)
    for camera in photo_cameras(target):
        if camera[PHOTO_KEY] not in kept:
            bpy.data.cameras.remove(camera.data)
    if added is not None:
        _put_beside(added, target, code.photos[-1].sha256)
    target.data.materials.clear()
    target.data.materials.append(material)
    store_code(target, code.to_bytes(), placement)
    _store_list(target, code)


def _new_camera(target: bpy.types.Object, code: Code, placement: Placement, photo_path: Path) -> bpy.types.Object:
    photo = code.photos[-1]
    name = f"{target.name} camera_photo_{len(code.photos) + 1}"
    return create_camera(name, photo.camera, photo.window, placement, create_photo(photo_path))


def _put_beside(camera: bpy.types.Object, target: bpy.types.Object, sha256: str) -> None:
    camera[PHOTO_KEY] = sha256
    camera.parent = target
    for collection in target.users_collection:
        collection.objects.link(camera)


def _store_list(target: bpy.types.Object, code: Code) -> None:
    """The list, and the photos' origin."""
    listed = [{"sha256": photo.sha256, "name": photo.name, "agreement": photo.agreement} for photo in code.photos]
    provenance = dict(code.provenance)
    for number, photo in enumerate(code.photos, 2):
        provenance |= {f"photo_{number}_name": photo.name, f"photo_{number}_sha256": photo.sha256}
    target[PHOTOS_KEY] = json.dumps(listed)
    store_provenance(target, provenance)


def _shift(window: Window) -> tuple[float, float]:
    """Blender's lens shift of a photo's window."""
    return (
        0.5 - window.centre_x / window.photo_width,
        (window.centre_y - window.photo_height / 2) / window.photo_width,
    )
