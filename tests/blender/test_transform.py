# SPDX-License-Identifier: GPL-3.0-or-later
"""Size, origin and upright stand: the object changes as asked, and its code and camera still fit it."""

import math

import bpy
import numpy as np
import pytest
from bpy_extras.object_utils import world_to_camera_view
from image_to_3d.inference.pipeline import Settings
from image_to_3d.panels.transform import IMAGE_TO_3D_PT_transform
from image_to_3d.scene.build import build
from image_to_3d.scene.stored_code import load_code
from mathutils import Matrix, Vector

from .test_panels import draw


@pytest.fixture
def made(extension, reconstruction, photo_path):
    """The box of 0.4 x 0.2 x 0.32, active, standing at (1, 2, 0)."""
    bpy.context.scene.cursor.location = (1, 2, 0)
    target = bpy.data.objects[build(bpy.context, reconstruction, photo_path, Settings(), size=0.4).object]
    bpy.context.view_layer.update()
    return target


def world(target):
    bpy.context.view_layer.update()
    return np.array([target.matrix_world @ vertex.co for vertex in target.data.vertices])


def object_frame(target):
    _code, placement = load_code(target)
    local = np.array([vertex.co for vertex in target.data.vertices])
    return placement.to_object_frame(local)


def seen(target):
    """Where the photo's camera sees the vertices, in shares of the picture."""
    bpy.context.view_layer.update()
    camera = next(child for child in target.children if child.type == "CAMERA")
    return np.array([world_to_camera_view(bpy.context.scene, camera, Vector(point))[:2] for point in world(target)])


@pytest.mark.parametrize(
    ("side", "length", "expected"),
    [("HEIGHT", 3.2, (4, 2, 3.2)), ("WIDTH", 0.1, (0.1, 0.05, 0.08)), ("LONGEST", 1.0, (1, 0.5, 0.8))],
)
def test_the_real_size(made, reconstruction, side, length, expected):
    before = seen(made)
    assert bpy.ops.image_to_3d.set_size(side=side, length=length) == {"FINISHED"}
    bpy.context.view_layer.update()
    assert tuple(made.dimensions) == pytest.approx(expected, rel=1e-4)
    assert tuple(made.scale) == (1, 1, 1)
    assert world(made)[:, 2].min() == pytest.approx(0, abs=1e-5)
    np.testing.assert_allclose(object_frame(made), reconstruction.surface.vertices, atol=1e-5)
    np.testing.assert_allclose(seen(made), before, atol=1e-4)


def test_the_size_by_two_points(made):
    corner, other = world(made)[0], world(made)[4]
    present = float(np.linalg.norm(corner - other))
    bpy.ops.image_to_3d.set_distance(first=corner, second=other, distance=10 * present)
    assert np.linalg.norm(world(made)[0] - world(made)[4]) == pytest.approx(10 * present, rel=1e-4)
    with pytest.raises(RuntimeError, match="length greater than 0"):
        bpy.ops.image_to_3d.set_distance(first=corner, second=corner, distance=1.0)


@pytest.mark.parametrize(("where", "place"), [("BASE", 0.0), ("CENTRE", 0.16), ("MASS", 0.16)])
def test_the_origin_moves_and_nothing_else(made, reconstruction, where, place):
    bpy.ops.image_to_3d.set_origin(where="CENTRE")
    before, view = world(made), seen(made)
    bpy.ops.image_to_3d.set_origin(where=where)
    bpy.context.view_layer.update()
    assert tuple(made.matrix_world.translation) == pytest.approx((1, 2, place), abs=1e-4)
    np.testing.assert_allclose(world(made), before, atol=1e-5)
    np.testing.assert_allclose(seen(made), view, atol=1e-4)
    np.testing.assert_allclose(object_frame(made), reconstruction.surface.vertices, atol=1e-5)


def test_the_centre_of_mass_is_the_volumes_not_the_vertices(extension):
    bpy.ops.mesh.primitive_cone_add(vertices=64, radius1=1, depth=2, location=(0, 0, 0))
    bpy.ops.image_to_3d.set_origin(where="MASS")
    bpy.context.view_layer.update()
    assert bpy.context.object.matrix_world.translation.z == pytest.approx(-0.5, abs=1e-3)


@pytest.mark.parametrize("angles", [(20, 0), (-35, 10), (0, 25)])
def test_a_tilted_object_stands_upright_again(made, angles):
    tilt = Matrix.Rotation(math.radians(angles[0]), 4, "X") @ Matrix.Rotation(math.radians(angles[1]), 4, "Y")
    made.matrix_world = made.matrix_world @ tilt
    bpy.context.view_layer.update()
    lowest, view = world(made)[:, 2].min(), seen(made)
    assert bpy.ops.image_to_3d.stand_upright() == {"FINISHED"}
    points = world(made)
    assert points[:, 2].min() == pytest.approx(lowest, abs=1e-5)
    on_the_ground = points[:, 2] < lowest + 1e-4
    assert on_the_ground.sum() == 4
    assert np.ptp(points[:, 2]) == pytest.approx(0.32, rel=1e-3)
    np.testing.assert_allclose(seen(made), view, atol=1e-4)


