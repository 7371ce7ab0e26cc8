# SPDX-License-Identifier: GPL-3.0-or-later
"""An empty Blender file for each test, the extension registered, and reconstructions made without a network."""

import os
import sys

import pytest

bpy = pytest.importorskip("bpy", reason="the bpy module is not installed")

import image_to_3d  # noqa: E402 - only after bpy is known to be there
import numpy as np  # noqa: E402
from image_to_3d import engine  # noqa: E402
from image_to_3d.inference.bake import Maps  # noqa: E402
from image_to_3d.inference.camera import Camera, Window  # noqa: E402
from image_to_3d.inference.code import Code  # noqa: E402
from image_to_3d.inference.monitor import Stage  # noqa: E402
from image_to_3d.inference.pipeline import Reconstruction  # noqa: E402
from image_to_3d.inference.surface import Surface, SurfaceReport  # noqa: E402
from image_to_3d.jobs import JobState  # noqa: E402
from PIL import Image  # noqa: E402

_exit_status = 0


def pytest_sessionfinish(exitstatus):
    """Remember how it went."""
    global _exit_status
    _exit_status = int(exitstatus)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure():
    """Leave without running destructors.

    Blender 4.5 as a module destroys a condition variable that a thread of its own (``delayed_close_thread_run``) waits
    for, and then never ends.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(_exit_status)


@pytest.fixture(autouse=True)
def empty_file():
    """``read_homefile``, not ``read_factory_settings``, which would disable extensions."""
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)


@pytest.fixture
def extension():
    """The extension, registered."""
    image_to_3d.register()
    yield image_to_3d
    image_to_3d.unregister()


class FakeJob:
    """A job that goes through given states, one for each look, and stays in the last."""

    def __init__(self, states, result=None, error=None):
        self._states = list(states)
        self.state = JobState.RUNNING
        self.stage, self.fraction, self.warnings = Stage.ENCODE, 0.5, []
        self.result, self.error, self.diagnostics = result, error, ""

    def poll(self):
        if self._states:
            self.state = self._states.pop(0)
        return self.state

    def cancel(self):
        self._states = [JobState.CANCELLED]

    def wait(self, tick=None):
        while self.poll() is JobState.RUNNING:
            pass
        return self.state


class FakeHost:
    """Stands in for the worker's host; what jobs it gives is decided by the test.

    Attributes:
        jobs: given out in turn.
        asked: arguments of each request.
        shut_down: how often it was told to end.
    """

    def __init__(self):
        self.jobs, self.asked, self.shut_down = [], [], 0
        self.pid = None

    def __call__(self, launch):
        self.launch = launch
        return self

    def reconstruct(self, photo_path, settings):
        self.asked.append((photo_path, settings))
        return self.jobs.pop(0)

    def reconstruct_again(self, name, code, settings):
        self.asked.append((name, code, settings))
        return self.jobs.pop(0)

    def extract_again(self, code, settings):
        self.asked.append((code, settings))
        return self.jobs.pop(0)

    def bake_again(self, code, mesh, settings):
        self.asked.append((code, mesh, settings))
        return self.jobs.pop(0)

    def preview_cutout(self, photo_path, settings):
        self.asked.append((photo_path, settings))
        return self.jobs.pop(0)

    def cut_out_photo(self, photo_path, settings):
        self.asked.append((photo_path, settings))
        return self.jobs.pop(0)

    def shutdown(self):
        self.shut_down += 1


@pytest.fixture
def host(extension, monkeypatch):
    """The extension with a host that starts no process."""
    fake = FakeHost()
    monkeypatch.setattr(engine, "Host", fake)
    yield fake
    engine.ENGINE.shutdown()
    engine.ENGINE.failure = engine.ENGINE.summary = None


@pytest.fixture
def fake_job():
    """``FakeJob``, for tests that make their own."""
    return FakeJob


@pytest.fixture
def counts():
    """Counts the data-blocks that a reconstruction adds to."""
    kinds = ("objects", "meshes", "materials", "images", "cameras", "collections")
    return lambda: {kind: len(getattr(bpy.data, kind)) for kind in kinds}


@pytest.fixture
def sidebar(extension, photo_path):
    """The scene's settings, with the photo chosen."""
    settings = bpy.context.scene.image_to_3d
    settings.photo = bpy.data.images.load(str(photo_path))
    return settings


@pytest.fixture
def done(reconstruction):
    """Makes jobs that succeed."""
    return lambda: FakeJob([JobState.RUNNING, JobState.DONE], result=reconstruction)


@pytest.fixture
def photo_path(tmp_path):
    """A landscape photo: a red ball left of the middle on white."""
    pixels = np.full((300, 400, 3), 255, np.uint8)
    rows, columns = np.mgrid[:300, :400]
    pixels[(rows - 160) ** 2 + (columns - 150) ** 2 < 90**2] = (200, 40, 30)
    path = tmp_path / "ball.png"
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture
def reconstruction():
    """A box of 1 x 0.5 x 0.8 in the object frame, as the engine would return it for ``photo_path``."""
    return box_reconstruction()


def box_reconstruction(name="ball"):
    """A box with one quad and one UV island per side."""
    signs = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], np.float32)
    vertices = signs * np.array([0.5, 0.25, 0.4], np.float32) + np.array([0.1, -0.05, 0.02], np.float32)
    faces = np.array([[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]], np.int32)
    corner = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32) * 0.28
    places = np.array([[x, y] for y in (0.05, 0.55) for x in (0.03, 0.36, 0.69)], np.float32)
    uvs = corner[None] + places[:, None]
    colour = np.zeros((64, 64, 3), np.uint8)
    colour[:32], colour[32:] = (200, 40, 30), (30, 60, 200)
    maps = Maps(base_color=colour, roughness=0.7, metallic=0.0, coverage=0.47)
    window = Window(centre_x=150, centre_y=160, half_size=110, photo_width=400, photo_height=300)
    code = Code(
        system="pebble",
        version="0",
        arrays={"planes": np.arange(24, dtype=np.float16).reshape(2, 3, 4)},
        camera=Camera.looking_at_origin(np.radians(15.0), focal=2.5, distance=3.0),
        window=window,
        photo=np.full((32, 32, 4), 128, np.uint8),
        provenance={"photo_name": name},
    )
    report = SurfaceReport(
        resolution=32,
        spacing=0.03,
        evaluations=10,
        dense_evaluations=100,
        found_diameter=0.07,
        components=1,
        dropped_floaters=0,
        dropped_shells=0,
        watertight=True,
        non_manifold_edges=0,
    )
    return Reconstruction(
        name=name,
        code=code,
        surface=Surface(vertices, faces, report),
        uvs=uvs,
        maps=maps,
        mirror=None,
        seconds={"Encoding the photo": 0.5},
        warnings=(),
    )
