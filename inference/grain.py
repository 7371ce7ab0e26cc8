# SPDX-License-Identifier: GPL-3.0-or-later
"""Grain: fine texture for what no photo shows, with the statistics of the photo's but none of its picture.

The photo's fine detail keeps the strength of each of its waves and gets their phases at random ("random phase noise",
Galerne, Gousseau and Morel, "Random phase textures", 2011): wood stays streaked, wool stays woolly, and a word becomes
nothing that could be read. The phases are the same each time.
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from .camera import Camera
from .raster import Fragments, Gradients, gradients

Floats = NDArray[np.floating[Any]]

SIZE = 512
"""Side of the tile, pixels; it is as large on the object as the photo's window."""

COARSEST = 0.012
"""Radius of the blur that is taken away from the photo, in parts of the window: coarser detail would be a picture."""

CONTRAST = 0.5
"""Strength of the grain in parts of the photo's."""

NOISE = 1.0
"""Strength, 0..255, of what a camera and its JPEG add to any photo; it is no part of the grain."""

OUTLIER = 2.5
"""Detail beyond so many times the usual strength is cut off there: it is print or an edge, not grain."""

STRONGEST = 16.0
"""Most that the usual strength may be, 0..255."""


@dataclass(frozen=True)
class Grain:
    """A tile of texture, and where it lies on triangles.

    Attributes:
        tile: (s * s, 3) float32, to be added to colours 0..255; it repeats.
        places: tile coordinates, pixels, as attributes that vary linearly over the triangles.
        wanted: (t,) bool, triangles that get some.
    """

    tile: NDArray[np.float32]
    places: Gradients
    wanted: NDArray[np.bool_]

    @classmethod
    def of(
        cls,
        photo: NDArray[np.uint8],
        camera: Camera,
        points: NDArray[np.float32],
        triangles: NDArray[np.integer[Any]],
        corners: NDArray[np.float64],
        wanted: NDArray[np.bool_],
        strength: float,
    ) -> Self:
        """Lay a photo's grain on triangles, each along the two axes that it faces least.

        Args:
            photo: (s, s, 4) uint8, sRGB, straight alpha, with the object's colours spread under its transparent part.
            camera: the photo's.
            points: (n, 3) object frame.
            triangles: (t, 3).
            corners: (t, 3, 2) in texels.
            wanted: (t,) which triangles get some.
            strength: 0..1, how much of it.
        """
        a, b, c = (points[triangles[:, corner]] for corner in range(3))
        along = np.array([[1, 2], [0, 2], [0, 1]])[np.abs(np.cross(b - a, c - a)).argmax(axis=1)]
        places = np.stack([np.take_along_axis(corner, along, 1) for corner in (a, b, c)], axis=1)
        window = 2.0 * float(np.linalg.norm(camera.position)) / camera.focal
        return cls(photo_grain(photo) * np.float32(strength), gradients(corners, places * (SIZE / window)), wanted)

    def add(self, channels: list[NDArray[np.float32]], fragments: Fragments) -> None:
        """Add the grain to the first three of some channels (f,), 0..255, in place."""
        chosen = np.flatnonzero(self.wanted[fragments.triangle])
        part = Fragments(fragments.triangle[chosen], fragments.x[chosen], fragments.y[chosen])
        x, y = self.places.at(part)
        column, row = np.floor(x).astype(np.int32), np.floor(y).astype(np.int32)
        right, below = (x - column)[:, None], (y - row)[:, None]
        mask = SIZE - 1
        first, second = (row & mask) * SIZE, ((row + 1) & mask) * SIZE
        left, next_ = column & mask, (column + 1) & mask
        upper = self.tile[first + left] * (1 - right) + self.tile[first + next_] * right
        lower = self.tile[second + left] * (1 - right) + self.tile[second + next_] * right
        for channel, added in zip(channels[:3], (upper + (lower - upper) * below).T, strict=True):
            channel[chosen] = np.clip(channel[chosen] + added, 0.0, 255.0)


def photo_grain(photo: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(SIZE * SIZE, 3) float32: noise with the spectrum of a photo's fine detail.

    Args:
        photo: (s, s, 4) uint8, sRGB, straight alpha, with the object's colours spread under its transparent part.
    """
    picture = Image.fromarray(photo, "RGBA").resize((SIZE, SIZE), Image.Resampling.BOX)
    colors, inside = picture.convert("RGB"), np.asarray(picture)[..., 3] > 250
    blurred = colors.filter(ImageFilter.BoxBlur(COARSEST * SIZE))
    detail = np.asarray(colors, np.float32) - np.asarray(blurred, np.float32)
    if not inside.any():
        return np.zeros((SIZE * SIZE, 3), np.float32)
    # The median is that of the plain parts, whatever is printed elsewhere; 1.48 makes it a standard deviation.
    usual = float(np.clip(1.48 * np.median(np.abs(detail[inside])) - NOISE, 0.0, STRONGEST))
    detail = np.clip(detail, -OUTLIER * usual, OUTLIER * usual) * inside[..., None]
    noise = np.random.default_rng(0).standard_normal((SIZE, SIZE))
    phases = np.exp(1j * np.angle(np.fft.rfft2(noise)))[..., None]
    waves = np.fft.rfft2(detail, axes=(0, 1)) * phases
    waves[0, 0] = 0.0
    tile = np.fft.irfft2(waves, s=(SIZE, SIZE), axes=(0, 1))
    tile *= CONTRAST * usual / max(float(tile.std()), 1e-6)
    return tile.reshape(-1, 3).astype(np.float32)
