# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole job with the real engine in its worker process: results, warmth, and every way it can be interrupted."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import bpy
import image_to_3d
import numpy as np
import pytest
from bpy_extras.object_utils import world_to_camera_view
from image_to_3d import api
from image_to_3d.engine import ENGINE
from image_to_3d.inference.errors import Cancelled
from image_to_3d.inference.monitor import Stage
from image_to_3d.jobs import JobState
from image_to_3d.operators.diagnostics import diagnostics
from image_to_3d.preferences import UserSettings
from image_to_3d.tasks import ReconstructTask
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def ball_photo(tmp_path_factory):
    """A shaded green ball, cut out by its own transparency, off the photo's centre."""
    rows, columns = np.mgrid[:300, :400].astype(np.float32)
    x, y = (columns - 150) / 100, (rows - 160) / 100
    inside = x**2 + y**2 < 1
    shade = 0.4 + 0.6 * np.sqrt(np.maximum(1 - x**2 - y**2, 0))
    pixels = np.zeros((300, 400, 4), np.uint8)
    pixels[..., :3] = (shade[..., None] * np.array([40, 180, 60])).astype(np.uint8)
    pixels[..., 3] = inside * 255
    path = tmp_path_factory.mktemp("photo") / "green ball.png"
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture(scope="module")
def shared_extension():
    """Registered once, so that the worker stays warm from test to test."""
    image_to_3d.register()
    yield
    image_to_3d.unregister()


@pytest.fixture
def engine(shared_extension):
    yield ENGINE
    ENGINE.failure = ENGINE.summary = None


def draft():
    return api.settings("DRAFT", resolution=32, texture_size=512)


def worker_pid():
    return ENGINE._host.pid if ENGINE._host is not None else None


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    return not status.exists() or status.read_text().rpartition(")")[2].split()[0] != "Z"


def wait_until(condition, seconds=20.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.01)


def begin(photo):
    """A job in progress, and its task."""
    task = ReconstructTask(photo, draft(), 1.0)
    ENGINE.begin(task, UserSettings())
    return task


def poll_until_stage(stage):
    wait_until(lambda: ENGINE.job.poll() is not JobState.RUNNING or ENGINE.job.stage == stage, 60)


def session_folders():
    return list(Path(bpy.app.tempdir).glob("image_to_3d_session_*"))


def test_a_photo_becomes_a_closed_textured_object_seen_as_in_the_photo(engine, ball_photo):
    arguments = {"quality": "DRAFT", "resolution": 32, "texture_size": 512, "size": 0.5}
    assert bpy.ops.image_to_3d.reconstruct(filepath=str(ball_photo), **arguments) == {"FINISHED"}
    target = bpy.context.object
    assert target.name == "green ball"
    assert max(target.dimensions) == pytest.approx(0.5, abs=1e-4)
    edges = np.zeros(len(target.data.edges), int)
    for loop in target.data.loops:
        edges[loop.edge_index] += 1
    assert set(edges) == {2}, "every edge belongs to two faces: watertight"
    uvs = np.array([corner.vector for corner in target.data.uv_layers.active.uv])
    assert uvs.min() >= 0 and uvs.max() <= 1 and len(np.unique(uvs, axis=0)) > 100
    # The camera sees the vertices inside the ball of the photo, and they reach its edge.
    camera = bpy.context.scene.camera
    bpy.context.view_layer.update()
    seen = np.array(
        [world_to_camera_view(bpy.context.scene, camera, target.matrix_world @ v.co) for v in target.data.vertices]
    )
    offset = np.stack([seen[:, 0] * 400 - 150, (1 - seen[:, 1]) * 300 - 160], axis=1)
    radius = np.linalg.norm(offset, axis=1)
    assert radius.max() == pytest.approx(100, abs=6)
    assert np.abs(offset.mean(axis=0)).max() < 15
    # What faces the camera is as green as the photo is there.
    image = next(
        node.image for node in target.active_material.node_tree.nodes if node.bl_idname == "ShaderNodeTexImage"
    )
    pixels = np.array(image.pixels[:]).reshape(512, 512, 4)
    nearest = int(np.argmin([v.co.y for v in target.data.vertices]))
    loop = next(loop.index for loop in target.data.loops if loop.vertex_index == nearest)
    u, v = target.data.uv_layers.active.uv[loop].vector
    red, green, blue = pixels[int(v * 511), int(u * 511), :3]
    assert green > 1.5 * red and green > 1.5 * blue


