# SPDX-License-Identifier: GPL-3.0-or-later
"""A real worker process, driven as Blender drives it: what it does, how it ends, and that it leaves nothing behind."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from image_to_3d.inference import protocol
from image_to_3d.inference.camera import Camera, Window
from image_to_3d.inference.code import Code
from image_to_3d.inference.errors import OutputError, PhotoError, WorkerError
from image_to_3d.inference.monitor import Stage
from image_to_3d.inference.runtime import RuntimeSettings
from image_to_3d.jobs import Host, Job, JobState, Launch, launch_from_interpreter
from image_to_3d.jobs.job import CANCEL_SECONDS
from image_to_3d.jobs.worker_process import KILL_SECONDS, WorkerProcess

HERE = Path(__file__).resolve().parent
PATIENCE = 60.0
"""Seconds after which a test gives up waiting; reached only when it fails."""

posix = pytest.mark.skipif(sys.platform == "win32", reason="signals and sessions are POSIX's")
linux = pytest.mark.skipif(sys.platform != "linux", reason="limits of another process can be set on Linux only")


def _load_tasks() -> ModuleType:
    spec = importlib.util.spec_from_file_location("job_tasks", HERE / "job_tasks.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["job_tasks"] = module
    spec.loader.exec_module(module)
    return module


tasks = _load_tasks()


@pytest.fixture
def launch(tmp_path: Path) -> Launch:
    folder = tmp_path / "temporary folder"  # with a space, as in many a user's name
    folder.mkdir()
    plain = launch_from_interpreter(folder, RuntimeSettings(device="cpu"))
    return replace(plain, search_paths=(*plain.search_paths, str(HERE)), tasks="job_tasks")


@pytest.fixture
def host(launch: Launch) -> Iterator[Host]:
    """A host; whatever a test did to it, neither its process nor any file may be left."""
    pids = set()
    with Host(launch) as host:
        start = host.start

        def start_and_note_pid(*arguments: Any) -> Job:
            job = start(*arguments)
            pids.add(host.pid)
            return job

        host.start = start_and_note_pid
        yield host
    assert list(launch.folder.iterdir()) == []
    assert not any(_is_running(pid) for pid in pids if pid is not None)


def _is_running(pid: int) -> bool:
    """A zombie has ended, only nobody has asked for its exit code yet."""
    if sys.platform == "linux":
        stat = Path(f"/proc/{pid}/stat")
        return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"
    ps = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return ps.stdout.strip() != "" and not ps.stdout.startswith("Z")


def _wait_for(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.01)


def _reach(job: Job, stage: Stage) -> None:
    """Poll until the job is in the middle of a stage."""

    def has_reached() -> bool:
        assert job.poll() is JobState.RUNNING, job.diagnostics
        return job.stage == stage.value and job.fraction == 0.5

    _wait_for(has_reached)


def _assert_next_job_works(host: Host) -> int:
    job = host.start(tasks.WalkThroughStages(None))
    assert job.wait() is JobState.DONE, job.diagnostics
    return job.result


def _assert_only_session_is_left(host: Host) -> None:
    """No job folder, and at most the one session folder of the warm worker."""
    sessions = list(host.launch.folder.iterdir())
    assert len(sessions) <= 1
    assert {path.name for session in sessions for path in session.iterdir()} <= {"messages.jsonl", "log.txt"}


# --- work ---


def test_values_cross_unchanged(host: Host) -> None:
    random = np.random.default_rng(1)
    photo = np.full((32, 32, 4), 255, np.uint8)
    code = Code(
        "pebble",
        "1",
        {"volume": random.normal(size=(4, 5, 6)).astype(np.float16)},
        Camera.looking_at_origin(0.3, 2.5, 3.0),
        Window(10.5, 20.25, 30.0, 640, 480),
        photo,
        {"photo_name": "Täßchen"},
    )
    value = tasks.Everything(
        stage=Stage.BAKE,
        path=Path("a folder") / "Täßchen.png",
        nothing=None,
        map_or_constant=random.integers(0, 255, (8, 8), dtype=np.uint8),
        constant=0.25,
        colour=(1.0, 0.5, 0.0),
        names=("one", "two"),
        seconds={"Baking": 1.5},
        array=random.normal(size=(1000, 3)).astype(np.float32),
        code=code,
    )
    job = host.start(tasks.Echo(value))
    assert job.wait() is JobState.DONE, job.diagnostics
    result = job.result
    for name in ("stage", "path", "nothing", "constant", "colour", "names", "seconds"):
        assert getattr(result, name) == getattr(value, name)
        assert type(getattr(result, name)) is type(getattr(value, name))
    for name in ("map_or_constant", "array"):
        np.testing.assert_array_equal(getattr(result, name), getattr(value, name), strict=True)
    assert result.code.to_bytes() == code.to_bytes()
    _assert_only_session_is_left(host)


def test_worker_stays_warm_and_introduces_itself_first(host: Host) -> None:
    assert host.pid is None, "no process before there is work"
    first = host.start(tasks.WalkThroughStages(None))
    assert first.wait() is JobState.DONE
    assert first.warnings == ["The photo is very small."]
    assert (first.stage, first.fraction) == (Stage.BAKE.value, 1.0)
    assert host.pid == first.result
    assert _assert_next_job_works(host) == first.result
    (messages,) = host.launch.folder.glob("*/messages.jsonl")
    hello = json.loads(messages.read_text().splitlines()[0])
    assert hello["type"] == "hello"
    assert hello["protocol"] == protocol.PROTOCOL
    assert hello["device"] == "cpu"
    assert hello["onnxruntime"]


def test_progress_passes_through_all_stages_in_order(host: Host) -> None:
    job = host.start(tasks.WalkThroughStages(None))
    job.wait()
    (messages,) = host.launch.folder.glob("*/messages.jsonl")
    progress = [json.loads(line) for line in messages.read_text().splitlines() if '"progress"' in line]
    assert list(dict.fromkeys(message["stage"] for message in progress)) == [stage.value for stage in Stage]


def test_second_job_at_the_same_time_is_refused(host: Host) -> None:
    job = host.start(tasks.WalkThroughStages(Stage.SURFACE))
    assert host.is_busy
    with pytest.raises(WorkerError, match="already running"):
        host.start(tasks.WalkThroughStages(None))
    job.cancel()
    assert job.wait() is JobState.CANCELLED
    assert not host.is_busy


@pytest.mark.parametrize("python_args", [("-I",), ()])
def test_worker_is_isolated_and_modest(
    host: Host, capfd: pytest.CaptureFixture[str], python_args: tuple[str, ...]
) -> None:
    """Blender's own Python runs in isolated mode unless it was told to use the system's environment."""
    host.launch = replace(host.launch, python_args=python_args)
    job = host.start(tasks.Describe())
    assert job.wait() is JobState.DONE, job.diagnostics
    described = job.result
    path = json.loads(described["path"])
    assert str(Path(protocol.__file__).parent) not in path, "our code.py would hide the standard library's"
    assert path[: len(host.launch.search_paths)] == list(host.launch.search_paths)
    assert "bpy" not in described["modules"].split()
    if sys.platform != "win32":
        assert int(described["niceness"]) > os.nice(0) or os.nice(0) >= 15
        assert described["session"] != str(os.getsid(0)), "Ctrl+C in the host's terminal must not reach it"
    assert "by the worker" not in "".join(capfd.readouterr())


def test_host_never_loads_onnxruntime() -> None:
    """On Windows its libraries clash with Blender's; loading them in Blender's own process would crash it."""
    conftest = HERE.parent / "conftest.py"
    script = f"""
        import runpy, sys
        sys.modules["bpy"] = None
        runpy.run_path({str(conftest)!r})
        import image_to_3d.jobs
        print(sorted({{"onnxruntime", "openvdb"}} & set(sys.modules)))
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=False)
    assert done.stdout == "[]\n", done.stderr


