# SPDX-License-Identifier: GPL-3.0-or-later
"""Small tasks for a real worker: every way in which work goes well, badly, or not at all.

The worker imports this module through its ``--tasks`` argument, the tests load it to build the tasks.
"""

import ctypes
import json
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from image_to_3d.inference import errors
from image_to_3d.inference.code import Code
from image_to_3d.inference.monitor import Stage
from image_to_3d.inference.tasks import Context
from numpy.typing import NDArray


@dataclass(frozen=True)
class Everything:
    """One of each kind of value that crosses between the processes."""

    stage: Stage
    path: Path
    nothing: Path | None
    map_or_constant: NDArray[np.uint8] | float
    constant: NDArray[np.uint8] | float
    colour: tuple[float, float, float]
    names: tuple[str, ...]
    seconds: dict[str, float]
    array: NDArray[np.float32]
    code: Code


@dataclass(frozen=True)
class Echo:
    value: Everything

    def run(self, context: Context) -> Everything:
        return self.value


@dataclass(frozen=True)
class WalkThroughStages:
    """All stages in order; at ``stop_at`` it waits until it is cancelled or killed."""

    stop_at: Stage | None

    def run(self, context: Context) -> int:
        for stage in Stage:
            with context.monitor.stage(stage):
                context.monitor.progress(0.5)
                while stage is self.stop_at:
                    time.sleep(0.01)
                    context.monitor.progress(0.5)
        context.monitor.warn("The photo is very small.")
        return os.getpid()


@dataclass(frozen=True)
class Deaf:
    """Enters a stage and never looks up again, like native code that cannot be interrupted."""

    def run(self, context: Context) -> int:
        with context.monitor.stage(Stage.ENCODE):
            time.sleep(600)
        return 0


@dataclass(frozen=True)
class Fail:
    how: str

    def run(self, context: Context) -> int:
        with context.monitor.stage(Stage.BAKE):
            if self.how == "foreseen":
                raise errors.PhotoError("The photo 'cup.png' is empty.", "Choose another one.")
            if self.how == "unexpected":
                raise ValueError("seven is not a colour")
            if self.how == "memory":
                np.empty(2**60, np.uint8)  # more than any machine has
            if self.how == "native memory":
                raise errors.ModelError("The network failed (Failed to allocate memory for a buffer).", "Reinstall.")
            if self.how == "crash":
                ctypes.string_at(0)
            if self.how == "exit":
                os._exit(3)
        return 0


@dataclass(frozen=True)
class WriteMessage:
    """Appends a line of its own to the messages, whole or not, then returns."""

    line: str

    def run(self, context: Context) -> str:
        session_folder = Path(sys.argv[sys.argv.index("--session-folder") + 1])
        with (session_folder / "messages.jsonl").open("a") as messages:
            messages.write(self.line)
        if not self.line.endswith("\n"):
            time.sleep(600)
        return self.line


@dataclass(frozen=True)
class ReturnObjects:
    """Breaks the rule that arrays hold plain numbers: NumPy would pickle this one."""

    def run(self, context: Context) -> NDArray[np.float32]:
        return np.array([{"an": "object"}], dtype=object)


@dataclass(frozen=True)
class ReturnMegabytes:
    count: int

    def run(self, context: Context) -> NDArray[np.uint8]:
        with context.monitor.stage(Stage.BAKE):
            return np.zeros(self.count * 2**20, np.uint8)


@dataclass(frozen=True)
class Describe:
    """What the worker process is like; also speaks on both of its outputs."""

    def run(self, context: Context) -> dict[str, str]:
        print("printed by the worker")
        print("complained by the worker", file=sys.stderr)
        return {
            "path": json.dumps(sys.path),
            "niceness": str(os.nice(0)) if hasattr(os, "nice") else "",
            "session": str(os.getsid(0)) if hasattr(os, "getsid") else "",
            "modules": " ".join(sys.modules),
        }


TASKS: dict[str, Any] = {
    task.__name__: task
    for task in (
        Echo,
        WalkThroughStages,
        Deaf,
        Fail,
        WriteMessage,
        ReturnObjects,
        ReturnMegabytes,
        Describe,
    )
}