def test_the_operator_and_the_api_make_the_same_with_the_same_warm_worker(engine, ball_photo):
    made = api.reconstruct(ball_photo, draft())
    pid = worker_pid()
    bpy.ops.image_to_3d.reconstruct(filepath=str(ball_photo), quality="DRAFT", resolution=32, texture_size=512)
    assert worker_pid() == pid
    first, second = bpy.data.objects[made.object], bpy.context.object
    assert first != second
    np.testing.assert_array_equal(*([v.co[:] for v in item.data.vertices] for item in (first, second)))
    assert api.read_code(first)[0].to_bytes() == api.read_code(second)[0].to_bytes()


def test_the_operator_takes_a_ball_for_a_ball_as_the_api_does(engine, ball_photo):
    shape = api.settings("DRAFT", resolution=32, texture_size=512, shape=api.ShapeChoice.BALL)
    made = api.reconstruct(ball_photo, shape)
    arguments = {"quality": "DRAFT", "resolution": 32, "texture_size": 512}
    bpy.ops.image_to_3d.reconstruct(filepath=str(ball_photo), shape="BALL", **arguments)
    by_operator, by_api = bpy.context.object, bpy.data.objects[made.object]
    assert "ball" in made.shape and made.shape == ENGINE.summary.shape
    assert api.read_code(by_operator)[0].prior.kind == "ball"
    assert np.ptp(by_operator.dimensions) < 0.02, "round in all directions"
    assert [tuple(v.co) for v in by_operator.data.vertices] == [tuple(v.co) for v in by_api.data.vertices]
    # Adjusting starts from the stored code, and it is a ball still.
    bpy.ops.image_to_3d.adjust(smoothing=1)
    assert np.ptp(bpy.context.object.dimensions) < 0.02
    bpy.ops.image_to_3d.reconstruct(filepath=str(ball_photo), shape="AS_PREDICTED", **arguments)
    assert api.read_code(bpy.context.object)[0].prior is None
    assert ENGINE.summary.shape == ""


def test_the_cutout_can_be_seen_before(engine, ball_photo):
    bpy.context.scene.image_to_3d.photo = bpy.data.images.load(str(ball_photo))
    assert bpy.ops.image_to_3d.preview_cutout() == {"FINISHED"}


def test_the_code_bakes_to_a_mesh_of_the_artists_own(engine, ball_photo):
    made = bpy.data.objects[api.reconstruct(ball_photo, draft()).object]
    bpy.ops.mesh.primitive_uv_sphere_add(radius=0.5, location=(0, 0, 0.5))
    own = bpy.context.object
    made.select_set(True)
    bpy.context.scene.image_to_3d.texture_size = "512"
    assert bpy.ops.image_to_3d.bake() == {"FINISHED"}
    image = next(node.image for node in own.active_material.node_tree.nodes if node.bl_idname == "ShaderNodeTexImage")
    red, green, blue, _ = np.array(image.pixels[:]).reshape(-1, 4).mean(axis=0)
    assert green > 1.5 * red and green > 1.5 * blue


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(b"", "empty"), (b"no picture at all", "not a photo"), (None, "no file")],
    ids=["empty", "text", "missing"],
)
def test_a_bad_photo_is_one_sentence_and_leaves_nothing(engine, tmp_path, counts, content, sentence):
    path = tmp_path / "bad.png"
    if content is not None:
        path.write_bytes(content)
    before = counts()
    with pytest.raises(RuntimeError, match=sentence):
        bpy.ops.image_to_3d.reconstruct(filepath=str(path))
    assert counts() == before


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
@pytest.mark.parametrize("stage", [Stage.PHOTO, Stage.ENCODE, Stage.SURFACE, Stage.BAKE])
def test_a_worker_killed_at_any_stage_is_one_error_and_changes_nothing(engine, ball_photo, counts, stage):
    before = counts()
    task = begin(ball_photo)
    poll_until_stage(stage)
    os.kill(worker_pid(), signal.SIGKILL)
    ENGINE.job.wait()
    with pytest.raises(api.ReconstructionError, match="worker process") as caught:
        ENGINE.end(task, bpy.context)
    assert caught.value.hint
    assert counts() == before


