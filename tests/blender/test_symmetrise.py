# SPDX-License-Identifier: GPL-3.0-or-later
"""Making an object symmetric: by operator, script and command line alike; kept with the object, and taken back."""

import dataclasses
import math

import bpy
import pytest
from image_to_3d import api, cli
from image_to_3d.inference.errors import SymmetryError
from image_to_3d.inference.pipeline import Settings
from image_to_3d.inference.surface import SurfaceSettings
from image_to_3d.inference.symmetry import MirrorPlane
from image_to_3d.inference.symmetry_search import MirrorChoice
from image_to_3d.jobs import JobState
from image_to_3d.panels.adjust import IMAGE_TO_3D_PT_adjust
from image_to_3d.retopology_tasks import BakeLowPolyTask, LowPolyOptions
from image_to_3d.scene.build import build
from image_to_3d.scene.retopology import high_in_low_frame, symmetry_of
from image_to_3d.scene.stored_code import SETTINGS_KEY, load_code, load_mirror, load_settings

from .test_panels import draw

MADE_WITH = Settings(surface=SurfaceSettings(resolution=200, smoothing=2))
PLANE = MirrorPlane((1.0, 0.0), 0.1)
"""Through the middle of the box that the engine is said to return."""


@pytest.fixture
def made(host, reconstruction, photo_path):
    """A reconstructed object, active, without symmetry."""
    code = dataclasses.replace(reconstruction.code, provenance={"photo_name": "ball.png", "photo_sha256": "ab" * 32})
    reconstruction = dataclasses.replace(reconstruction, code=code)
    names = build(bpy.context, reconstruction, photo_path, MADE_WITH, size=0.4)
    return bpy.data.objects[names.object]


@pytest.fixture
def symmetric(reconstruction, fake_job):
    """A job that returns the object made symmetric."""
    return lambda: fake_job([JobState.DONE], result=dataclasses.replace(reconstruction, mirror=PLANE))


@pytest.fixture
def plain(reconstruction, fake_job):
    """A job that returns the object without symmetry."""
    return lambda: fake_job([JobState.DONE], result=reconstruction)


def test_the_operator_asks_for_the_plane_and_keeps_it_with_everything_else(made, host, symmetric):
    host.jobs = [symmetric()]
    place = made.matrix_world.copy()
    assert bpy.ops.image_to_3d.symmetrise() == {"FINISHED"}
    name, code, settings = host.asked[0]
    assert (name, code.system) == ("ball", "pebble")
    assert settings == dataclasses.replace(MADE_WITH, symmetrise=MirrorChoice(is_required=True))
    assert load_mirror(made) == PLANE
    assert load_settings(made) == (MADE_WITH.surface, MADE_WITH.bake)
    assert made.matrix_world == place


def test_the_operator_asks_for_what_the_script_asks_for(made, host, symmetric):
    host.jobs = [symmetric() for _ in range(4)]
    arguments = {"angle": 0.2, "offset": 0.01, "mirror_all": True}
    for across in (api.Across.AUTOMATIC, api.Across.Y):
        bpy.ops.image_to_3d.symmetrise(plane=across.name, side="OTHER", **arguments)
        assert api.symmetrise(made, api.SymmetryOptions(across, keeps_other=True, **arguments)) == PLANE
        operator, script = (asked[2] for asked in host.asked[-2:])
        assert operator.bake == script.bake
        assert operator.bake.mirror_all
        choices = operator.symmetrise, script.symmetrise
        assert choices[0].keeps_other
        assert choices[1].keeps_other
        assert choices[0].angle == pytest.approx(choices[1].angle)
        assert choices[0].shift == pytest.approx(choices[1].shift)
        if across is api.Across.Y:
            assert choices[0].plane.normal == pytest.approx(choices[1].plane.normal)


