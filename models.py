# SPDX-License-Identifier: GPL-3.0-or-later
"""The models folder as one Blender process manages it: what is installed, and at most one task in progress.

Installing has a worker process of its own, so that reconstructing goes on meanwhile, and is driven by a timer instead
of a modal operator: half an hour's download shall survive a file being opened, and Esc pressed for something else.
"""

import atexit
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import bpy
from bpy.app.handlers import persistent

from .compat import exit_handlers, module_folder
from .engine import ENGINE, create_launch
from .inference.errors import Cancelled, ReconstructionError, WorkerError
from .inference.hub import COMMIT, Connection
from .inference.model_tasks import AdoptModel, InstallModel, VerifyModel
from .inference.sentence import Sentence
from .inference.store import Installed, Store, checkpoint_source, gigabytes
from .inference.systems import SystemCard, get_system, system_ids
from .jobs import Host, Job, JobState, Launch
from .preferences import UserSettings, user_settings

TICK_SECONDS = 0.1
"""How often the timer looks for messages."""

TASKS = "image_to_3d.inference.model_tasks"

ModelTask = InstallModel | AdoptModel | VerifyModel

OUTCOMES = {
    InstallModel: "{name} is installed.",
    AdoptModel: "{name} is installed.",
    VerifyModel: "{name} is intact.",
}
"""What to tell after each task."""

TERMS = "Its authors want you to agree on its page first; enter your access token"
"""What to tell of gated models."""


@dataclass(frozen=True)
class ModelState:
    """A system as lists show it.

    Attributes:
        card: of the system.
        installed: its checkpoint's record, or None.
        is_ready: it can be run: bundled, or its checkpoint is there in full size.
    """

    card: SystemCard
    installed: Installed | None
    is_ready: bool

    @property
    def name(self) -> str:
        """One word for it: bundled, installed, missing (recorded, but the file is gone) or available."""
        if self.card.checkpoint is None:
            return "bundled"
        if self.installed is None:
            return "available"
        return "installed" if self.is_ready else "missing"


class Models:
    """Knows what is installed and drives the task in progress.

    Attributes:
        job: the task in progress, or None.
        system: id of the system that the job, the failure or the notice is about.
        failure: why the last task failed, or None.
        failure_details: for a bug report.
        notice: what the last task brought about, or an empty string.
    """

    def __init__(self) -> None:
        self.job: Job[Any] | None = None
        self.system = ""
        self.failure: ReconstructionError | None = None
        self.failure_details = ""
        self.notice = ""
        self._task: ModelTask | None = None
        self._host: Host | None = None
        self._states: dict[str, ModelState] = {}
        self._folder: Path | None = None

    @property
    def is_busy(self) -> bool:
        """Whether a task is in progress."""
        return self.job is not None

    def states(self, folder: Path | None) -> tuple[ModelState, ...]:
        """Every system, in their order. Read from the disk once, and again after changes: panels ask 20 times a second.

        Args:
            folder: the models folder.
        """
        if not self._states or folder != self._folder:
            store = Store(folder)
            self._folder = folder
            self._states = {system: _state(store, get_system(system).card) for system in system_ids()}
        return tuple(self._states.values())

    def state(self, folder: Path | None, system: str) -> ModelState:
        """One system's; raises ``KeyError`` if there is none."""
        self.states(folder)
        return self._states[system]

    def refresh(self) -> None:
        """Read from the disk again when asked the next time."""
        self._states = {}

    def begin(self, task: ModelTask, settings: UserSettings) -> Job[Any]:
        """Start a task in a worker of its own.

        Raises:
            WorkerError: a task is in progress, or a reconstruction that may use the file to be replaced.
            OutputError: the temporary folder cannot be written.
        """
        if self.job is not None:
            raise WorkerError("A model is being installed or verified.", "Wait for it or cancel it.")
        if isinstance(task, AdoptModel):
            release_files()
        self.failure, self.failure_details, self.notice = None, "", ""
        self.system, self._task = task.system, task
        self._host = Host(_launch(settings))
        try:
            self.job = self._host.start(task)
        except ReconstructionError:
            self.shutdown()
            raise
        return self.job

    def begin_with_timer(self, task: ModelTask, settings: UserSettings) -> None:
        """Start a task and let the window live on; raises what ``begin`` raises."""
        self.begin(task, settings)
        if not bpy.app.timers.is_registered(_tick):
            bpy.app.timers.register(_tick, first_interval=TICK_SECONDS, persistent=True)

    def run(
        self, task: ModelTask, settings: UserSettings, watch: Callable[[Job[Any]], None] | None = None
    ) -> Installed:
        """Run a task to its end, blocking; ``watch`` is given the job between two looks at it.

        Raises:
            ReconstructionError: it failed; ``failure`` says so too.
            Cancelled: it was cancelled from elsewhere.
        """
        job = self.begin(task, settings)  # what is in progress already goes on if this is refused
        try:
            job.wait(None if watch is None else lambda: watch(job))
        except BaseException:
            self.shutdown()
            raise
        self._end()
        if job.error is not None:
            raise job.error
        if job.state is JobState.CANCELLED:
            raise Cancelled
        return job.result

    def remove(self, card: SystemCard, folder: Path | None) -> int:
        """Delete a system's checkpoint and return the bytes freed.

        Raises:
            WorkerError: a task or a reconstruction is in progress.
            OutputError: it cannot be deleted.
        """
        if self.job is not None:
            raise WorkerError("A model is being installed or verified.", "Wait for it or cancel it.")
        release_files()
        self.system, self.failure, self.notice = card.id, None, ""
        try:
            return Store(folder).remove(card)
        finally:
            self.refresh()
            redraw()

    def cancel(self) -> None:
        """Ask the task to stop; it ends within a second. What was downloaded is kept."""
        if self.job is not None:
            self.job.cancel()

    def shutdown(self) -> None:
        """End the worker at once."""
        if self._host is not None:
            self._host.shutdown()
        self._host = self.job = self._task = None
        self.refresh()

    def advance(self) -> bool:
        """Drive the task; whether it goes on."""
        if self.job is None:
            return False
        if self.job.poll() is JobState.RUNNING:
            return True
        self._end()
        return False

    def _end(self) -> None:
        job, task = self.job, self._task
        if job is None or task is None:
            return
        if job.state is JobState.FAILED:
            self.failure, self.failure_details = job.error, job.diagnostics
        elif job.state is JobState.CANCELLED:
            self.notice = Sentence("Cancelled. What was downloaded is kept")
        else:
            notice = Sentence(OUTCOMES[type(task)], name=get_system(task.system).card.name)
            for warning in job.warnings:
                notice = Sentence("{notice} {warning}", notice=notice, warning=warning)
            self.notice = notice
        self.shutdown()


