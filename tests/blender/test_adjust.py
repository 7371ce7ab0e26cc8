# SPDX-License-Identifier: GPL-3.0-or-later
"""Changing surface and texture after the fact: by script, by slider, live; and nothing lost on the way."""

import dataclasses
from types import SimpleNamespace

import bpy
import numpy as np
import pytest
from image_to_3d import adjustments
from image_to_3d.adjustments import ADJUSTMENTS, BAKE_NAMES, LIVE, REST_SECONDS, SURFACE_NAMES
from image_to_3d.engine import ENGINE
from image_to_3d.inference.errors import SurfaceError
from image_to_3d.inference.pipeline import Settings
from image_to_3d.inference.surface import SurfaceSettings
from image_to_3d.jobs import JobState
from image_to_3d.panels.adjust import IMAGE_TO_3D_PT_adjust
from image_to_3d.scene import selection
from image_to_3d.scene.build import build
from image_to_3d.scene.camera import matched_camera
from image_to_3d.scene.preview import STAND_IN, end_previews, show_preview
from image_to_3d.scene.retopology import HIGH_KEY
from image_to_3d.scene.stored_code import load_code, load_settings
from image_to_3d.tasks import AdjustTask
from mathutils import Vector

from .test_panels import draw

MADE_WITH = Settings(surface=SurfaceSettings(resolution=200, smoothing=2))


@pytest.fixture
def made(host, reconstruction, photo_path):
    """A reconstructed object, active."""
    names = build(bpy.context, reconstruction, photo_path, MADE_WITH, size=0.4)
    return bpy.data.objects[names.object]


@pytest.fixture
def sliders(made):
    return bpy.context.window_manager.image_to_3d_adjust


def test_a_slider_is_read_where_blender_has_no_active_object_yet(sliders, monkeypatch):
    assert sliders.resolution == 200
    monkeypatch.setattr(selection, "bpy", SimpleNamespace(context=SimpleNamespace()))
    assert selection.active_object() is None
    assert sliders.resolution == SurfaceSettings().resolution


