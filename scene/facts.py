# SPDX-License-Identifier: GPL-3.0-or-later
"""What is told of an object besides what can be seen of it: how long it took, and what could be better."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import bpy

from ..inference.errors import ReconstructionError
from ..inference.protocol import pack, unpack

FACTS_KEY = "image_to_3d_facts"
"""Custom property: a ``Facts`` as JSON."""


@dataclass(frozen=True)
class Facts:
    """How an object came about.

    Attributes:
        seconds: wall time of each stage, in order.
        warnings: sentences about what could be better.
        shape: how well the shape that was recognised or asked for fits; empty where the network's own
            shape stands.
    """

    seconds: dict[str, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    shape: str = ""

    @property
    def total(self) -> float:
        """Seconds of all stages together."""
        return sum(self.seconds.values())


def store_facts(target: bpy.types.Object, facts: Facts) -> None:
    """Keep them with the object; sentences stay translatable."""
    tree, _arrays = pack(facts)
    target[FACTS_KEY] = json.dumps(tree)


def add_seconds(target: bpy.types.Object, seconds: Mapping[str, float]) -> None:
    """Add the times of further work on an object; a stage that ran before gets its newest time."""
    facts = facts_of(target)
    store_facts(target, replace(facts, seconds={**facts.seconds, **seconds}))


def facts_of(target: bpy.types.Object) -> Facts:
    """What is known of an object; nothing of one that we did not make, or whose property was edited to nonsense."""
    try:
        facts: Facts = unpack(Facts, json.loads(target.get(FACTS_KEY, "{}")), {})
    except (TypeError, ValueError, ReconstructionError):
        return Facts()
    return facts
