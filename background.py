# SPDX-License-Identifier: GPL-3.0-or-later
"""A second Blender, without a window, for Blender's own slow operators: QuadriFlow and baking with Cycles.

In the artist's Blender they would block the interface, know no cancelling, change selection, mode and render settings,
and take the unsaved scene along when they crash. Here they get arrays, work in an empty file, and give arrays back; the
same protocol as the reconstruction worker's, so that progress, cancelling and every kind of failure are the same too.
"""

import sys
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import bpy

from .compat import module_folder
from .inference.errors import WorkerError
from .inference.monitor import StartStage
from .inference.runtime import RuntimeSettings
from .inference.sentence import Sentence
from .inference.tasks import Task
from .jobs import Host, Job, Launch

ResultT = TypeVar("ResultT")

TASKS_MODULE = "image_to_3d.scene.background_tasks"

REQUIRED_MODULES = ("PIL", "numpy")
"""What the engine's modules import that are used there; not ONNX Runtime."""

IDLE_SECONDS = 120.0
"""After so long without work it ends and frees its memory; starting another takes a second or two."""

PROGRAM_ARGUMENTS = ("--background", "--factory-startup", "--offline-mode", "--python")
"""Of Blender's own program: no window, none of the artist's add-ons or start-up file, no connections."""


class BackgroundBlender:
    """Starts it when there is work, gives it one job at a time, ends it."""

    def __init__(self) -> None:
        self._host: Host | None = None

    def start(self, task: Task[ResultT]) -> Job[ResultT]:
        """Run one of ``scene/background_tasks.py``; raises ``WorkerError`` or ``OutputError`` as ``Host`` does."""
        if self._host is None:
            self._host = Host(create_launch(Path(bpy.app.tempdir)))
        return self._host.start(task)

    @property
    def is_running(self) -> bool:
        """Whether it has been started and has not ended."""
        return self._host is not None and self._host.pid is not None

    def shutdown(self) -> None:
        """End it with whatever it is doing."""
        if self._host is not None:
            self._host.shutdown()
            self._host = None


BACKGROUND = BackgroundBlender()
"""The one of this Blender process."""


def create_launch(folder: Path) -> Launch:
    """How to start a background Blender of this very version.

    Args:
        folder: for its files, made and removed with it.

    Raises:
        WorkerError: a package is missing.
    """
    # Without the artist's add-ons, the packages that the extension brings are not on its path.
    folders = {name: module_folder(name) for name in REQUIRED_MODULES}
    missing = [name for name, found in folders.items() if found is None]
    if missing:
        raise WorkerError(
            Sentence("The Python package '{name}' is missing.", name=missing[0]),
            "Install the extension again from its zip file.",
        )
    search_paths = tuple(dict.fromkeys(str(found) for found in folders.values()))
    launch = Launch(
        python=bpy.app.binary_path,
        python_args=PROGRAM_ARGUMENTS,
        search_paths=search_paths,
        folder=folder,
        runtime=RuntimeSettings(),
        idle_seconds=IDLE_SECONDS,
        tasks=TASKS_MODULE,
        separator=("--",),
        start_stage=StartStage.BLENDER,
    )
    if bpy.app.module:
        # Blender as a Python module has no program of its own: the same interpreter imports the same module.
        search_paths = tuple(dict.fromkeys((*search_paths, str(module_folder("bpy")))))
        return replace(launch, python=sys.executable, python_args=("-I",), search_paths=search_paths, separator=())
    return launch
