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

SIZE, TILE = 512, 1024
"""Side at which the photo is looked at, pixels, and that of the tile, a power of 2. The tile is as large on the object
as the photo's window, and so fine that texels may take the pixel they lie in."""

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
        tile: (3, TILE * TILE) int8, to be added to colours 0..255; it repeats.
        places: tile coordinates, pixels, as attributes that vary linearly over the triangles.
        wanted: (t,) bool, triangles that get some.
    """

    tile: NDArray[np.int8]
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
        tile = np.round(photo_grain(photo) * np.float32(strength)).astype(np.int8)
        return cls(tile, gradients(corners, places * (TILE / window)), wanted)

    def add(self, channels: list[NDArray[np.float32]], fragments: Fragments) -> None:
        """Add the grain to the first three of some channels (f,), 0..255, in place."""
        chosen = np.flatnonzero(self.wanted[fragments.triangle])
        part = Fragments(fragments.triangle[chosen], fragments.x[chosen], fragments.y[chosen])
        x, y = (np.floor(place).astype(np.int32) & (TILE - 1) for place in self.places.at(part))
        place = y * TILE + x
        for channel, layer in zip(channels[:3], self.tile, strict=True):
            channel[chosen] = np.clip(channel[chosen] + layer[place], 0.0, 255.0)


def photo_grain(photo: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(3, TILE * TILE) float32, at most 127: noise with the spectrum of a photo's fine detail.

    Args:
        photo: (s, s, 4) uint8, sRGB, straight alpha, with the object's colours spread under its transparent part.
    """
    picture = Image.fromarray(photo, "RGBA").resize((SIZE, SIZE), Image.Resampling.BOX)
    colors, inside = picture.convert("RGB"), np.asarray(picture)[..., 3] > 250
    blurred = colors.filter(ImageFilter.BoxBlur(COARSEST * SIZE))
    detail = np.asarray(colors, np.float32) - np.asarray(blurred, np.float32)
    if not inside.any():
        return np.zeros((3, TILE * TILE), np.float32)
    # The median is that of the plain parts, whatever is printed elsewhere; 1.48 makes it a standard deviation.
    usual = float(np.clip(1.48 * np.median(np.abs(detail[inside])) - NOISE, 0.0, STRONGEST))
    detail = np.clip(detail, -OUTLIER * usual, OUTLIER * usual) * inside[..., None]
    waves = np.fft.rfft2(detail, axes=(0, 1))
    turns = np.random.default_rng(0).random(waves.shape[:2], np.float32)
    waves *= np.exp(np.complex64(2j * np.pi) * turns)[..., None]
    waves[0, 0] = 0.0
    tile = np.fft.irfft2(waves, s=(SIZE, SIZE), axes=(0, 1))
    tile *= CONTRAST * usual / max(float(tile.std()), 1e-6)
    layers = (Image.fromarray(layer.astype(np.float32)).resize((TILE, TILE)) for layer in np.moveaxis(tile, -1, 0))
    return np.clip([np.asarray(layer).ravel() for layer in layers], -127.0, 127.0).astype(np.float32)
