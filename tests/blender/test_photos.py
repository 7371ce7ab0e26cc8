# SPDX-License-Identifier: GPL-3.0-or-later
"""Further photos: projected, placed by hand, removed; undone in one step, kept in files, used by every bake."""

import math
from pathlib import Path

import bpy
import image_to_3d
import numpy as np
import pytest
from image_to_3d import api
from image_to_3d.engine import ENGINE
from image_to_3d.inference.view_matching import Side, Start
from image_to_3d.panels.photos import IMAGE_TO_3D_PT_photos
from image_to_3d.scene.camera import matched_camera
from image_to_3d.scene.photos import listed_photos, photo_camera, read_camera, view_rotation
from image_to_3d.scene.provenance import provenance_of
from image_to_3d.scene.stored_code import load_code
from mathutils import Matrix
from PIL import Image

from .test_panels import draw

GREEN, BLUE = (40, 180, 60), (40, 60, 180)


def save_photo(path, color):
    """An upright egg, cut out by its own transparency, off the photo's centre; lit, or it might be a plate."""
    rows, columns = np.mgrid[:300, :400].astype(np.float32)
    x, y = (columns - 150) / 70, (rows - 160) / 100
    light = 0.55 + 0.45 * np.clip(0.6 * np.sqrt(np.maximum(1 - x**2 - y**2, 0)) - 0.8 * y, 0, 1)
    pixels = np.zeros((300, 400, 4), np.uint8)
    pixels[..., :3] = light[..., None] * color
    pixels[..., 3] = (x**2 + y**2 < 1) * 255
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    return save_photo(folder / "egg.png", GREEN), save_photo(folder / "egg back.png", BLUE)


@pytest.fixture(scope="module")
def shared_extension():
    """Registered once, so that the worker stays warm from test to test."""
    image_to_3d.register()
    yield
    image_to_3d.unregister()


@pytest.fixture
def egg(shared_extension, photos):
    """Reconstructed from its front, by the real engine; active."""
    made = api.reconstruct(photos[0], api.settings("DRAFT", resolution=32, texture_size=512), size=0.5)
    bpy.ops.ed.undo_push(message="before")
    yield bpy.data.objects[made.object]
    ENGINE.failure = ENGINE.summary = None


def texture(target):
    """(h, w, 3) of the base colour, 0..1."""
    tree = target.active_material.node_tree
    image = next(node.image for node in tree.nodes if node.bl_idname == "ShaderNodeTexImage")
    return np.array(image.pixels[:]).reshape(*image.size, 4)[..., :3]


def share_of(color, target):
    """Share of the texels that have about this colour, however bright."""
    texels = texture(target)
    cosine = texels @ np.array(color) / np.maximum(np.linalg.norm(texels, axis=-1), 1e-6) / np.linalg.norm(color)
    return float((cosine > 0.99).mean())


def project(photos, **arguments):
    return bpy.ops.image_to_3d.project_photo(filepath=str(photos[1]), side="BACK", **arguments)


def test_the_photo_gets_its_camera_its_line_and_its_side(egg, photos):
    assert share_of(BLUE, egg) == 0
    assert project(photos) == {"FINISHED"}
    assert share_of(BLUE, egg) > 0.15 and share_of(GREEN, egg) > 0.15
    (listed,) = listed_photos(egg)
    assert listed.name == "egg back.png" and listed.agreement > 0.95
    camera = photo_camera(egg, listed.sha256)
    assert camera.name == "egg camera_photo_2" and camera.parent == egg
    assert camera.data.background_images[0].image.packed_file is not None
    assert set(camera.users_collection) == set(egg.users_collection)
    bpy.context.view_layer.update()
    assert camera.matrix_world.translation.y > 0.3
    assert matched_camera(egg) != camera
    assert provenance_of(egg)["photo_2_name"] == "egg back.png"
    shown = draw(IMAGE_TO_3D_PT_photos)
    assert {"image_to_3d.project_photo", "image_to_3d.remove_photo", "egg back.png"} <= set(shown)
    assert bpy.ops.image_to_3d.view_camera(photo=listed.sha256) == {"FINISHED"}
    assert bpy.context.scene.camera == camera


def test_the_operator_does_what_the_api_does(egg, photos):
    project(photos)
    by_operator, code = texture(egg), load_code(egg)[0].to_bytes()
    api.remove_photo(egg, "egg back.png")
    agreement = api.project_photo(egg, photos[1], Side.BACK)
    assert agreement == listed_photos(egg)[0].agreement
    np.testing.assert_array_equal(texture(egg), by_operator)
    assert load_code(egg)[0].to_bytes() == code


def test_one_undo_takes_all_of_it_back(egg, photos):
    before, cameras = texture(egg), len(bpy.data.cameras)
    bpy.ops.image_to_3d.project_photo("EXEC_DEFAULT", True, filepath=str(photos[1]), side="BACK")
    bpy.ops.ed.undo()
    again = bpy.data.objects["egg"]
    np.testing.assert_array_equal(texture(again), before)
    assert len(bpy.data.cameras) == cameras
    assert listed_photos(again) == () and load_code(again)[0].photos == ()


