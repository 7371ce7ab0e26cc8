# SPDX-License-Identifier: GPL-3.0-or-later
"""The worker's loop: take a job, run it, say how it went; end with the host or after idling.

The main thread computes. A second thread reads stdin, so that a cancel request reaches a network in mid-run and the
end of stdin (the host closed it, crashed or was killed) ends the process at any moment. No worker outlives its host.
"""

import importlib
import json
import os
import platform
import queue
import shutil
import sys
import threading
import time
import traceback
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from . import errors, protocol
from .errors import Cancelled, ReconstructionError
from .monitor import Monitor
from .sentence import Sentence

if TYPE_CHECKING:
    from .runtime import Runtime
    from .tasks import Task

PROGRESS_INTERVAL = 0.05
"""Seconds; the host looks about this often, more messages would only be read and thrown away."""

ALLOCATION_FAILURES = ("bad_alloc", "bad allocation", "failed to allocate memory", "out of memory")
"""How ONNX Runtime and its providers word it, for they do not raise ``MemoryError``."""

Message = dict[str, Any]


def serve(session_folder: Path, tasks_module: str, runtime_settings: str, idle_seconds: float) -> NoReturn:
    """Serve jobs from stdin until the host is gone or no job came for ``idle_seconds`` (0: wait for ever).

    Args:
        session_folder: where messages, log and job folders are.
        tasks_module: name of the module whose ``TASKS`` says what can be run.
        runtime_settings: ``RuntimeSettings`` as JSON.
        idle_seconds: after so long all memory is given back by ending; the host starts the next worker when needed.
    """
    channel = Channel(session_folder)
    channel.listen()
    try:
        runtime, tasks = _load_engine(tasks_module, runtime_settings)
    except Exception as error:  # noqa: BLE001 - the host tells the artist, with the traceback in the diagnostics
        channel.send("error", **_describe(error, "The reconstruction engine cannot be loaded"))
        channel.leave(protocol.EXIT_QUIET)
    channel.send("hello", **_introduce(runtime))
    while True:
        message = channel.next_job(idle_seconds or None)
        if message is None:
            channel.leave(protocol.EXIT_QUIET)
        _run_job(channel, message, tasks, runtime)


class Channel:
    """Both directions of the conversation with the host.

    Attributes:
        session_folder: where messages, log and job folders are.
        cancelled: number of the last job the host cancelled.
    """

    def __init__(self, session_folder: Path) -> None:
        self.session_folder = session_folder
        self.cancelled = 0
        self._jobs: queue.Queue[Message] = queue.Queue()
        # Unbuffered: a message is one write of one whole line.
        self._messages = (session_folder / protocol.MESSAGES_FILE).open("ab", buffering=0)

    def listen(self) -> None:
        """Start to read stdin."""
        threading.Thread(target=self._read, name="host", daemon=True).start()

    def _read(self) -> None:
        try:
            for line in sys.stdin.buffer:
                if not line.endswith(b"\n"):
                    break  # the host ended in mid-sentence
                message = json.loads(line)
                if message["type"] == "cancel":
                    self.cancelled = message["job"]
                else:
                    self._jobs.put(message)
        finally:
            self.leave(protocol.EXIT_QUIET, remove_folder=True)

    def send(self, kind: str, **content: Any) -> None:  # noqa: ANN401 - whatever JSON can hold
        """Append a message; if even that fails, end with the exit code that says so."""
        line = json.dumps({"type": kind, **content}).encode() + b"\n"
        try:
            written = self._messages.write(line)
        except OSError:
            written = 0
        if written != len(line):
            self.leave(protocol.EXIT_NO_SPACE)

    def next_job(self, timeout: float | None) -> Message | None:
        """The host's next ``job``, or None if none came within ``timeout`` seconds (None: wait for ever)."""
        try:
            return self._jobs.get(timeout=timeout)
        except queue.Empty:
            return None

    def leave(self, exit_code: int, remove_folder: bool = False) -> NoReturn:
        """End the process at once, from any thread; not ``sys.exit``, that would wait for a network in mid-run.

        Args:
            exit_code: one of ``protocol``'s.
            remove_folder: remove the session folder, because no host is left to do it.
        """
        with suppress(OSError):  # of the log, on a full disk
            sys.stdout.flush()
            sys.stderr.flush()
        if remove_folder:
            self._remove_folder()
        os._exit(exit_code)

    def _remove_folder(self) -> None:
        folder = self.session_folder
        with suppress(OSError):  # Windows does not rename a folder with open files
            # The main thread may be writing a result; under its new name the folder is out of its reach.
            folder = folder.rename(folder.with_name(f"{folder.name}_ended"))
        shutil.rmtree(folder, ignore_errors=True)


