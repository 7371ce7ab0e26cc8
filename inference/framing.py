# SPDX-License-Identifier: GPL-3.0-or-later
"""Framing: the square that the network sees, and the cut-out photo that is projected back later."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageFilter

from .camera import Window
from .cutout import OBJECT_LEVEL
from .errors import CutoutError
from .photo import Photo

MAX_CUTOUT = 2048
"""Longest side of the kept cut-out, pixels."""

FILM_DIAGONAL = math.hypot(36.0, 24.0)
"""Of 35 mm film, millimetres. CIPA DCG-001 defines the 35 mm equivalent focal length by the diagonal."""

_SPREAD_SIDE = 512
"""Side at which colours are spread, pixels; spread colours are smooth."""


@dataclass(frozen=True)
class FramingSettings:
    """How a reconstruction system wants its photo.

    Attributes:
        size: side of the network's image, pixels.
        foreground_ratio: the object's longest side as a share of the frame's.
        background: colour behind the object, sRGB, each 0..1.
        resampling: antialiased filter for the resize. ``BOX`` enlarges bilinearly, as OpenCV's area interpolation does.
    """

    size: int
    foreground_ratio: float
    background: tuple[float, float, float] = (1.0, 1.0, 1.0)
    resampling: Image.Resampling = Image.Resampling.BICUBIC


@dataclass(frozen=True)
class FramedPhoto:
    """A photo, cropped to its object.

    Attributes:
        image: (size, size, 3) float32, sRGB 0..1, the object over the background colour, antialiased.
        mask: (size, size) float32, 0..1.
        cutout: (s, s, 4) uint8, sRGB with straight alpha, at the photo's own resolution but at most 2048 pixels. The
            object's colours are freed from the background's and go on under the transparent pixels, so that neither
            filtering nor projection makes a halo.
        window: the part of the photo that ``image`` and ``cutout`` show.
        focal: focal length from EXIF in half windows, or None.
    """

    image: NDArray[np.float32]
    mask: NDArray[np.float32]
    cutout: NDArray[np.uint8]
    window: Window
    focal: float | None


def frame(photo: Photo, mask: NDArray[np.float32], settings: FramingSettings) -> FramedPhoto:
    """Crop to the object, pad to a square and resize for the network.

    Args:
        photo: (h, w).
        mask: (h, w) float32, 0..1, from ``cut_out``.
        settings: the system's wishes.

    Raises:
        CutoutError: the mask is empty.
    """
    window, left, top, side = _window(mask, settings.foreground_ratio)
    colour = _crop(photo.pixels[..., :3], left, top, side)
    alpha = _crop((mask * 255 + 0.5).astype(np.uint8), left, top, side)
    cutout = _free_colours(colour, alpha, window, photo.has_alpha)
    background = tuple(round(channel * 255) for channel in settings.background)
    composite = Image.new("RGBA", cutout.size, (*background, 255))
    composite.alpha_composite(cutout)
    size, resampling = (settings.size, settings.size), settings.resampling
    if resampling == Image.Resampling.BOX and settings.size > cutout.width:
        resampling = Image.Resampling.BILINEAR
    image = composite.convert("RGB").resize(size, resampling)
    small_mask = cutout.getchannel("A").resize(size, resampling)
    focal = None
    if photo.focal_35mm is not None:
        diagonal = math.hypot(window.photo_width, window.photo_height)
        focal = photo.focal_35mm / FILM_DIAGONAL * diagonal / window.half_size
    return FramedPhoto(
        np.asarray(image, np.float32) / 255,
        np.asarray(small_mask, np.float32) / 255,
        np.array(cutout),
        window,
        focal,
    )


def _window(mask: NDArray[np.float32], foreground_ratio: float) -> tuple[Window, int, int, int]:
    """The square round the object, on whole pixels: as a window, and as left, top, side."""
    inside = mask >= OBJECT_LEVEL
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    if not len(rows):
        raise CutoutError("The mask is empty.", "Choose another cut-out method, or give a mask.")
    extent = max(int(rows[-1] - rows[0]), int(columns[-1] - columns[0])) + 1
    side = math.ceil(extent / foreground_ratio)
    left = round((int(columns[0]) + int(columns[-1]) + 1 - side) / 2)
    top = round((int(rows[0]) + int(rows[-1]) + 1 - side) / 2)
    height, width = mask.shape
    return Window(left + side / 2, top + side / 2, side / 2, width, height), left, top, side


def _crop(pixels: NDArray[np.uint8], left: int, top: int, side: int) -> Image.Image:
    """The square from (left, top), zero beyond the picture's edges, at most MAX_CUTOUT pixels."""
    height, width = pixels.shape[:2]
    square = np.zeros((side, side, *pixels.shape[2:]), np.uint8)
    rows = slice(max(0, top), min(height, top + side))
    columns = slice(max(0, left), min(width, left + side))
    square[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left] = pixels[rows, columns]
    image = Image.fromarray(square)
    if side > MAX_CUTOUT:
        image = image.resize((MAX_CUTOUT, MAX_CUTOUT), Image.Resampling.BOX)
    return image


def whole_mask(cutout: NDArray[np.uint8], window: Window) -> NDArray[np.uint8]:
    """The mask of the whole photo that a cut-out was cropped from: (photo height, photo width) uint8.

    Args:
        cutout: (s, s, 4) uint8, of ``FramedPhoto`` or of a code.
        window: the part of the photo that it shows.
    """
    side = round(2 * window.half_size)
    alpha = Image.fromarray(np.ascontiguousarray(cutout[..., 3])).resize((side, side), Image.Resampling.BILINEAR)
    whole = Image.new("L", (window.photo_width, window.photo_height))
    whole.paste(alpha, (round(window.centre_x - window.half_size), round(window.centre_y - window.half_size)))
    return np.array(whole)


