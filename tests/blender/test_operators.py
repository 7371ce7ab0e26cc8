# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators as scripts and as a window call them, with a host that starts no process."""

from pathlib import Path
from types import SimpleNamespace

import bpy
import image_to_3d
import numpy as np
import pytest
from image_to_3d import api, engine
from image_to_3d.engine import ENGINE
from image_to_3d.inference.cutout import CutoutMethod
from image_to_3d.inference.errors import PhotoError, WorkerError
from image_to_3d.inference.priors.choose import ShapeChoice
from image_to_3d.jobs import JobState
from image_to_3d.operators.diagnostics import diagnostics, mask_private
from image_to_3d.operators.photo_file import photo_file
from image_to_3d.operators.reconstruct import IMAGE_TO_3D_OT_reconstruct
from image_to_3d.operators.task_operator import TaskOperator
from image_to_3d.preferences import UserSettings
from image_to_3d.tasks import ReconstructTask
from PIL import Image


def test_register_and_unregister_twice():
    for _ in range(2):
        image_to_3d.register()
        assert hasattr(bpy.types, "IMAGE_TO_3D_OT_reconstruct")
        assert hasattr(bpy.types.Scene, "image_to_3d")
        image_to_3d.unregister()
        assert not hasattr(bpy.types, "IMAGE_TO_3D_OT_reconstruct")
        assert not hasattr(bpy.types, "IMAGE_TO_3D_PT_main")
        assert not hasattr(bpy.types.Scene, "image_to_3d")
        assert not hasattr(bpy.types.Image, "image_to_3d")
        assert not hasattr(bpy.types.WindowManager, "image_to_3d")
        assert not [handler for handler in bpy.app.handlers.load_pre if handler.__module__.startswith("image_to_3d")]


def test_every_operator_says_what_it_does(extension):
    for name in dir(bpy.ops.image_to_3d):
        kind = getattr(bpy.ops.image_to_3d, name).get_rna_type()
        assert kind.name and kind.description and not kind.description.endswith("."), name
        for item in kind.properties:
            if item.identifier != "rna_type":
                assert item.name and item.description, f"{name}.{item.identifier}"


def test_the_operator_makes_what_the_api_makes(host, done, photo_path):
    host.jobs = [done(), done()]
    by_api = api.reconstruct(photo_path, api.settings("HIGH", target_faces=500), size=0.4)
    assert bpy.ops.image_to_3d.reconstruct(filepath=str(photo_path), quality="HIGH", target_faces=500, size=0.4) == {
        "FINISHED"
    }
    by_operator = ENGINE.summary
    assert host.asked[0] == host.asked[1]
    first, second = (bpy.data.objects[made.object].data for made in (by_api, by_operator))
    points = [np.array([vertex.co for vertex in mesh.vertices]) for mesh in (first, second)]
    np.testing.assert_allclose(*points, atol=1e-6, err_msg="equal up to the property's single precision")
    assert (by_api.faces, by_api.islands) == (by_operator.faces, by_operator.islands) == (6, 6)


def test_arguments_reach_the_engine_and_do_not_depend_on_the_scene(host, done, photo_path):
    host.jobs = [done()]
    bpy.context.scene.image_to_3d.size = 7
    bpy.context.scene.image_to_3d.quality = "HIGH"
    bpy.ops.image_to_3d.reconstruct(
        filepath=str(photo_path), cutout="ALPHA", resolution=100, texture_size=512, photo_strength=0.25,
        shape="AS_PREDICTED",
    )  # fmt: skip
    path, settings = host.asked[0]
    assert path == photo_path
    assert settings.cutout.method is CutoutMethod.ALPHA
    assert (settings.surface.resolution, settings.surface.target_faces) == (100, None)
    assert (settings.bake.texture_size, settings.bake.photo_strength) == (512, 0.25)
    assert settings.shape is ShapeChoice.AS_PREDICTED
    assert max(bpy.context.object.dimensions) == pytest.approx(1.0)


def test_the_sidebars_button_uses_the_sidebars_settings(host, done, sidebar, photo_path):
    host.jobs = [done()]
    sidebar.quality, sidebar.size, sidebar.shape = "DRAFT", 3.0, "ROUND"
    assert bpy.ops.image_to_3d.reconstruct_photo() == {"FINISHED"}
    path, asked = host.asked[0]
    assert path == photo_path
    assert (asked.surface.resolution, asked.bake.texture_size, asked.shape) == (96, 1024, ShapeChoice.ROUND)
    assert max(bpy.context.object.dimensions) == pytest.approx(3.0)


