# SPDX-License-Identifier: GPL-3.0-or-later
"""Reconstruction systems: each one module with its card, ``encode`` and ``field``.

To add a system, write a class that satisfies ``System`` and name it in ``_MODULES``. The rest of the product, panels
included, reads its card.
"""

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ..code import Code
from ..errors import ModelError
from ..fields import Field
from ..framing import FramedPhoto, FramingSettings
from ..monitor import Monitor
from ..runtime import Runtime


@dataclass(frozen=True)
class SystemCard:
    """What a user wants to know about a system before running it.

    Attributes:
        id: short lower-case name, stored in every code.
        name: as its authors write it.
        version: of weights and code layout together.
        description: one sentence for a tooltip.
        licence: SPDX expression of the weights.
        source: who made it, where it is published.
        weights: file of the weights (or graph), absolute.
        download_bytes: 0 for a bundled system.
        memory_bytes: peak working memory of one run on a CPU, measured.
        framing: how the photo is cropped and padded for it.
    """

    id: str
    name: str
    version: str
    description: str
    licence: str
    source: str
    weights: Path
    download_bytes: int
    memory_bytes: int
    framing: FramingSettings


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

    def field(self, code: Code) -> Field:
        """The code as a function of space; needs numpy only, never the network's encoder."""
        ...


_MODULES = {"pebble": ".pebble"}


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
        raise ModelError(f"There is no reconstruction system called '{system_id}'.", f"Choose one of: {known}.")
    system: System = importlib.import_module(_MODULES[system_id], __package__).SYSTEM
    return system