@pytest.fixture
def flat(reconstruction):
    """The box at a third of its height, as if its base had been cut."""
    surface = reconstruction.surface
    vertices = surface.vertices * np.array([1, 1, 1 / 3], np.float32)
    return dataclasses.replace(reconstruction, surface=dataclasses.replace(surface, vertices=vertices))


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands until it is told to go on."""

    class Clock:
        now = 100.0

        def monotonic(self):
            return self.now

    clock = Clock()
    monkeypatch.setattr(adjustments, "time", clock)
    return clock


def finished(fake_job, result):
    return fake_job([JobState.DONE], result=result)


def stand_ins():
    return [block.name for kind in ("meshes", "scenes") for block in getattr(bpy.data, kind) if STAND_IN in block.name]


def duplicate(target, linked):
    """As Alt+D and Shift+D do."""
    with bpy.context.temp_override(selected_objects=[target], active_object=target, object=target):
        bpy.ops.object.select_all(action="DESELECT")
        target.select_set(True)
        bpy.ops.object.duplicate(linked=linked)
    return bpy.context.view_layer.objects.active


def test_a_script_changes_what_it_names_and_keeps_the_rest(made, host, fake_job, flat):
    host.jobs = [finished(fake_job, flat)]
    before, place = made.dimensions.copy(), made.matrix_world.copy()
    assert bpy.ops.image_to_3d.adjust(base_cut=0.5, texture_size=512) == {"FINISHED"}
    name, code, settings = host.asked[0]
    assert (name, code.system) == ("ball", "pebble")
    assert settings.surface == dataclasses.replace(MADE_WITH.surface, base_cut=0.5)
    assert settings.bake == dataclasses.replace(MADE_WITH.bake, texture_size=512)
    assert made.dimensions.z == pytest.approx(before.z / 3, rel=1e-4)
    assert made.matrix_world == place
    assert load_settings(made) == (settings.surface, settings.bake)
    assert made.data.uv_layers.active is not None
    assert made.active_material.node_tree.nodes["Principled BSDF"].inputs["Base Color"].is_linked


def test_one_undo_brings_the_old_mesh_back(made, host, fake_job, flat):
    host.jobs = [finished(fake_job, flat)]
    bpy.ops.ed.undo_push(message="before")
    before = max(made.dimensions), made.dimensions.z
    bpy.ops.image_to_3d.adjust("EXEC_DEFAULT", True, base_cut=0.5)
    bpy.ops.ed.undo()
    again = bpy.data.objects["ball"]
    assert (max(again.dimensions), again.dimensions.z) == pytest.approx(before)
    assert load_settings(again) == (MADE_WITH.surface, MADE_WITH.bake)


def test_a_failure_changes_nothing(made, host, fake_job, counts):
    host.jobs = [fake_job([JobState.FAILED], error=SurfaceError("There is no surface.", "Lower the iso level."))]
    mesh, before = made.data, counts()
    with pytest.raises(RuntimeError, match="Lower the iso level"):
        bpy.ops.image_to_3d.adjust(iso_shift=1.0)
    assert made.data == mesh
    assert counts() == before
    assert load_settings(made) == (MADE_WITH.surface, MADE_WITH.bake)


def test_only_reconstructed_objects_can_be_adjusted(made):
    bpy.ops.mesh.primitive_cube_add()
    with pytest.raises(RuntimeError, match="was not reconstructed"):
        bpy.ops.image_to_3d.adjust()
    with pytest.raises(RuntimeError, match="'nothing' was not reconstructed"):
        bpy.ops.image_to_3d.adjust(target="nothing")


def test_sliders_show_the_active_objects_values_and_make_no_change_yet(made, sliders):
    assert (sliders.resolution, sliders.smoothing, sliders.texture_size) == (200, 2, "2048")
    mesh = made.data
    sliders.iso_shift, sliders.texture_size, sliders.target_faces = 0.5, "1024", 5000
    assert (sliders.iso_shift, sliders.texture_size, sliders.target_faces) == (0.5, "1024", 5000)
    assert made.data == mesh
    assert load_settings(made) == (MADE_WITH.surface, MADE_WITH.bake)
    bpy.ops.image_to_3d.reset_adjustments()
    assert (sliders.iso_shift, sliders.texture_size, sliders.target_faces) == (0.0, "2048", 0)


def test_the_button_applies_the_sliders(made, sliders, host, fake_job, flat):
    host.jobs = [finished(fake_job, flat)]
    sliders.base_cut, sliders.photo_strength = 0.5, 0.25
    bpy.ops.image_to_3d.adjust(use_sliders=True)
    settings = host.asked[0][2]
    assert (settings.surface.base_cut, settings.bake.photo_strength) == (0.5, 0.25)
    assert settings.surface.resolution == 200


def test_a_moving_slider_shows_a_coarse_surface_and_rest_applies_it(made, sliders, host, fake_job, flat, clock):
    own = made.data
    host.jobs = [finished(fake_job, flat.surface), finished(fake_job, flat)]
    ADJUSTMENTS.change(made, "base_cut", 0.5)
    LIVE.touch(made)
    assert LIVE.tick() is not None
    coarse = host.asked[0][1].surface
    assert (coarse.resolution, coarse.base_cut) == (96, 0.5)
    assert not ENGINE.is_busy, "a preview keeps no button from being pressed"
    assert LIVE.tick() is not None
    assert made.data != own
    bpy.context.view_layer.update()
    assert made.dimensions.z == pytest.approx(0.32 / 3, rel=1e-3)
    assert own.name in bpy.data.meshes
    clock.now += REST_SECONDS + 0.1
    assert LIVE.tick() is None
    exact = host.asked[1][2].surface
    assert (exact.resolution, exact.base_cut) == (200, 0.5)
    assert load_settings(made)[0] == exact
    assert made.data.uv_layers.active is not None
    assert not [mesh for mesh in bpy.data.meshes if mesh.name.startswith(STAND_IN)]
    assert ADJUSTMENTS.values(made)["base_cut"] == 0.5


def test_many_moves_of_a_slider_share_one_timer(made):
    for value in (0.1, 0.2, 0.3):
        ADJUSTMENTS.change(made, "base_cut", value)
        LIVE.touch(made)
    assert bpy.app.timers.is_registered(adjustments._tick)
    bpy.app.timers.unregister(adjustments._tick)
    assert not bpy.app.timers.is_registered(adjustments._tick), "one more would apply the same change again"


def test_saving_and_undo_never_see_the_stand_in(made, host, fake_job, flat, clock, tmp_path):
    own, names = made.data, {mesh.name for mesh in bpy.data.meshes}
    host.jobs = [finished(fake_job, flat.surface)]
    ADJUSTMENTS.change(made, "base_cut", 0.5)
    LIVE.touch(made)
    LIVE.tick(), LIVE.tick()
    assert made.data != own
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "kept.blend"), copy=True)
    assert made.data == own
    assert {mesh.name for mesh in bpy.data.meshes} == names
    assert ADJUSTMENTS.values(made)["base_cut"] == 0.0


def test_edit_mode_ends_a_preview_that_is_still_being_made(made, host, fake_job, flat, clock):
    own = made.data
    host.jobs = [fake_job([JobState.RUNNING, JobState.DONE], result=flat.surface)]
    ADJUSTMENTS.change(made, "base_cut", 0.5)
    LIVE.touch(made)
    LIVE.tick()
    bpy.ops.object.mode_set(mode="EDIT")
    LIVE.tick()
    assert LIVE.tick() is None
    assert bpy.data.objects["ball"].data == own
    assert made.mode == "EDIT", "the artist works on the own mesh"
    assert not stand_ins()


def test_what_is_applied_takes_the_place_of_a_stand_in_in_edit_mode(made, host, flat):
    own = made.data
    show_preview(made, flat.surface, MADE_WITH)
    bpy.ops.object.mode_set(mode="EDIT")
    AdjustTask("ball", load_code(made)[0], MADE_WITH).finish(bpy.context, flat)
    assert made.data.uv_layers.active is not None
    assert made.mode == "OBJECT"
    assert own.name in bpy.data.meshes
    assert not stand_ins()


@pytest.mark.parametrize("is_excluded", [False, True])
def test_a_file_saved_while_a_stand_in_is_edited_holds_the_own_mesh(made, host, flat, tmp_path, is_excluded):
    own = made.data.name
    show_preview(made, flat.surface, MADE_WITH)
    bpy.ops.object.mode_set(mode="EDIT")
    bpy.context.view_layer.layer_collection.children["ball"].exclude = is_excluded
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "kept.blend"), copy=True)
    with bpy.data.libraries.load(str(tmp_path / "kept.blend")) as (kept, _taken):
        assert "ball" in kept.objects
        assert kept.meshes == [own]


def test_a_file_that_blender_saved_by_itself_opens_with_the_own_mesh(made, host, flat, tmp_path):
    own = made.data.name
    show_preview(made, flat.surface, MADE_WITH)
    bpy.ops.object.mode_set(mode="EDIT")
    bpy.app.handlers.save_pre.remove(adjustments._on_change_of_file)
    try:
        bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "auto.blend"))
    finally:
        bpy.app.handlers.save_pre.append(adjustments._on_change_of_file)
    assert stand_ins()
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "auto.blend"))
    assert bpy.data.objects["ball"].data.name == own
    assert not stand_ins()


def test_undo_to_a_step_with_a_stand_in_shows_the_own_mesh(made, host, flat, tmp_path):
    bpy.ops.ed.undo_push(message="built")
    show_preview(made, flat.surface, MADE_WITH)
    bpy.context.scene.cursor.location.x = 1
    bpy.ops.ed.undo_push(message="the artist does something else")
    AdjustTask("ball", load_code(made)[0], MADE_WITH).finish(bpy.context, flat)
    bpy.ops.ed.undo_push(message="adjusted")
    bpy.ops.ed.undo()
    assert bpy.data.objects["ball"].dimensions.z == pytest.approx(0.32)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "kept.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "kept.blend"))
    shown = bpy.data.objects["ball"].data
    assert shown.uv_layers.active is not None
    assert len(shown.materials) == 1
    assert not stand_ins()


def test_undo_in_edit_mode_puts_no_stand_in_into_the_own_mesh(made, host, flat):
    bpy.ops.ed.undo_push(message="built")
    show_preview(made, flat.surface, MADE_WITH)
    bpy.ops.object.mode_set(mode="EDIT")
    for step in ("edit mode", "moved", "moved again"):
        bpy.ops.transform.translate(value=(0.1, 0, 0))
        bpy.ops.ed.undo_push(message=step)
    bpy.ops.ed.undo()
    assert bpy.context.mode == "EDIT_MESH"
    bpy.ops.object.mode_set(mode="OBJECT")
    again = bpy.data.objects["ball"]
    assert max(vertex.co.z for vertex in again.data.vertices) == pytest.approx(0.32)
    assert again.data.uv_layers.active is not None
    assert not stand_ins()


def test_a_mesh_that_a_stand_in_was_joined_to_keeps_what_is_edited(made, host, flat):
    bpy.ops.mesh.primitive_cube_add()
    cube = bpy.context.object
    show_preview(made, flat.surface, MADE_WITH)
    made.select_set(True)
    bpy.ops.object.join()
    end_previews()
    bpy.ops.object.mode_set(mode="EDIT")
    bpy.ops.mesh.select_all(action="SELECT")
    bpy.ops.mesh.duplicate()
    end_previews()
    bpy.ops.object.mode_set(mode="OBJECT")
    assert len(cube.data.vertices) == 2 * (8 + 8)


def test_copies_made_during_a_preview_get_the_own_mesh_too(made, host, flat):
    own, sibling = made.data, duplicate(made, linked=True)
    show_preview(made, flat.surface, MADE_WITH)
    linked, copied = duplicate(made, linked=True), duplicate(made, linked=False)
    end_previews()
    names = {"ball", sibling.name, linked.name, copied.name}
    assert names <= set(bpy.data.objects.keys()), "no object is lost"
    assert made.data == sibling.data == linked.data == copied.data == own
    assert set(made.keys()) == set(copied.keys()) == set(sibling.keys()), "nothing of the preview is left"
    assert not stand_ins()


def test_materials_linked_to_the_object_outlive_a_preview(made, host, flat):
    slot, material = made.material_slots[0], bpy.data.materials.new("the artist's")
    slot.link, slot.material = "OBJECT", material
    show_preview(made, flat.surface, MADE_WITH)
    end_previews()
    assert (made.material_slots[0].link, made.material_slots[0].material) == ("OBJECT", material)


def test_a_real_job_waits_for_a_preview_and_then_runs(made, host, fake_job, flat, clock):
    host.jobs = [fake_job([JobState.RUNNING, JobState.DONE], result=flat.surface), finished(fake_job, flat)]
    ADJUSTMENTS.change(made, "base_cut", 0.5)
    LIVE.touch(made)
    LIVE.tick()
    assert bpy.ops.image_to_3d.adjust(base_cut=0.5) == {"FINISHED"}
    assert made.dimensions.z == pytest.approx(0.32 / 3, rel=1e-3)


def test_a_failed_preview_brings_the_own_mesh_back(made, host, fake_job, clock):
    own = made.data
    host.jobs = [fake_job([JobState.FAILED], error=SurfaceError("There is no surface.", "Lower the iso level."))]
    ADJUSTMENTS.change(made, "iso_shift", 1.0)
    LIVE.touch(made)
    LIVE.tick()
    assert LIVE.tick() is None
    assert made.data == own
    assert ENGINE.failure.hint == "Lower the iso level."


def test_the_panel_appears_with_a_reconstructed_object_and_names_all_sliders(made):
    assert IMAGE_TO_3D_PT_adjust.poll(bpy.context)
    shown = draw(IMAGE_TO_3D_PT_adjust)
    assert {*SURFACE_NAMES, *BAKE_NAMES} - {"mirror_all"} <= set(shown)
    assert "image_to_3d.adjust" in shown
    bpy.ops.mesh.primitive_cube_add()
    assert not IMAGE_TO_3D_PT_adjust.poll(bpy.context)


def heights(made, camera):
    """World heights of the lowest and the highest vertex, and of the camera above the object frame's middle."""
    bpy.context.view_layer.update()
    points = [(made.matrix_world @ vertex.co).z for vertex in made.data.vertices]
    placement = load_code(made)[1]
    middle = (made.matrix_world @ Vector(placement.to_local(np.zeros((1, 3)))[0])).z
    return min(points), max(points), camera.matrix_world.translation.z - middle


