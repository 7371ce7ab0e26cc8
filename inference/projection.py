# SPDX-License-Identifier: GPL-3.0-or-later
"""Projection: what the photo says about a point of the surface, and how far it is to be believed.

A photo tells the colour where its camera sees the surface at a fair angle. Three things make it lie: the surface is
hidden behind another part (depth test); it turns away, so that one pixel smears over many texels (fade by angle); or
the reconstruction's outline differs by a few pixels from the photo's, so that background or a nearer part would be
painted on it (fade at the cut-out's edge and beside nearer parts).
"""

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from .camera import Camera
from .raster import gradients, rasterize

Floats = NDArray[np.floating[Any]]

DEPTH_SIZE = 1024
"""Side of the depth buffer, pixels."""

FACING_NONE, FACING_FULL = 0.12, 0.4
"""Cosines between normal and line of sight where the photo begins to count (83 degrees) and fully counts (66)."""

EDGE = 0.006
"""Width of the fades at outlines, in parts of the window: what outlines of photo and surface usually differ by."""

OCCLUDER_SLOPE, OCCLUDER_FACTOR = 2.0, 1.5
"""Where the depth buffer is steeper than the surface itself, by this factor and this much, a nearer part ends."""

LARGEST_SLOPE = 32.0
"""Slopes of the depth buffer are cut off here, so that a far background counts no more than a near one."""


def smoothstep(low: Floats | float, high: Floats | float, value: Floats) -> Floats:
    """0 below ``low``, 1 above ``high``, 3 t^2 - 2 t^3 between."""
    part = np.clip((value - low) / (high - low), 0.0, 1.0)
    return part * part * (3.0 - 2.0 * part)


@dataclass(frozen=True)
class Projection:
    """A photo seen from its camera, with the depth of the surface it meets.

    Attributes:
        photo: (s * s, 4) uint8, the photo's pixels, row 0 at the top; the fourth channel is unused.
        size: s.
        depth: (d * d,) float32, distance of the nearest surface along the optical axis, row 0 at the bottom; infinity
            where there is none.
        trust: (d * d,) float32 0..1, low near the cut-out's edge.
        slope: (d * d,) float32, how steeply the depth falls to the nearest point within ``EDGE``.
        pixel: size of a depth pixel at depth 1, object units.
    """

    photo: NDArray[np.uint8]
    size: int
    depth: NDArray[np.float32]
    trust: NDArray[np.float32]
    slope: NDArray[np.float32]
    pixel: float

    @classmethod
    def of(
        cls, photo: NDArray[np.uint8], camera: Camera, window_points: Floats, depth: Floats, triangles: NDArray[Any]
    ) -> Self:
        """Look at a mesh through the photo's camera.

        Args:
            photo: (s, s, 4) uint8, sRGB, straight alpha, the camera's window.
            camera: whose window it is.
            window_points: (n, 2) the mesh's vertices by ``camera.project``.
            depth: (n,) likewise.
            triangles: (t, 3).
        """
        buffer = _depth_buffer(window_points, depth, triangles)
        pixel = 2.0 / (DEPTH_SIZE * camera.focal)
        trust, slope = _trust(photo[::-1, :, 3]), _slope(buffer, pixel)
        return cls(photo.reshape(-1, 4), len(photo), buffer.reshape(-1), trust.reshape(-1), slope.reshape(-1), pixel)

    def with_photo(self, photo: NDArray[np.uint8]) -> Self:
        """The same view with other colours (s, s, 4) uint8; the cut-out is not looked at again."""
        return replace(self, photo=photo.reshape(-1, 4))

    def look(
        self, x: Floats, y: Floats, depth: Floats, facing: Floats
    ) -> tuple[NDArray[np.intp], NDArray[np.float32], NDArray[np.float32]]:
        """What the photo says about n surface points.

        Args:
            x, y: (n,) float32 window coordinates, by ``Camera.project``.
            depth: (n,) float32, likewise.
            facing: (n,) float32, cosine between the normal and the direction to the camera.

        Returns:
            The k points it says anything about: indices (k,), colours (k, 3) float32 sRGB 0..255, weights (k,)
            float32 above 0, up to 1.
        """
        within = (np.abs(x) < 1.0) & (np.abs(y) < 1.0)
        seen = np.flatnonzero((facing > FACING_NONE) & (depth > 0.0) & within)
        x, y, depth, facing = x[seen], y[seen], depth[seen], facing[seen]
        half = np.float32(0.5 * DEPTH_SIZE)
        index = ((y + 1.0) * half).astype(np.int32) * DEPTH_SIZE + ((x + 1.0) * half).astype(np.int32)
        # On a slanted surface one pixel spans depths: tolerate two pixels' worth, for smoothed normals too.
        tangent = np.sqrt(np.maximum(1.0 - facing * facing, 0.0)) / facing
        tolerance = np.float32(2.0 * self.pixel) * depth * (1.0 + tangent)
        beyond = (depth - self.depth[index]) / tolerance
        weight = smoothstep(FACING_NONE, FACING_FULL, facing) * self.trust[index] * (1.0 - smoothstep(1.0, 2.0, beyond))
        allowed = np.float32(OCCLUDER_SLOPE) + np.float32(OCCLUDER_FACTOR) * tangent
        weight *= 1.0 - smoothstep(allowed, 2.0 * allowed, self.slope[index])
        clear = np.flatnonzero(weight > 0.0)
        return seen[clear], self._colors(x[clear], y[clear]), weight[clear]

    def _colors(self, x: Floats, y: Floats) -> NDArray[np.float32]:
        """Bilinear photo colours (k, 3) float32, sRGB 0..255, at window coordinates within -1..1."""
        half = np.float32(0.5 * self.size)
        across = np.clip((x + 1.0) * half - np.float32(0.5), 0.0, np.float32(self.size - 1.001))
        down = np.clip((1.0 - y) * half - np.float32(0.5), 0.0, np.float32(self.size - 1.001))
        column, row = across.astype(np.int32), down.astype(np.int32)
        right = np.subtract(across, column, dtype=np.float32)[:, None]
        below = np.subtract(down, row, dtype=np.float32)[:, None]
        first = row * self.size + column
        upper = _mix(self.photo[first], self.photo[first + 1], right)
        lower = _mix(self.photo[first + self.size], self.photo[first + self.size + 1], right)
        lower -= upper
        lower *= below
        upper += lower
        return upper[:, :3]


