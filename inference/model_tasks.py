# SPDX-License-Identifier: GPL-3.0-or-later
"""What a worker does for the models folder. It has a worker of its own, so that reconstructing goes on meanwhile."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .hub import Connection, install
from .store import Installed, Store
from .systems import get_system
from .tasks import Context, Task

RUNS_NETWORKS = False
"""The worker needs no ONNX Runtime."""


@dataclass(frozen=True)
class InstallModel:
    """``hub.install``."""

    system: str
    folder: Path
    connection: Connection

    def run(self, context: Context) -> Installed:
        """Fetch a system's checkpoint into the models folder; raises what the hub raises."""
        return install(get_system(self.system).card, Store(self.folder), self.connection, context.monitor)


@dataclass(frozen=True)
class AdoptModel:
    """``Store.adopt``."""

    system: str
    folder: Path
    file: Path
    copy: bool

    def run(self, context: Context) -> Installed:
        """Use a file that the user has; raises what the store raises."""
        return Store(self.folder).adopt(get_system(self.system).card, self.file, self.copy, context.monitor)


@dataclass(frozen=True)
class VerifyModel:
    """``Store.verify``."""

    system: str
    folder: Path

    def run(self, context: Context) -> Installed:
        """Read a whole checkpoint and compare its SHA-256; raises what the store raises."""
        return Store(self.folder).verify(get_system(self.system).card, context.monitor)


TASKS: dict[str, type[Task[Any]]] = {task.__name__: task for task in (InstallModel, AdoptModel, VerifyModel)}
"""By class name, as messages name them."""
