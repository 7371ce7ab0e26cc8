# SPDX-License-Identifier: GPL-3.0-or-later
"""How far the job in progress is, in numbers and in words, with the time left by this machine's own experience."""

import logging
import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import bpy

from .inference.monitor import Stage, StartStage
from .inference.pipeline import Settings
from .inference.sentence import Sentence
from .jobs.forecast import Experience, Forecast

STAGE_SHARES = {
    StartStage.WORKER: 0.15,
    Stage.PHOTO: 0.03,
    Stage.CUTOUT: 0.24,
    Stage.ENCODE: 0.10,
    Stage.SURFACE: 0.18,
    Stage.UNWRAP: 0.15,
    Stage.BAKE: 0.30,
}
"""Rough share of the whole time each stage takes on a CPU at Standard quality, for a machine without experience; tasks
with other stages have ``stage_shares`` of their own."""

RECONSTRUCTION = "ReconstructTask"
"""What all tasks that run a network on a photo are called: they take about equally long."""

TIMES_FILE = "stage_times.json"

_log = logging.getLogger(__name__)


class Progress:
    """Follows one job after the other and learns how long their stages take."""

    def __init__(self) -> None:
        self._experience: Experience | None = None
        self._forecast: Forecast | None = None
        self._kind = ""

    def begin(self, task: Any, running: Mapping[StartStage, bool]) -> None:  # noqa: ANN401 - any task
        """Follow the job of a task.

        Args:
            task: its ``stage_shares`` say which stages it has.
            running: which processes run already, so that their start-up is no stage of the job.
        """
        shares: Mapping[str, float] = getattr(task, "stage_shares", STAGE_SHARES)
        planned = {stage: share for stage, share in shares.items() if not running.get(StartStage.of(stage), False)}
        # A process that has just started reads networks from the disk: its first job is of another kind.
        self._kind = " ".join([kind_of(task), *(str(stage) for stage in planned if StartStage.of(stage))])
        self._forecast = Forecast(planned, self._known().seconds(self._kind), time.monotonic())

    def observe(self, stage: str, fraction: float) -> None:
        """What the job says."""
        if self._forecast is not None:
            self._forecast.observe(stage, fraction, time.monotonic())

    def end(self, *, is_done: bool) -> None:
        """The job has ended; one that is done teaches how long it took."""
        forecast, self._forecast = self._forecast, None
        if forecast is None or not is_done or self._experience is None:
            return
        try:
            self._experience.learn(self._kind, forecast.finish(time.monotonic()))
        except OSError as error:
            _log.warning("How long the job took cannot be kept: %s", error)

    def usual_seconds(self, kind: str) -> float | None:
        """How long jobs of a kind take on this machine, once started; None where there was none yet.

        Args:
            kind: as ``kind_of`` or ``reconstruction_kind`` calls it.
        """
        seconds = self._known().seconds(kind)
        return sum(seconds.values()) if seconds else None

    def _known(self) -> Experience:
        """The machine's experience, read when first needed."""
        if self._experience is None:
            self._experience = Experience(_times_file())
        return self._experience

    @property
    def fraction(self) -> float:
        """How much of the job is done, 0..1."""
        return self._forecast.fraction(time.monotonic()) if self._forecast is not None else 0.0

    @property
    def seconds_left(self) -> float | None:
        """Until the job's end; None where that is not known."""
        return self._forecast.seconds_left(time.monotonic()) if self._forecast is not None else None


def kind_of(task: Any) -> str:  # noqa: ANN401 - any task
    """What jobs have in common that take about equally long."""
    parts: list[object] = [getattr(task, "kind", type(task).__name__)]
    settings = getattr(task, "settings", None)
    if isinstance(settings, Settings):
        parts += [settings.system, settings.surface.resolution, settings.bake.texture_size]
    options = getattr(task, "options", None)
    for name in ("method", "faces", "texture_size"):
        if hasattr(options, name):
            parts.append(getattr(options, name))
    return " ".join(map(str, parts))


def reconstruction_kind(system: str, resolution: int, texture_size: int) -> str:
    """What ``kind_of`` calls reconstructing a photo with these settings."""
    return f"{RECONSTRUCTION} {system} {resolution} {texture_size}"


def progress_text(stage: str, fraction: float, seconds_left: float | None) -> Sentence:
    """Stage, percentage, and the time left in steps that do not flicker."""
    told = {"stage": Sentence(stage), "percent": max(1, min(99, round(100 * fraction)))}
    if seconds_left is None:
        return Sentence("{stage}  {percent} %", **told)
    if seconds_left > 90:
        return Sentence("{stage}  {percent} %, {minutes} min left", **told, minutes=math.ceil(seconds_left / 60))
    step = 1 if seconds_left <= 10 else 5
    return Sentence(
        "{stage}  {percent} %, {seconds} s left", **told, seconds=max(1, math.ceil(seconds_left / step) * step)
    )


def _times_file() -> Path | None:
    """Among the extension's own files of its user; None where it is not enabled as an extension (scripts, tests)."""
    if __package__ not in bpy.context.preferences.addons:
        return None
    try:
        return Path(bpy.utils.extension_path_user(__package__)) / TIMES_FILE
    except ValueError:
        return None
