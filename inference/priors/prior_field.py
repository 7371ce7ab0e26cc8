# SPDX-License-Identifier: GPL-3.0-or-later
"""The field of a code whose object is of a known shape."""

import numpy as np
from numpy.typing import NDArray

from ..code import Code
from ..fields import Appearance, Field, Points
from ..runtime import Runtime
from ..symmetry import box_corners
from ..systems import System
from ..systems.pebble import bilinear
from .choose import primitive_of
from .primitive import Primitive
from .view_frame import Array, ViewFrame

FAR = 0.2
"""Half windows from the surface beyond which distances are cut off, as in ``systems.pebble``."""

MARGIN = 0.02
"""Half windows between a shape and its box. What a lowered iso level needs, ``ShapedField`` adds."""

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
    predicted = system.field(code.as_predicted(), runtime)
    primitive, views = primitive_of(code.prior), (ViewFrame(code.prior.camera), ViewFrame(code.camera))
    return TurnedField(predicted, *views) if primitive is None else PriorField(predicted, *views, primitive)


class TurnedField:
    """A predicted field in the object frame of another camera that has the same view; a ``Field``.

    Args:
        predicted: the system's field.
        predicted_view: the view frame of the camera for which it was made.
        view: that of the camera for which this field is asked: the same frame, in another object frame.
    """

    def __init__(self, predicted: Field, predicted_view: ViewFrame, view: ViewFrame) -> None:
        self._predicted = predicted
        self._predicted_view = predicted_view
        self._view = view
        self.iso_level = predicted.iso_level
        self.iso_range = predicted.iso_range
        self.detail = predicted.detail / predicted_view.half * view.half
        self.lower, self.upper = self._box(self._predicted_corners())

    def values(self, points: Points) -> NDArray[np.float32]:
        """(n, 3) -> (n,); see ``Field``."""
        return self._predicted.values(self._predicted_view.to_object(self._seen(points)))

    def appearance(self, points: Points) -> Appearance:
        """The predicted colours; see ``Field``."""
        return self._predicted.appearance(self._predicted_view.to_object(self._seen(points)))

    def _seen(self, points: Points) -> NDArray[np.float32]:
        """Object frame (n, 3) to the view frame (n, 3)."""
        return self._view.from_object(np.asarray(points, np.float32)).astype(np.float32)

    def _predicted_corners(self) -> Array:
        """(8, 3) corners of the predicted field's box in the view frame."""
        return self._predicted_view.from_object(box_corners(self._predicted).astype(np.float64))

    def _box(self, corners: Array) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The box in the object frame around points (n, 3) of the view frame."""
        points = self._view.to_object(corners)
        margin = MARGIN * self._view.half
        lower, upper = points.min(0) - margin, points.max(0) + margin
        return np.clip(lower, -1, 1).astype(np.float32), np.clip(upper, -1, 1).astype(np.float32)


class PriorField(TurnedField):
    """A known shape in place of what was predicted, except where the shape leaves parts to the prediction; a ``Field``.

    Values are signed distances in half windows, cut off at ``FAR``.

    Args:
        predicted, predicted_view, view: see ``TurnedField``.
        primitive: the known shape, in the view frame.
    """

    def __init__(self, predicted: Field, predicted_view: ViewFrame, view: ViewFrame, primitive: Primitive) -> None:
        super().__init__(predicted, predicted_view, view)
        self._primitive = primitive
        fullest, thinnest = predicted.iso_range
        self._scale = np.float32((LEVELS[1] - LEVELS[0]) / (thinnest - fullest))
        self.iso_level, self.iso_range = 0.0, LEVELS
        self.detail = min(self.detail, primitive.detail * view.half)
        corners = primitive.corners()
        if primitive.rest is not None:
            corners = np.concatenate([corners, self._predicted_corners()])
        self.lower, self.upper = self._box(corners)

    def values(self, points: Points) -> NDArray[np.float32]:
        """(n, 3) -> (n,); see ``Field``."""
        seen = self._seen(points)
        result = np.clip(self._primitive.distances(seen), -FAR, FAR).astype(np.float32)
        if self._primitive.rest is None:
            return result
        region = self._region(seen, self._primitive.rest)
        near = np.flatnonzero(region > -FAR)
        kept = self._predicted.values(self._predicted_view.to_object(seen[near]))
        kept = (kept - np.float32(self._predicted.iso_level)) * self._scale
        result[near] = np.maximum(result[near], np.minimum(kept, region[near]))
        return result

    def _region(self, seen: NDArray[np.float32], rest: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n,) how far points in the view frame are inside the part of the window that is left to the prediction."""
        focal = np.float32(self._view.camera.focal)
        depth = focal - seen[:, 2]
        is_ahead = depth > np.float32(0.05) * focal
        scale = focal / np.where(is_ahead, depth, focal)
        region = bilinear(rest[None], seen[:, 0] * scale, -seen[:, 1] * scale)[0]
        return np.where(is_ahead, region, np.float32(-FAR))
