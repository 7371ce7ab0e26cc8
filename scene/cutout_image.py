# SPDX-License-Identifier: GPL-3.0-or-later
"""The cut-out as an image data-block that the artist corrects: the photo, with the object's mask as its alpha channel.

Its colours stay the photo's everywhere, so that Blender's own brushes can take away (blend mode Erase Alpha) and give
back (Add Alpha).
"""

from pathlib import Path

import bpy
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from ..inference.errors import CutoutError, OutputError
from ..inference.sentence import Sentence

PHOTO_KEY = "image_to_3d_photo"
"""Custom property of the image: the name of the photo's data-block."""


def create_cutout_image(photo: bpy.types.Image, pixels: NDArray[np.uint8]) -> bpy.types.Image:
    """Make the image, or renew the one that there is for this photo.

    Args:
        photo: the data-block it belongs to.
        pixels: (h, w, 4) uint8, sRGB with straight alpha, row 0 at the top.
    """
    height, width = pixels.shape[:2]
    image = find_cutout_image(photo)
    if image is not None and tuple(image.size) != (width, height):
        bpy.data.images.remove(image)
        image = None
    if image is None:
        image = bpy.data.images.new(f"{photo.name} cut-out", width, height, alpha=True)
        image.alpha_mode = "STRAIGHT"
        image[PHOTO_KEY] = photo.name
    _set_pixels(image, pixels)
    return image


def find_cutout_image(photo: bpy.types.Image | None) -> bpy.types.Image | None:
    """The edited cut-out of this photo, if there is one."""
    if photo is None:
        return None
    return next((image for image in bpy.data.images if image.get(PHOTO_KEY) == photo.name), None)


def is_cutout_image(image: bpy.types.Image | None) -> bool:
    """Whether this image is an edited cut-out."""
    return image is not None and PHOTO_KEY in image


def read_mask(image: bpy.types.Image) -> NDArray[np.uint8]:
    """(h, w) uint8: the alpha channel as painted, row 0 at the top."""
    return _pixels(image)[..., 3]


def invert(image: bpy.types.Image) -> None:
    """Keep what was cut away, cut away what was kept."""
    pixels = _pixels(image)
    pixels[..., 3] = 255 - pixels[..., 3]
    _set_pixels(image, pixels)


def feather(image: bpy.types.Image, radius: float) -> None:
    """Soften the mask's edge by a Gaussian blur; radius in pixels."""
    pixels = _pixels(image)
    mask = Image.fromarray(np.ascontiguousarray(pixels[..., 3])).filter(ImageFilter.GaussianBlur(radius))
    pixels[..., 3] = np.asarray(mask)
    _set_pixels(image, pixels)


def write_mask(image: bpy.types.Image, folder: Path) -> Path:
    """Write the mask as a grey PNG for the engine.

    Raises:
        CutoutError: it is empty.
        OutputError: it cannot be written.
    """
    mask = read_mask(image)
    if not (mask > 127).any():
        raise CutoutError("The edited cut-out is empty.", "Paint the object back, or choose another cut-out.")
    return write_grey(mask, folder, image.name)


def write_grey(mask: NDArray[np.uint8], folder: Path, name: str) -> Path:
    """Write a mask, (h, w) uint8 with row 0 at the top, as a PNG; raises ``OutputError``."""
    path = folder / f"{bpy.path.clean_name(name)}.png"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.ascontiguousarray(mask)).save(path, compress_level=1)
    except OSError as error:
        raise OutputError(
            Sentence("'{path}' could not be written ({reason}).", path=path, reason=error.strerror),
            "Check the free space.",
        ) from error
    return path


def _pixels(image: bpy.types.Image) -> NDArray[np.uint8]:
    """(h, w, 4) uint8, row 0 at the top."""
    width, height = image.size
    values = np.empty(width * height * 4, np.float32)
    image.pixels.foreach_get(values)
    pixels = np.clip(values * 255 + 0.5, 0, 255).astype(np.uint8)
    return np.ascontiguousarray(pixels.reshape(height, width, 4)[::-1])


def _set_pixels(image: bpy.types.Image, pixels: NDArray[np.uint8]) -> None:
    """All pixels at once; packed, so that saving the file keeps them."""
    image.pixels.foreach_set((pixels[::-1].astype(np.float32) / 255).ravel())
    image.update()
    image.pack()