def test_one_undo_takes_everything_back_and_redo_brings_it_again(host, done, photo_path, counts):
    host.jobs = [done()]
    bpy.ops.ed.undo_push(message="before")
    before = counts()
    bpy.ops.image_to_3d.reconstruct("EXEC_DEFAULT", True, filepath=str(photo_path))
    assert counts() != before
    bpy.ops.ed.undo()
    assert counts() == before
    bpy.ops.ed.redo()
    assert "ball" in bpy.data.objects


def test_a_failure_is_told_with_its_cure_and_leaves_nothing(host, fake_job, photo_path, counts):
    host.jobs = [fake_job([JobState.FAILED], error=PhotoError("'ball.png' is damaged.", "Export it again."))]
    before = counts()
    with pytest.raises(RuntimeError, match=r"'ball.png' is damaged\. Export it again\."):
        bpy.ops.image_to_3d.reconstruct(filepath=str(photo_path))
    assert counts() == before
    assert not ENGINE.is_busy
    assert ENGINE.failure.hint == "Export it again."


def test_a_second_task_is_refused_and_the_first_goes_on(host, done, photo_path):
    first = done()
    host.jobs = [first]
    task = ReconstructTask(photo_path, api.settings(), 1.0)
    ENGINE.begin(task, UserSettings())
    with pytest.raises(WorkerError, match="in progress"):
        api.reconstruct(photo_path)
    assert ENGINE.job is first
    assert ENGINE.failure is None, "what was refused is no failure of the task in progress"
    first.wait()
    ENGINE.end(task, bpy.context)
    assert task.summary.object in bpy.data.objects


def test_a_bug_while_building_leaves_nothing_and_the_next_run_works(host, done, photo_path, counts, monkeypatch):
    before = counts()
    host.jobs = [done(), done()]
    with monkeypatch.context() as patched:
        patched.setattr("image_to_3d.scene.build.create_camera", lambda *_: 1 / 0)
        with pytest.raises(RuntimeError, match="ZeroDivisionError"):
            bpy.ops.image_to_3d.reconstruct(filepath=str(photo_path))
    assert counts() == before
    assert not ENGINE.is_busy
    assert bpy.ops.image_to_3d.reconstruct(filepath=str(photo_path)) == {"FINISHED"}


def test_a_mask_must_be_chosen(host, photo_path):
    with pytest.raises(RuntimeError, match="No mask is chosen"):
        bpy.ops.image_to_3d.reconstruct(filepath=str(photo_path), cutout="MASK")


@pytest.mark.parametrize("name", ["reconstruct_photo", "preview_cutout"])
def test_buttons_say_that_a_photo_is_missing(host, name):
    with pytest.raises(RuntimeError, match="No photo is chosen"):
        getattr(bpy.ops.image_to_3d, name)()


def test_buttons_say_that_a_reconstruction_is_in_progress(host, fake_job, photo_path):
    host.jobs = [fake_job([JobState.RUNNING])]
    with pytest.raises(RuntimeError, match="No reconstruction is in progress"):
        bpy.ops.image_to_3d.cancel()
    ENGINE.begin(SimpleNamespace(begin=lambda host: host.jobs.pop(0)), UserSettings())
    with pytest.raises(RuntimeError, match="Wait for it or cancel it"):
        bpy.ops.image_to_3d.reconstruct(filepath=str(photo_path))
    assert bpy.ops.image_to_3d.cancel() == {"FINISHED"}


def test_loading_a_file_ends_the_worker(host, fake_job):
    host.jobs = [fake_job([JobState.RUNNING])]
    ended = []
    ENGINE.begin(SimpleNamespace(begin=lambda host: host.jobs.pop(0)), UserSettings())
    ENGINE.on_end = lambda: ended.append(True)
    before = host.shut_down
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    assert host.shut_down == before + 1
    assert ended == [True]
    assert not ENGINE.is_busy


def test_changed_preferences_start_another_worker(host, done):
    host.jobs = [done(), done(), done()]
    settings = UserSettings()
    task = SimpleNamespace(begin=lambda host: host.jobs.pop(0), finish=lambda *_: None)
    for idle, shut_down in ((60, 0), (60, 0), (90, 1)):
        ENGINE.begin(task, UserSettings(settings.runtime, idle))
        ENGINE.job.wait()
        ENGINE.end(task, bpy.context)
        assert host.shut_down == shut_down