def test_removing_brings_back_what_was(egg, photos):
    before, code, count = texture(egg), load_code(egg)[0].to_bytes(), len(bpy.data.objects)
    project(photos)
    assert bpy.ops.image_to_3d.remove_photo(photo=listed_photos(egg)[0].sha256) == {"FINISHED"}
    assert load_code(egg)[0].to_bytes() == code
    assert np.abs(texture(egg) - before).max() < 8 / 255, "but for the stored photo's compression"
    assert len(bpy.data.objects) == count
    assert listed_photos(egg) == () and "photo_2_name" not in provenance_of(egg)


def test_the_same_photo_again_takes_its_own_place(egg, photos):
    project(photos)
    count = len(bpy.data.objects)
    assert bpy.ops.image_to_3d.project_photo(filepath=str(photos[1]), side="LEFT") == {"FINISHED"}
    (listed,) = listed_photos(egg)
    assert len(bpy.data.objects) == count
    bpy.context.view_layer.update()
    assert photo_camera(egg, listed.sha256).matrix_world.translation.x < -0.3


def test_a_camera_fitted_by_hand_is_used_as_it_stands(egg, photos):
    project(photos)
    (listed,) = listed_photos(egg)
    camera = photo_camera(egg, listed.sha256)
    bpy.context.view_layer.update()
    before = load_code(egg)[0].photos[0].camera
    read = read_camera(egg, load_code(egg)[0].photos[0])
    np.testing.assert_allclose(read.position, before.position, atol=1e-4)
    np.testing.assert_allclose(read.rotation, before.rotation, atol=1e-5)
    assert read.focal == pytest.approx(before.focal, rel=1e-4)
    # About the middle of the object frame, which need not lie above the object's origin.
    placement = load_code(egg)[1]
    frame = egg.matrix_world @ Matrix.Translation(placement.to_local(np.zeros((1, 3)))[0])
    camera.matrix_world = frame @ Matrix.Rotation(math.radians(90), 4, "Z") @ frame.inverted() @ camera.matrix_world
    bpy.context.view_layer.update()
    assert bpy.ops.image_to_3d.place_photo(photo=listed.sha256) == {"FINISHED"}
    after = load_code(egg)[0].photos[0].camera
    np.testing.assert_allclose(after.position[:2], [-before.position[1], before.position[0]], atol=0.02)
    assert listed_photos(egg)[0].agreement > 0.5
    camera.data.shift_x += 0.1
    with pytest.raises(RuntimeError, match="lens shift"):
        bpy.ops.image_to_3d.place_photo(photo=listed.sha256)


def test_a_saved_and_opened_object_still_has_its_photos_for_adjusting_and_low_poly(egg, photos, tmp_path):
    project(photos)
    path = tmp_path / "egg.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path), check_existing=False)
    bpy.ops.wm.open_mainfile(filepath=str(path))
    egg = bpy.data.objects["egg"]
    bpy.context.view_layer.objects.active = egg
    assert [photo.name for photo in listed_photos(egg)] == ["egg back.png"]
    assert bpy.ops.image_to_3d.adjust(texture_size=256) == {"FINISHED"}
    assert share_of(BLUE, egg) > 0.15
    low = egg.copy()
    low.data = egg.data.copy()
    for key in list(low.keys()):
        del low[key]
    low.data.materials.clear()
    bpy.context.scene.collection.objects.link(low)
    options = api.LowPolyOptions(texture_size=256, detail=api.DetailSettings(normals=False, occlusion_samples=0))
    api.bake_low_poly(low, egg, options)
    assert share_of(BLUE, low) > 0.15


def test_a_failure_changes_nothing(egg, tmp_path, counts):
    before, code = counts(), bytes(egg["image_to_3d_code"])
    with pytest.raises(RuntimeError, match=r"nothing\.png"):
        bpy.ops.image_to_3d.project_photo(filepath=str(tmp_path / "nothing.png"))
    with pytest.raises(RuntimeError, match="no such photo"):
        bpy.ops.image_to_3d.remove_photo(photo="0" * 64)
    while egg.data.uv_layers:
        egg.data.uv_layers.remove(egg.data.uv_layers[0])
    egg.data.update()
    bpy.context.view_layer.update()
    with pytest.raises(RuntimeError, match="no UV map"):
        bpy.ops.image_to_3d.project_photo(filepath=str(Path(tmp_path) / "nothing.png"))
    assert counts() == before and bytes(egg["image_to_3d_code"]) == code


def test_a_viewports_view_is_the_objects_own():
    turned = bpy.data.objects.new("turned", None)
    turned.matrix_world = Matrix.Translation((5, 0, 0)) @ Matrix.Rotation(math.radians(90), 4, "Z")
    # Looking along -X at an object that faces +X: its front.
    view = Matrix.Rotation(math.radians(90), 4, "Z") @ Matrix.Rotation(math.radians(90), 4, "X")
    np.testing.assert_allclose(view_rotation(turned, view), Start.at(Side.FRONT, 0.0).rotation, atol=1e-6)


def test_only_a_reconstructed_object_takes_photos(egg):
    bpy.ops.mesh.primitive_cube_add()
    assert not bpy.ops.image_to_3d.project_photo.poll()
    assert not IMAGE_TO_3D_PT_photos.poll(bpy.context)
