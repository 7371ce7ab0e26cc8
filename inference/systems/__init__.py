# SPDX-License-Identifier: GPL-3.0-or-later
"""Reconstruction systems: each one module with its card, ``encode`` and ``field``.

To add a system, write a class that satisfies ``System`` and name it in ``_MODULES``. The rest of the product, panels
included, reads its card.
"""

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from ..code import Code
from ..errors import ModelError
from ..fields import Field
from ..framing import FramedPhoto, FramingSettings
from ..monitor import Monitor
from ..photo import Photo
from ..runtime import Runtime
from ..sentence import Sentence

GRAPHS = Path(__file__).parent.parent / "graphs"
"""Folder of the networks: ``NAME.onnx``, and ``NAME.json``, its manifest, where the weights are not inside."""


@dataclass(frozen=True, kw_only=True)
class CheckpointSource:
    """The file in which a system's authors publish its weights, on the Hugging Face hub.

    Attributes:
        repository: ``owner/name``.
        revision: the commit; a branch's name only where no commit is known, and then the file may change.
        filename: inside the repository.
        size_bytes: of the file. Where ``sha256`` is None it is computed from the tensors and may be a little less.
        sha256: of the file, hexadecimal; None where it was not known when this was written, and the hub's own is taken.
        is_gated: the authors ask users to log in and to agree to their terms first.
    """

    repository: str
    revision: str
    filename: str
    size_bytes: int
    sha256: str | None = None
    is_gated: bool = False


@dataclass(frozen=True, kw_only=True)
class SystemCard:
    """What a user wants to know about a system before running it.

    Attributes:
        id: short lower-case name, stored in every code.
        name: as its authors write it.
        version: of weights and code layout together.
        description: one sentence for a tooltip.
        good_for: what it is the better choice for, as the rest of "Good for ...".
        gives: what it predicts, for a list: ``surface, base colour``.
        licence: SPDX expression of the weights.
        licence_url: where the licence can be read; empty for a bundled system, whose licences are in its package.
        who_may_use: one sentence on what the licence allows.
        is_free_for_work: the licence allows commercial work.
        source: who made it, where it is published.
        checkpoint: where its weights come from; None if they are bundled.
        graphs: files of its networks, absolute; the checkpoint has to hold the tensors of all their manifests.
        memory_bytes: peak working memory of one run on a CPU; measured, or estimated where the module says so.
        framing: how the photo is cropped and padded for it.
        views: photos it needs. Systems that need more than one cannot be run on a single photo.
    """

    id: str
    name: str
    version: str
    description: str
    good_for: str
    gives: str
    licence: str
    licence_url: str
    who_may_use: str
    source: str
    checkpoint: CheckpointSource | None
    graphs: tuple[Path, ...]
    memory_bytes: int
    framing: FramingSettings
    views: int = 1
    is_free_for_work: bool = True

    @property
    def download_bytes(self) -> int:
        """0 for a bundled system."""
        return 0 if self.checkpoint is None else self.checkpoint.size_bytes


class System(Protocol):
    """A reconstruction system."""

    card: SystemCard

    def encode(self, framed: FramedPhoto, runtime: Runtime, monitor: Monitor) -> Code:
        """Run the network on a framed photo (the code's ``provenance`` is completed by the pipeline).

        Raises:
            ModelError: the weights are missing or unusable.
            Cancelled: while running.
        """
        ...

    def field(self, code: Code, runtime: Runtime) -> Field:
        """The code as a function of space; needs nothing but the code, never the network's encoder or a checkpoint.

        Args:
            code: from ``encode``, now or in an earlier session.
            runtime: evaluates the points, where that takes a (small) network.

        Raises:
            ModelError: the code is of another version.
        """
        ...


@runtime_checkable
class MultiViewSystem(System, Protocol):
    """A system whose card asks for more than one view."""

    def encode_views(self, sheet: Photo, runtime: Runtime, monitor: Monitor) -> Code:
        """Run the network on a sheet of views (see ``views``).

        Raises:
            PhotoError: the picture isn't a sheet.
            ModelError: the weights are missing or unusable.
            Cancelled: while running.
        """
        ...


_MODULES = {
    "pebble": ".pebble",
    "triposr": ".triposr",
    "openlrm-small": ".openlrm",
    "openlrm-base": ".openlrm",
    "openlrm-large": ".openlrm",
    "openlrm-obj-small": ".openlrm",
    "openlrm-obj-base": ".openlrm",
    "openlrm-obj-large": ".openlrm",
    "instantmesh-base": ".instantmesh",
    "instantmesh-large": ".instantmesh",
}
"""The module of each system. It names one system ``SYSTEM``, or several by id in ``SYSTEMS``."""


def system_ids() -> tuple[str, ...]:
    """Ids of all systems, the default first."""
    return tuple(_MODULES)


def get_system(system_id: str) -> System:
    """The system of that id.

    Raises:
        ModelError: there is no such system.
    """
    if system_id not in _MODULES:
        known = ", ".join(_MODULES)
        raise ModelError(
            Sentence("There is no reconstruction system called '{name}'.", name=system_id),
            Sentence("Choose one of: {names}.", names=known),
        )
    module = importlib.import_module(_MODULES[system_id], __package__)
    system: System = module.SYSTEMS[system_id] if hasattr(module, "SYSTEMS") else module.SYSTEM
    return system