class WindowOperator(TaskOperator):
    """What the operators are without Blender's base class, which cannot be instantiated from outside."""

    def __init__(self, task):
        self.task, self.reports = task, []

    def create_task(self, context):
        return self.task

    def report_done(self, context, task):
        self.report({"INFO"}, task.summary.object)

    def report(self, kind, text):
        self.reports.append((kind, text))


@pytest.fixture
def window(monkeypatch):
    """A context with a window whose display writes down what it was told."""
    shown = []
    display = SimpleNamespace(
        update=lambda _: shown.append(ENGINE.progress.fraction), remove=lambda: shown.append("removed")
    )
    monkeypatch.setattr("image_to_3d.operators.task_operator.ModalDisplay", lambda _: display)
    monkeypatch.setattr("image_to_3d.operators.task_operator.runs_in_window", lambda _: True)
    manager = SimpleNamespace(modal_handler_add=lambda _: None)
    context = bpy.context
    return SimpleNamespace(
        shown=shown,
        window_manager=manager,
        preferences=context.preferences,
        scene=context.scene,
        view_layer=context.view_layer,
        mode="OBJECT",
        space_data=None,
        area=None,
    )


TIMER = SimpleNamespace(type="TIMER", value="NOTHING")


def test_modal_runs_show_progress_and_let_other_events_through(host, done, window, photo_path):
    host.jobs = [done()]
    operator = WindowOperator(ReconstructTask(photo_path, api.settings(), 1.0))
    assert operator.invoke(window, None) == {"RUNNING_MODAL"}
    assert operator.modal(window, SimpleNamespace(type="MOUSEMOVE", value="NOTHING")) == {"PASS_THROUGH"}
    assert operator.modal(window, TIMER) == {"PASS_THROUGH"}
    assert "ball" not in bpy.data.objects, "the scene is touched at the end"
    assert operator.modal(window, TIMER) == {"FINISHED"}
    (fraction, removed) = window.shown
    assert 0 < fraction < 1
    assert removed == "removed"
    assert operator.reports == [({"INFO"}, "ball")]
    assert "ball" in bpy.data.objects


def test_escape_cancels_and_nothing_is_made(host, fake_job, window, photo_path, counts):
    host.jobs = [fake_job([JobState.RUNNING] * 5)]
    before = counts()
    operator = WindowOperator(ReconstructTask(photo_path, api.settings(), 1.0))
    operator.invoke(window, None)
    assert operator.modal(window, SimpleNamespace(type="ESC", value="PRESS")) == {"RUNNING_MODAL"}
    assert operator.modal(window, TIMER) == {"CANCELLED"}
    assert counts() == before
    assert window.shown == ["removed"]
    assert operator.reports == [({"INFO"}, "Cancelled. Nothing was changed")]


def test_a_modal_run_ends_quietly_when_its_engine_was_shut_down(host, fake_job, window, photo_path):
    host.jobs = [fake_job([JobState.RUNNING] * 5)]
    operator = WindowOperator(ReconstructTask(photo_path, api.settings(), 1.0))
    operator.invoke(window, None)
    ENGINE.shutdown()
    assert operator.modal(window, TIMER) == {"CANCELLED"}
    assert window.shown == ["removed"]


def test_a_dropped_file_takes_the_sidebars_settings(extension):
    assert bpy.types.IMAGE_TO_3D_FH_photo.bl_label == "Reconstruct Mesh from Photo"
    assert ".jpg" in bpy.types.IMAGE_TO_3D_FH_photo.bl_file_extensions.split(";")
    assert IMAGE_TO_3D_OT_reconstruct.bl_options == {"UNDO"}, "no redo panel: it would run the network again"


class TestPhotoFile:
    def test_a_file_is_used_as_it_is(self, photo_path):
        assert photo_file(bpy.data.images.load(str(photo_path))) == photo_path

    def test_a_packed_image_gives_its_own_bytes_back(self, photo_path):
        image = bpy.data.images.load(str(photo_path))
        image.pack()
        original = photo_path.read_bytes()
        photo_path.unlink()
        written = photo_file(image)
        assert written.read_bytes() == original
        assert written.stem == "ball"

    def test_painted_pixels_are_written_out(self, photo_path):
        image = bpy.data.images.load(str(photo_path))
        pixels = np.zeros(400 * 300 * 4, np.float32)
        pixels[1::4] = pixels[3::4] = 1.0
        image.pixels.foreach_set(pixels)
        image.update()
        with Image.open(photo_file(image)) as written:
            assert written.convert("RGB").getpixel((10, 10)) == (0, 255, 0)
        assert Image.open(photo_path).convert("RGB").getpixel((10, 10)) == (255, 255, 255)

    def test_a_generated_image_is_written_out(self):
        image = bpy.data.images.new("made up", 64, 48)
        with Image.open(photo_file(image)) as written:
            assert written.size == (64, 48)

    def test_a_missing_file_is_named(self, photo_path):
        image = bpy.data.images.load(str(photo_path))
        photo_path.unlink()
        with pytest.raises(PhotoError, match=r"ball\.png"):
            photo_file(image)


