# SPDX-License-Identifier: GPL-3.0-or-later
"""The cut-out as an image data-block that the artist corrects: the photo, with the object's mask as its alpha channel.

Its colours stay the photo's everywhere, so that Blender's own brushes can take away (blend mode Erase Alpha) and give
back (Add Alpha).
"""

from collections.abc import Iterator
from pathlib import Path

import bpy
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from ..inference.errors import CutoutError, OutputError
from ..inference.sentence import Sentence
from .cutout_history import CutoutHistory

PHOTO_KEY = "image_to_3d_photo"
"""Custom property of the image: the photo's data-block itself, because its name may change."""

_history = CutoutHistory()
_doubtful: set[int] = set()
"""``session_uid`` of images whose packed file may be older than their pixels, though Blender calls them unchanged."""


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
        image = bpy.data.images.new(_image_name(photo), width, height, alpha=True)
        image.alpha_mode = "STRAIGHT"
        image[PHOTO_KEY] = photo
        # Blender saves nothing without a user, and an Image Editor is one only while it shows the image.
        image.use_fake_user = True
        _set_pixels(image, pixels)
    else:
        _change_pixels(image, pixels)
    return image


def find_cutout_image(photo: bpy.types.Image | None) -> bpy.types.Image | None:
    """The edited cut-out of this photo, if there is one."""
    if photo is None:
        return None
    return next((image for image in bpy.data.images if image.get(PHOTO_KEY) == photo), None)


def photos_with_cutouts() -> set[bpy.types.Image]:
    """All photos that have an edited cut-out."""
    return {image[PHOTO_KEY] for image in bpy.data.images if image.get(PHOTO_KEY) is not None}


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
    _change_pixels(image, pixels)


def feather(image: bpy.types.Image, radius: float) -> None:
    """Soften the mask's edge by a Gaussian blur; radius in pixels."""
    pixels = _pixels(image)
    mask = Image.fromarray(np.ascontiguousarray(pixels[..., 3])).filter(ImageFilter.GaussianBlur(radius))
    pixels[..., 3] = np.asarray(mask)
    _change_pixels(image, pixels)


def pack_changed() -> None:
    """Before saving: bring the packed files up to what has been painted."""
    for image in _own_cutouts():
        if image.is_dirty or (image.has_data and image.session_uid in _doubtful):
            _set_pixels(image, _pixels(image))
    _doubtful.clear()


def follow_undo() -> None:
    """After undo and redo: take back, or do again, what our operators did to the pixels."""
    images = list(_own_cutouts())
    _history.forget_missing({image.session_uid for image in images})
    for image in images:
        passage = _history.follow(image)
        if passage is not None:
            pixels = _pixels(image)
            mask = passage.mask(pixels[..., 3])
            if mask is not None:
                pixels[..., 3] = mask
                _show_pixels(image, pixels)
        # Undo may have brought back an older packed file, under pixels that it left alone.
        _doubtful.add(image.session_uid)


def forget_history() -> None:
    """Another file was opened: there is nothing to undo in it, and its images are as packed."""
    _history.clear()
    _doubtful.clear()


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


def _own_cutouts() -> Iterator[bpy.types.Image]:
    """The edited cut-outs of this file; those linked from another one cannot be changed here."""
    return (image for image in bpy.data.images if is_cutout_image(image) and image.library is None)


def _change_pixels(image: bpy.types.Image, pixels: NDArray[np.uint8]) -> None:
    """All pixels at once, as a step that can be undone."""
    before = read_mask(image)
    _set_pixels(image, pixels)
    number = _history.record(image, before, pixels[..., 3])
    # Another name, because Blender looks up by it how the stroke before left what the next one does not touch; undoing
    # that one would take this change back, too. The number comes first, as long names are cut off.
    image.name = _image_name(image.get(PHOTO_KEY), f" {number}")


def _image_name(photo: bpy.types.Image | None, number: str = "") -> str:
    return f"Cut-out{number} of {photo.name}" if photo is not None else f"Cut-out{number}"


def _set_pixels(image: bpy.types.Image, pixels: NDArray[np.uint8]) -> None:
    """All pixels at once; packed, so that saving the file keeps them."""
    _show_pixels(image, pixels)
    image.pack()


def _show_pixels(image: bpy.types.Image, pixels: NDArray[np.uint8]) -> None:
    """All pixels at once; Blender then knows that the packed file is older."""
    image.pixels.foreach_set((pixels[::-1].astype(np.float32) / 255).ravel())
    image.update()
