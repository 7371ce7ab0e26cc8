# SPDX-License-Identifier: GPL-3.0-or-later
"""One worker process from its start to its end, with the session folder that belongs to it.

Like ``bl_pkg`` in Blender: a child process, one JSON object a line, never a blocking read. The worker appends its
messages to a file and its output to a log; both lie in the session folder, which goes when the process goes.
"""

import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..inference import protocol
from ..inference.errors import OutputError, ReconstructionError, WorkerError
from ..inference.sentence import Sentence
from .launch import Launch

WORKER_FILE = Path(protocol.__file__).with_name("worker.py")

KILL_SECONDS = 0.3
"""How long a killed process is waited for. Longer only where the system is stuck in a driver; it is collected later."""

LOG_TAIL = 4000
"""Characters of the worker's output that are kept for the diagnostics."""

WINDOWS_OUT_OF_MEMORY = (0xC0000017, 0xC000012D)
"""STATUS_NO_MEMORY and STATUS_COMMITMENT_LIMIT, https://learn.microsoft.com/openspecs/windows_protocols/ms-erref."""

Message = dict[str, Any]


class WorkerGoneError(Exception):
    """A message could not be delivered because the process has ended."""


class WorkerProcess:
    """A running worker.

    Attributes:
        folder: the session folder.
        started: ``time.monotonic()`` of the start.
        hello: the worker's first message once it was read: versions and device.
        is_usable: false once it was killed, even if the system has not quite ended it yet.
    """

    def __init__(self, launch: Launch) -> None:
        """Start the process; it is ready when ``hello`` arrives.

        Raises:
            OutputError: the session folder cannot be made.
            WorkerError: the interpreter cannot be started.
        """
        self.hello: Message = {}
        self.is_usable = True
        self.started = time.monotonic()
        try:
            launch.folder.mkdir(parents=True, exist_ok=True)
            self.folder = Path(tempfile.mkdtemp(prefix="image_to_3d_session_", dir=launch.folder))
        except OSError as error:
            raise protocol.no_space(launch.folder, error) from error
        try:
            self._process = self._spawn(launch)
        except OSError as error:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise WorkerError(
                Sentence(
                    "The worker process cannot be started with '{python}' ({reason}).",
                    python=launch.python,
                    reason=error.strerror or error,
                ),
                "Restart Blender; if it happens again, reinstall Blender and the extension.",
            ) from error
        self._offset = 0
        self._log = ""

    def _spawn(self, launch: Launch) -> subprocess.Popen[bytes]:
        options: dict[str, Any]
        if sys.platform == "win32":
            # No console window, and deaf to Ctrl+C in Blender's console: the host alone decides when the worker ends.
            # Below normal priority keeps the viewport live while all cores compute.
            flags = subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP
            options = {"creationflags": flags | subprocess.BELOW_NORMAL_PRIORITY_CLASS}
        else:
            options = {"start_new_session": True}  # deaf to Ctrl+C in the terminal, as above
        command = [launch.python, *launch.python_args, str(WORKER_FILE), *launch.separator]
        command += _arguments(launch, self.folder)
        with (self.folder / protocol.LOG_FILE).open("wb") as log:
            return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT, **options)

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; a negative signal number if it was killed by one (POSIX)."""
        return self._process.poll()

    def send(self, kind: str, **content: Any) -> None:  # noqa: ANN401 - whatever JSON can hold
        """Deliver a message; short ones only, for they go through a pipe.

        Raises:
            WorkerGoneError: the process has ended.
        """
        stdin = self._process.stdin
        try:
            if stdin is None:
                raise WorkerGoneError
            stdin.write(json.dumps({"type": kind, **content}).encode() + b"\n")
            stdin.flush()
        except (OSError, ValueError) as error:  # ValueError: closed before
            raise WorkerGoneError from error

    def read(self) -> list[Message]:
        """All messages that have arrived since the last call; never waits. A line that is not whole yet is left.

        Raises:
            WorkerError: a line is not a message.
        """
        try:
            with (self.folder / protocol.MESSAGES_FILE).open("rb") as file:
                file.seek(self._offset)
                data = file.read()
        except FileNotFoundError:  # not started yet
            return []
        whole = data[: data.rfind(b"\n") + 1]
        self._offset += len(whole)
        return [_parse(line) for line in whole.splitlines()]

    def kill(self) -> None:
        """End the process now, whatever it does, and remove its folder. Harmless if it has ended."""
        self.is_usable = False
        self._process.kill()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(KILL_SECONDS)
        self.clean_up()

    def clean_up(self) -> bool:
        """Remove the folder of a process that has ended; whether that is so and nothing is left to do."""
        if self.exit_code is None:
            return False
        if self._process.stdin is not None:
            with suppress(OSError):  # the pipe's reader is gone, what was not delivered is of no interest
                self._process.stdin.close()
        self._log = self.log_tail()
        shutil.rmtree(self.folder, ignore_errors=True)  # a virus scanner may hold a file; then the next call succeeds
        return not self.folder.exists()

    def log_tail(self) -> str:
        """The end of what the worker printed; also after its folder was removed."""
        path = self.folder / protocol.LOG_FILE
        if path.exists():
            self._log = path.read_text("utf-8", errors="replace")[-LOG_TAIL:]
        return self._log

    def explain_end(self, stage: str) -> ReconstructionError:
        """Why the process ended without being asked to, told to an artist."""
        code = self.exit_code
        during = Sentence(stage)
        memory = "Most often the memory ran out: choose a lower quality or resolution, or close other programs."
        if code == protocol.EXIT_NO_SPACE:
            return OutputError(
                Sentence(
                    "The worker process could not write to '{folder}' during '{stage}'.",
                    folder=self.folder,
                    stage=during,
                ),
                "Free some disk space or choose another temporary folder in Blender's preferences (File Paths).",
            )
        if code is not None and (code == -9 or code & 0xFFFFFFFF in WINDOWS_OUT_OF_MEMORY):
            return WorkerError(
                Sentence("The worker process was ended by the system during '{stage}'.", stage=during), memory
            )
        return WorkerError(
            Sentence("The worker process crashed during '{stage}' ({code}).", stage=during, code=_exit_name(code)),
            "Try again; if it happens again, copy the diagnostics from the extension's preferences and report them.",
        )


def _arguments(launch: Launch, folder: Path) -> list[str]:
    runtime = json.dumps(protocol.pack(launch.runtime)[0])
    arguments = ["--session-folder", str(folder), "--tasks", launch.tasks, "--runtime", runtime]
    arguments += ["--idle-seconds", str(launch.idle_seconds)]
    for path in launch.search_paths:
        arguments += ["--search-path", path]
    for path in launch.library_folders:
        arguments += ["--library-folder", path]
    return arguments


def _parse(line: bytes) -> Message:
    try:
        message = json.loads(line)
    except ValueError as error:
        raise protocol.nonsense(f"{line[:80]!r}") from error
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise protocol.nonsense(f"{line[:80]!r}")
    return message


def _exit_name(code: int | None) -> str:
    if code is not None and code < 0:
        with suppress(ValueError):
            return signal.Signals(-code).name
    return f"exit code {code}"
