# SPDX-License-Identifier: GPL-3.0-or-later
"""What is compared with the authors' code: inputs from a seed, and the part of the outputs that is kept.

Needs numpy only: the tests repeat our half of the comparison from here, without torch and without the authors' code.
"""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .seeded import SEED

POINTS = 256
"""Points that decoders are asked for."""
KEPT = 2048
"""Values kept of each output, picked by the seed where it has more."""
REACH = 1.05
"""Points lie this far around the origin: the networks' boxes and a little of what is outside."""


@dataclass(frozen=True)
class Case:
    """One checkpoint and the graphs that run it.

    Attributes:
        name: of the fixture.
        graphs: names of the graphs.
    """

    name: str
    graphs: tuple[str, ...]


REDUCED = (
    Case("reduced_triposr", ("reduced_triposr_encoder", "reduced_triposr_decoder")),
    Case("reduced_openlrm", ("reduced_openlrm_encoder", "reduced_openlrm_decoder")),
    Case(
        "reduced_instantmesh",
        tuple(f"reduced_instantmesh_{part}" for part in ("encoder", "geometry", "weights", "color")),
    ),
    Case("reduced_instantmesh_nerf", ("reduced_instantmesh_nerf_decoder",)),
)
"""The same classes with few and narrow layers, whose graphs are fixtures: a second for all of them."""

FULL = (
    Case("triposr", ("triposr_encoder", "triposr_decoder")),
    *(
        Case(f"openlrm_{size}", (f"openlrm_{size}_encoder", f"openlrm_{size}_decoder"))
        for size in ("small", "base", "large")
    ),
    *(
        Case(
            f"instantmesh_{size}",
            tuple(f"instantmesh_{size}_{part}" for part in ("encoder", "geometry", "weights", "color")),
        )
        for size in ("base", "large")
    ),
    *(Case(f"instantmesh_{size}_nerf", (f"instantmesh_{size}_nerf_decoder",)) for size in ("base", "large")),
)
"""The networks as published. InstantMesh's NeRF variants have the mesh variants' encoder."""


def seeded_input(name: str, shape: tuple[int | None, ...], seed: int = SEED) -> NDArray[np.float32]:
    """An input of a graph: images 0..1, points around the box, everything else normally distributed."""
    generator = np.random.default_rng([seed, zlib.crc32(name.encode())])
    sizes = [POINTS if size is None else size for size in shape]
    if name in ("image", "images"):
        return generator.random(sizes, dtype=np.float32)
    if name in ("points", "corners"):
        return (generator.random(sizes, dtype=np.float32) * 2 - 1) * np.float32(REACH)
    return generator.standard_normal(sizes, dtype=np.float32)


def kept(output: NDArray[np.float32], seed: int = SEED) -> NDArray[np.float32]:
    """The part of an output that a fixture holds, one-dimensional."""
    flat = output.reshape(-1)
    if flat.size <= KEPT:
        return flat
    return flat[np.random.default_rng(seed).choice(flat.size, KEPT, replace=False)]


def largest_difference(found: Mapping[str, NDArray[np.float32]], wanted: Mapping[str, NDArray[np.float32]]) -> dict:
    """Of each output: the largest difference, as a share of the largest magnitude."""
    return {
        name: float(np.abs(kept(found[name]) - values).max() / np.abs(values).max()) for name, values in wanted.items()
    }
