# SPDX-License-Identifier: GPL-3.0-or-later
"""The cameras that took an object's photos, as Blender cameras."""

import bpy
import numpy as np
from mathutils import Matrix

from ..inference.camera import Camera, Window
from .placement import Placement

SENSOR_WIDTH = 36.0
"""Millimetres; full frame, so that the focal length reads as photographers say it."""

PHOTO_KEY = "image_to_3d_photo"
"""Custom property of a further photo's camera: SHA-256 of the photo's file."""


def create_camera(
    name: str, camera: Camera, window: Window, placement: Placement, photo: bpy.types.Image
) -> bpy.types.Object:
    """A camera object, in the reconstructed object's local coordinates, that sees it as the photo did.

    The engine's camera looks through the framed window; Blender's through the whole photo. The sensor is fitted
    horizontally whatever the photo's aspect, and the window's centre off the photo's centre becomes lens shift, which
    Blender measures in sensor widths. It matches when the render has the photo's aspect.

    Args:
        name: of the object.
        camera: in the object frame.
        window: of the photo.
        placement: of the object frame in local coordinates.
        photo: the whole photo, shown behind the object.
    """
    data = bpy.data.cameras.new(name)
    data.sensor_fit = "HORIZONTAL"
    data.sensor_width = SENSOR_WIDTH
    data.lens = camera.focal * window.half_size / window.photo_width * SENSOR_WIDTH
    data.shift_x = 0.5 - window.centre_x / window.photo_width
    data.shift_y = (window.centre_y - window.photo_height / 2) / window.photo_width
    distance = float(np.linalg.norm(camera.position)) * placement.scale
    data.clip_start = min(data.clip_start, distance / 100)
    data.clip_end = max(data.clip_end, distance * 100)
    data.display_size = 0.2 * placement.scale
    data.show_background_images = True
    background = data.background_images.new()
    background.image = photo
    background.alpha = 1.0
    background.frame_method = "FIT"

    camera_object = bpy.data.objects.new(name, data)
    matrix = Matrix(camera.rotation.tolist()).to_4x4()
    matrix.translation = placement.to_local(camera.position[None])[0].tolist()
    camera_object.matrix_basis = matrix
    return camera_object


def photo_fade(camera_object: bpy.types.Object) -> float:
    """How much of the photo lies over what the camera sees, 0..1; 0 where it lies behind, or there is none."""
    backgrounds = camera_object.data.background_images
    return backgrounds[0].alpha if backgrounds and backgrounds[0].display_depth == "FRONT" else 0.0


def set_photo_fade(camera_object: bpy.types.Object, share: float) -> None:
    """Lay the photo over what the camera sees, 0..1; at 0 it goes behind, whole."""
    for background in camera_object.data.background_images[:1]:
        background.display_depth = "FRONT" if share > 0 else "BACK"
        background.alpha = share if share > 0 else 1.0


def matched_camera(target: bpy.types.Object | None) -> bpy.types.Object | None:
    """The camera that took the photo the object was made from: its first child that is one and no further photo's."""
    children = target.children if target is not None else ()
    return next((child for child in children if child.type == "CAMERA" and PHOTO_KEY not in child), None)


def photo_cameras(target: bpy.types.Object) -> list[bpy.types.Object]:
    """The cameras of the object's further photos."""
    return [child for child in target.children if child.type == "CAMERA" and PHOTO_KEY in child]


def camera_in_use(target: bpy.types.Object | None, scene: bpy.types.Scene) -> bpy.types.Object | None:
    """Which of the object's photos is looked through: the scene's camera if it is one of theirs, else the first's."""
    if target is not None and scene.camera in photo_cameras(target):
        return scene.camera
    return matched_camera(target)


def match_render(scene: bpy.types.Scene, camera_object: bpy.types.Object, width: int, height: int) -> None:
    """Make it the scene's camera and give renders the photo's size, so that they can be laid over it."""
    scene.camera = camera_object
    scene.render.resolution_x, scene.render.resolution_y = width, height
    scene.render.pixel_aspect_x = scene.render.pixel_aspect_y = 1.0
