# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine as one Blender process owns it: a worker host, at most one task, and what became of the last one.

Panels read it, operators drive it, and Blender's life cycle ends it: disabling the extension, loading a file and
quitting all go through ``shutdown``, so that no worker process and no half-made object outlives its Blender.
"""

import atexit
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TypeVar

import bpy
from bpy.app.handlers import persistent

from .background import BACKGROUND
from .compat import exit_handlers, library_folders, module_folder
from .inference.errors import Cancelled, ReconstructionError, WorkerError
from .inference.monitor import StartStage
from .inference.sentence import Sentence
from .jobs import Host, Job, JobState, Launch
from .jobs.launch import REQUIRED_MODULES
from .preferences import UserSettings, user_settings
from .progress import Progress
from .tasks import Summary

ResultT_contra = TypeVar("ResultT_contra", contravariant=True)


class Task(Protocol[ResultT_contra]):
    """Something to ask the engine for, and what to do in Blender with its answer."""

    def begin(self, host: Host) -> Job[Any]:
        """Hand it to the worker."""
        ...

    def finish(self, context: bpy.types.Context, result: ResultT_contra) -> None:
        """Use the result; raises ``ReconstructionError`` with nothing changed."""
        ...


class Engine:
    """The worker host and the task in progress.

    Attributes:
        job: the job in progress, or None.
        failure: why the last task failed, or None.
        failure_details: for a bug report: the worker's versions, traceback and last output at that failure.
        summary: what the last reconstruction made, or None.
        is_quiet: the job in progress is a live preview's: it gives way to any other.
        progress: how far the job is.
        on_end: undoes what a modal operator shows while it runs; called once when the job ends in whatever way.
    """

    def __init__(self) -> None:
        self.job: Job[Any] | None = None
        self.failure: ReconstructionError | None = None
        self.failure_details = ""
        self.summary: Summary | None = None
        self.is_quiet = False
        self.on_end: Callable[[], None] | None = None
        self._host: Host | None = None
        self._launch: Launch | None = None
        self.progress = Progress()

    @property
    def is_busy(self) -> bool:
        """Whether a job is in progress that must be waited for."""
        return self.job is not None and not self.is_quiet

    def begin(self, task: Task[Any], settings: UserSettings, *, is_quiet: bool = False) -> Job[Any]:
        """Start a task on the warm worker, or on a new one if there is none or the preferences changed.

        Raises:
            WorkerError: a task is in progress, or the worker cannot be started.
        """
        if self.job is not None and self.is_quiet:
            # A fraction of a second; killing the worker would cost more.
            self.job.wait()
            self._release()
        if self.job is not None:
            raise WorkerError("A reconstruction is in progress.", "Wait for it or cancel it.")
        self.failure, self.failure_details = None, ""
        launch = create_launch(settings, Path(bpy.app.tempdir))
        if self._host is None or launch != self._launch:
            self.shutdown()
            self._host, self._launch = Host(launch), launch
        running = {StartStage.WORKER: self._host.pid is not None, StartStage.BLENDER: BACKGROUND.is_running}
        self.job = task.begin(self._host)
        self.is_quiet = is_quiet
        if not is_quiet:
            self.progress.begin(task, running)
        return self.job

    def poll(self) -> JobState:
        """Look at the job in progress, and follow how far it is; never waits, never raises."""
        if self.job is None:
            return JobState.CANCELLED
        state = self.job.poll()
        if state is JobState.RUNNING:
            self.progress.observe(self.job.stage, self.job.fraction)
        return state

    def end(self, task: Task[Any], context: bpy.types.Context) -> None:
        """Take the ended job's result into Blender.

        Raises:
            ReconstructionError: the job failed, or its result could not be used. Nothing was changed.
            Cancelled: it was cancelled. Nothing was changed.
        """
        job = self.job
        if job is None or job.state is JobState.CANCELLED:
            self._release()
            raise Cancelled
        try:
            if job.state is JobState.FAILED and job.error is not None:
                raise job.error
            self.progress.end(is_done=True)
            task.finish(context, job.result)
        except ReconstructionError as error:
            self.failure, self.failure_details = error, job.diagnostics
            raise
        finally:
            self._release()

    def run(self, task: Task[Any], context: bpy.types.Context) -> None:
        """Run a task to its end, blocking; raises what ``begin`` and ``end`` raise."""
        try:
            job = self.begin(task, user_settings(context))
        except ReconstructionError as error:
            if self.job is None:  # else another task is in progress, which goes on
                self.failure = error
            raise
        try:
            job.wait(lambda: self.progress.observe(job.stage, job.fraction))
        except ReconstructionError as error:
            self.failure = error
            self._release()
            raise
        except BaseException:
            self.shutdown()
            raise
        self.end(task, context)

    def cancel(self) -> None:
        """Ask the job in progress to stop; it ends within a second."""
        if self.job is not None:
            self.job.cancel()

    def shutdown(self) -> None:
        """End the worker processes at once, with whatever they are doing."""
        self._release()
        BACKGROUND.shutdown()
        if self._host is not None:
            self._host.shutdown()
        self._host = self._launch = None

    def _release(self) -> None:
        """Forget the job and take away what was shown for it."""
        self.job, self.is_quiet = None, False
        self.progress.end(is_done=False)
        on_end, self.on_end = self.on_end, None
        if on_end is not None:
            on_end()


ENGINE = Engine()
"""The one of this Blender process."""


def create_launch(settings: UserSettings, folder: Path) -> Launch:
    """How to start a worker from this Blender.

    Args:
        settings: device, threads and idle time.
        folder: for the worker's files; it is made and removed with the worker.

    Raises:
        WorkerError: this Blender brings no Python executable, or a package is missing.
    """
    if not sys.executable or sys.executable == bpy.app.binary_path:
        raise WorkerError("Blender's own Python program was not found.", "Install Blender again from blender.org.")
    folders = {name: module_folder(name) for name in REQUIRED_MODULES}
    for name, found in folders.items():
        if found is None:
            raise WorkerError(
                Sentence("The Python package '{name}' is missing.", name=name),
                "Install the extension again from its zip file.",
            )
    search_paths = tuple(dict.fromkeys(str(found) for found in folders.values()))
    return Launch(
        python=sys.executable,
        python_args=tuple(bpy.app.python_args),
        search_paths=search_paths,
        folder=folder,
        runtime=settings.runtime,
        idle_seconds=settings.idle_seconds,
        library_folders=tuple(str(path) for path in library_folders()),
    )


@persistent
def _on_load_pre(*_args: object) -> None:
    ENGINE.shutdown()
    ENGINE.failure = ENGINE.summary = None


@persistent
def _on_exit(*_args: object) -> None:
    ENGINE.shutdown()


def register() -> None:
    """Tie the engine to Blender's life."""
    bpy.app.handlers.load_pre.append(_on_load_pre)
    atexit.register(ENGINE.shutdown)
    handlers = exit_handlers()
    if handlers is not None:
        handlers.append(_on_exit)


def unregister() -> None:
    """End the worker and let go of Blender's life cycle."""
    ENGINE.shutdown()
    handlers = exit_handlers()
    if handlers is not None:
        handlers.remove(_on_exit)
    atexit.unregister(ENGINE.shutdown)
    bpy.app.handlers.load_pre.remove(_on_load_pre)