def test_a_ball_cannot_stand(extension):
    bpy.ops.mesh.primitive_ico_sphere_add(subdivisions=5)
    before = bpy.context.object.matrix_world.copy()
    with pytest.raises(RuntimeError, match="no flat side"):
        bpy.ops.image_to_3d.stand_upright()
    assert bpy.context.object.matrix_world == before


def test_a_shared_mesh_is_not_changed_for_others(made):
    other = bpy.data.objects.new("other", made.data)
    bpy.context.scene.collection.objects.link(other)
    bpy.ops.image_to_3d.set_size(side="HEIGHT", length=1.0)
    bpy.context.view_layer.update()
    assert other.dimensions.z == pytest.approx(0.32, rel=1e-4)


@pytest.mark.parametrize("unit", [1.0, 0.001])
def test_the_real_size_is_told_as_the_scene_measures(made, capfd, unit):
    bpy.context.scene.unit_settings.scale_length = unit
    bpy.ops.image_to_3d.set_size(side="HEIGHT", length=3.2)
    assert ("4 m x 2 m x 3.2 m" if unit == 1 else "4 mm x 2 mm x 3.2 mm") in capfd.readouterr().out


def evaluated(target):
    """The vertices with shape keys, in the world."""
    depsgraph = bpy.context.evaluated_depsgraph_get()
    item = target.evaluated_get(depsgraph)
    return np.array([item.matrix_world @ vertex.co for vertex in item.data.vertices])


def test_shape_keys_follow_size_and_origin(made):
    made.shape_key_add(name="Basis")
    smile = made.shape_key_add(name="Smile")
    smile.data[0].co.x += 0.1
    smile.value = 1.0
    before = evaluated(made)
    bpy.ops.image_to_3d.set_origin(where="CENTRE")
    np.testing.assert_allclose(evaluated(made), before, atol=1e-5)
    bpy.ops.image_to_3d.set_size(side="WIDTH", length=2 * float(np.ptp(before[:, 0])))
    np.testing.assert_allclose(np.ptp(evaluated(made), axis=0), 2 * np.ptp(before, axis=0), rtol=1e-4)


CHANGES = (("set_size", {"length": 2.0}), ("set_origin", {"where": "CENTRE"}), ("stand_upright", {}))


@pytest.fixture
def linked(made, tmp_path):
    """The object, linked from another file."""
    path = str(tmp_path / "library.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    with bpy.data.libraries.load(path, link=True) as (_there, here):
        here.objects = ["ball"]
    target = here.objects[0]
    bpy.context.scene.collection.objects.link(target)
    bpy.context.view_layer.objects.active = target
    bpy.context.view_layer.update()
    return target


@pytest.mark.parametrize(("operator", "values"), CHANGES)
def test_what_would_not_be_saved_is_refused(linked, operator, values):
    before, placement = world(linked), list(linked["image_to_3d_placement"])
    with pytest.raises(RuntimeError, match=r"belongs to another file.*Make it local first"):
        getattr(bpy.ops.image_to_3d, operator)(**values)
    np.testing.assert_array_equal(world(linked), before)
    assert list(linked["image_to_3d_placement"]) == placement


def test_a_library_override_can_be_turned_only(linked):
    own = linked.override_create(remap_local_usages=True)
    bpy.context.view_layer.objects.active = own
    bpy.context.view_layer.update()
    assert bpy.ops.image_to_3d.stand_upright() == {"FINISHED"}
    with pytest.raises(RuntimeError, match="Make it local first"):
        bpy.ops.image_to_3d.set_size(length=2.0)


def test_a_linked_mesh_becomes_the_local_objects_own(linked):
    own = bpy.data.objects.new("own", linked.data)
    bpy.context.scene.collection.objects.link(own)
    bpy.data.objects.remove(linked)
    bpy.context.view_layer.objects.active = own
    bpy.context.view_layer.update()
    bpy.ops.image_to_3d.set_size(side="HEIGHT", length=1.0)
    assert own.data.library is None


@pytest.mark.parametrize(("operator", "values"), [*CHANGES, ("set_origin", {"where": "MASS"})])
def test_an_empty_mesh_is_told(extension, operator, values):
    target = bpy.data.objects.new("nothing", bpy.data.meshes.new("nothing"))
    bpy.context.scene.collection.objects.link(target)
    bpy.context.view_layer.objects.active = target
    with pytest.raises(RuntimeError, match="'nothing' has no vertices"):
        getattr(bpy.ops.image_to_3d, operator)(**values)


def test_the_photo_fades_over_the_render(made):
    background = made.children[0].data.background_images[0]
    status = bpy.context.window_manager.image_to_3d
    assert (status.photo_fade, background.display_depth, background.alpha) == (0.0, "BACK", 1.0)
    status.photo_fade = 0.25
    assert (status.photo_fade, background.display_depth, background.alpha) == (0.25, "FRONT", 0.25)
    status.photo_fade = 0.0
    assert (background.display_depth, background.alpha) == ("BACK", 1.0)


def test_the_panel(made):
    assert IMAGE_TO_3D_PT_transform.poll(bpy.context)
    shown = draw(IMAGE_TO_3D_PT_transform)
    assert {"image_to_3d.set_size", "image_to_3d.pick_distance", "image_to_3d.stand_upright", "photo_fade"} <= set(
        shown
    )
