# SPDX-License-Identifier: GPL-3.0-or-later
"""Which points of a turned thing lie on the same circle about its axis: those that a glaze or a label runs round."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..code import Code
from .choose import primitive_of
from .revolution import Revolution
from .view_frame import ViewFrame

FINE, COARSE = 0.0125, 0.1
"""Width of the circles, object units: along the section, and across it, which keeps a saucer from the cup's filling."""

NEAR = 0.02
"""Half windows from the turned shape up to which a point belongs to it; a handle does not."""

GAP = 4
"""Numbers left out between circles that are not neighbours."""


def circles_of(code: Code, points: NDArray[np.float32], normals: NDArray[np.float32]) -> NDArray[np.intp] | None:
    """Number the circles about the axis of a code's shape.

    Args:
        code: whose ``prior`` tells the shape.
        points: (n, 3) of the surface, object frame.
        normals: (n, 3) unit.

    Returns:
        (n,) on which circle each point lies, -1 off the shape; consecutive numbers are neighbours on the section. None
        where the shape is not a turned one.
    """
    shape = None if code.prior is None else primitive_of(code.prior)
    if not isinstance(shape, Revolution):
        return None
    view, axis = ViewFrame(code.camera), shape.axis
    local = view.from_object(points.astype(np.float64))
    heights, radii = axis.cylindrical(local)
    turned = normals @ code.camera.rotation
    upward = turned @ axis.direction
    spokes = local - axis.origin - heights[:, None] * axis.direction
    outward = (turned * spokes).sum(axis=1) / np.maximum(radii, 1e-9)
    is_level = np.abs(upward) > np.abs(outward)
    side = np.where(is_level, 2 + (upward < 0), outward < 0)
    fine = _steps(np.where(is_level, radii, heights - heights.min(initial=0.0)), FINE / view.half)
    coarse = _steps(np.where(is_level, heights - heights.min(initial=0.0), radii), COARSE / view.half)
    row = side * (coarse.max(initial=0) + 1) + coarse
    numbers = row * (fine.max(initial=0) + 1 + GAP) + fine
    return np.where(np.abs(shape.distances(local)) < NEAR, numbers, -1)


def _steps(lengths: NDArray[np.floating[Any]], width: float) -> NDArray[np.intp]:
    return np.floor(lengths / width).astype(np.intp)
