# SPDX-License-Identifier: GPL-3.0-or-later
"""What an artist changes about a surface without running the network again: its level, its base, its smoothness."""

import numpy as np
from numpy.typing import NDArray

from .fields import Appearance, Field, Points

SWELL_SHARE = 0.06
"""Room that a lowered iso level may take beyond the field's box, as a share of the box's longest side."""

SHRINK, INFLATE = 0.5, -0.53
"""Factors of Taubin's two steps ("Curve and surface smoothing without shrinkage", 1995): the second, slightly larger
one gives back the volume that the first takes. Pass-band frequency 1 / 0.5 - 1 / 0.53 = 0.11."""


class ShapedField:
    """A field with its iso level moved and its base cut off flat, itself a ``Field``.

    Cutting and raising the level only take material away, so ``detail`` stays what it was.

    Args:
        field: what the network said.
        iso_shift: -1..1; 0 is the system's own level, 1 its thinnest and -1 its fullest sensible one.
        floor: object-frame height below which everything is cut off, or None.
    """

    def __init__(self, field: Field, iso_shift: float, floor: float | None = None) -> None:
        self._field = field
        fullest, thinnest = field.iso_range
        end = thinnest if iso_shift > 0 else fullest
        self.iso_level = field.iso_level + abs(iso_shift) * (end - field.iso_level)
        self.iso_range = field.iso_range
        self.detail = field.detail
        side = float((field.upper - field.lower).max())
        room = np.float32(SWELL_SHARE * side * max(0.0, -iso_shift))
        self.lower = np.maximum(field.lower - room, np.float32(-1))
        self.upper = np.minimum(field.upper + room, np.float32(1))
        self._floor = None if floor is None else np.float32(floor)
        # Any positive slope cuts at the same height; this one makes the cut about as steep as the field itself.
        self._slope = np.float32(max(thinnest - fullest, 1e-6) / (SWELL_SHARE * side))

    def values(self, points: Points) -> NDArray[np.float32]:
        """(n, 3) -> (n,); see ``Field``."""
        values = self._field.values(points)
        if self._floor is None:
            return values
        above: NDArray[np.float32] = (points[:, 2] - self._floor) * self._slope + np.float32(self.iso_level)
        return np.minimum(values, above)

    def appearance(self, points: Points) -> Appearance:
        """The field's own; see ``Field``."""
        return self._field.appearance(points)


def smooth(vertices: NDArray[np.float32], faces: NDArray[np.int32], rounds: int) -> NDArray[np.float32]:
    """Even out ripples without losing volume (Taubin 1995, see ``SHRINK``).

    Args:
        vertices: (n, 3) float32.
        faces: (m, 4) int32 quads of a closed surface.
        rounds: how often; 0 changes nothing.

    Returns:
        (n, 3) float32; faces and their order stay.
    """
    start, end = faces.ravel(), np.roll(faces, -1, axis=1).ravel()
    count = np.maximum(np.bincount(start, minlength=len(vertices)), 1).astype(np.float32)
    result = vertices.astype(np.float32, copy=True)
    for factor in (SHRINK, INFLATE) * rounds:
        # On a closed surface each edge is met once in each direction, so this sums over all neighbours.
        sums = [np.bincount(start, result[end, axis], len(vertices)) for axis in range(3)]
        mean = np.stack(sums, axis=1).astype(np.float32) / count[:, None]
        result += np.float32(factor) * (mean - result)
    return result