def _free_colours(colour: Image.Image, alpha: Image.Image, window: Window, is_straight: bool) -> Image.Image:
    """RGBA whose colours are the object's own, also where it is partly or wholly transparent.

    A photo's pixel at the outline is a mixture: I = alpha F + (1 - alpha) B. F and B are first guessed from sure pixels
    nearby, then F is corrected towards the mixture that was seen (Forte 2021, arXiv:2006.14970, equation 4).

    Args:
        colour: RGB.
        alpha: L, the object's opacity.
        window: what both show.
        is_straight: the colours are the object's own already, because the file had an alpha channel.
    """
    side = min(colour.width, _SPREAD_SIDE)
    small_alpha = alpha.resize((side, side), Image.Resampling.BOX)
    opacity = np.asarray(small_alpha, np.float32) / 255
    # Sure pixels lie one pixel inside. The small second weight serves objects that are too thin to have any.
    is_object = np.asarray(small_alpha.filter(ImageFilter.MinFilter(3))) > 250
    is_background = np.asarray(small_alpha.filter(ImageFilter.MaxFilter(3))) < 5
    object_colour = _enlarged(spread(_mean_colour(colour, alpha, side), is_object + 1e-3 * opacity), colour.width)
    known = (is_background + 1e-3 * (1 - opacity)) * _inside_photo(window, side)
    background = _enlarged(spread(_mean_colour(colour, ImageChops.invert(alpha), side), known), colour.width)

    weight = np.asarray(alpha)
    freed = np.where((weight == 0)[..., None], object_colour, np.asarray(colour))
    outline = np.nonzero((weight > 0) & (weight < 255))
    share = weight[outline][:, None].astype(np.float32) / 255
    guess = object_colour[outline].astype(np.float32)
    # Of straight colours, the less opaque ones are the less trusted: they are coarsely rounded, and often not clean.
    mixed_with = guess if is_straight else background[outline]
    corrected = guess + share * (freed[outline] - share * guess - (1 - share) * mixed_with)
    freed[outline] = np.clip(corrected + 0.5, 0, 255).astype(np.uint8)
    result = Image.fromarray(freed)
    result.putalpha(alpha)
    return result


def _mean_colour(colour: Image.Image, weight: Image.Image, side: int) -> NDArray[np.float32]:
    """(side, side, 3) float32, 0..255: the picture shrunk by weighted means."""
    weighted = colour.copy()
    weighted.putalpha(weight)  # Pillow weights colours by alpha when it resizes
    return np.asarray(weighted.resize((side, side), Image.Resampling.BOX).convert("RGB"), np.float32)


def _inside_photo(window: Window, side: int) -> NDArray[np.bool_]:
    """(side, side): which pixels of the window the photo covers."""
    steps = (np.arange(side) + 0.5) / side * 2 - 1
    across = window.centre_x + steps * window.half_size
    down = window.centre_y + steps * window.half_size
    inside_x = (across > 0) & (across < window.photo_width)
    inside_y = (down > 0) & (down < window.photo_height)
    return inside_y[:, None] & inside_x


def _enlarged(colours: NDArray[np.float32], side: int) -> NDArray[np.uint8]:
    """(s, s, 3) float32, 0..255, to (side, side, 3) uint8, bilinear."""
    image = Image.fromarray(np.clip(colours + 0.5, 0, 255).astype(np.uint8))
    return np.asarray(image.resize((side, side), Image.Resampling.BILINEAR))


def spread(colours: NDArray[np.float32], weights: NDArray[Any]) -> NDArray[np.float32]:
    """Fill a picture from its weighted pixels, smoothly, nearby ones first (push-pull; Gortler et al. 1996).

    Args:
        colours: (h, w, c) float32.
        weights: (h, w), 0..1; pixels of weight 1 keep their colour, pixels of weight 0 get their neighbours'.

    Returns:
        (h, w, c) float32.
    """
    weight = np.minimum(weights, 1).astype(np.float32)[..., None]
    levels = [(colours * weight, weight)]
    while min(levels[-1][1].shape[:2]) > 1:
        levels.append((_halved(levels[-1][0]), _halved(levels[-1][1])))
    premultiplied, weight = levels.pop()
    filled: NDArray[np.float32] = premultiplied / np.maximum(weight, 1e-8)
    for premultiplied, weight in reversed(levels):
        filled = premultiplied + (1 - weight) * _doubled(filled)[: weight.shape[0], : weight.shape[1]]
    return filled


def _halved(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean of 2 x 2 pixels; odd sides are padded by repeating the last one."""
    height, width = values.shape[:2]
    padded = np.pad(values, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    mean: NDArray[np.float32] = 0.25 * (padded[::2, ::2] + padded[1::2, ::2] + padded[::2, 1::2] + padded[1::2, 1::2])
    return mean


def _doubled(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Twice as many pixels along both axes, bilinear."""
    for axis in (0, 1):
        previous = np.concatenate([values.take([0], axis), values.take(range(values.shape[axis] - 1), axis)], axis)
        following = np.concatenate([values.take(range(1, values.shape[axis]), axis), values.take([-1], axis)], axis)
        pair = np.stack([0.75 * values + 0.25 * previous, 0.75 * values + 0.25 * following], axis + 1)
        shape = list(values.shape)
        shape[axis] *= 2
        values = pair.reshape(shape)
    return values
