# SPDX-License-Identifier: GPL-3.0-or-later
"""What a fitted shape is, and what a fit says of itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .view_frame import Array

Numbers = Mapping[str, NDArray[Any]]
"""A shape's numbers by name, as they are stored with the code."""


class Primitive(Protocol):
    """A shape in the view frame of the camera it was fitted for."""

    @property
    def up(self) -> Array | None:
        """(3,) unit vector, the direction that is up where the shape stands upright.

        None where the shape says nothing of it, and what was predicted stays.
        """
        ...

    @property
    def detail(self) -> float:
        """Smallest thickness of a wall or gap, half windows; infinity where the shape has none."""
        ...

    @property
    def rest(self) -> NDArray[np.float32] | None:
        """(384, 384) half windows: positive where the photo shows parts that the shape does not explain.

        There the predicted field is kept. Signed distances, at least near 0; row 0 is at the top of the window. None
        where the shape explains all.
        """
        ...

    def distances(self, points: Array) -> NDArray[np.float32]:
        """(n, 3) points in the view frame -> (n,) signed distances to the surface, half windows, positive inside.

        Continuous; exact near the surface, of the right sign elsewhere.
        """
        ...

    def corners(self) -> Array:
        """(k, 3) points in the view frame whose convex hull holds the shape."""
        ...

    def numbers(self) -> dict[str, NDArray[Any]]:
        """All that is needed to make the shape again; float32 where a distance or an angle is meant."""
        ...


@dataclass(frozen=True)
class Fit:
    """A shape that was fitted, and how well it explains the evidence.

    Attributes:
        primitive: the shape.
        overlap: of its outline with the cut-out's, as intersection over union, 0..1; parts in ``rest`` left out.
        angle: mean angle between its visible normals and the predicted ones, degrees.
        is_sure: it passes the strict gates, for use unasked.
        is_fair: it passes the looser gates, for an artist who asked for it.
    """

    primitive: Primitive
    overlap: float
    angle: float
    is_sure: bool
    is_fair: bool