def test_a_plane_by_hand_runs_through_the_objects_origin(made, host, symmetric):
    host.jobs = [symmetric(), symmetric()]
    _code, placement = load_code(made)
    api.symmetrise(made, api.SymmetryOptions(api.Across.X))
    plane = host.asked[-1][2].symmetrise.plane
    assert plane.normal == pytest.approx((1.0, 0.0))
    assert placement.plane_to_local(plane).offset == pytest.approx(0.0, abs=1e-9)
    assert plane.offset == pytest.approx(0.1, abs=1e-6), "the middle of the box"
    api.symmetrise(made, api.SymmetryOptions(api.Across.X, angle=math.pi / 6, offset=0.02))
    plane = host.asked[-1][2].symmetrise.plane
    assert plane.normal == pytest.approx((math.cos(math.pi / 6), 0.5))
    assert placement.plane_to_local(plane).offset == pytest.approx(0.02)


def test_the_dialog_hands_over_what_was_chosen_in_it(made, host, symmetric):
    host.jobs = [symmetric()]
    bpy.ops.image_to_3d.symmetrise_by_hand(plane="Y", side="OTHER", mirror_all=True)
    settings = host.asked[-1][2]
    assert settings.symmetrise.plane.normal == pytest.approx((0.0, 1.0), abs=1e-6)
    assert settings.symmetrise.keeps_other
    assert settings.bake.mirror_all
    assert load_mirror(made) == PLANE


def test_where_no_plane_fits_it_says_so_and_changes_nothing(made, host, fake_job, counts):
    error = SymmetryError("No mirror plane fits: the best one is off by 5.0 %.", "Choose the plane by hand.")
    host.jobs = [fake_job([JobState.FAILED], error=error)]
    mesh, before, stored = made.data, counts(), made[SETTINGS_KEY]
    with pytest.raises(RuntimeError, match=r"off by 5.0 %. Choose the plane by hand"):
        bpy.ops.image_to_3d.symmetrise()
    assert (made.data, counts(), made[SETTINGS_KEY]) == (mesh, before, stored)


def test_adjusting_keeps_the_symmetry_and_removing_it_asks_for_the_networks_own_reading(made, host, symmetric, plain):
    host.jobs = [symmetric(), symmetric(), plain()]
    bpy.ops.image_to_3d.symmetrise()
    bpy.ops.image_to_3d.adjust(base_cut=0.25)
    assert (host.asked[-1][2].mirror, host.asked[-1][2].symmetrise) == (PLANE, None)
    assert load_mirror(made) == PLANE
    assert bpy.ops.image_to_3d.remove_symmetry() == {"FINISHED"}
    settings = host.asked[-1][2]
    assert settings == dataclasses.replace(MADE_WITH, surface=dataclasses.replace(MADE_WITH.surface, base_cut=0.25))
    assert load_mirror(made) is None


def test_one_undo_takes_it_back(made, host, symmetric):
    host.jobs = [symmetric()]
    bpy.ops.ed.undo_push(message="before")
    bpy.ops.image_to_3d.symmetrise("EXEC_DEFAULT", True)
    assert load_mirror(bpy.data.objects["ball"]) == PLANE
    bpy.ops.ed.undo()
    assert load_mirror(bpy.data.objects["ball"]) is None


def test_reconstructing_again_keeps_the_plane_or_finds_it_anew_for_another_system(made, host, symmetric):
    host.jobs = [symmetric(), symmetric(), symmetric()]
    bpy.ops.image_to_3d.symmetrise()
    for system, expected in (("SAME", (PLANE, None)), ("triposr", (PLANE, MirrorChoice()))):
        bpy.ops.object.select_all(action="DESELECT")
        bpy.context.view_layer.objects.active = made
        bpy.ops.image_to_3d.reconstruct_again(system=system)
        assert (host.asked[-1][1].mirror, host.asked[-1][1].symmetrise) == expected