MODELS = Models()
"""The one of this Blender process."""


def models_folder(context: bpy.types.Context) -> Path | None:
    """Where checkpoints are installed, by the preferences."""
    return user_settings(context).runtime.models_folder


def connection(context: bpy.types.Context) -> Connection:
    """How the hub may be reached, by the preferences and by Blender's own permission."""
    settings = user_settings(context)
    return Connection(bpy.app.online_access, settings.mirror, settings.token)


def facts(card: SystemCard, folder: Path | None) -> list[tuple[str, str]]:
    """What an artist has to know before agreeing to an installation: label and value, in order.

    Raises:
        ModelError: the system is bundled.
    """
    source = checkpoint_source(card)
    size = gigabytes(source.size_bytes)
    if folder is not None:
        free = gigabytes(free_bytes(folder))
        size = Sentence("{size}; {free} are free in {folder}", size=size, free=free, folder=folder)
    is_commit = COMMIT.fullmatch(source.revision) is not None
    edition = Sentence("commit {commit}", commit=source.revision[:12])
    if not is_commit:
        edition = Sentence("the newest of its branch '{branch}'", branch=source.revision)
    file = Sentence(
        "{file} of {repository} on the Hugging Face hub, {edition}",
        file=source.filename,
        repository=source.repository,
        edition=edition,
    )
    checked = "known to this extension" if source.sha256 else "as the hub tells it, not known beforehand"
    return [
        ("Licence", card.licence),
        ("Who may use it", card.who_may_use),
        ("Source", card.source),
        ("File", file),
        ("Gives", Sentence("{gives}, from {photos}", gives=Sentence(card.gives), photos=photos(card))),
        ("Download, disk", size),
        ("Memory", Sentence("{size} while it works on a processor", size=gigabytes(card.memory_bytes))),
        ("SHA-256", Sentence(checked)),
        *([("Terms", Sentence(TERMS))] * source.is_gated),
    ]


def photos(card: SystemCard) -> Sentence:
    """How many it needs, in words."""
    return Sentence("one photo" if card.views == 1 else "{count} photos", count=card.views)


def free_bytes(folder: Path) -> int:
    """Of the disk on which a folder is, or will be made."""
    return shutil.disk_usage(next(path for path in (folder, *folder.parents) if path.exists())).free


def release_files() -> None:
    """End the reconstruction's worker, which may hold a checkpoint open: on Windows such a file cannot be replaced.

    Raises:
        WorkerError: it is at work.
    """
    if ENGINE.is_busy:
        raise WorkerError("A reconstruction is in progress, which may use this model.", "Wait for it or cancel it.")
    ENGINE.shutdown()


def redraw() -> None:
    """Ask all preferences and sidebars for a redraw."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "PREFERENCES":
                area.tag_redraw()
            elif area.type == "VIEW_3D":
                for region in area.regions:
                    if region.type == "UI":
                        region.tag_redraw()


def _tick() -> float | None:
    """Blender calls it again after so many seconds, until it returns None."""
    goes_on = MODELS.advance()
    redraw()
    return TICK_SECONDS if goes_on else None


def _state(store: Store, card: SystemCard) -> ModelState:
    installed = store.installed(card.id)
    return ModelState(card, installed, card.checkpoint is None or (installed is not None and installed.is_intact))


def _launch(settings: UserSettings) -> Launch:
    launch = create_launch(settings, Path(bpy.app.tempdir))
    client = module_folder("huggingface_hub")
    paths = launch.search_paths if client is None else tuple(dict.fromkeys([*launch.search_paths, str(client)]))
    return replace(launch, search_paths=paths, tasks=TASKS)


@persistent
def _on_exit(*_arguments: object) -> None:
    MODELS.shutdown()


def register() -> None:
    """Tie the task to Blender's life."""
    atexit.register(MODELS.shutdown)
    handlers = exit_handlers()
    if handlers is not None:
        handlers.append(_on_exit)


def unregister() -> None:
    """End it."""
    MODELS.shutdown()
    MODELS.failure, MODELS.notice = None, ""
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
    handlers = exit_handlers()
    if handlers is not None:
        handlers.remove(_on_exit)
    atexit.unregister(MODELS.shutdown)