def test_openvdb_is_found_inside_a_bpy_wheel(tmp_path: Path) -> None:
    """There it is importable only after bpy was, which the host outside Blender has no need of."""
    bundled = tmp_path / "bpy" / "4.5" / "python" / "lib" / "python3.11" / "site-packages"
    bundled.mkdir(parents=True)
    (tmp_path / "bpy" / "__init__.py").write_text("raise ImportError('must not be imported')")
    (bundled / "openvdb.cpython-311-x86_64-linux-gnu.so").touch()
    script = f"""
        import sys, types
        from pathlib import Path
        sys.path.insert(0, {str(tmp_path)!r})
        package = types.ModuleType("image_to_3d")
        package.__path__ = [{str(HERE.parent.parent)!r}]
        sys.modules["image_to_3d"] = package
        from image_to_3d.inference.runtime import RuntimeSettings
        from image_to_3d.jobs import launch_from_interpreter
        print(launch_from_interpreter(Path(), RuntimeSettings()).search_paths[-1])
    """
    command = [sys.executable, "-I", "-c", textwrap.dedent(script)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == str(bundled), done.stderr


# --- failures ---


@pytest.mark.parametrize(
    ("how", "kind", "sentence", "hint"),
    [
        ("foreseen", PhotoError, "The photo 'cup.png' is empty.", "Choose another one."),
        ("unexpected", WorkerError, "'Baking the texture' failed (ValueError: seven", "report"),
        ("memory", WorkerError, "'Baking the texture' failed: the memory ran out.", "lower quality"),
        ("native memory", WorkerError, "'Baking the texture' failed: the memory ran out.", "lower quality"),
        ("crash", WorkerError, "crashed during 'Baking the texture'", "diagnostics"),
        ("exit", WorkerError, "crashed during 'Baking the texture' (exit code 3)", "diagnostics"),
    ],
)
def test_failure_is_told_and_the_next_job_works(host: Host, how: str, kind: type, sentence: str, hint: str) -> None:
    job = host.start(tasks.Fail(how))
    pid = host.pid
    assert job.wait() is JobState.FAILED
    assert type(job.error) is kind
    assert sentence in job.error.message
    assert hint in job.error.hint
    assert "onnxruntime" in job.diagnostics
    assert "Traceback" in job.diagnostics or "Fatal Python error" in job.diagnostics
    with pytest.raises(RuntimeError):
        _ = job.result
    _assert_only_session_is_left(host)
    assert (_assert_next_job_works(host) == pid) == (how in ("foreseen", "unexpected")), "only then it stays warm"


def test_native_crash_leaves_its_stack_in_the_diagnostics(host: Host) -> None:
    job = host.start(tasks.Fail("crash"))
    job.wait()
    assert "job_tasks.py" in job.diagnostics
    assert "string_at" in job.diagnostics


@posix
@pytest.mark.parametrize("stage", list(Stage))
def test_killed_in_any_stage(host: Host, stage: Stage) -> None:
    job = host.start(tasks.WalkThroughStages(stage))
    _reach(job, stage)
    os.kill(host.pid, signal.SIGKILL)
    assert job.wait() is JobState.FAILED
    assert type(job.error) is WorkerError
    assert job.error.message == f"The worker process was ended by the system during '{stage.value}'."
    assert "memory" in job.error.hint
    _assert_next_job_works(host)


@posix
def test_killed_while_starting_and_while_idle(host: Host) -> None:
    job = host.start(tasks.WalkThroughStages(None))
    os.kill(host.pid, signal.SIGKILL)
    assert job.wait() is JobState.FAILED
    assert "'Starting'" in job.error.message
    pid = _assert_next_job_works(host)
    os.kill(pid, signal.SIGKILL)
    _wait_for(lambda: host.pid is None)
    _assert_next_job_works(host)


@pytest.mark.parametrize(
    "line", ["{}\n", "not json\n", '["a list"]\n', '{"type": "done"}\n', '{"type": "done", "job": 1}\n']
)
def test_nonsense_is_refused(host: Host, line: str) -> None:
    job = host.start(tasks.WriteMessage(line))
    assert job.wait() is JobState.FAILED
    assert type(job.error) is WorkerError
    assert "cannot be read" in job.error.message
    _assert_next_job_works(host)


def test_line_that_is_not_whole_yet_is_left_alone(host: Host) -> None:
    job = host.start(tasks.WriteMessage('{"type": "done", "jo'))
    (session,) = host.launch.folder.iterdir()
    messages = session / "messages.jsonl"
    _wait_for(lambda: messages.exists() and messages.read_bytes().endswith(b'"jo'))
    assert job.poll() is JobState.RUNNING
    with messages.open("a") as file:
        file.write('b": 1, "value": "the rest came later"}\n')
    assert job.poll() is JobState.DONE
    assert job.result == "the rest came later"


def test_pickled_arrays_are_refused(host: Host) -> None:
    job = host.start(tasks.ReturnObjects())
    assert job.wait() is JobState.FAILED
    assert type(job.error) is WorkerError
    assert "cannot be read" in job.error.message
    assert "allow_pickle=False" in job.error.message
    _assert_next_job_works(host)


@linux
@pytest.mark.parametrize("limit", [2**16, 0])
def test_full_disk(host: Host, limit: int) -> None:
    """Results do not fit (64 KB allowed), or not even a message does (0)."""
    import resource

    _assert_next_job_works(host)
    resource.prlimit(host.pid, resource.RLIMIT_FSIZE, (limit, limit))
    job = host.start(tasks.ReturnMegabytes(1))
    assert job.wait() is JobState.FAILED
    assert type(job.error) is OutputError, job.diagnostics
    assert str(host.launch.folder) in job.error.message
    assert "disk space" in job.error.hint
    _assert_only_session_is_left(host)


def test_folder_that_cannot_be_made(launch: Launch) -> None:
    file = launch.folder / "a file"
    file.touch()
    with Host(replace(launch, folder=file / "folder")) as host, pytest.raises(OutputError, match="a file"):
        host.start(tasks.WalkThroughStages(None))


def test_interpreter_that_is_not_there(launch: Launch) -> None:
    with Host(replace(launch, python="no-such-python")) as host, pytest.raises(WorkerError, match="no-such-python"):
        host.start(tasks.WalkThroughStages(None))
    assert list(launch.folder.iterdir()) == []


def test_engine_that_cannot_be_loaded(launch: Launch) -> None:
    with Host(replace(launch, tasks="no_such_module")) as host:
        job = host.start(tasks.WalkThroughStages(None))
        assert job.wait() is JobState.FAILED
        assert "engine cannot be loaded" in job.error.message
        assert "no_such_module" in job.error.message
        assert "service.py" in job.diagnostics, "where in the worker it happened"
    assert list(launch.folder.iterdir()) == []


def test_interpreter_that_ends_at_once(launch: Launch) -> None:
    with Host(replace(launch, python_args=("-I", "-c", "raise SystemExit('not today')"))) as host:
        job = host.start(tasks.WalkThroughStages(None))
        assert job.wait() is JobState.FAILED
        assert "crashed during 'Starting' (exit code 1)" in job.error.message
        assert "not today" in job.diagnostics


def test_other_protocol_asks_for_a_restart(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "PROTOCOL", protocol.PROTOCOL + 1)
    job = host.start(tasks.WalkThroughStages(None))
    assert job.wait() is JobState.FAILED
    assert "restart Blender" in job.error.hint


# --- ends ---


@pytest.mark.parametrize("stage", list(Stage))
def test_cancelled_in_any_stage(host: Host, stage: Stage) -> None:
    job = host.start(tasks.WalkThroughStages(stage))
    _reach(job, stage)
    pid = host.pid
    job.cancel()
    job.cancel()
    assert job.wait() is JobState.CANCELLED
    assert job.error is None
    _assert_only_session_is_left(host)
    assert _assert_next_job_works(host) == pid, "a worker that stops when asked stays warm"


def test_worker_deaf_to_cancel_is_killed(host: Host) -> None:
    job = host.start(tasks.Deaf())
    _wait_for(lambda: job.poll() is JobState.RUNNING and job.stage == Stage.ENCODE.value)
    pid = host.pid
    job.cancel()
    assert job.poll() is JobState.RUNNING, "it is asked first"
    time.sleep(CANCEL_SECONDS)
    assert job.poll() is JobState.CANCELLED, "the artist has control back"
    assert CANCEL_SECONDS + KILL_SECONDS < 1.0
    assert not _is_running(pid)
    assert _assert_next_job_works(host) != pid


def test_cancel_before_the_worker_has_started(host: Host) -> None:
    job = host.start(tasks.WalkThroughStages(Stage.PHOTO))
    job.cancel()
    assert job.wait() is JobState.CANCELLED
    _assert_next_job_works(host)


def test_shutdown_in_mid_job(host: Host) -> None:
    job = host.start(tasks.Deaf())
    _wait_for(lambda: job.poll() is JobState.RUNNING and job.stage == Stage.ENCODE.value)
    pid = host.pid
    host.shutdown()
    assert job.state is JobState.CANCELLED
    assert not _is_running(pid)
    assert list(host.launch.folder.iterdir()) == []
    _assert_next_job_works(host)


def test_idle_worker_gives_its_memory_back(launch: Launch) -> None:
    with Host(replace(launch, idle_seconds=0.2)) as host:
        first = _assert_next_job_works(host)
        _wait_for(lambda: host.pid is None)
        assert _assert_next_job_works(host) != first


def test_job_that_meets_a_worker_just_leaving_gets_a_fresh_one(launch: Launch, monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker ends between the host's last look and the job's arrival."""
    with Host(replace(launch, idle_seconds=0.2)) as host:
        first = _assert_next_job_works(host)
        worker = host._worker
        _wait_for(lambda: worker.exit_code is not None)
        acquire = host._acquire
        looks = []

        def look_once_too_early() -> WorkerProcess:
            looks.append(worker)
            return worker if len(looks) == 1 else acquire()

        monkeypatch.setattr(host, "_acquire", look_once_too_early)
        job = host.start(tasks.WalkThroughStages(None))
        assert job.wait() is JobState.DONE, job.diagnostics
        assert job.result != first
    assert list(launch.folder.iterdir()) == []


@posix
@pytest.mark.parametrize("task", ["Deaf()", "WalkThroughStages(None)"])
def test_no_worker_outlives_its_host(launch: Launch, task: str) -> None:
    """The host is killed while the worker computes, and while it waits for the next job."""
    script = f"""
        import runpy, sys, time
        from dataclasses import replace
        from pathlib import Path
        runpy.run_path({str(HERE.parent / "conftest.py")!r})
        sys.path.append({str(HERE)!r})
        import job_tasks
        from image_to_3d.inference.runtime import RuntimeSettings
        from image_to_3d.jobs import Host, JobState, launch_from_interpreter
        launch = launch_from_interpreter(Path({str(launch.folder)!r}), RuntimeSettings(device="cpu"))
        host = Host(replace(launch, search_paths=(*launch.search_paths, {str(HERE)!r}), tasks="job_tasks"))
        job = host.start(job_tasks.{task})
        while job.poll() is JobState.RUNNING and job.stage != "Encoding the photo":
            time.sleep(0.01)
        print(host.pid, flush=True)
        time.sleep(600)
    """
    host = subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)], stdout=subprocess.PIPE, text=True)
    with host:
        pid = int(host.stdout.readline())
        assert _is_running(pid)
        host.kill()
    _wait_for(lambda: not _is_running(pid))
    _wait_for(lambda: list(launch.folder.iterdir()) == [])
