# SPDX-License-Identifier: GPL-3.0-or-later
"""A sculpture and its low-poly meshes: one object to the artist, whichever of its meshes is shown."""

import bpy
import numpy as np
import pytest
from image_to_3d.inference.pipeline import Settings
from image_to_3d.scene.build import build
from image_to_3d.scene.family import Member, NextStep, family_of, find_member, next_step, sculpture_of
from image_to_3d.scene.levels import levels_of
from image_to_3d.scene.retopology import HIGH_KEY, add_levels


@pytest.fixture
def high(extension, reconstruction, photo_path):
    """The box, with its longest side of 1 m, at (1, 2, 0)."""
    bpy.context.scene.cursor.location = (1, 2, 0)
    made = bpy.data.objects[build(bpy.context, reconstruction, photo_path, Settings(), size=1.0).object]
    bpy.context.view_layer.update()
    return made


@pytest.fixture
def low(high):
    """A mesh of the same shape and place, known to be its low-poly mesh."""
    made = bpy.data.objects.new("ball_low", high.data.copy())
    made.data.materials.clear()
    made.matrix_world = high.matrix_world
    made[HIGH_KEY] = high
    bpy.context.scene.collection.objects.link(made)
    bpy.context.view_layer.update()
    return made


def activate(target):
    bpy.context.view_layer.objects.active = target


def world(target):
    bpy.context.view_layer.update()
    return np.array([target.matrix_world @ vertex.co for vertex in target.data.vertices])


def test_a_low_poly_mesh_knows_its_sculpture(high, low):
    assert sculpture_of(low) == sculpture_of(high) == high
    assert family_of(low) == family_of(high) == [high, low]
    other = bpy.data.objects.new("other", bpy.data.meshes.new("other"))
    assert sculpture_of(other) is sculpture_of(None) is None
    assert family_of(other) == [other]


def test_levels_of_detail_belong_to_the_family_but_are_no_low_poly_mesh_to_switch_to(high, low):
    levels = add_levels(bpy.context, low, 2, 0.5)
    assert [sculpture_of(level) for level in levels] == [high, high]
    assert levels_of(low) == [low, *levels]
    assert find_member(high, Member.LOW) == low
    assert set(family_of(low)) == {high, low, *levels}


def test_a_deleted_sculpture_leaves_a_mesh_on_its_own(high, low):
    bpy.data.objects.remove(high)
    assert sculpture_of(low) is None
    assert find_member(low, Member.HIGH) is None


@pytest.mark.parametrize("start", ["high", "low"])
def test_the_switch_shows_one_mesh_and_hides_the_other(high, low, start):
    activate({"high": high, "low": low}[start])
    for member, shown, hidden in (("LOW", low, high), ("HIGH", high, low)):
        assert bpy.ops.image_to_3d.show_mesh(member=member) == {"FINISHED"}
        assert bpy.context.object == shown
        assert shown.visible_get()
        assert not hidden.visible_get()
        assert bpy.context.selected_objects == [shown]


def test_the_switch_is_grey_without_a_pair(high):
    assert not bpy.ops.image_to_3d.show_mesh.poll()


def test_the_newest_low_poly_mesh_is_switched_to_unless_another_is_active(high, low):
    newer = low.copy()
    bpy.context.scene.collection.objects.link(newer)
    assert newer.name == "ball_low.001"
    assert find_member(high, Member.LOW) == newer
    assert find_member(low, Member.LOW) == low


def test_the_next_step_follows_what_is_there(high, low):
    assert next_step(high) is NextStep.SWITCH
    assert next_step(low) is NextStep.BAKE
    low.data.materials.append(high.data.materials[0])
    assert next_step(low) is NextStep.EXPORT
    low.data.clear_geometry()
    assert next_step(low) is NextStep.MODEL
    bpy.data.objects.remove(low)
    assert next_step(high) is NextStep.RETOPOLOGY


@pytest.mark.parametrize("start", ["high", "low"])
def test_size_and_stand_change_both_meshes_alike(high, low, start):
    activate({"high": high, "low": low}[start])
    high.rotation_euler = low.rotation_euler = (0.3, 0.1, 0.7)
    bpy.context.view_layer.update()
    assert bpy.ops.image_to_3d.set_size(side="LONGEST", length=0.25) == {"FINISHED"}
    assert bpy.ops.image_to_3d.stand_upright() == {"FINISHED"}
    assert max(high.dimensions) == pytest.approx(0.25, rel=1e-4)
    np.testing.assert_allclose(world(low), world(high), atol=1e-5)
    assert np.ptp(world(high)[:, 2]) == pytest.approx(0.2, abs=1e-4), "it stands level"


@pytest.mark.parametrize("operator", ["view_camera", "project_photo", "reconstruct_again", "line_up"])
def test_what_is_done_with_the_photos_works_from_the_low_poly_mesh(high, low, operator):
    activate(low)
    assert getattr(bpy.ops.image_to_3d, operator).poll()


def test_the_photos_camera_is_found_from_the_low_poly_mesh(high, low):
    activate(low)
    assert bpy.ops.image_to_3d.view_camera() == {"FINISHED"}
    assert bpy.context.scene.camera.parent == high
