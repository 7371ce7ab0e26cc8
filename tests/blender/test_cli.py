# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line: what it prints, what it writes, and its exit code; with hosts that start no process."""

import json
import os
import shutil
import sys
from dataclasses import replace
from typing import ClassVar

import bpy
import numpy as np
import pytest
from image_to_3d import cli
from image_to_3d.inference.bake import Maps
from image_to_3d.inference.code import FurtherPhoto
from image_to_3d.inference.cutout import CutoutMethod
from image_to_3d.inference.errors import PhotoError
from image_to_3d.inference.network import Precision
from image_to_3d.inference.pipeline import Projected
from image_to_3d.inference.priors.choose import ShapeChoice
from image_to_3d.jobs import JobState
from image_to_3d.scene.background_tasks import Remesh
from image_to_3d.scene.detail_bake import DetailMaps
from image_to_3d.scene.files import WRITERS
from image_to_3d.scene.mesh_check import check_mesh
from image_to_3d.scene.polygons import Polygons
from image_to_3d.scene.remesh import Remeshed, RemeshMethod
from PIL import Image


@pytest.fixture
def photos(tmp_path, photo_path):
    """A folder with two photos and a text file."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("a.png", "b.PNG"):
        shutil.copy(photo_path, folder / name)
    (folder / "notes.txt").write_text("no photo")
    return folder


@pytest.fixture
def hosts(monkeypatch, fake_job, reconstruction):
    """All hosts of a run; each gives one job after the other that succeeds, unless the test says otherwise."""

    class Host:
        made: ClassVar = []
        running = 0
        most_running = 0
        failing: ClassVar = {}

        def __init__(self, launch):
            self.launch, self.asked, self.is_shut_down = launch, [], False
            Host.made.append(self)

        def reconstruct(self, photo, settings):
            self.asked.append((photo, settings))
            Host.running += 1
            Host.most_running = max(Host.most_running, Host.running)
            error = Host.failing.get(photo.name)
            job = fake_job([JobState.RUNNING, JobState.FAILED if error else JobState.DONE], reconstruction, error)
            poll = job.poll

            def counted():
                state = poll()
                if state is not JobState.RUNNING:
                    Host.running -= 1
                return state

            job.poll = counted
            return job

        def shutdown(self):
            self.is_shut_down = True

    monkeypatch.setattr(cli, "Host", Host)
    monkeypatch.setattr(cli, "create_launch", lambda settings, folder: settings)
    yield Host
    assert all(host.is_shut_down for host in Host.made), "no worker is left behind"


def run(capfd, *arguments):
    """Exit code, JSON lines of standard output, text of standard error."""
    code = cli.main([str(argument) for argument in arguments])
    captured = capfd.readouterr()
    return code, [json.loads(line) for line in captured.out.splitlines()], captured.err


def test_a_folder_becomes_files_and_a_json_line_each(hosts, photos, tmp_path, capfd):
    out = tmp_path / "made" / "here"
    code, records, errors = run(capfd, photos, "--output", out, "--format", "glb,blend")
    assert code == 0
    assert [record["photo"] for record in records] == [str(photos / "a.png"), str(photos / "b.PNG")]
    for record, stem in zip(records, "ab", strict=True):
        assert record["status"] == "done"
        assert record["files"] == {kind: str(out / f"{stem}.{kind}") for kind in ("glb", "blend")}
        assert (record["faces"], record["islands"], record["warnings"]) == (6, 6, [])
        assert record["seconds_by_stage"] == {"Encoding the photo": 0.5}
    assert sorted(path.name for path in out.iterdir()) == ["a.blend", "a.glb", "b.blend", "b.glb"]
    assert "photo" in errors and "a.png" in errors, "a table for people"


def test_each_file_holds_its_own_object_alone(hosts, photos, tmp_path, capfd):
    run(capfd, photos, "--output", tmp_path, "--format", "blend")
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "b.blend"))
    assert [item.name for item in bpy.data.objects if item.type == "MESH"] == ["ball"]


def test_a_bad_photo_never_stops_the_rest(hosts, photos, tmp_path, capfd):
    hosts.failing = {"a.png": PhotoError("'a.png' is damaged.", "Export it again.")}
    code, records, errors = run(capfd, photos, "--output", tmp_path)
    assert code == 1
    assert records[0] == {
        "photo": str(photos / "a.png"),
        "status": "failed",
        "error": "'a.png' is damaged.",
        "hint": "Export it again.",
    }
    assert records[1]["status"] == "done"
    assert not (tmp_path / "a.glb").exists()
    assert (tmp_path / "b.glb").exists()
    assert "'a.png' is damaged. Export it again." in errors


def test_a_bug_met_with_one_photo_does_not_stop_the_rest_either(hosts, photos, tmp_path, capfd, monkeypatch):
    real, calls = cli.write_files, []

    def fail_once(*arguments):
        calls.append(arguments)
        return real(*arguments) if len(calls) > 1 else 1 / 0

    monkeypatch.setattr(cli, "write_files", fail_once)
    code, records, errors = run(capfd, photos, "--output", tmp_path)
    assert code == 1
    assert [record["status"] for record in records] == ["failed", "done"]
    assert "ZeroDivisionError" in records[0]["error"]
    assert "Traceback" in errors


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such file names")
def test_a_file_name_that_is_no_utf_8_is_a_photo_like_others(hosts, photo_path, tmp_path, capfdbinary):
    folder = tmp_path / "photos"
    folder.mkdir()
    names = [b"a.png", b"mug\xe8.png", b"mug\xe9.png"]
    for name in names:
        shutil.copy(photo_path, folder / os.fsdecode(name))
    out = tmp_path / "out"
    assert cli.main([str(folder), "--output", str(out), "--format", ",".join(WRITERS)]) == 0
    lines = capfdbinary.readouterr().out.splitlines()
    assert [line.partition(b'", ')[0].rpartition(b"/")[2] for line in lines] == names
    assert sorted(path.stem for path in out.glob("*.glb")) == ["a", "mug\ufffd", "mug\ufffd_2"]


def test_photos_of_the_same_name_do_not_overwrite_each_other(hosts, photos, photo_path, tmp_path, capfd):
    other = tmp_path / "other"
    other.mkdir()
    shutil.copy(photo_path, other / "A.png")
    code, records, _ = run(capfd, photos, other / "A.png", "--output", tmp_path)
    assert code == 0
    assert len({record["files"]["glb"].lower() for record in records}) == 3


READERS = {
    "obj": lambda path: bpy.ops.wm.obj_import(filepath=path),
    "usd": lambda path: bpy.ops.wm.usd_import(filepath=path),
}
COLOURS = {"in1": 40, "in2": 120, "in3": 200}
"""By the photo's folder, the grey of its object."""


