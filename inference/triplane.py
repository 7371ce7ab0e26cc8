# SPDX-License-Identifier: GPL-3.0-or-later
"""Triplanes: a code of three feature planes, and the small network that decodes them, as a ``Field``.

A point is looked up in three planes that are perpendicular to each other, and a small multilayer perceptron turns the
features found there into density (or signed distance) and colour. Planes and the perceptron's weights are kept in the
code, so that a surface can be extracted and baked again where the checkpoint is not installed.

What coarse-to-fine sampling may rely on: a part, or a gap, into which a ball of one and a half texels' diameter fits
at one place is never missed, and what is found is complete, down to its thinnest twig (``lattice``). That holds for any
field. What it leaves open are separate parts that are thinner than that all over. Between texels the features are
bilinear, so that planes hold nothing much finer than a texel, and a trained perceptron is smooth; but nothing in the
layout forbids it. Triplanes fitted to known objects have none (``bench/triplane.py``).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .code import Code
from .errors import ModelError
from .fields import Appearance, Points
from .monitor import Monitor
from .runtime import Runtime

PLANES = "planes"
"""Name of the planes among a code's arrays, (3, channels, height, width) float16, and among a decoder's inputs; the
other arrays are the decoder's weights, float32, by their names in the checkpoint."""

DETAIL = 1.52
"""Smallest part or gap that coarse-to-fine sampling must not miss, in texels. One texel would take 1.7 times as many
evaluations of a fitted mug at 256^3, two 0.7 times, for the same surface. Just over one and a half, so that sampling
starts at every third voxel of 160 and at every fourth of 256."""

POINTS_PER_RUN = 8192
"""Points decoded at a time. The activations of so many stay in the cores' caches: 32768 are 1.2 times slower on one
thread, 1.4 times on two (measured, TripoSR's decoder)."""

FALL = 1000.0
"""By how much the level falls per object unit outside the box, which keeps the field continuous there. Raw densities
of trained networks lie within about 100 of the iso level, so the outside begins within a tenth of a unit."""


@dataclass(frozen=True)
class Decoder:
    """A decoding network with its planes and weights.

    Attributes:
        graph: the ONNX file; its inputs are ``points`` (n, 3), ``planes`` and the weights by name.
        inputs: planes and weights, float32.
        runtime: runs it.
    """

    graph: Path
    inputs: Mapping[str, NDArray[np.float32]]
    runtime: Runtime

    @classmethod
    def of(
        cls, graph: Path, arrays: Mapping[str, NDArray[Any]], weights: tuple[str, ...], runtime: Runtime
    ) -> "Decoder":
        """The decoder of a code's arrays.

        Raises:
            ModelError: the code lacks arrays.
        """
        missing = sorted({PLANES, *weights} - set(arrays))
        if missing:
            raise ModelError(
                f"The stored code lacks '{missing[0]}'"
                + (f" and {len(missing) - 1} more arrays." if missing[1:] else "."),
                "Reconstruct the object from its photo again.",
            )
        inputs = {name: np.ascontiguousarray(arrays[name], np.float32) for name in (PLANES, *weights)}
        return cls(graph, inputs, runtime)

    def __call__(self, points: Points, output: str) -> NDArray[np.float32]:
        """One output at (n, 3) points in the network's own frame: (n,) or (n, channels).

        Raises:
            ModelError: the network does not run.
        """
        # No monitor: a run takes milliseconds, and callers ask between batches whether the artist has cancelled.
        monitor = Monitor()
        parts = []
        for start in range(0, max(len(points), 1), POINTS_PER_RUN):
            chunk = np.ascontiguousarray(points[start : start + POINTS_PER_RUN], np.float32)
            parts.append(self.runtime.run(self.graph, {"points": chunk}, monitor, self.inputs)[output])
        return np.concatenate(parts)


@dataclass(frozen=True)
class Placement:
    """How a network's own frame lies in the object frame.

    Attributes:
        rotation: (3, 3) from the object frame to the network's: a rotation, so that nothing is mirrored.
        half_size: half the side of the network's cube, in its own units; the cube becomes [-1, 1]^3.
    """

    rotation: NDArray[np.float32]
    half_size: float

    def to_network(self, points: Points) -> Points:
        """(n, 3) object frame to (n, 3) in the network's frame and units."""
        turned: Points = points @ self.rotation.T
        return turned * np.float32(self.half_size)


@dataclass(frozen=True)
class LevelSet:
    """Which values are the surface; see ``Field``."""

    iso_level: float
    iso_range: tuple[float, float]


class TriplaneField:
    """A decoded triplane as a ``Field`` whose box is the whole of [-1, 1]^3.

    Args:
        level: (n, 3) points in the network's frame -> (n,) values.
        color: (n, 3) points in the network's frame -> (n, 3) sRGB 0..1.
        placement: of the network's frame.
        level_set: which values are the surface.
        texel: side of the planes' texels, object units.
    """

    def __init__(
        self,
        level: Callable[[Points], NDArray[np.float32]],
        color: Callable[[Points], NDArray[np.float32]],
        placement: Placement,
        level_set: LevelSet,
        texel: float,
    ) -> None:
        self.iso_level = level_set.iso_level
        self.iso_range = level_set.iso_range
        self.lower = np.full(3, -1, np.float32)
        self.upper = np.full(3, 1, np.float32)
        self.detail = DETAIL * texel
        self._level = level
        self._color = color
        self._placement = placement

    def values(self, points: Points) -> NDArray[np.float32]:
        """(n, 3) -> (n,); see ``Field``."""
        inside = np.clip(points, -1, 1)
        outside = np.abs(points - inside).max(axis=1, initial=0)
        values: NDArray[np.float32] = self._level(self._placement.to_network(inside)) - np.float32(FALL) * outside
        return values

    def appearance(self, points: Points) -> Appearance:
        """(n, 3) -> colours; roughness and metallic are not known."""
        return Appearance(self._color(self._placement.to_network(np.clip(points, -1, 1))))


def texel_size(code: Code) -> float:
    """Side of a texel of the code's planes, object units, where the planes cover [-1, 1]."""
    return 2.0 / int(code.arrays[PLANES].shape[-1])


def stored_planes(planes: NDArray[np.float32]) -> NDArray[np.float16]:
    """Planes as a code keeps them.

    Raises:
        ModelError: they hold values that are not numbers or are too large, so the file is damaged or the run failed.
    """
    with np.errstate(over="ignore"):
        stored = planes.astype(np.float16)
    if not np.isfinite(stored).all():
        raise ModelError(
            "The network's result holds values that are not numbers.",
            "Verify its checkpoint in the preferences; on a GPU, try the CPU.",
        )
    return stored
