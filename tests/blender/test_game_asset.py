# SPDX-License-Identifier: GPL-3.0-or-later
"""A game asset with one button: all steps, or nothing."""

from dataclasses import replace

import bpy
import numpy as np
import pytest
from image_to_3d import api, background
from image_to_3d.engine import ENGINE
from image_to_3d.game_asset import AssetFile, GameAssetOptions, GameAssetTask
from image_to_3d.inference.bake import Maps
from image_to_3d.inference.errors import Cancelled, OutputError, SettingsError, WorkerError
from image_to_3d.inference.pipeline import Settings
from image_to_3d.jobs import JobState
from image_to_3d.options import ASSET_PRESETS
from image_to_3d.panels import retopology
from image_to_3d.scene.asset_check import images_of
from image_to_3d.scene.build import build
from image_to_3d.scene.detail_bake import DetailMaps
from image_to_3d.scene.levels import levels_of
from image_to_3d.scene.mesh_check import check_mesh
from image_to_3d.scene.provenance import provenance_of
from image_to_3d.scene.remesh import Remeshed, RemeshMethod, RemeshSettings
from image_to_3d.scene.retopology import high_of

from .test_panels import draw
from .test_retopology import ball

ANSWERS = ("Remesh", "BakeDetail")


@pytest.fixture
def high(extension, reconstruction, photo_path):
    """The reconstructed box, active."""
    return bpy.data.objects[build(bpy.context, reconstruction, photo_path, Settings(), size=1.0).object]


@pytest.fixture
def workers(host, fake_job, monkeypatch):
    """Both workers' answers, made up; returns what the background Blender was asked, and jobs by task to replace."""
    asked, jobs = [], {}
    low = ball(1)
    low = replace(low, uvs=np.zeros((len(low.corners), 2), np.float32))
    detail = DetailMaps(np.full((8, 8, 3), 0.5, np.float32), np.full((8, 8), 0.5, np.float32), 0.01, 0.0)

    def start(task):
        asked.append(task)
        name = type(task).__name__
        if name in jobs:
            return jobs[name]
        result = detail if name == "BakeDetail" else Remeshed(low, check_mesh(low, low), RemeshMethod.QUADS)
        return fake_job([JobState.RUNNING, JobState.DONE], result=result)

    monkeypatch.setattr(background.BACKGROUND, "start", start)
    maps = Maps(np.full((8, 8, 3), 99, np.uint8), 0.5, 0.0, 1.0)
    host.jobs = [fake_job([JobState.DONE], result=maps)]
    start.asked, start.jobs = asked, jobs
    return start


def test_one_button_makes_mesh_maps_levels_and_file(high, workers, host, tmp_path):
    done = bpy.ops.image_to_3d.make_game_asset(preset="PROP", export="WEB", filepath=str(tmp_path / "cup"))
    assert done == {"FINISHED"}
    assert [type(task).__name__ for task in workers.asked] == list(ANSWERS)
    assert workers.asked[0].settings.faces == ASSET_PRESETS["PROP"].faces
    assert host.asked[-1][2].bake.texture_size == ASSET_PRESETS["PROP"].texture_size
    low = bpy.context.object
    assert high_of(low) == high
    assert high.hide_get()
    assert [item.name for item in levels_of(low)] == ["ball_low", "ball_low_LOD1", "ball_low_LOD2"]
    assert {item.active_material for item in levels_of(low)} == {low.active_material}
    names = {image.name for image in images_of(low)}
    assert names == {"ball_low base color", "ball_low normal", "ball_low occlusion"}
    assert provenance_of(low)["photo_name"] == "ball"
    assert (tmp_path / "cup.glb").stat().st_size > 0


def test_the_operator_and_the_api_make_the_same(high, workers, host, fake_job):
    maps = host.jobs[0].result
    bpy.ops.image_to_3d.make_game_asset(preset="MOBILE", faces=700)
    by_operator = bpy.context.object
    host.jobs = [fake_job([JobState.DONE], result=maps)]
    by_api, _notes = api.make_game_asset(high, api.GameAssetOptions.preset("MOBILE", faces=700))
    first, second = workers.asked[0], workers.asked[2]
    assert (first.settings, workers.asked[1].settings) == (second.settings, workers.asked[3].settings)
    assert host.asked[0][2] == host.asked[1][2]
    assert len(by_api.data.polygons) == len(by_operator.data.polygons)
    assert len(levels_of(by_api)) == len(levels_of(by_operator)) == 2


