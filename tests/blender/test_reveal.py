# SPDX-License-Identifier: GPL-3.0-or-later
"""What the artist is shown of a new result, in the 3D viewport that every Blender file has."""

import math
from types import SimpleNamespace

import bpy
import numpy as np
import pytest
from image_to_3d import reveal as reveal_module
from image_to_3d.inference.pipeline import Settings
from image_to_3d.preferences import UserSettings
from image_to_3d.reveal import area_identifier, reveal
from image_to_3d.scene.build import build
from image_to_3d.scene.camera import matched_camera
from image_to_3d.scene.places import Place
from image_to_3d.scene.viewpoint import TURN, ViewField, frame_points
from mathutils import Vector


@pytest.fixture
def made(reconstruction, photo_path):
    names = build(bpy.context, reconstruction, photo_path, Settings(), size=1.0, place=Place((4, 5, 6)))
    bpy.context.view_layer.update()
    return bpy.data.objects[names.object]


@pytest.fixture
def area():
    """The largest 3D viewport; a view that jumps instead of moving."""
    bpy.context.preferences.view.smooth_view = 0
    window = bpy.context.window_manager.windows[0]
    found = next(item for item in window.screen.areas if item.type == "VIEW_3D")
    yield found
    bpy.context.preferences.view.smooth_view = 200


@pytest.fixture
def show(made, area):
    return lambda: reveal(bpy.context, made.name, area.as_pointer())


def view_of(area):
    view = area.spaces.active.region_3d
    return view.view_location.copy(), view.view_rotation.copy(), view.view_distance


def seen(area, target):
    """Where the vertices are, from 0 at the left and bottom of the viewport's region to 1."""
    space = area.spaces.active
    location, rotation, distance = view_of(area)
    region = next(item for item in area.regions if item.type == "WINDOW")
    axes = np.array(rotation.to_matrix())
    points = np.array([(target.matrix_world @ vertex.co)[:] for vertex in target.data.vertices])
    local = (points - np.array(location)) @ axes
    # 72 mm along the longer side: twice a full-frame sensor.
    side = 72.0 / space.lens / max(region.width, region.height)
    pixels = local[:, :2] / (distance - local[:, 2:]) / side
    return pixels / (region.width, region.height) + 0.5


def test_it_fills_most_of_the_view_and_not_more(show, made, area):
    show()
    places = seen(area, made)
    assert places.min() > 0.02 and places.max() < 0.98
    height = np.ptp(places[:, 1])
    width = np.ptp(places[:, 0])
    assert 0.3 <= height <= 0.8 or width > 0.6


def test_it_is_seen_from_20_to_30_degrees_beside_the_photos_camera(show, made, area):
    show()
    _location, rotation, _distance = view_of(area)
    back = rotation.to_matrix().col[2]
    photo_back = matched_camera(made).matrix_world.to_3x3().col[2]
    assert 20 <= math.degrees(back.angle(photo_back)) <= 30
    assert abs(rotation.to_matrix().col[0].z) < 1e-5, "the view is upright"


def test_it_is_seen_from_the_side_where_nothing_stands_in_the_way(show, made, area):
    show()
    from_side = view_of(area)[1].to_matrix().col[2].x
    bpy.ops.mesh.primitive_cube_add(size=1, location=made.location + Vector((math.copysign(1.0, from_side), -1.0, 0.5)))
    bpy.context.view_layer.objects.active = made
    show()
    assert view_of(area)[1].to_matrix().col[2].x * from_side < 0


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (("SOLID", "MATERIAL"), ("SOLID", "TEXTURE")),
        (("WIREFRAME", "MATERIAL"), ("SOLID", "TEXTURE")),
        (("MATERIAL", "MATERIAL"), ("MATERIAL", "MATERIAL")),
        (("RENDERED", "MATERIAL"), ("RENDERED", "MATERIAL")),
    ],
)
def test_its_texture_is_visible(show, area, before, after):
    shading = area.spaces.active.shading
    shading.type, shading.color_type = before
    show()
    assert (shading.type, shading.color_type) == after


