# SPDX-License-Identifier: GPL-3.0-or-later
"""The owner of the worker: starts it when there is work, keeps it warm, gives it one job at a time, ends it."""

from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..inference import tasks
from ..inference.bake import Maps, UVMesh
from ..inference.camera import Camera
from ..inference.code import Code
from ..inference.cutout import CutoutSettings
from ..inference.errors import WorkerError
from ..inference.pipeline import Projected, Reconstruction, Settings
from ..inference.surface import Surface
from ..inference.view_matching import Start
from .job import Job, JobState
from .launch import Launch
from .worker_process import WorkerProcess

ResultT = TypeVar("ResultT")


class Host:
    """Starts jobs. Use it from one thread, and call ``shutdown`` (or leave its ``with`` block) at the end.

    All methods that start a job raise ``WorkerError`` if one is running or the worker cannot be started, and
    ``OutputError`` if the temporary folder cannot be written; all later failures are the job's ``error``.

    Attributes:
        launch: how workers are started; a new one counts from the next worker on (``shutdown`` brings it about).
    """

    def __init__(self, launch: Launch) -> None:
        self.launch = launch
        self._worker: WorkerProcess | None = None
        self._dying: list[WorkerProcess] = []
        self._job: Job[Any] | None = None
        self._count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.shutdown()

    @property
    def is_busy(self) -> bool:
        """Whether a job is running."""
        return self._job is not None and self._job.state is JobState.RUNNING

    @property
    def pid(self) -> int | None:
        """Of the worker process; None if none runs."""
        worker = self._worker
        return worker.pid if worker is not None and worker.exit_code is None else None

    def reconstruct(self, photo_path: Path, settings: Settings) -> Job[Reconstruction]:
        """From the photo to a textured surface, as arrays."""
        settings = replace(settings, cutout=_absolute(settings.cutout))
        return self.start(tasks.Reconstruct(photo_path.absolute(), settings))

    def reconstruct_again(self, name: str, code: Code, settings: Settings) -> Job[Reconstruction]:
        """From a stored code to a textured surface at other settings."""
        return self.start(tasks.ReconstructAgain(name, code, settings))

    def preview_cutout(self, photo_path: Path, settings: CutoutSettings) -> Job[NDArray[np.uint8]]:
        """The photo with its background removed, (h, w, 4) uint8, at most 512 pixels."""
        return self.start(tasks.PreviewCutout(photo_path.absolute(), _absolute(settings)))

    def cut_out_photo(self, photo_path: Path, settings: CutoutSettings) -> Job[NDArray[np.uint8]]:
        """The same in the photo's own size, (h, w, 4) uint8."""
        return self.start(tasks.CutOutPhoto(photo_path.absolute(), _absolute(settings)))

    def extract_again(self, code: Code, settings: Settings) -> Job[Surface]:
        """The surface of a stored code at other settings."""
        return self.start(tasks.ExtractAgain(code, settings))

    def bake_again(self, code: Code, mesh: UVMesh, settings: Settings) -> Job[Maps]:
        """The maps of a stored code for any mesh with UVs."""
        return self.start(tasks.BakeAgain(code, mesh, settings))

    def project_photo(
        self, code: Code, mesh: UVMesh, photo_path: Path, start: Start, settings: Settings
    ) -> Job[Projected]:
        """Another photo of a stored code's object, on a mesh of it."""
        settings = replace(settings, cutout=_absolute(settings.cutout))
        return self.start(tasks.ProjectPhoto(code, mesh, photo_path.absolute(), start, settings))

    def place_photo(self, code: Code, mesh: UVMesh, sha256: str, camera: Camera, settings: Settings) -> Job[Projected]:
        """The same photo once more, from a given camera."""
        return self.start(tasks.PlacePhoto(code, mesh, sha256, camera, settings))

    def remove_photo(self, code: Code, mesh: UVMesh, sha256: str, settings: Settings) -> Job[Projected]:
        """The maps without one of the further photos."""
        return self.start(tasks.RemovePhoto(code, mesh, sha256, settings))

    def start(self, task: tasks.Task[ResultT]) -> Job[ResultT]:
        """Run any task of the worker's table."""
        if self.is_busy:
            raise WorkerError("A reconstruction is already running.", "Wait until it has ended, or cancel it.")
        self._count += 1
        self._job = job = Job(self._count, task, self._acquire, self.launch.start_stage)
        return job

    def shutdown(self) -> None:
        """Cancel the running job, kill the worker and remove its folder. The next job starts a fresh one."""
        if self.is_busy and self._job is not None:
            self._job.abandon()
        self._discard()

    def _acquire(self) -> WorkerProcess:
        if self._worker is None or not self._worker.is_usable or self._worker.exit_code is not None:
            self._discard()
            self._worker = WorkerProcess(self.launch)
        return self._worker

    def _discard(self) -> None:
        """Let go of the worker; one that the system has not quite ended is collected at a later call."""
        if self._worker is not None:
            self._worker.kill()
            self._dying.append(self._worker)
            self._worker = None
        self._dying = [worker for worker in self._dying if not worker.clean_up()]


def _absolute(settings: CutoutSettings) -> CutoutSettings:
    """The worker's current folder need not be ours."""
    return settings if settings.mask_path is None else replace(settings, mask_path=settings.mask_path.absolute())