@pytest.mark.parametrize("kind", sorted(READERS))
@pytest.mark.parametrize(
    "names",
    [
        ("cup", "cup", "CUP"),
        ("my cup", "my_cup", "my-cup"),
        ("n" * 70 + "1", "n" * 70 + "2", "n" * 70 + "3"),
        ("cup", "cup_2", "cup"),
    ],
)
def test_each_result_keeps_its_own_textures(
    hosts, photo_path, tmp_path, capfd, monkeypatch, fake_job, reconstruction, kind, names
):
    def reconstruct(_host, photo, _settings):
        grey = COLOURS[photo.parent.name]
        maps = Maps(np.full((16, 16, 3), grey, np.uint8), np.full((16, 16), 255 - grey, np.uint8), 0.0, 1.0)
        return fake_job([JobState.DONE], replace(reconstruction, name=photo.stem, maps=maps))

    monkeypatch.setattr(hosts, "reconstruct", reconstruct)
    photos = [tmp_path / folder / f"{name}.png" for folder, name in zip(COLOURS, names, strict=True)]
    for photo in photos:
        photo.parent.mkdir()
        shutil.copy(photo_path, photo)
    code, records, _ = run(capfd, *photos, "--output", tmp_path / "out", "--format", kind)
    assert code == 0
    for record, grey in zip(records, COLOURS.values(), strict=True):
        bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
        READERS[kind](record["files"][kind])
        shown = sorted(round(255 * image.pixels[0]) for image in bpy.data.images if image.size[0])
        assert shown == sorted((grey, 255 - grey))


