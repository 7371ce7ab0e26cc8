# SPDX-License-Identifier: GPL-3.0-or-later
"""Installing in a real worker: the window stays free, and a stalled connection never keeps the artist waiting."""

import os
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("huggingface_hub", reason="the package huggingface_hub is not installed")

from image_to_3d.inference.bake import BakeSettings
from image_to_3d.inference.errors import DownloadError, ModelError
from image_to_3d.inference.hub import Connection
from image_to_3d.inference.model_tasks import AdoptModel, InstallModel, VerifyModel
from image_to_3d.inference.pipeline import Settings
from image_to_3d.inference.runtime import RuntimeSettings
from image_to_3d.inference.store import Store
from image_to_3d.inference.surface import SurfaceSettings
from image_to_3d.jobs import Host, JobState, launch_from_interpreter
from PIL import Image

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from hub_server import LocalHub  # noqa: E402
from model_cards import CONTENT, DIGEST  # noqa: E402

TOKEN = "hf_averysecretwordofthetest"


@pytest.fixture
def hub():
    with LocalHub(CONTENT) as server:
        yield server


@pytest.fixture
def host(tmp_path):
    launch = launch_from_interpreter(tmp_path / "temporary", RuntimeSettings(device="cpu"))
    client = Path(sys.modules["huggingface_hub"].__file__).parent.parent
    paths = (*launch.search_paths, str(client), str(HERE))
    with Host(replace(launch, search_paths=paths, tasks="model_worker_tasks")) as host:
        yield host


def wait_for_a_part(job, hub, folder):
    """Until the server has sent what it will (it then holds the line) and most of that has been written."""
    while not hub.stalled.is_set() or not any(path.stat().st_size > 1_000_000 for path in folder.rglob("*.part")):
        assert job.poll() is JobState.RUNNING, job.diagnostics
        time.sleep(0.01)


def test_install_verify_and_adopt(host, hub, tmp_path):
    folder = tmp_path / "models"
    job = host.start(InstallModel("teapot", folder, Connection(True, hub.endpoint)))
    assert job.wait() is JobState.DONE, job.diagnostics
    assert job.result == Store(folder).installed("teapot")
    job = host.start(VerifyModel("teapot", folder))
    assert job.wait() is JobState.DONE, job.diagnostics
    assert job.result.sha256 == DIGEST
    job = host.start(AdoptModel("teapot", tmp_path / "linked", folder / "teapot" / "model.ckpt", False))
    assert job.wait() is JobState.DONE, job.diagnostics
    assert job.result.is_external
    assert "onnxruntime" not in job._worker.hello, "no network runs here, so none is loaded"


def test_a_stalled_download_is_cancelled_and_goes_on_later(host, hub, tmp_path):
    hub.stall_after = 2_500_000
    task = InstallModel("teapot", tmp_path / "models", Connection(True, hub.endpoint))
    job = host.start(task)
    wait_for_a_part(job, hub, tmp_path)
    job.cancel()
    assert job.wait() is JobState.CANCELLED
    assert not hub.released.is_set(), "nobody waited for the server"
    hub.stall_after = None
    hub.requests.clear()
    job = host.start(task)
    assert job.wait() is JobState.DONE, job.diagnostics
    (asked,) = hub.asked("storage")
    assert int(asked["range"].removeprefix("bytes=").removesuffix("-")) > 1_000_000


def test_failures_keep_their_class_and_the_token_stays_secret(host, hub, tmp_path):
    hub.status = 403
    job = host.start(InstallModel("teapot", tmp_path / "models", Connection(True, hub.endpoint, TOKEN)))
    assert job.wait() is JobState.FAILED
    assert type(job.error) is DownloadError
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    told = f"{job.diagnostics}{job.error!r}{job._worker.log_tail()}{job._task!r}"
    assert hub.asked("hub", "HEAD")[0]["authorization"] == f"Bearer {TOKEN}"
    assert TOKEN not in told
    assert TOKEN.encode() not in written
    job = host.start(VerifyModel("teapot", tmp_path / "models"))
    assert job.wait() is JobState.FAILED
    assert type(job.error) is ModelError


@pytest.mark.skipif(not hasattr(os, "kill"), reason="signals are POSIX's")
def test_a_killed_worker_loses_nothing_that_came(host, hub, tmp_path):
    hub.stall_after = 2_500_000
    task = InstallModel("teapot", tmp_path / "models", Connection(True, hub.endpoint))
    job = host.start(task)
    wait_for_a_part(job, hub, tmp_path)
    os.kill(host.pid, 9)
    assert job.wait() is JobState.FAILED
    hub.stall_after = None
    hub.requests.clear()
    job = host.start(task)
    assert job.wait() is JobState.DONE, job.diagnostics
    assert hub.asked("storage")[0]["range"]


def test_a_reconstruction_opens_no_socket(host, tmp_path):
    y, x = np.mgrid[-1.5:1.5:128j, -1.5:1.5:128j]
    pixels = np.where((x**2 + y**2 < 1)[..., None], (230, 40, 30), (190, 190, 195)).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "ball.png")
    settings = Settings(surface=SurfaceSettings(resolution=32), bake=BakeSettings(texture_size=256))
    with Host(replace(host.launch, tasks="socketless_tasks")) as other:
        job = other.reconstruct(tmp_path / "ball.png", settings)
        assert job.wait() is JobState.DONE, job.diagnostics
        job = other.start(InstallModel("triposr", tmp_path / "models", Connection(True, "http://127.0.0.1:9")))
        assert job.wait() is JobState.FAILED
        assert "a socket was opened" in job.diagnostics, "what this test relies on"
