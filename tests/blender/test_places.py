# SPDX-License-Identifier: GPL-3.0-or-later
"""Where results stand: where they are told to, or on free ground beside what is there."""

import bpy
import numpy as np
import pytest
from image_to_3d import api
from image_to_3d.inference.pipeline import Settings
from image_to_3d.scene.build import build
from image_to_3d.scene.compare import GAP
from image_to_3d.scene.places import Place

CLEAR = Place(keeps_clear=True)


def box(target):
    bpy.context.view_layer.update()
    corners = np.array([(target.matrix_world @ vertex.co)[:] for vertex in target.data.vertices])
    return corners.min(axis=0), corners.max(axis=0)


def overlap(first, second):
    """How far two objects' boxes reach into each other, in metres; at most 0 where they do not."""
    (lower, upper), (other_lower, other_upper) = box(first), box(second)
    return float((np.minimum(upper, other_upper) - np.maximum(lower, other_lower)).min())


@pytest.fixture
def make(reconstruction, photo_path):
    """Builds a result 1 m wide, 0.5 m deep and 0.8 m high."""

    def make(place=CLEAR, size=1.0):
        names = build(bpy.context, reconstruction, photo_path, Settings(), size=size, place=place)
        return bpy.data.objects[names.object]

    return make


@pytest.fixture
def cube():
    """Blender's default cube."""
    bpy.ops.mesh.primitive_cube_add(size=2)
    return bpy.context.object


def test_an_empty_scene_has_room_at_the_cursor(make):
    bpy.context.scene.cursor.location = (3, 4, 5)
    assert make().location[:] == (3, 4, 5)


def test_beside_the_default_cube_not_inside_it(make, cube):
    made = make()
    assert overlap(made, cube) < 0
    assert made.location.y == 0 and made.location.z == 0
    assert box(made)[0][0] - box(cube)[1][0] == pytest.approx(GAP, abs=1e-5)


def test_further_results_stand_in_a_row(make, cube):
    results = [make() for _ in range(4)]
    steps = np.diff([item.location.x for item in results])
    np.testing.assert_allclose(steps, 1 + GAP, atol=1e-5)
    assert len({(item.location.y, item.location.z) for item in results}) == 1


def test_a_gap_that_is_wide_enough_is_used(make):
    first, second, third = make(), make(), make()
    bpy.data.objects.remove(second)
    assert make().location.x == pytest.approx(first.location.x + 1 + GAP)
    assert make().location.x > third.location.x


def test_scripts_get_the_cursor_whatever_stands_there(make, cube):
    assert make(Place()).location[:] == (0, 0, 0)


def test_a_point_counts_instead_of_the_cursor(make, cube):
    assert make(Place((5, 6, 7), keeps_clear=True)).location[:] == (5, 6, 7)
    assert make(Place((0, 0, 0))).location[:] == (0, 0, 0)


def test_on_top_of_a_table_is_not_inside_it(make, cube):
    assert make(Place((0, 0, 1), keeps_clear=True)).location[:] == (0, 0, 1)


def test_hidden_things_lights_and_cameras_take_no_room(make, cube):
    cube.hide_set(True)
    bpy.ops.object.light_add(type="POINT", location=(0, 0, 0.3))
    bpy.ops.object.camera_add(location=(0, 0, 0.3))
    assert make().location[:] == (0, 0, 0)


def test_a_small_result_does_not_end_inside_a_large_cube(make, cube):
    made = make(size=0.1)
    assert overlap(made, cube) < 0


def test_a_ground_or_a_room_is_no_reason_to_go_away(make):
    bpy.ops.mesh.primitive_grid_add(size=40, x_subdivisions=80, y_subdivisions=80)
    ground = bpy.context.object
    rng = np.random.default_rng(1)
    for vertex in ground.data.vertices:
        vertex.co.z = rng.uniform(-0.05, 0.05)
    bpy.ops.mesh.primitive_cube_add(size=30, location=(0, 0, 14))
    bpy.ops.object.mode_set(mode="EDIT")
    bpy.ops.mesh.flip_normals()
    bpy.ops.object.mode_set(mode="OBJECT")
    assert make().location[:] == (0, 0, 0)


def test_instances_of_collections_take_room(make):
    library = bpy.data.collections.new("library")
    mesh = bpy.data.meshes.new("block")
    mesh.from_pydata([(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], [], [])
    library.objects.link(bpy.data.objects.new("block", mesh))
    instance = bpy.data.objects.new("instance", None)
    instance.instance_type, instance.instance_collection = "COLLECTION", library
    bpy.context.scene.collection.objects.link(instance)
    assert make().location.x == pytest.approx(1 + GAP + 0.5)


def test_the_operator_and_the_api_pass_the_place_on(host, done, cube, photo_path):
    host.jobs = [done() for _ in range(4)]
    bpy.ops.image_to_3d.reconstruct(filepath=str(photo_path), location=(1, 2, 3))
    assert bpy.context.object.location[:] == (1, 2, 3)
    bpy.ops.image_to_3d.reconstruct(filepath=str(photo_path))
    assert bpy.context.object.location[:] == (0, 0, 0), "scripts that ask for nothing get the cursor"
    bpy.ops.image_to_3d.reconstruct(filepath=str(photo_path), keep_clear=True)
    assert overlap(bpy.context.object, cube) < 0
    made = api.reconstruct(photo_path, place=Place((7, 8, 9)))
    assert bpy.data.objects[made.object].location[:] == (7, 8, 9)
