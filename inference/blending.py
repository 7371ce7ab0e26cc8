# SPDX-License-Identifier: GPL-3.0-or-later
"""Blending: what several photos say about the same points, as if one photo had said it.

Each photo is believed by its own weight (``projection``). Where several see a point, the one that looks at it most
squarely decides almost alone: a mean of two pictures that do not quite fit shows both of them, as a ghost. Between the
regions of two photos remains a narrow band in which one fades into the other, and in which what is left of a
difference in exposure and white balance would show as a seam. That difference is measured there and taken out before.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .camera import Camera
from .code import Code
from .monitor import Monitor
from .projection import Projection

Floats = NDArray[np.floating[Any]]

SHARPNESS = 12.0
"""Exponent of each photo's say: where one looks at a surface at 45 degrees and another at 55, 7 to 93 percent."""

LEAST_WEIGHT = 0.05
"""A point tells of the difference between two photos if both are believed at least so far."""

GAIN_LIMIT = 1.5
"""Gains and their reciprocals stay below this: photos differ by more only where they show different things."""

GAIN_PRIOR = 100.0
"""So many points, each fully believed in both photos, weigh as much as the assumption that the photos are alike."""

DARK, BRIGHT = 12.0, 243.0
"""Colours outside tell nothing of a gain: they are lost in noise, or cut off."""


class Look(NamedTuple):
    """What a photo says, by ``Projection.look``, or several of them together.

    Attributes:
        points: (k,) indices of the points it says anything about.
        colors: (k, 3) float32, sRGB 0..255.
        weights: (k,) float32, above 0, up to 1: how far it is to be believed.
        facing: (k,) float32, cosine between the normal and the direction to its camera, or the nearest to 1 of several.
    """

    points: NDArray[np.intp]
    colors: NDArray[np.float32]
    weights: NDArray[np.float32]
    facing: NDArray[np.float32]


@dataclass(frozen=True)
class Sight:
    """A photo, and how its camera sees points of a surface.

    Attributes:
        window_points: (n, 2) float32, ``depth``: (n,) float32, ``facing``: (n,) float32: see ``Projection.look``.
        projection: of the photo.
    """

    window_points: NDArray[np.float32]
    depth: NDArray[np.float32]
    facing: NDArray[np.float32]
    projection: Projection

    def look(self) -> Look:
        """What the photo says about the points."""
        x, y = self.window_points.T
        seen, colors, weights = self.projection.look(x, y, self.depth, self.facing)
        return Look(seen, colors, weights, self.facing[seen])


def sights_of(
    code: Code,
    points: NDArray[np.float32],
    normals: NDArray[np.float32],
    triangles: NDArray[np.integer[Any]],
    monitor: Monitor,
) -> tuple[Sight, ...]:
    """How the cameras of a code's photos see a mesh; further photos in the exposure and white balance of those before.

    Args:
        code: with at least its first photo.
        points: (n, 3) object frame.
        normals: (n, 3) unit.
        triangles: (t, 3) counter-clockwise seen from outside; what hides what.
        monitor: asked for cancellation.

    Raises:
        Cancelled: the artist cancelled.
    """
    sights = [_sight(code.photo, code.camera, points, normals, triangles)]
    looks = [sights[0].look()]
    for photo in code.photos:
        monitor.progress(0.1)
        sight = _sight(photo.pixels, photo.camera, points, normals, triangles)
        factors = gain(len(points), blended(len(points), looks), sight.look())
        corrected = sight.projection.with_photo(with_gain(photo.pixels, factors))
        sights.append(replace(sight, projection=corrected))
        looks.append(sights[-1].look())
    return tuple(sights)


def _sight(
    photo: NDArray[np.uint8],
    camera: Camera,
    points: NDArray[np.float32],
    normals: NDArray[np.float32],
    triangles: NDArray[np.integer[Any]],
) -> Sight:
    window_points, depth = camera.project(points)
    direction = camera.position.astype(np.float32) - points
    facing = (normals * direction).sum(axis=1) / np.maximum(np.linalg.norm(direction, axis=1), 1e-12)
    window_points, depth = window_points.astype(np.float32), depth.astype(np.float32)
    projection = Projection.of(photo, camera, window_points, depth, triangles)
    return Sight(window_points, depth, facing.astype(np.float32), projection)


def blended(count: int, looks: Sequence[Look]) -> Look:
    """What all photos say together about points 0 to ``count`` - 1; what one leaves open, another may fill.

    Args:
        count: number of points.
        looks: at least one.
    """
    if len(looks) == 1:
        return looks[0]
    best, facing = np.zeros(count, np.float32), np.zeros(count, np.float32)
    open_share = np.ones(count, np.float32)
    for look in looks:
        best[look.points] = np.maximum(best[look.points], look.weights * look.facing)
        facing[look.points] = np.maximum(facing[look.points], look.facing)
        open_share[look.points] *= 1.0 - look.weights
    total, colors = np.zeros(count, np.float32), np.zeros((count, 3), np.float32)
    for look in looks:
        # Relative to the best, so that high powers of small weights are not lost.
        say = (look.weights * look.facing / best[look.points]) ** np.float32(SHARPNESS)
        total[look.points] += say
        colors[look.points] += look.colors * say[:, None]
    seen = np.flatnonzero(total > 0.0)
    return Look(seen, colors[seen] / total[seen, None], 1.0 - open_share[seen], facing[seen])


def gain(count: int, known: Look, other: Look) -> NDArray[np.float64]:
    """(3,) factors for another photo's colours that bring them to those already known where both see the surface.

    Factors of sRGB-encoded values are used: the encoding is nearly a power, under which a factor stays a factor.

    Args:
        count: number of points; looks have indices below.
        known: what the photos before it say together.
        other: what it says.
    """
    place = np.full(count, -1)
    place[known.points] = np.arange(len(known.points))
    index = place[other.points]
    both = (index >= 0) & (other.weights > LEAST_WEIGHT)
    both[both] &= known.weights[index[both]] > LEAST_WEIGHT
    wanted, given = known.colors[index[both]], other.colors[both]
    weights = known.weights[index[both]] * other.weights[both]
    factors = np.ones(3)
    for channel in range(3):
        a, b = wanted[:, channel], given[:, channel]
        sound = (np.minimum(a, b) > DARK) & (np.maximum(a, b) < BRIGHT)
        if sound.any():
            middle = _weighted_median(np.log(a[sound] / b[sound]), weights[sound])
            factors[channel] = np.exp(middle * weights[sound].sum() / (weights[sound].sum() + GAIN_PRIOR))
    return np.clip(factors, 1.0 / GAIN_LIMIT, GAIN_LIMIT)


def with_gain(pixels: NDArray[np.uint8], factors: NDArray[np.float64]) -> NDArray[np.uint8]:
    """A photo (h, w, 4) uint8 with its colours multiplied by factors (3,)."""
    table = np.arange(256)[:, None] * factors
    corrected = pixels.copy()
    for channel in range(3):
        corrected[..., channel] = np.clip(table[:, channel] + 0.5, 0, 255).astype(np.uint8)[pixels[..., channel]]
    return corrected


def _weighted_median(values: Floats, weights: Floats) -> float:
    """Outliers, where the photos show different things because the shape is not quite right, do not move it."""
    order = np.argsort(values)
    total = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(total, 0.5 * total[-1])])