def _mix(a: NDArray[np.uint8], b: NDArray[np.uint8], part: Floats) -> NDArray[np.float32]:
    mixed = b.astype(np.float32)
    mixed -= a
    mixed *= part
    mixed += a
    return mixed


def _depth_buffer(window_points: Floats, depth: Floats, triangles: NDArray[Any]) -> NDArray[np.float32]:
    """(d, d) float32 depth of the nearest surface, infinity where there is none, row 0 at the bottom.

    The reciprocal of depth is linear on the screen, so that its interpolation is exact.
    """
    in_front = (depth > 1e-3)[triangles].all(axis=1) & (np.abs(window_points) < 4.0).all(axis=1)[triangles].all(axis=1)
    triangles = triangles[in_front]
    corners = ((window_points.astype(np.float64) * 0.5 + 0.5) * DEPTH_SIZE - 0.5)[triangles]
    nearness = (1.0 / np.maximum(depth, 1e-3))[triangles]
    slopes = gradients(corners, nearness[:, :, None])
    nearest = np.zeros((DEPTH_SIZE + 1) * DEPTH_SIZE, np.float32)
    for fragments in rasterize(corners):
        value = slopes.at(fragments)[0]
        inside = (fragments.x >= 0) & (fragments.x < DEPTH_SIZE) & (fragments.y >= 0) & (fragments.y < DEPTH_SIZE)
        place = np.where(inside, fragments.y * DEPTH_SIZE + fragments.x, DEPTH_SIZE * DEPTH_SIZE)
        np.maximum.at(nearest, place, value)
    with np.errstate(divide="ignore"):
        return (1.0 / nearest[: DEPTH_SIZE * DEPTH_SIZE]).reshape(DEPTH_SIZE, DEPTH_SIZE)


def _trust(alpha: NDArray[np.uint8]) -> Floats:
    """(d, d) float32: 0 at the cut-out's edge, 1 from twice ``EDGE`` inwards."""
    index = ((np.arange(DEPTH_SIZE) + 0.5) * len(alpha) / DEPTH_SIZE).astype(np.intp)
    cover = alpha[index][:, index].astype(np.float32) / 255.0
    radius = max(1, round(EDGE * DEPTH_SIZE))
    # One pixel of the photo more, as colours are taken between pixels.
    reach = radius + -(-DEPTH_SIZE // len(alpha))
    # Alpha slightly below one is a translucent or softly cut part, not an outline.
    return _blur(_minimum(np.minimum(cover * 1.25, 1.0), reach), radius)


def _slope(depth: NDArray[np.float32], pixel: float) -> NDArray[np.float32]:
    """(d, d) float32: how steeply the depth falls to the nearest point within ``EDGE``, 0 where it does not."""
    radius = max(1, round(EDGE * DEPTH_SIZE))
    nearer = _minimum(depth, radius)
    with np.errstate(invalid="ignore"):
        fall = (depth - nearer) / (np.float32(radius * pixel) * nearer)
    slope = np.where(np.isfinite(depth), np.minimum(fall, LARGEST_SLOPE), 0.0)
    return _blur(slope, max(1, radius // 2))


def _minimum(picture: Floats, radius: int) -> NDArray[np.float32]:
    """Least value within a square of ``2 * radius + 1`` pixels; outside the picture counts as infinity."""
    height, width = picture.shape
    least = np.pad(picture.astype(np.float32), radius, constant_values=np.inf)
    span = 1
    while span < 2 * radius + 1:
        step = min(span, 2 * radius + 1 - span)
        least = np.minimum(least[:-step], least[step:])
        least = np.minimum(least[:, :-step], least[:, step:])
        span += step
    return least[:height, :width]


def _blur(picture: Floats, radius: int) -> NDArray[np.float32]:
    """Mean over a square of ``2 * radius + 1`` pixels; the border is extended."""
    width = 2 * radius + 1
    padded = np.pad(picture.astype(np.float32), ((radius + 1, radius), (radius + 1, radius)), mode="edge")
    total = padded.cumsum(axis=0)
    total = (total[width:] - total[:-width]).cumsum(axis=1)
    return (total[:, width:] - total[:, :-width]) * np.float32(1.0 / width**2)
