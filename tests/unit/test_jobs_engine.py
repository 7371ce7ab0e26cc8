# SPDX-License-Identifier: GPL-3.0-or-later
"""The real engine in the real worker: results as good as without it, and every stage can be cancelled or die."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from image_to_3d.inference import pipeline
from image_to_3d.inference.bake import BakeSettings, UVMesh
from image_to_3d.inference.cutout import CutoutMethod, CutoutSettings
from image_to_3d.inference.errors import CutoutError, ModelError, PhotoError, WorkerError
from image_to_3d.inference.monitor import Monitor, Stage
from image_to_3d.inference.pipeline import Settings
from image_to_3d.inference.runtime import Runtime, RuntimeSettings
from image_to_3d.inference.surface import SurfaceSettings
from image_to_3d.jobs import Host, Job, JobState, launch_from_interpreter
from PIL import Image

SETTINGS = Settings(surface=SurfaceSettings(resolution=48), bake=BakeSettings(texture_size=256))
STAGES = list(Stage)
PATIENCE = 120.0
"""Seconds after which a test gives up waiting; reached only when it fails."""


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shaded red ball on a grey wall, without an alpha channel, so that the cut-out needs its network."""
    y, x = np.mgrid[-1.5:1.5:256j, -1.5:1.5:256j]
    inside = x**2 + y**2 < 1
    height = np.sqrt(np.clip(1 - x**2 - y**2, 0, 1))
    light = np.clip(0.3 + 0.7 * (0.6 * height - 0.5 * y - 0.4 * x), 0, 1)
    pixels = np.where(inside[..., None], light[..., None] * (230, 40, 30), (190, 190, 195))
    path = tmp_path_factory.mktemp("photos") / "red ball.png"
    Image.fromarray(pixels.astype(np.uint8)).save(path)
    return path


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """One host for all tests: after each of them it must still serve the next."""
    folder = tmp_path_factory.mktemp("temporary")
    with Host(launch_from_interpreter(folder, RuntimeSettings(device="cpu"))) as host:
        yield host
    assert list(folder.iterdir()) == []


def _reach(job: Job, stage: Stage) -> None:
    """Poll until the job is in that stage, or beyond it if it was too short to be seen."""
    deadline = time.monotonic() + PATIENCE
    while job.stage not in STAGES[STAGES.index(stage) :]:
        assert job.poll() is JobState.RUNNING, job.diagnostics
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_same_result_as_in_one_process(host: Host, photo: Path) -> None:
    job = host.reconstruct(photo, SETTINGS)
    assert job.wait() is JobState.DONE, job.diagnostics
    far, near = job.result, pipeline.reconstruct(photo, SETTINGS, Runtime(host.launch.runtime), Monitor())
    assert far.name == near.name == "red ball"
    assert list(far.seconds) == [stage.value for stage in Stage]
    assert far.warnings == near.warnings
    assert far.surface.report == near.surface.report
    np.testing.assert_array_equal(far.surface.faces, near.surface.faces, strict=True)
    np.testing.assert_allclose(far.surface.vertices, near.surface.vertices, atol=1e-5)
    np.testing.assert_allclose(far.uvs, near.uvs, atol=1e-4)
    difference = far.maps.base_color.astype(int) - near.maps.base_color.astype(int)
    assert far.maps.base_color.dtype == np.uint8
    assert np.abs(difference).mean() < 0.5
    assert far.code.camera.to_json() == near.code.camera.to_json()
    assert far.code.provenance == near.code.provenance


def test_preview_extraction_and_bake(host: Host, photo: Path) -> None:
    job = host.preview_cutout(photo, CutoutSettings())
    assert job.wait() is JobState.DONE, job.diagnostics
    assert job.result.shape == (256, 256, 4)
    assert job.result[128, 128, 3] > 250
    assert job.result[5, 5, 3] < 5

    first = host.reconstruct(photo, SETTINGS)
    assert first.wait() is JobState.DONE, first.diagnostics
    made = first.result
    again = host.extract_again(made.code, SETTINGS)
    assert again.wait() is JobState.DONE, again.diagnostics
    np.testing.assert_array_equal(again.result.faces, made.surface.faces)

    corners = np.array([[0, 1, 2], [0, 2, 3]])
    triangles, uvs = made.surface.faces[:, corners], made.uvs[:, corners]
    mesh = UVMesh(made.surface.vertices, triangles.reshape(-1, 3), uvs.reshape(-1, 3, 2))
    bake = host.bake_again(made.code, mesh, SETTINGS)
    assert bake.wait() is JobState.DONE, bake.diagnostics
    assert bake.result.coverage == pytest.approx(made.maps.coverage)
    difference = bake.result.base_color.astype(int) - made.maps.base_color.astype(int)
    assert np.abs(difference).mean() < 2.0, "only the photo's compression may differ"


def test_foreseen_failures_keep_their_class(host: Host, photo: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty.png"
    empty.touch()
    wall = tmp_path / "clear.png"
    Image.new("RGBA", (64, 64), (0, 0, 0, 0)).save(wall)
    for path, kind in ((empty, PhotoError), (tmp_path / "missing.png", PhotoError), (wall, CutoutError)):
        job = host.reconstruct(path, SETTINGS)
        assert job.wait() is JobState.FAILED
        assert type(job.error) is kind, job.diagnostics
        assert path.stem in job.error.message
        assert job.error.hint


def test_relative_paths_are_the_hosts(host: Host, photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(photo.parent)
    settings = CutoutSettings(CutoutMethod.MASK, Path(photo.name))
    job = host.preview_cutout(Path(photo.name), settings)
    assert job.wait() is JobState.DONE, job.diagnostics


@pytest.mark.parametrize("stage", STAGES)
def test_cancelled_in_any_stage(host: Host, photo: Path, stage: Stage) -> None:
    job = host.reconstruct(photo, SETTINGS)
    _reach(job, stage)
    job.cancel()
    assert job.wait() is JobState.CANCELLED
    assert job.error is None
    assert list(host.launch.folder.glob("*/job-*")) == []


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
@pytest.mark.parametrize("stage", [Stage.CUTOUT, Stage.SURFACE, Stage.BAKE])
def test_killed_in_mid_stage(host: Host, photo: Path, stage: Stage) -> None:
    job = host.reconstruct(photo, SETTINGS)
    _reach(job, stage)
    os.kill(host.pid, signal.SIGKILL)
    assert job.wait() is JobState.FAILED
    assert type(job.error) is WorkerError
    assert "ended by the system" in job.error.message
    assert list(host.launch.folder.glob("*/job-*")) == []
    following = host.preview_cutout(photo, CutoutSettings())
    assert following.wait() is JobState.DONE, following.diagnostics


def test_unknown_device_is_named(host: Host, photo: Path) -> None:
    with Host(replace(host.launch, runtime=RuntimeSettings(device="abacus"))) as other:
        job = other.preview_cutout(photo, CutoutSettings())
        assert job.wait() is JobState.FAILED
        assert type(job.error) is ModelError
        assert "abacus" in job.error.message
