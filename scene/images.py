# SPDX-License-Identifier: GPL-3.0-or-later
"""Image data-blocks that live inside the .blend file: baked maps, and the photo behind the camera."""

import io
import zlib
from pathlib import Path

import bpy
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..inference.errors import PhotoError
from ..inference.monitor import Monitor
from ..inference.photo import load_photo, readable
from ..inference.sentence import Sentence
from .png import encode_png

NATIVE_MODES = {"JPEG": ("L", "RGB"), "PNG": ("L", "LA", "RGB", "RGBA"), "WEBP": ("RGB", "RGBA")}
"""Pillow's formats, and modes of them, that Blender decodes to the same picture as Pillow."""

ORIENTATION_TAG = 0x0112
"""EXIF orientation (Exif 2.3, table 4); Blender ignores it."""


def create_map(name: str, pixels: NDArray[np.uint8] | NDArray[np.uint16], *, is_color: bool) -> bpy.types.Image:
    """A baked map as a packed PNG.

    The file is encoded here and handed over whole: setting float pixels and packing them costs Blender four times the
    memory and more time.

    Args:
        name: of the data-block.
        pixels: (size, size, 3) or (size, size), uint8 or uint16, row 0 at v = 0.
        is_color: sRGB colours, otherwise plain data.
    """
    image = create_packed(name, _encoded_map(pixels[::-1]), f"//textures/{name}.png")
    image.colorspace_settings.name = "sRGB" if is_color else "Non-Color"
    return image


def _encoded_map(pixels: NDArray[np.uint8] | NDArray[np.uint16]) -> bytes:
    if pixels.dtype == np.uint16:
        return encode_png(pixels)
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, "PNG", compress_level=1, compress_type=zlib.Z_RLE)
    return buffer.getvalue()


def create_photo(path: Path) -> bpy.types.Image:
    """The upright photo, packed: its own file where Blender shows that rightly, otherwise encoded again.

    Raises:
        PhotoError: the file went away or changed since it was reconstructed.
    """
    data, suffix = _native_file(path) or _encoded_upright(path)
    name = f"{readable(path.stem)} photo"
    return create_packed(name, data, f"//textures/{name}{suffix}")


def create_packed(name: str, data: bytes, filepath: str) -> bpy.types.Image:
    """An image data-block of an encoded file's bytes; ``filepath`` is where unpacking would write it."""
    image = bpy.data.images.new(name, 8, 8)
    image.pack(data=data, data_len=len(data))
    image.source = "FILE"
    image.filepath_raw = filepath
    return image


def _native_file(path: Path) -> tuple[bytes, str] | None:
    """The file as it is and its suffix, or None where Blender would show another picture than the engine saw.

    Blender knows neither EXIF orientation nor embedded colour profiles, and mistakes CMYK.
    """
    try:
        data = path.read_bytes()
        with Image.open(io.BytesIO(data)) as photo:
            is_upright = photo.getexif().get(ORIENTATION_TAG, 1) in (0, 1)
            is_plain = "icc_profile" not in photo.info and photo.mode in NATIVE_MODES.get(photo.format or "", ())
            return (data, path.suffix) if is_upright and is_plain else None
    except OSError as error:
        hint = "Keep the photo in its place until the object is there."
        raise PhotoError(
            Sentence("'{name}' could not be read again ({reason}).", name=path.name, reason=error), hint
        ) from error


def _encoded_upright(path: Path) -> tuple[bytes, str]:
    """The photo as the engine sees it: PNG where it has alpha, else JPEG without visible loss."""
    photo = load_photo(path, Monitor())
    buffer = io.BytesIO()
    if photo.has_alpha:
        Image.fromarray(photo.pixels).save(buffer, "PNG", compress_level=1)
        return buffer.getvalue(), ".png"
    Image.fromarray(photo.pixels[..., :3]).save(buffer, "JPEG", quality=95)
    return buffer.getvalue(), ".jpg"
