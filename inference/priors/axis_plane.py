# SPDX-License-Identifier: GPL-3.0-or-later
"""The mirror plane of an outline: a surface of revolution is symmetric to each plane through its axis.

One of these planes also holds the camera, and only there is the outline mirrored onto itself, whatever the lean of the
axis towards the camera. Such a plane has two numbers, its roll about the viewing direction and its offset sideways;
they are searched first, because an outline without such a plane cannot be a round thing's. See ``view_frame`` for the
frame.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .evidence import Evidence
from .view_frame import Array

ROLL_STEP = np.radians(6)
"""Of the search over all rolls."""

OFFSETS = 15
"""Offsets tried for each roll, over the middle 70 % of half the object's width."""

WIDE_TOLERANCE, TOLERANCE = 0.03, 0.014
"""Distance from the outline up to which a mirrored point lies on it, half windows: while searching, and at the end."""

OUTSIDE = -0.08
"""Taken for the distance to the outline outside the window, half windows."""

PEAKS = 4
"""Rolls that are refined."""

CONTOUR_POINTS = 250


def sample_outline(silhouette: NDArray[np.float32], x: Array, y: Array) -> NDArray[np.float32]:
    """Distances to the outline at window coordinates.

    Args:
        silhouette: (s, s) float32, half windows, positive inside.
        x, y: any shape, window coordinates.

    Returns:
        float32 of that shape, bilinearly interpolated; ``OUTSIDE`` outside the window.
    """
    size = len(silhouette)
    column = np.clip((x.astype(np.float32) + 1) * np.float32(size / 2) - np.float32(0.5), 0, size - 1.001)
    row = np.clip((1 - y.astype(np.float32)) * np.float32(size / 2) - np.float32(0.5), 0, size - 1.001)
    i, j = row.astype(np.int32), column.astype(np.int32)
    s, t = row - i, column - j
    flat, start = silhouette.reshape(-1), i * size + j
    upper = flat[start] * (1 - t) + flat[start + 1] * t
    lower = flat[start + size] * (1 - t) + flat[start + size + 1] * t
    inside = (np.abs(x) <= 1) & (np.abs(y) <= 1)
    result: NDArray[np.float32] = np.where(inside, upper * (1 - s) + lower * s, np.float32(OUTSIDE))
    return result


@dataclass(frozen=True)
class AxisPlane:
    """A plane through the camera in which the axis of a surface of revolution may lie.

    Attributes:
        score: share of the outline's points whose mirror image lies on the outline, 0..1.
        roll: of the plane about the viewing direction, radians; 0 where it is upright in the photo, within +-pi/2.
        focal: of the camera, half windows.
        origin: (3,) the point of the plane in the middle of the outline, in the window's plane (z = 0).
        sideways, up, back: (3,) unit vectors, right-angled to each other: the plane's normal, up in the photo, and from
            the origin to the camera.
    """

    score: float
    roll: float
    focal: float
    origin: Array
    sideways: Array
    up: Array
    back: Array

    @classmethod
    def through(cls, score: float, roll: float, offset: float, focal: float, middle: Array) -> "AxisPlane":
        """The plane whose line in the window has this roll and this offset from the window's middle.

        Args:
            score: see the attributes.
            roll: radians.
            offset: half windows.
            focal: half windows.
            middle: (2,) the outline's middle, window coordinates; the origin is the nearest point of the line.
        """
        sideways = _normals(np.array(roll), np.array(offset), focal)
        across = np.array([np.cos(roll), -np.sin(roll)])
        origin = np.append(middle - across * (middle @ across - offset), 0.0)
        back = np.array([0.0, 0.0, focal]) - origin
        back /= np.linalg.norm(back)
        up = np.cross(back, sideways)
        up *= np.sign(up[:2] @ [np.sin(roll), np.cos(roll)]) / np.linalg.norm(up)
        return cls(score, roll, focal, origin, sideways, up, back)

    def axis(self, lean: float) -> Array:
        """(3,) the axis direction that leans from ``up`` towards the camera by ``lean`` radians."""
        return np.cos(lean) * self.up + np.sin(lean) * self.back

    def lean_of(self, direction: Array) -> float:
        """Radians, inverse of ``axis`` for the part of a direction (3,) that lies in the plane."""
        return float(np.arctan2(direction @ self.back, direction @ self.up))