def test_diagnostics_tell_versions_and_hide_the_user(extension, monkeypatch):
    monkeypatch.setattr("getpass.getuser", lambda: "marianne")
    ENGINE.failure = WorkerError(f"'{Path.home()}/cup.png' by marianne failed.", "Try again.")
    text = diagnostics(bpy.context)
    assert bpy.app.version_string in text
    assert "onnxruntime" in text
    assert "'~/cup.png' by <user> failed" in text
    assert str(Path.home()) not in text.replace("~", "")
    assert mask_private("marianne's") == "<user>'s"
    ENGINE.failure = None


def test_the_launch_finds_the_engines_packages_without_loading_them(extension, tmp_path):
    launch = engine.create_launch(UserSettings(), tmp_path)
    found = {
        name
        for folder in launch.search_paths
        for name in ("onnxruntime", "PIL", "numpy")
        if (Path(folder) / name).is_dir()
    }
    assert found == {"onnxruntime", "PIL", "numpy"}
    assert any(list(Path(folder).glob("openvdb*")) for folder in launch.search_paths)
    assert launch.python_args == tuple(bpy.app.python_args)


def test_looking_through_the_photos_camera(host, done, photo_path):
    host.jobs = [done()]
    own = bpy.data.objects.new("own", bpy.data.cameras.new("own"))
    bpy.context.scene.collection.objects.link(own)
    bpy.context.scene.camera = own
    with pytest.raises(RuntimeError, match="Select a reconstructed object"):
        bpy.ops.image_to_3d.view_camera()
    bpy.ops.image_to_3d.reconstruct(filepath=str(photo_path))
    assert bpy.context.scene.camera == own
    assert bpy.ops.image_to_3d.view_camera() == {"FINISHED"}
    assert bpy.context.scene.camera.name == ENGINE.summary.camera
    assert bpy.context.scene.render.resolution_x == 400


def test_quality_and_details_agree(extension):
    settings = bpy.context.scene.image_to_3d
    assert settings.quality == "STANDARD"
    settings.quality = "HIGH"
    assert (settings.resolution, settings.texture_size) == (256, "4096")
    settings.resolution = 100
    assert settings.quality == "CUSTOM"
    settings.quality = "DRAFT"
    assert (settings.resolution, settings.texture_size) == (96, "1024")


def test_a_bug_is_one_sentence_with_its_traceback_in_the_diagnostics(host, done, photo_path, counts, monkeypatch):
    before = counts()
    host.jobs = [done()]
    monkeypatch.setattr("image_to_3d.scene.build.create_mesh", lambda *_: 1 / 0)
    with pytest.raises(RuntimeError, match="Something unexpected happened") as told:
        bpy.ops.image_to_3d.reconstruct(filepath=str(photo_path))
    assert "Traceback" not in str(told.value)
    assert "ZeroDivisionError" in ENGINE.failure_details and "Traceback" in diagnostics(bpy.context)
    assert counts() == before
    assert not ENGINE.is_busy


NOT_CALLED = {"open_preferences", "install_model", "verify_model", "remove_model", "use_model_file", "cancel_model"}
"""Those that open a window or change what is installed."""


@pytest.mark.parametrize("scene", ["empty", "cube", "light", "edited"])
def test_no_button_ends_in_a_traceback_whatever_is_selected(host, scene):
    if scene in {"cube", "edited"}:
        bpy.ops.mesh.primitive_cube_add()
    elif scene == "light":
        bpy.ops.object.light_add()
    if scene == "edited":
        bpy.ops.object.mode_set(mode="EDIT")
    for name in sorted(set(dir(bpy.ops.image_to_3d)) - NOT_CALLED):
        try:
            getattr(bpy.ops.image_to_3d, name)()
        except RuntimeError as error:
            assert "Traceback" not in str(error), name