def test_an_object_whose_base_is_cut_stands_where_it_stood_and_its_camera_still_matches(made, host, fake_job, flat):
    camera = matched_camera(made)
    ground, top, above = heights(made, camera)
    raised = flat.surface.vertices + np.array([0, 0, 0.2], np.float32)
    cut = dataclasses.replace(flat, surface=dataclasses.replace(flat.surface, vertices=raised))
    host.jobs = [finished(fake_job, cut), finished(fake_job, flat)]
    bpy.ops.image_to_3d.adjust(base_cut=0.5)
    after = heights(made, camera)
    assert after[0] == pytest.approx(ground, abs=1e-5)
    assert after[1] < top
    assert after[2] == pytest.approx(above, abs=1e-5)
    bpy.ops.image_to_3d.adjust(base_cut=0.0)
    assert heights(made, camera)[0] == pytest.approx(ground, abs=1e-5)


def test_an_object_with_a_low_poly_mesh_stays_under_it(made, host, fake_job, flat):
    low = bpy.data.objects.new("low", bpy.data.meshes.new("low"))
    low[HIGH_KEY] = made
    raised = flat.surface.vertices + np.array([0, 0, 0.2], np.float32)
    host.jobs = [
        finished(fake_job, dataclasses.replace(flat, surface=dataclasses.replace(flat.surface, vertices=raised)))
    ]
    placement = load_code(made)[1]
    bpy.ops.image_to_3d.adjust(base_cut=0.5)
    assert load_code(made)[1] == placement


def test_a_slider_that_is_put_back_changes_nothing_and_starts_nothing(made, host, flat, monkeypatch):
    monkeypatch.setattr("image_to_3d.adjustments.bpy.app", SimpleNamespace(background=False, timers=bpy.app.timers))
    sliders = bpy.context.window_manager.image_to_3d_adjust
    before = sliders.smoothing, sliders.iso_shift
    mesh = made.data
    sliders.smoothing, sliders.iso_shift = 9, 0.25
    assert ADJUSTMENTS.has_changes(made)
    show_preview(made, flat.surface, MADE_WITH)
    sliders.smoothing = before[0]
    sliders.iso_shift = before[1]
    assert not ADJUSTMENTS.has_changes(made)
    assert made.data == mesh
    for _ in range(3):
        LIVE.tick()
    assert host.asked == []