def find_axis_planes(evidence: Evidence) -> list[AxisPlane]:
    """The best mirror planes through the camera, best first; at least one, and always one that is about upright."""
    silhouette, focal = evidence.silhouette, evidence.focal
    contour = evidence.contour
    points = contour[:: max(len(contour) // CONTOUR_POINTS, 1)]
    rolls = np.arange(-np.pi / 2, np.pi / 2 - 1e-9, ROLL_STEP)
    offsets = _offsets(silhouette, rolls)
    scores = _scores(silhouette, points, np.repeat(rolls, OFFSETS), offsets.ravel(), focal, WIDE_TOLERANCE)
    scores = scores.reshape(offsets.shape)
    best = scores.argmax(1)
    each = scores.max(1)
    is_peak = (each >= np.roll(each, 1)) & (each >= np.roll(each, -1))
    upright = int(np.abs(rolls).argmin())
    chosen = np.argsort(np.where(is_peak, -each, 1.0), kind="stable")[: min(PEAKS, int(is_peak.sum()))]
    if upright not in chosen:
        chosen = np.append(chosen, upright)
    found = _refine(silhouette, points, rolls[chosen], offsets[chosen, best[chosen]], focal)
    middle = (contour.min(0) + contour.max(0)) / 2
    planes = [
        AxisPlane.through(float(s), _wrapped(float(r)), float(o), focal, middle) for s, r, o in zip(*found, strict=True)
    ]
    return sorted(planes, key=lambda plane: -plane.score)


def _wrapped(roll: float) -> float:
    """The same line's roll within +-pi/2."""
    return (roll + np.pi / 2) % np.pi - np.pi / 2


def _offsets(silhouette: NDArray[np.float32], rolls: Array) -> Array:
    """(n, OFFSETS) to try for each roll (n,): around the middle of the object's extent across the line."""
    size = len(silhouette)
    rows, columns = np.nonzero(silhouette[::4, ::4] > 0)
    places = np.stack([(4 * columns + 0.5) / size * 2 - 1, 1 - (4 * rows + 0.5) / size * 2])
    across = np.stack([np.cos(rolls), -np.sin(rolls)], 1) @ places
    low, high = np.percentile(across, [2, 98], axis=1)
    middle, half = (low + high) / 2, (high - low) / 2
    result: Array = middle[:, None] + half[:, None] * np.linspace(-0.35, 0.35, OFFSETS)
    return result


def _normals(rolls: Array, offsets: Array, focal: float) -> Array:
    """(..., 3) unit normals of the planes through the camera at (0, 0, focal)."""
    normals = np.stack([np.cos(rolls), -np.sin(rolls), offsets / focal], -1)
    result: Array = normals / np.linalg.norm(normals, axis=-1, keepdims=True)
    return result


def _scores(
    silhouette: NDArray[np.float32], points: Array, rolls: Array, offsets: Array, focal: float, tolerance: float
) -> Array:
    """(n,) shares of the outline's points (m, 2) whose mirror image at each plane (n,) lies on the outline.

    A point counts in full up to half the tolerance, and not at all from 1.5 times the tolerance on.
    """
    normals = _normals(rolls, offsets, focal)
    rays = np.column_stack([points, np.full(len(points), -focal)])
    mirrored = rays - 2 * (normals @ rays.T)[..., None] * normals[:, None]
    scale = -focal / mirrored[..., 2]
    distance = np.abs(sample_outline(silhouette, mirrored[..., 0] * scale, mirrored[..., 1] * scale))
    result: Array = np.clip(1.5 - distance / tolerance, 0, 1).mean(1, dtype=np.float64)
    return result


def _refine(
    silhouette: NDArray[np.float32], points: Array, rolls: Array, offsets: Array, focal: float
) -> tuple[Array, Array, Array]:
    """Scores, rolls and offsets after a search by ever smaller steps from several starts at once."""
    steps = np.stack(np.meshgrid([-1, 0, 1], [-1, 0, 1]), -1).reshape(-1, 2)
    roll_step, offset_step = ROLL_STEP / 2, 0.02
    index = np.arange(len(rolls))
    best = np.zeros(len(rolls))
    for _ in range(6):
        for _ in range(2):
            tried = rolls[:, None] + steps[:, 0] * roll_step, offsets[:, None] + steps[:, 1] * offset_step
            scores = _scores(silhouette, points, tried[0].ravel(), tried[1].ravel(), focal, TOLERANCE)
            scores = scores.reshape(len(rolls), -1)
            taken = scores.argmax(1)
            best, rolls, offsets = scores[index, taken], tried[0][index, taken], tried[1][index, taken]
        roll_step, offset_step = roll_step / 2, offset_step / 2
    return best, rolls, offsets
