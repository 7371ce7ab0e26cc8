# SPDX-License-Identifier: GPL-3.0-or-later
"""How long work reports progress and learns that it was cancelled.

The pipeline's functions take a ``Monitor`` and call it; they never know whether a worker process, a command line or
a test stands behind it.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum

from .errors import Cancelled


class StartStage(StrEnum):
    """The start of the processes that jobs run in, before any other stage."""

    WORKER = "Starting"
    BLENDER = "Starting a second Blender"

    @classmethod
    def of(cls, stage: str) -> "StartStage | None":
        """The member that a stage is, if it is one."""
        return next((member for member in cls if member == stage), None)


class Stage(StrEnum):
    """The pipeline's stages, in order; the value is what the artist reads."""

    PHOTO = "Reading the photo"
    CUTOUT = "Cutting out the object"
    ENCODE = "Encoding the photo"
    SHAPE = "Recognising the shape"
    SURFACE = "Extracting the surface"
    UNWRAP = "Unwrapping"
    BAKE = "Baking the texture"


class PhotoStage(StrEnum):
    """What projecting another photo does besides the pipeline's stages."""

    MATCH = "Matching the view"


class ModelStage(StrEnum):
    """The stages of installing and checking a network's checkpoint, in order."""

    CONNECT = "Connecting"
    DOWNLOAD = "Downloading"
    COPY = "Copying"
    VERIFY = "Verifying"


class RetopologyStage(StrEnum):
    """The stages of making a low-poly mesh and of baking the high-poly's detail to it, in order."""

    HEAL = "Healing the mesh"
    REMESH = "Building new faces"
    FIT = "Fitting to the surface"
    CHECK = "Measuring"
    UNWRAP = "Unwrapping the low-poly"
    NORMALS = "Baking normals"
    OCCLUSION = "Baking ambient occlusion"


class Monitor:
    """Receives progress and warnings, and decides about cancellation.

    This base class only keeps the time each stage took; the worker and the command line override ``on_progress``,
    ``on_warning`` and ``is_cancelled``.

    Attributes:
        seconds: wall time by stage, for the stages that have ended.
        warnings: sentences for the artist about results that are there but not as good as they could be.
    """

    def __init__(self) -> None:
        self.seconds: dict[StrEnum, float] = {}
        self.warnings: list[str] = []
        self._stage: StrEnum | None = None

    @contextmanager
    def stage(self, stage: StrEnum) -> Iterator[None]:
        """Enter a stage: check for cancellation, report 0, time it, report 1.

        Raises:
            Cancelled: the artist cancelled before or during the stage.
        """
        self._stage = stage
        self.progress(0.0)
        started = time.perf_counter()
        yield
        self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - started
        self.progress(1.0)

    def progress(self, fraction: float) -> None:
        """Report how much of the present stage is done (0..1) and raise ``Cancelled`` if the artist asked for it."""
        if self.is_cancelled():
            raise Cancelled
        if self._stage is not None:
            self.on_progress(self._stage, fraction)

    def warn(self, sentence: str) -> None:
        """Tell the artist something that does not stop the work."""
        self.warnings.append(sentence)
        self.on_warning(sentence)

    def on_progress(self, stage: StrEnum, fraction: float) -> None:
        """Show progress; override it."""

    def on_warning(self, sentence: str) -> None:
        """Show a warning; override it."""

    def is_cancelled(self) -> bool:
        """Whether to stop; override it."""
        return False


class QuietMonitor(Monitor):
    """Passes on cancellation but no progress, for a part of a stage that would run the bar to its end twice."""

    def __init__(self, monitor: Monitor) -> None:
        super().__init__()
        self._monitor = monitor

    def is_cancelled(self) -> bool:
        """As the other monitor says."""
        return self._monitor.is_cancelled()
