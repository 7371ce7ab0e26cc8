# SPDX-License-Identifier: GPL-3.0-or-later
"""Things that people photograph and no free catalogue holds, put together from parts by chance.

Each kind is a function that adds an object's parts to a ``Builder``. Mirror-symmetric in x as most made
things and animals are, hollow where the real thing is, in proportions that vary.
"""

from collections.abc import Callable

import numpy as np

from ..builder import Builder
from ..meshes import Model, normalise
from . import belongings, clothing, containers, creatures, devices, figures, food, instruments, tools, toys, vehicles

MODULES = (containers, clothing, creatures, vehicles, tools, devices, toys, food, instruments)
#: Adds an object's parts to a builder.
Kind = Callable[[Builder], None]
#: Every kind with its weight: how often it is drawn.
KINDS: dict[Kind, int] = {kind: n for module in MODULES for kind, n in module.KINDS.items()}
#: The same of what came later and has seeds of its own, so that the objects of earlier rounds stay what they were.
LATER_KINDS: dict[Kind, int] = {kind: n for module in (figures, belongings) for kind, n in module.KINDS.items()}
#: Spread of the random stretch along each axis, as a logarithm.
STRETCH = 0.07


def random_assembly(seed: int) -> Model:
    """Make the object of this seed."""
    return _drawn(KINDS, np.random.default_rng([seed, 7]), seed, "assemblies")


def random_belonging(seed: int) -> Model:
    """Make the object of this seed, of one of the later kinds."""
    return _drawn(LATER_KINDS, np.random.default_rng([seed, 17]), seed, "belongings")


def _drawn(kinds: dict[Kind, int], rng: np.random.Generator, seed: int, source: str) -> Model:
    weights = np.array(list(kinds.values()), float)
    return assemble(list(kinds)[int(rng.choice(len(weights), p=weights / weights.sum()))], rng, seed, source)


def assemble(kind: Kind, rng: np.random.Generator, seed: int, source: str = "assemblies") -> Model:
    """Make an object of one kind."""
    builder = Builder(rng)
    kind(builder)
    stretch = np.exp(rng.normal(0, STRETCH, 3)).astype(np.float32)
    for part in builder.parts:
        part.corners = part.corners * stretch
        part.normals = part.normals / stretch
        part.normals /= np.maximum(np.linalg.norm(part.normals, axis=-1, keepdims=True), 1e-9)
    return normalise(Model(f"{kind.__name__}_{seed:05d}", source, kind.__name__, builder.parts))
