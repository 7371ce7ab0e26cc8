# SPDX-License-Identifier: GPL-3.0-or-later
"""Where an object frame lies in a Blender object's own coordinates.

The engine works in the object frame, a cube [-1, 1]^3; an artist wants a size in metres and an origin under the
object's feet. The placement is the map between the two, kept with the object so that its code can be used again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..inference.symmetry import MirrorPlane

Float = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Placement:
    """A uniform scale and a shift; axes are the same in both frames.

    Attributes:
        scale: local units per object-frame unit, greater than 0.
        offset: (3,) local coordinates of the object frame's origin.
    """

    scale: float
    offset: tuple[float, float, float]

    @classmethod
    def standing(cls, vertices: Float, size: float) -> Self:
        """The placement that puts the origin at the centre of the base and makes the longest side ``size`` long.

        Args:
            vertices: (n, 3) the object's vertices in the object frame, n at least 1.
            size: longest side of the bounding box, in Blender units, greater than 0.
        """
        lower, upper = vertices.min(axis=0).astype(float), vertices.max(axis=0).astype(float)
        scale = size / max(float((upper - lower).max()), 1e-9)
        middle = (lower + upper) / 2
        return cls(scale, (-scale * middle[0], -scale * middle[1], -scale * lower[2]))

    def to_local(self, points: Float) -> Float:
        """Object frame (n, 3) to the Blender object's local coordinates (n, 3), of the same dtype."""
        return points * points.dtype.type(self.scale) + np.asarray(self.offset, points.dtype)

    def to_object_frame(self, points: Float) -> Float:
        """Inverse of ``to_local``."""
        return (points - np.asarray(self.offset, points.dtype)) / points.dtype.type(self.scale)

    def plane_to_local(self, plane: MirrorPlane) -> MirrorPlane:
        """A mirror plane of the object frame in local coordinates."""
        x, y = plane.normal
        return MirrorPlane(plane.normal, self.scale * plane.offset + x * self.offset[0] + y * self.offset[1])

    def plane_to_object_frame(self, plane: MirrorPlane) -> MirrorPlane:
        """Inverse of ``plane_to_local``."""
        x, y = plane.normal
        return MirrorPlane(plane.normal, (plane.offset - x * self.offset[0] - y * self.offset[1]) / self.scale)

    def to_list(self) -> list[float]:
        """Scale and offset as four numbers, for a custom property."""
        return [self.scale, *self.offset]

    @classmethod
    def from_list(cls, values: Sequence[float]) -> Self:
        """Inverse of ``to_list``."""
        scale, x, y, z = values
        return cls(scale, (x, y, z))