def test_it_is_saved_with_the_file(made, host, symmetric, tmp_path):
    host.jobs = [symmetric()]
    bpy.ops.image_to_3d.symmetrise()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "kept.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "kept.blend"))
    assert load_mirror(bpy.data.objects["ball"]) == PLANE


def test_baking_to_a_low_poly_folds_at_the_same_plane(made, host, symmetric, fake_job, reconstruction):
    host.jobs = [symmetric()]
    bpy.ops.image_to_3d.symmetrise(mirror_all=True)
    bpy.ops.mesh.primitive_cube_add(size=0.2)
    low = bpy.context.object
    options = LowPolyOptions(256, detail=api.DetailSettings(normals=False, occlusion_samples=0))
    task = BakeLowPolyTask(low, made, options, bpy.context.evaluated_depsgraph_get())
    host.jobs = [fake_job([JobState.DONE], result=reconstruction.maps)]
    job = task.begin(host)
    assert job.wait() is JobState.DONE
    settings = host.asked[-1][2]
    assert settings.mirror == PLANE
    assert settings.bake.mirror_all


def test_retopology_mirrors_at_the_same_plane_however_the_object_is_sized_and_placed(made, host, symmetric):
    host.jobs = [symmetric()]
    bpy.ops.image_to_3d.symmetrise()
    made.scale = (2.0, 2.0, 3.0)
    made.location, made.rotation_euler = (1.0, 2.0, 3.0), (0.3, 0.2, 0.1)
    bpy.ops.image_to_3d.set_size(side="WIDTH", length=0.5)
    bpy.context.view_layer.update()
    prepared = api.prepare_retopology(made)
    assert prepared.is_mirrored
    assert prepared.symmetry.normal == (1.0, 0.0, 0.0)
    assert prepared.symmetry.offset == pytest.approx(0.0, abs=1e-6)
    assert prepared.symmetry.error < 1e-3


def test_an_object_edited_out_of_its_symmetry_is_judged_by_its_shape(made, host, symmetric):
    host.jobs = [symmetric()]
    bpy.ops.image_to_3d.symmetrise()
    for vertex in made.data.vertices:
        if vertex.co.x > 0:
            vertex.co.z *= 1.5
    depsgraph = bpy.context.evaluated_depsgraph_get()
    polygons = high_in_low_frame(made, made.matrix_world, depsgraph)
    assert symmetry_of(made, polygons).error > 0.02


def test_damaged_settings_are_told_with_what_to_do(made):
    made[SETTINGS_KEY] = '{"mirror": {"normal": [3, 0], "offset": 0}}'
    with pytest.raises(RuntimeError, match="Delete its custom property"):
        bpy.ops.image_to_3d.symmetrise()


def test_the_panel_has_the_button_and_the_way_back(made, host, symmetric):
    assert "image_to_3d.symmetrise" in draw(IMAGE_TO_3D_PT_adjust)
    of_symmetric_objects = {"image_to_3d.remove_symmetry", "mirror_all"}
    assert not of_symmetric_objects & set(draw(IMAGE_TO_3D_PT_adjust))
    host.jobs = [symmetric()]
    bpy.ops.image_to_3d.symmetrise()
    assert of_symmetric_objects <= set(draw(IMAGE_TO_3D_PT_adjust))


def test_reconstruction_by_script_operator_sidebar_and_command_line_asks_alike(sidebar, host, photo_path, done):
    host.jobs = [done(), done()]
    bpy.ops.image_to_3d.reconstruct(filepath=str(photo_path), symmetrise=True)
    sidebar.symmetrise = True
    bpy.ops.image_to_3d.reconstruct_photo()
    options = cli.create_parser().parse_args([str(photo_path), "--output", "out", "--symmetrise"])
    asked = [host.asked[0][1], host.asked[1][1], cli.create_batch(options).settings, api.settings(symmetrise=True)]
    assert [settings.symmetrise for settings in asked] == [MirrorChoice()] * 4
    assert api.settings().symmetrise is None