class WorkerMonitor(Monitor):
    """Sends progress and warnings to the host and knows whether it cancelled."""

    def __init__(self, channel: Channel, job: int) -> None:
        super().__init__()
        self._channel = channel
        self._job = job
        self._last_stage: StrEnum | None = None
        self._last_time = 0.0

    def on_progress(self, stage: StrEnum, fraction: float) -> None:
        """Send it, unless the last one of this stage was a moment ago."""
        now = time.monotonic()
        if stage is self._last_stage and fraction < 1.0 and now - self._last_time < PROGRESS_INTERVAL:
            return
        self._last_stage, self._last_time = stage, now
        self._channel.send("progress", job=self._job, stage=stage.value, fraction=round(float(fraction), 4))

    def on_warning(self, sentence: str) -> None:
        """Send it."""
        self._channel.send("warning", job=self._job, sentence=protocol.pack(sentence)[0])

    def is_cancelled(self) -> bool:
        """Whether the host has cancelled this job."""
        return self._channel.cancelled == self._job

    @property
    def doing(self) -> str:
        """The present stage in words, for an error message."""
        return self._last_stage.value if self._last_stage is not None else "Starting"


def _load_engine(tasks_module: str, runtime_settings: str) -> "tuple[Runtime | None, dict[str, type[Task[Any]]]]":
    """The sessions and the tasks; a module with ``RUNS_NETWORKS = False`` gets no sessions.

    In a background Blender ONNX Runtime must not even be imported: on Windows its libraries clash with Blender's.
    """
    from .runtime import Runtime, RuntimeSettings  # seconds on a cold disk; by now stdin is being read

    settings: RuntimeSettings = protocol.unpack(RuntimeSettings, json.loads(runtime_settings), {})
    module = importlib.import_module(tasks_module)
    return (Runtime(settings) if getattr(module, "RUNS_NETWORKS", True) else None), module.TASKS


def _introduce(runtime: "Runtime | None") -> Message:
    hello = {"protocol": protocol.PROTOCOL, "python": platform.python_version(), "numpy": np.__version__}
    if runtime is not None:
        import onnxruntime

        hello |= {"onnxruntime": onnxruntime.__version__, "device": runtime.device}
    return hello


def _run_job(
    channel: Channel, message: Message, tasks: "dict[str, type[Task[Any]]]", runtime: "Runtime | None"
) -> None:
    from .tasks import Context

    job: int = message["job"]
    folder = protocol.job_folder(channel.session_folder, job)
    monitor = WorkerMonitor(channel, job)
    channel.send("status", job=job)
    try:
        task = protocol.load(tasks[message["task"]], message["value"], folder / "task.npz")
        result = task.run(Context(runtime, monitor))
        tree = protocol.save(result, folder / "result.npz")
    except Cancelled:
        channel.send("cancelled", job=job)
    except Exception as error:  # noqa: BLE001 - the host tells the artist, with the traceback in the diagnostics
        channel.send("error", job=job, **_describe(error, Sentence("'{stage}' failed", stage=Sentence(monitor.doing))))
        if _is_out_of_memory(error):
            channel.leave(protocol.EXIT_QUIET)  # the surest way to give everything back
    else:
        channel.send("done", job=job, value=tree)


def _describe(error: Exception, doing: str) -> Message:
    """An exception as the content of an ``error`` message; what was not foreseen becomes a ``WorkerError``."""
    told: ReconstructionError
    if _is_out_of_memory(error):
        told = errors.WorkerError(
            Sentence("{doing}: the memory ran out.", doing=doing),
            "Choose a lower quality or resolution, or close other programs, and try again.",
        )
    elif isinstance(error, ReconstructionError):
        told = error
    else:
        told = errors.WorkerError(
            Sentence("{doing} ({kind}: {reason}).", doing=doing, kind=type(error).__name__, reason=error),
            "Copy the diagnostics from the extension's preferences and report them.",
        )
    return {
        "class": type(told).__name__,
        "message": protocol.pack(told.message)[0],
        "hint": protocol.pack(told.hint)[0],
        "traceback": "".join(traceback.format_exception(error)),
    }


def _is_out_of_memory(error: Exception) -> bool:
    text = str(error).lower()
    return isinstance(error, MemoryError) or any(words in text for words in ALLOCATION_FAILURES)