@pytest.mark.parametrize("kind", sorted(READERS))
def test_textures_and_libraries_are_kept_unless_told_too(hosts, photo_path, tmp_path, capfd, kind):
    run(capfd, photo_path, "--output", tmp_path, "--format", kind)
    made = [path for path in tmp_path.rglob("*") if path.is_file() and path != photo_path]
    for path in made:
        path.write_text("precious")
    (tmp_path / f"ball.{kind}").unlink()
    code, (record,), _ = run(capfd, photo_path, "--output", tmp_path, "--format", kind)
    assert code == 1
    assert "is already in" in record["error"]
    assert "--overwrite" in record["hint"]
    assert {path.read_text() for path in made if path.exists()} == {"precious"}
    assert not (tmp_path / f"ball.{kind}").exists()
    assert run(capfd, photo_path, "--output", tmp_path, "--format", kind, "--overwrite")[0] == 0


def test_textures_of_results_among_the_photos_are_no_photos(hosts, photos, tmp_path, capfd):
    shutil.copy(photos / "a.png", photos / "a_blue.png")
    there = [str(photos / name) for name in ("a.png", "a_blue.png", "b.PNG")]
    for _ in range(2):
        code, records, _ = run(capfd, photos, "--output", photos, "--format", "obj,usd", "--overwrite")
        assert code == 0
        assert [record["photo"] for record in records] == there


def test_existing_results_are_kept_unless_told(hosts, photo_path, tmp_path, capfd):
    (tmp_path / "ball.glb").write_text("precious")
    code, records, _ = run(capfd, photo_path, "--output", tmp_path)
    assert code == 1
    assert "'ball.glb' is already in" in records[0]["error"]
    assert "--overwrite" in records[0]["hint"]
    assert (tmp_path / "ball.glb").read_text() == "precious"
    code, _, _ = run(capfd, photo_path, "--output", tmp_path, "--overwrite")
    assert code == 0
    assert (tmp_path / "ball.glb").read_bytes()[:4] == b"glTF"


def test_jobs_run_side_by_side_and_share_the_cores(hosts, photos, tmp_path, capfd):
    code, records, _ = run(capfd, photos, "--output", tmp_path, "--jobs", 2, "--threads", 8)
    assert code == 0
    assert len(records) == 2
    assert [len(host.asked) for host in hosts.made] == [1, 1]
    assert hosts.most_running == 2
    assert [host.launch.runtime.threads for host in hosts.made] == [4, 4]


def test_cores_are_shared_among_the_workers_that_start(hosts, photos, photo_path, tmp_path, capfd, monkeypatch):
    monkeypatch.setattr(cli, "core_count", lambda: 6)
    run(capfd, photos, "--output", tmp_path / "two", "--jobs", 8)
    assert [host.launch.runtime.threads for host in hosts.made] == [3, 3]
    run(capfd, photo_path, "--output", tmp_path / "one", "--jobs", 8)
    assert [host.launch.runtime.threads for host in hosts.made[2:]] == [0], "all cores"


def test_hidden_files_and_folders_are_no_photos(hosts, photos, photo_path, tmp_path, capfd):
    (photos / "._a.png").write_text("what macOS keeps beside a file")
    (photos / "folder.png").mkdir()
    code, records, _ = run(capfd, photos, "--output", tmp_path / "out")
    assert code == 0
    assert [record["photo"] for record in records] == [str(photos / "a.png"), str(photos / "b.PNG")]
    hidden = shutil.copy(photo_path, photos / ".hidden.png")
    code, records, _ = run(capfd, hidden, "--output", tmp_path / "out")
    assert (code, len(records)) == (0, 1), "one that is named is taken"


