# SPDX-License-Identifier: GPL-3.0-or-later
"""Things that people photograph and no free catalogue holds, put together from parts by chance.

Each kind is a function that adds an object's parts to a ``Builder``. Mirror-symmetric in x as most made
things and animals are, hollow where the real thing is, in proportions that vary.
"""

from collections.abc import Callable

import numpy as np

from ..builder import Builder
from ..meshes import Model, normalise
from . import clothing, containers, creatures, devices, food, instruments, tools, toys, vehicles

MODULES = (containers, clothing, creatures, vehicles, tools, devices, toys, food, instruments)
#: Every kind with its weight: how often it is drawn.
KINDS: dict[Callable[[Builder], None], int] = {kind: n for module in MODULES for kind, n in module.KINDS.items()}
#: Spread of the random stretch along each axis, as a logarithm.
STRETCH = 0.07


def random_assembly(seed: int) -> Model:
    """Make the object of this seed."""
    rng = np.random.default_rng([seed, 7])
    weights = np.array(list(KINDS.values()), float)
    kind = list(KINDS)[int(rng.choice(len(weights), p=weights / weights.sum()))]
    return assemble(kind, rng, seed)


def assemble(kind: Callable[[Builder], None], rng: np.random.Generator, seed: int) -> Model:
    """Make an object of one kind."""
    builder = Builder(rng)
    kind(builder)
    stretch = np.exp(rng.normal(0, STRETCH, 3)).astype(np.float32)
    for part in builder.parts:
        part.corners = part.corners * stretch
        part.normals = part.normals / stretch
        part.normals /= np.maximum(np.linalg.norm(part.normals, axis=-1, keepdims=True), 1e-9)
    return normalise(Model(f"{kind.__name__}_{seed:05d}", "assemblies", kind.__name__, builder.parts))
