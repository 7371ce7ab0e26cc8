# SPDX-License-Identifier: GPL-3.0-or-later
"""One job as its starter sees it: a state machine that is driven by ``poll``.

From RUNNING it goes to

- DONE with the worker's ``done``,
- FAILED with its ``error``, its death, or an answer that cannot be read,
- CANCELLED after ``cancel()``, when the worker has stopped or, half a second later, was killed.

Nothing here blocks and no thread is used: Blender supports none. Whatever way a job ends, its folder is removed, and
after any end that leaves the worker in doubt the worker is killed, so that the next job starts with a fresh one.
"""

import shutil
import time
import traceback
import typing
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum
from typing import Generic, TypeVar

from ..inference import errors, protocol
from ..inference.errors import OutputError, ReconstructionError, WorkerError
from ..inference.monitor import StartStage
from ..inference.sentence import Sentence
from ..inference.tasks import Task
from .worker_process import Message, WorkerGoneError, WorkerProcess

ResultT = TypeVar("ResultT")

CANCEL_SECONDS = 0.5
"""How long a worker may take to stop when asked; half of the second after which the artist must have control back."""

START_SECONDS = 90.0
"""How long a worker may take to say hello: a virus scanner reading 200 MB of libraries for the first time."""

WAIT_SECONDS = 0.01
"""Pause between two looks in ``wait``."""