def test_precision_reaches_the_worker(hosts, photo_path, tmp_path, capfd):
    run(capfd, photo_path, "--output", tmp_path, "--precision", "int8")
    assert [host.launch.runtime.precision for host in hosts.made] == [Precision.INT8]


def test_one_job_runs_one_after_the_other(hosts, photos, tmp_path, capfd):
    run(capfd, photos, "--output", tmp_path)
    assert (len(hosts.made), hosts.most_running) == (1, 1)


def test_options_reach_the_engine(hosts, photo_path, tmp_path, capfd):
    run(
        capfd, photo_path, "--output", tmp_path, "--quality", "high", "--resolution", 100, "--texture-size", 512,
        "--target-faces", 900, "--photo-strength", 0.5, "--mask", photo_path, "--size", 0.2, "--device", "cpu",
        "--format", "blend", "--shape", "box",
    )  # fmt: skip
    ((_, settings),) = hosts.made[0].asked
    assert (settings.surface.resolution, settings.surface.target_faces) == (100, 900)
    assert (settings.bake.texture_size, settings.bake.photo_strength) == (512, 0.5)
    assert (settings.cutout.method, settings.cutout.mask_path) == (CutoutMethod.MASK, photo_path)
    assert settings.shape is ShapeChoice.BOX
    assert hosts.made[0].launch.runtime.device == "cpu"
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "ball.blend"))
    assert max(bpy.data.objects["ball"].dimensions) == pytest.approx(0.2)


def test_a_low_poly_mesh_is_written_and_the_sculpture_stays_in_the_blend(
    hosts, photo_path, tmp_path, capfd, monkeypatch, fake_job
):
    def start(task):
        if isinstance(task, Remesh):
            assert task.settings.faces == 60
            corners = np.float32([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]])
            low = replace(Polygons.of_faces(corners, np.array([[0, 1, 2, 3]])), uvs=corners[:, :2].copy())
            return fake_job([JobState.DONE], Remeshed(low, check_mesh(low, task.high), RemeshMethod.QUADS))
        return fake_job([JobState.DONE], DetailMaps(np.full((8, 8, 3), 0.5, np.float32), None, 0.01, 0.0))

    maps = Maps(np.zeros((8, 8, 3), np.uint8), 0.5, 0.0, 1.0)
    hosts.bake_again = lambda self, code, mesh, settings: fake_job([JobState.DONE], maps)
    monkeypatch.setattr(cli.BACKGROUND, "start", start)
    low_poly = ("--retopology", "60", "--bake", "--levels", "1")
    code, records, _ = run(capfd, photo_path, "--output", tmp_path, "--format", "glb,blend", *low_poly)
    assert code == 0
    assert records[0]["faces"] == 1
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    bpy.ops.import_scene.gltf(filepath=str(tmp_path / "ball.glb"))
    assert [item.name for item in bpy.data.objects if item.type == "MESH"] == ["ball_low"]
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "ball.blend"))
    meshes = {item.name for item in bpy.data.objects if item.type == "MESH"}
    assert meshes == {"ball_high", "ball_low", "ball_low_LOD1"}
    assert "ball_low normal" in bpy.data.images


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--format", "glb,stl"], "no format 'stl'"),
        (["--format", ","], "Choose from"),
        (["--cutout", "mask"], "No mask is given"),
        (["--size", "0"], "not a length"),
        (["--resolution", "9999"], "not between"),
        (["--photo-strength", "2"], "not between 0 and 1"),
        (["--jobs", "0"], "not between"),
        (["--bake"], "Add --retopology"),
        (["--game-asset", "prop", "--levels", "1"], "Give --game-asset alone"),
    ],
)
def test_wrong_arguments_are_explained(hosts, photo_path, tmp_path, capfd, arguments, sentence):
    code, records, errors = run(capfd, photo_path, "--output", tmp_path / "out", *arguments)
    assert (code, records) == (2, [])
    assert sentence in errors
    assert hosts.made == []