def test_the_panels_settings_count_where_it_is_pressed_there(high, workers, host):
    settings = bpy.context.scene.image_to_3d.retopology
    assert settings.preset == "PROP", "as a new scene has it"
    settings.preset = "HERO"
    assert (settings.faces, settings.texture_size, settings.asset_levels) == (20_000, "4096", 3)
    settings.faces, settings.asset_levels, settings.occlusion = 777, 0, False
    assert settings.preset == "CUSTOM"
    assert bpy.ops.image_to_3d.make_game_asset(use_sidebar=True) == {"FINISHED"}
    assert workers.asked[0].settings.faces == 777
    assert workers.asked[1].settings.occlusion_samples == 0
    assert host.asked[-1][2].bake.texture_size == 4096
    assert len(levels_of(bpy.context.object)) == 1


def test_it_starts_from_a_low_poly_mesh_too(high, workers, host, fake_job):
    maps = host.jobs[0].result
    bpy.ops.image_to_3d.make_game_asset()
    host.jobs = [fake_job([JobState.DONE], result=maps)]
    assert bpy.ops.image_to_3d.make_game_asset() == {"FINISHED"}
    assert high_of(bpy.context.object) == high


@pytest.mark.parametrize("stage", [*ANSWERS, "bake_again"])
@pytest.mark.parametrize("ending", ["failure", "cancel"])
def test_nothing_is_left_where_a_step_fails_or_is_cancelled(
    high, workers, host, fake_job, counts, stage, ending, monkeypatch
):
    only_way = RemeshSettings(RemeshMethod.QUADS, 5000, None, keep_sharp=False)
    monkeypatch.setattr("image_to_3d.retopology_tasks.RetopologyTask._ways", lambda _task: [only_way])
    job = fake_job([JobState.CANCELLED])
    if ending == "failure":
        job = fake_job([JobState.FAILED], error=WorkerError("The lamp is broken.", "Try again."))
    if stage == "bake_again":
        host.jobs = [job]
    else:
        workers.jobs[stage] = job
    before = (counts(), high.name, high.hide_get(), bpy.context.object)
    task = GameAssetTask(high, GameAssetOptions.preset(), bpy.context.evaluated_depsgraph_get())
    with pytest.raises(WorkerError if ending == "failure" else Cancelled):
        ENGINE.run(task, bpy.context)
    assert (counts(), high.name, high.hide_get(), bpy.context.object) == before


def test_a_folder_that_cannot_be_written_is_refused_before_the_work(high, workers, tmp_path):
    file = AssetFile(tmp_path / "nowhere" / "cup.glb", "WEB")
    with pytest.raises(OutputError, match=r"nowhere' cannot be written to"):
        api.make_game_asset(high, GameAssetOptions.preset(file=file))
    assert workers.asked == []


def test_an_asset_whose_file_fails_at_the_end_stays_and_is_told(high, workers, tmp_path, monkeypatch):
    def refuse(*_arguments):
        raise OutputError("The disk is full.", "Free some space.")

    monkeypatch.setattr("image_to_3d.game_asset.export_asset", refuse)
    file = AssetFile(tmp_path / "cup.glb", "WEB")
    low, notes = api.make_game_asset(high, GameAssetOptions.preset(file=file))
    assert low.active_material is not None
    assert notes[0] == "The asset is made but not exported: The disk is full. Free some space."


def test_one_undo_takes_all_of_it_back(high, workers):
    bpy.ops.ed.undo_push(message="before")
    bpy.ops.image_to_3d.make_game_asset("EXEC_DEFAULT", True)
    assert "ball_low_LOD2" in bpy.data.objects
    bpy.ops.ed.undo()
    assert [item.name for item in bpy.data.objects if item.type == "MESH"] == ["ball"]


def test_an_unknown_preset_is_refused_in_a_sentence():
    with pytest.raises(SettingsError, match="no preset called 'VILLAIN'"):
        GameAssetOptions.preset("VILLAIN")


def test_the_panel_offers_the_preset_the_file_and_the_button(high):
    assert draw(retopology.IMAGE_TO_3D_PT_game_asset) == [
        "preset",
        "asset_levels",
        "export",
        "image_to_3d.make_game_asset",
    ]
