# SPDX-License-Identifier: GPL-3.0-or-later
"""The field of a code whose object is of a known shape."""

import numpy as np
from numpy.typing import NDArray

from ..code import Code
from ..errors import ModelError
from ..fields import Appearance, Field, Points
from ..runtime import Runtime
from ..sentence import Sentence
from ..systems import System
from ..systems.pebble import bilinear
from .choose import KINDS, primitive_of
from .primitive import Primitive
from .view_frame import Array, ViewFrame

FAR = 0.2
"""Half windows from the surface beyond which distances are cut off, as in ``systems.pebble``."""

LEVELS = (-0.04, 0.005)
"""The fullest and the thinnest iso level that make sense, half windows: Pebble's own. What is kept of another system's
prediction is scaled to it."""


def field_of(system: System, code: Code, runtime: Runtime) -> Field:
    """A code as a function of space: its system's field, or that of the known shape stored with it.

    Args:
        system: the code's own.
        code: from ``encode``, now or in an earlier session.
        runtime: evaluates the points, where that takes a network.

    Raises:
        ModelError: the code is of a system, a version or a shape that is not here.
    """
    if code.prior is None:
        return system.field(code, runtime)
    if code.prior.kind not in {kind.name for kind in KINDS}:
        raise ModelError(
            Sentence("The stored code's shape '{kind}' is not known here.", kind=code.prior.kind),
            "Update the extension.",
        )
    predicted = system.field(code.as_predicted(), runtime)
    return PriorField(predicted, primitive_of(code.prior), ViewFrame(code.prior.camera), ViewFrame(code.camera))


class PriorField:
    """A known shape in place of what was predicted, except where the shape leaves parts to the prediction; a ``Field``.

    Values are signed distances in half windows, cut off at ``FAR``.

    Args:
        predicted: the system's field.
        primitive: the known shape.
        predicted_view: the view frame of the camera for which both were made.
        view: that of the camera for which this field is asked; the same frame, seen from another object frame.
    """

    iso_level = 0.0
    iso_range = LEVELS

    def __init__(self, predicted: Field, primitive: Primitive, predicted_view: ViewFrame, view: ViewFrame) -> None:
        self._predicted = predicted
        self._primitive = primitive
        self._predicted_view = predicted_view
        self._view = view
        self._rest = primitive.rest
        fullest, thinnest = predicted.iso_range
        self._scale = np.float32((LEVELS[1] - LEVELS[0]) / (thinnest - fullest))
        self.detail = min(predicted.detail / predicted_view.half, primitive.detail) * view.half
        self.lower, self.upper = self._bounds()

    def values(self, points: Points) -> NDArray[np.float32]:
        """(n, 3) -> (n,); see ``Field``."""
        seen = self._view.from_object(np.asarray(points, np.float32))
        result = np.clip(self._primitive.distances(seen), -FAR, FAR).astype(np.float32)
        if self._rest is None:
            return result
        region = self._region(seen)
        near = np.flatnonzero(region > -FAR)
        kept = self._predicted.values(self._predicted_view.to_object(seen[near]))
        kept = (kept - np.float32(self._predicted.iso_level)) * self._scale
        result[near] = np.maximum(result[near], np.minimum(kept, region[near]))
        return result

    def appearance(self, points: Points) -> Appearance:
        """The predicted colours; see ``Field``."""
        seen = self._view.from_object(np.asarray(points, np.float32))
        return self._predicted.appearance(self._predicted_view.to_object(seen))

    def _region(self, seen: Array) -> NDArray[np.float32]:
        """(n,) how far points in the view frame are inside the part of the window that is left to the prediction."""
        focal = np.float32(self._view.camera.focal)
        depth = focal - seen[:, 2]
        scale = focal / np.maximum(depth, np.float32(0.05) * focal)
        assert self._rest is not None
        region = bilinear(self._rest[None], seen[:, 0] * scale, -seen[:, 1] * scale)[0]
        return np.where(depth > np.float32(0.05) * focal, region, np.float32(-FAR))

    def _bounds(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The box around the shape, and around the prediction where it is kept."""
        corners = [self._primitive.corners()]
        if self._rest is not None:
            ends = np.stack([self._predicted.lower, self._predicted.upper]).astype(np.float64)
            box = np.stack(np.meshgrid(*ends.T, indexing="ij"), -1).reshape(-1, 3)
            corners.append(self._predicted_view.from_object(box))
        points = self._view.to_object(np.concatenate(corners))
        # A lowered iso level swells the shape; ``ShapedField`` makes room for that itself.
        margin = 0.02 * self._view.half
        lower, upper = points.min(0) - margin, points.max(0) + margin
        return np.clip(lower, -1, 1).astype(np.float32), np.clip(upper, -1, 1).astype(np.float32)