class JobState(StrEnum):
    """Where a job is; all but the first are final."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Job(Generic[ResultT]):
    """A task that a worker runs.

    Attributes:
        state: see ``JobState``.
        stage: what the worker is doing, in words for the artist.
        fraction: how much of the stage is done, 0..1.
        warnings: sentences for the artist, as they come.
        error: why the job failed.
        diagnostics: for a report of a failure: versions, device, traceback, end of the log.
    """

    def __init__(
        self,
        number: int,
        task: Task[ResultT],
        acquire: Callable[[], WorkerProcess],
        start_stage: str = StartStage.WORKER,
    ) -> None:
        """Hand the task to the worker that ``acquire`` gives, starting it if there is none.

        Raises:
            OutputError: the task's arrays cannot be written.
            WorkerError: the worker cannot be started.
        """
        self.state = JobState.RUNNING
        self.stage: str = start_stage
        self.fraction = 0.0
        self.warnings: list[str] = []
        self.error: ReconstructionError | None = None
        self.diagnostics = ""
        self._number = number
        self._task = task
        self._acquire = acquire
        self._result: ResultT | None = None
        self._taken_up = False
        self._kill_time: float | None = None
        self._submit()

    @property
    def result(self) -> ResultT:
        """What the task returned.

        Raises:
            RuntimeError: the job is not done.
        """
        if self.state is not JobState.DONE:
            raise RuntimeError(f"the job is {self.state.value}, it has no result")
        return typing.cast(ResultT, self._result)

    def poll(self) -> JobState:
        """Read what the worker said and react; call it about ten times a second.

        Never waits and never raises: failures end in ``error``.
        """
        if self.state is not JobState.RUNNING:
            return self.state
        has_ended = self._worker.exit_code is not None  # asked before reading, so that its last words are heard
        try:
            for message in self._worker.read():
                self._react(message)
                if self.state is not JobState.RUNNING:
                    return self.state
            if has_ended:
                self._react_to_end()
            elif self._kill_time is not None and time.monotonic() >= self._kill_time:
                self._end(JobState.CANCELLED, kill=True)
            elif not self._worker.hello and time.monotonic() - self._worker.started > START_SECONDS:
                raise WorkerError("The worker process does not start.", "Restart the computer and try again.")
        except Exception as error:  # noqa: BLE001 - kept in the diagnostics; a timer must not go on with a broken job
            self._fail(error, "".join(traceback.format_exception(error)))
        return self.state

    def cancel(self) -> None:
        """Ask the worker to stop; ``poll`` kills it if it has not after ``CANCEL_SECONDS``. Harmless after the end."""
        if self.state is not JobState.RUNNING or self._kill_time is not None:
            return
        self._kill_time = time.monotonic() + CANCEL_SECONDS
        try:
            self._worker.send("cancel", job=self._number)
        except WorkerGoneError:
            self._end(JobState.CANCELLED, kill=True)

    def abandon(self) -> None:
        """Cancel without asking: kill the worker. For the end of the host."""
        if self.state is JobState.RUNNING:
            self._end(JobState.CANCELLED, kill=True)

    def wait(self, tick: Callable[[], None] | None = None) -> JobState:
        """Block until the job has ended; ``tick`` is called between two looks, e.g. to print progress."""
        while self.poll() is JobState.RUNNING:
            if tick is not None:
                tick()
            time.sleep(WAIT_SECONDS)
        return self.state

    def _submit(self) -> None:
        self._worker = self._acquire()
        self._folder = protocol.job_folder(self._worker.folder, self._number)
        try:
            self._folder.mkdir()
            tree = protocol.save(self._task, self._folder / "task.npz")
        except OSError as error:
            self._remove_folder()
            raise protocol.no_space(self._folder, error) from error
        except OutputError:
            self._remove_folder()
            raise
        with suppress(WorkerGoneError):  # the next poll finds out how it ended
            self._worker.send("job", job=self._number, task=type(self._task).__name__, value=tree)

    def _react(self, message: Message) -> None:
        kind = message["type"]
        if kind == "hello":
            self._greet(message)
        elif kind == "error" and "job" not in message:
            self._fail(self._error_from(message), message["traceback"])
        elif message["job"] != self._number:
            pass  # the last words of a job that was given up
        elif kind in ("done", "error", "cancelled"):
            self._react_to_last(kind, message)
        elif kind == "status":
            self._taken_up = True
        elif kind == "progress":
            self.stage, self.fraction = str(message["stage"]), float(message["fraction"])
        elif kind == "warning":
            self.warnings.append(protocol.unpack(str, message["sentence"], {}))

    def _greet(self, message: Message) -> None:
        if message["protocol"] != protocol.PROTOCOL:
            raise WorkerError(
                Sentence(
                    "The worker speaks protocol {theirs}, Blender's side protocol {ours}.",
                    theirs=message["protocol"],
                    ours=protocol.PROTOCOL,
                ),
                "The extension was updated while Blender was running: restart Blender.",
            )
        self._worker.hello = message

    def _react_to_last(self, kind: str, message: Message) -> None:
        if kind == "cancelled" or self._kill_time is not None:
            self._end(JobState.CANCELLED)
        elif kind == "error":
            self.diagnostics = self._diagnose(message["traceback"])
            self._end(JobState.FAILED, self._error_from(message))
        else:
            expected = typing.get_type_hints(type(self._task).run)["return"]
            self._result = protocol.load(expected, message["value"], self._folder / "result.npz")
            self._end(JobState.DONE)

    def _react_to_end(self) -> None:
        if self._kill_time is not None:
            self._end(JobState.CANCELLED, kill=True)
        elif self._worker.exit_code == protocol.EXIT_QUIET and self._worker.hello and not self._taken_up:
            self._submit()  # it had idled for long enough just then
        else:
            raise self._worker.explain_end(self.stage)

    def _fail(self, error: Exception, reason: str) -> None:
        """The conversation is over: keep the reason and start the next job with a fresh worker."""
        if self._kill_time is not None:
            self._end(JobState.CANCELLED, kill=True)
            return
        self.diagnostics = self._diagnose(reason)
        if not isinstance(error, ReconstructionError):
            error = protocol.nonsense(f"{type(error).__name__}: {error}")
        self._end(JobState.FAILED, error, kill=True)

    def _end(self, state: JobState, error: ReconstructionError | None = None, kill: bool = False) -> None:
        self._remove_folder()
        if kill:
            self._worker.kill()
        self.error = error
        self.state = state

    def _remove_folder(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)  # if a file is held, it goes with the session folder

    def _error_from(self, message: Message) -> ReconstructionError:
        """The worker's foreseen failure as the same class here."""
        known = {kind.__name__: kind for kind in ReconstructionError.__subclasses__()}
        sentence, hint = (protocol.unpack(str, message[name], {}) for name in ("message", "hint"))
        return known.get(message["class"], errors.WorkerError)(sentence, hint)

    def _diagnose(self, reason: str) -> str:
        hello = {key: value for key, value in self._worker.hello.items() if key != "type"}
        return (
            f"{type(self._task).__name__}, stage '{self.stage}'\n"
            f"worker: {hello or 'did not say hello'}, exit code {self._worker.exit_code}\n"
            f"{reason.rstrip()}\n--- log ---\n{self._worker.log_tail()}"
        )