def test_diagnostics_after_a_crash_tell_how_the_worker_ran(engine, ball_photo):
    task = begin(ball_photo)
    poll_until_stage(Stage.CUTOUT)
    os.kill(worker_pid(), signal.SIGSEGV)
    ENGINE.job.wait()
    with pytest.raises(api.ReconstructionError, match="SIGSEGV"):
        ENGINE.end(task, bpy.context)
    text = diagnostics(bpy.context)
    assert "SIGSEGV" in text
    assert "numpy" in text
    assert str(Path.home()) not in text


def test_cancelling_gives_control_back_within_a_second(engine, ball_photo, counts):
    before = counts()
    task = begin(ball_photo)
    poll_until_stage(Stage.CUTOUT)
    started = time.monotonic()
    bpy.ops.image_to_3d.cancel()
    ENGINE.job.wait()
    assert time.monotonic() - started < 1.0
    with pytest.raises(Cancelled):
        ENGINE.end(task, bpy.context)
    assert counts() == before
    assert not ENGINE.is_busy


def test_loading_a_file_in_mid_job_ends_the_worker_and_its_files(engine, ball_photo):
    begin(ball_photo)
    poll_until_stage(Stage.CUTOUT)
    pid = worker_pid()
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    wait_until(lambda: not is_alive(pid), 3)
    assert session_folders() == []
    assert not ENGINE.is_busy
    assert api.reconstruct(ball_photo, draft()).object in bpy.data.objects


def test_disabling_the_extension_in_mid_job_ends_the_worker_and_its_files(engine, ball_photo, counts):
    before = counts()
    begin(ball_photo)
    poll_until_stage(Stage.CUTOUT)
    pid = worker_pid()
    image_to_3d.unregister()
    try:
        wait_until(lambda: not is_alive(pid), 3)
        assert session_folders() == []
        assert counts() == before
    finally:
        image_to_3d.register()


SCRIPT = """
import sys
sys.path.insert(0, sys.argv[1])
from checkout import load_extension
load_extension().register()
from pathlib import Path
from image_to_3d import api
from image_to_3d.engine import ENGINE
from image_to_3d.preferences import UserSettings
from image_to_3d.tasks import ReconstructTask
ENGINE.begin(ReconstructTask(Path(sys.argv[2]), api.settings(), 1.0), UserSettings())
while ENGINE.job.stage == "Starting":
    ENGINE.job.poll()
print("WORKER", ENGINE._host.pid, flush=True)
{ending}
"""


@pytest.mark.parametrize("ending", ["", "raise SystemError", "import os; os.kill(os.getpid(), 9)"])
def test_no_worker_outlives_its_blender(ball_photo, ending):
    script = SCRIPT.format(ending=ending)
    command = [sys.executable, "-c", script, str(ROOT / "tools"), str(ball_photo)]
    output = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120).stdout
    (pid,) = [int(line.split()[1]) for line in output.splitlines() if line.startswith("WORKER")]
    wait_until(lambda: not is_alive(pid), 5)


def test_the_command_line_from_a_clone(ball_photo, tmp_path):
    """As a process of its own: standard output holds nothing but JSON."""
    (tmp_path / "bad.jpg").write_bytes(b"no picture")
    command = [sys.executable, ROOT / "tools" / "image_to_3d.py", ball_photo, tmp_path / "bad.jpg", "--jobs", "2"]
    options = ["--output", tmp_path / "out", "--quality", "draft", "--resolution", "32", "--format", "glb,blend"]
    ended = subprocess.run([*command, *options], capture_output=True, text=True, check=False, timeout=120)
    records = {Path(record["photo"]).name: record for record in map(json.loads, ended.stdout.splitlines())}
    assert ended.returncode == 1, ended.stderr
    assert records["green ball.png"]["status"] == "done", ended.stderr
    assert "not a photo" in records["bad.jpg"]["error"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["green ball.blend", "green ball.glb"]
    assert "bad.jpg" in ended.stderr.splitlines()[-1] + ended.stderr.splitlines()[-2]
