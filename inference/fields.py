# SPDX-License-Identifier: GPL-3.0-or-later
"""Fields: a code seen as a function of space in the object frame."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float32]
"""(n, 3) float32 in the object frame: Blender's axes, the object inside [-1, 1]^3, facing -Y."""


@dataclass(frozen=True)
class Appearance:
    """Surface colour and, where the system predicts them, the other Principled BSDF inputs.

    Attributes:
        base_color: (n, 3) float32, sRGB-encoded, 0..1.
        roughness: (n,) float32 0..1; a float where one value holds for the whole object; None if not predicted.
        metallic: likewise.
    """

    base_color: NDArray[np.float32]
    roughness: NDArray[np.float32] | float | None = None
    metallic: NDArray[np.float32] | float | None = None


class Field(Protocol):
    """A scalar function whose level set is the surface, with an appearance.

    Attributes:
        iso_level: the surface is where ``values`` equals it; inside is greater.
        lower, upper: (3,) float32 corners of a box, within [-1, 1]^3, outside which everything is empty.
        detail: smallest thickness (object units) of a part, or gap, that the field can represent; extraction
            guarantees not to lose parts of at least this size.
    """

    iso_level: float
    lower: NDArray[np.float32]
    upper: NDArray[np.float32]
    detail: float

    def values(self, points: Points) -> NDArray[np.float32]:
        """(n, 3) -> (n,); continuous, any n including 0, points outside the box allowed (below the iso level)."""
        ...

    def appearance(self, points: Points) -> Appearance:
        """(n, 3) -> colours at points on or near the surface."""
        ...


def gradient(field: Field, points: Points, step: float) -> NDArray[np.float32]:
    """Central differences of ``field.values``: (n, 3) -> (n, 3) float32, per object unit.

    Args:
        field: what to differentiate.
        points: where.
        step: half the distance between the two samples, object units.
    """
    offsets = np.concatenate([np.eye(3, dtype=np.float32), -np.eye(3, dtype=np.float32)]) * np.float32(step)
    samples = (points[None] + offsets[:, None]).reshape(-1, 3)
    values = field.values(samples).reshape(6, -1)
    difference: NDArray[Any] = (values[:3] - values[3:]) / np.float32(2 * step)
    return difference.T