def test_further_photos_are_projected_before_anything_is_made_of_the_object(
    hosts, photo_path, tmp_path, fake_job, reconstruction, capfd, monkeypatch
):
    asked = []

    def project(self, code, mesh, photo, start, settings):
        asked.append((photo, start, len(mesh.triangles), settings.bake.texture_size))
        return fake_job([JobState.DONE], Projected(projected, reconstruction.maps, ("It hardly agrees.",)))

    origin = {"photo_name": "back.png", "photo_sha256": "b" * 64}
    code = reconstruction.code
    projected = code.with_photos((FurtherPhoto(code.photo, code.camera, code.window, 0.5, origin),))
    monkeypatch.setattr(hosts, "project_photo", project, raising=False)
    back = shutil.copy(photo_path, tmp_path / "back.png")
    output = tmp_path / "out"
    arguments = [str(photo_path), "--output", str(output), "--texture-size", "512", "--also", f"back={back}"]
    assert cli.main(arguments) == 0
    (photo, start, triangles, size) = asked[0]
    assert (str(photo), triangles, size) == (str(back), 12, 512)
    np.testing.assert_array_equal(start.rotation[:, 2].round(3)[:1], [0])
    assert start.rotation[1, 2] > 0.9, "from behind"
    assert json.loads(capfd.readouterr().out)["warnings"] == ["It hardly agrees."]


def test_an_empty_folder_is_a_wrong_argument(hosts, tmp_path, capfd):
    (tmp_path / "empty").mkdir()
    code, records, errors = run(capfd, tmp_path / "empty", "--output", tmp_path / "out")
    assert (code, records) == (2, [])
    assert "holds no photo" in errors


def test_an_unwritable_output_is_told_before_any_work(hosts, photo_path, capfd):
    code, records, errors = run(capfd, photo_path, "--output", "/proc/out")
    assert (code, records) == (1, [])
    assert "Nothing can be written to '/proc/out'" in errors
    assert hosts.made == []


def test_interrupting_shuts_the_workers_down(hosts, photo_path, tmp_path, capfd, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli.Slot, "finish", interrupt)
    code, records, _ = run(capfd, photo_path, "--output", tmp_path)
    assert (code, records) == (130, [])


def test_the_command_is_known_to_blender(extension):
    assert cli._commands


@pytest.fixture
def view_paths(tmp_path):
    """Six square pictures."""
    paths = []
    for number in range(6):
        paths.append(tmp_path / f"view{number}.png")
        Image.new("RGB", (64, 64), (40 * number, 0, 0)).save(paths[-1])
    return paths


def test_six_views_of_one_object_become_one_sheet_and_one_result(view_paths, tmp_path, hosts, capfd):
    arguments = (*view_paths, "--views", "--system", "instantmesh-base", "--output", tmp_path / "out")
    code, (record,), _ = run(capfd, *arguments)
    assert code == 0
    (host,) = hosts.made
    ((photo, settings),) = host.asked
    assert settings.system == "instantmesh-base"
    assert Image.open(photo).size == (640, 960)
    assert [Image.open(photo).getpixel((0, y))[0] for y in (10, 330, 650)] == [0, 80, 160]
    assert record["files"] == {"glb": str(tmp_path / "out" / "view0.glb")}
    code, records, errors = run(capfd, *arguments)
    assert (code, records) == (cli.EXIT_FAILED, [])
    assert "exists already" in errors


def test_other_than_six_views_are_refused(view_paths, tmp_path, hosts, capfd):
    code, records, errors = run(capfd, *view_paths[:4], "--views", "--output", tmp_path / "out")
    assert (code, records) == (cli.EXIT_FAILED, [])
    assert "4 views" in errors
    assert hosts.made == []