def test_without_a_plain_texture_the_material_is_shown(show, made, area):
    tree = made.active_material.node_tree
    tree.nodes.active = next(node for node in tree.nodes if node.bl_idname == "ShaderNodeBsdfPrincipled")
    show()
    assert area.spaces.active.shading.type == "MATERIAL"


def test_the_preference_leaves_the_view_alone(show, area, monkeypatch):
    monkeypatch.setattr(reveal_module, "user_settings", lambda _: UserSettings(reveals=False))
    before = view_of(area)
    show()
    assert view_of(area) == before
    assert area.spaces.active.shading.color_type != "TEXTURE"


def test_whoever_edits_something_else_is_not_interrupted(show, area, made):
    bpy.ops.mesh.primitive_cube_add()
    bpy.ops.object.mode_set(mode="EDIT")
    before = view_of(area)
    show()
    bpy.ops.object.mode_set(mode="OBJECT")
    show()
    assert view_of(area) == before


def test_a_locked_view_keeps_its_place(show, area, made):
    space = area.spaces.active
    space.lock_object = made
    before = view_of(area)
    show()
    space.lock_object = None
    assert view_of(area) == before
    assert space.shading.color_type == "TEXTURE"


def test_a_view_through_the_scenes_camera_is_left_and_the_camera_stays(show, area, made):
    space = area.spaces.active
    camera = bpy.context.scene.camera
    space.lock_camera = True
    space.region_3d.view_perspective = "CAMERA"
    before = camera.matrix_world.copy()
    show()
    space.lock_camera = False
    assert space.region_3d.view_perspective == "PERSP"
    bpy.context.view_layer.update()
    assert camera.matrix_world == before


def test_the_view_moves_smoothly_unless_the_artist_takes_it_over(show, area, made, monkeypatch):
    bpy.context.preferences.view.smooth_view = 200
    now = [0.0]
    monkeypatch.setattr(reveal_module, "time", SimpleNamespace(monotonic=lambda: now[0]))
    start = view_of(area)
    show()
    now[0] = 0.1
    assert reveal_module.MOVE.step() is not None
    half = view_of(area)
    now[0] = 0.2
    assert reveal_module.MOVE.step() is None
    end = view_of(area)
    assert (half[0] - start[0]).length == pytest.approx((end[0] - start[0]).length / 2, rel=1e-3)
    now[0] = 0.0
    bpy.context.view_layer.objects.active = made
    area.spaces.active.region_3d.view_distance = 50
    show()
    area.spaces.active.region_3d.view_distance = 77
    now[0] = 0.1
    assert reveal_module.MOVE.step() is None
    assert area.spaces.active.region_3d.view_distance == 77


def test_another_area_than_a_viewport_has_no_identifier(area):
    assert area_identifier(SimpleNamespace(area=None)) == 0
    assert area_identifier(SimpleNamespace(area=area)) == area.as_pointer()


@pytest.mark.parametrize("sides", [(1, 1, 1), (1, 0.4, 0.35), (0.1, 0.1, 1), (1, 1, 0.05)])
@pytest.mark.parametrize("is_perspective", [True, False])
def test_points_lie_in_the_middle_of_the_free_part(sides, is_perspective):
    points = np.random.default_rng(0).uniform(-0.5, 0.5, (500, 3)) * sides + (3, 4, 5)
    field = ViewField.of_region((1250, 900), (60, 0, 960, 840), 50, is_perspective=is_perspective)
    view = frame_points(points, Vector((0.4, -0.85, 0.3)).to_track_quat("Z", "Y"), field)
    local = (points - np.array(view.location)) @ np.array(view.rotation.to_matrix())
    projected = local[:, :2] / (view.distance - local[:, 2:] if is_perspective else view.distance)
    lower, upper = projected.min(axis=0), projected.max(axis=0)
    np.testing.assert_allclose((lower + upper) / 2, field.centre, atol=0.02)
    shares = (upper - lower) / 2 / field.half
    assert np.max(shares / (0.8, 0.6)) == pytest.approx(1, abs=0.05)


def test_the_turn_is_between_20_and_30_degrees():
    assert 20 <= math.degrees(TURN) <= 30
