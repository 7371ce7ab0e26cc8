# SPDX-License-Identifier: GPL-3.0-or-later
"""Small pictures of photos for the shelf. They are icons, not image data-blocks: nothing of them enters the file.

A thumbnail is read from the photo's file, a few a tick of a timer, so that a panel with fifty photos is drawn at once.
Blender's own previews of images are not used: they are stored in the file, and lie on their side where the camera did.
"""

import io
import time
from pathlib import Path

import bpy
import bpy.utils.previews
import numpy as np
from bpy.app.handlers import persistent
from numpy.typing import NDArray
from PIL import Image, ImageOps

from .inference.errors import PhotoError
from .inference.monitor import Monitor
from .inference.photo import load_photo
from .models import redraw

SIZE = 128
"""Pixels along a side: twice what the shelf shows at Blender's usual interface scale."""

PLAIN_MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr")
"""Pillow's modes of 8 bits, which it converts rightly; others are read as the engine reads them."""

SECONDS_A_TICK = 0.03
"""A frame's time at 30 frames a second; one large PNG may take longer."""


class Thumbnails:
    """The thumbnails that have been asked for, by image and file."""

    def __init__(self) -> None:
        self._icons: bpy.utils.previews.ImagePreviewCollection | None = None
        self._wanted: dict[str, int] = {}
        self._failed: set[str] = set()

    def icon(self, image: bpy.types.Image) -> int:
        """The number of its icon; 0 until it has been read, and for what cannot be read."""
        key = f"{image.session_uid} {image.filepath}"
        if self._icons is not None and key in self._icons:
            return self._icons[key].icon_id
        if key not in self._failed:
            self._wanted[key] = image.session_uid
            if not bpy.app.timers.is_registered(_tick):
                bpy.app.timers.register(_tick, first_interval=0.0)
        return 0

    def read_some(self) -> bool:
        """Read thumbnails for the time of a frame; whether more are wanted."""
        begin = time.monotonic()
        images = {image.session_uid: image for image in bpy.data.images}
        while self._wanted and time.monotonic() - begin < SECONDS_A_TICK:
            key, uid = next(iter(self._wanted.items()))
            del self._wanted[key]
            if uid in images:
                self._read(key, images[uid])
        return bool(self._wanted)

    def clear(self) -> None:
        """Free them."""
        if self._icons is not None:
            bpy.utils.previews.remove(self._icons)
        self._icons = None
        self._wanted.clear()
        self._failed.clear()

    def _read(self, key: str, image: bpy.types.Image) -> None:
        try:
            pixels = thumbnail(image)
        except (PhotoError, OSError, ValueError):
            # The shelf shows a sign instead; why the photo cannot be read is told when it is reconstructed.
            self._failed.add(key)
            return
        if self._icons is None:
            self._icons = bpy.utils.previews.new()
        preview = self._icons.new(key)
        preview.image_size = (SIZE, SIZE)
        preview.image_pixels_float.foreach_set(pixels.ravel())


THUMBNAILS = Thumbnails()


def thumbnail(image: bpy.types.Image) -> NDArray[np.float32]:
    """The whole photo, upright, in the middle of a transparent square.

    Returns:
        (SIZE, SIZE, 4) float32 0..1, row 0 at the bottom, as Blender stores pictures.

    Raises:
        PhotoError, OSError, ValueError: it cannot be read.
    """
    small = _read_small(image)
    small.thumbnail((SIZE, SIZE), Image.Resampling.BILINEAR)
    square = Image.new("RGBA", (SIZE, SIZE))
    square.paste(small, ((SIZE - small.width) // 2, (SIZE - small.height) // 2))
    return np.ascontiguousarray(np.asarray(square, np.float32)[::-1] / 255)


def _read_small(image: bpy.types.Image) -> Image.Image:
    """The photo as RGBA, not much larger than needed where its format allows that."""
    if image.source != "FILE" or image.is_dirty:
        return _from_pixels(image)
    path = Path(bpy.path.abspath(image.filepath_from_user(), library=image.library))
    packed = image.packed_file
    with Image.open(io.BytesIO(packed.data) if packed is not None else path) as photo:
        photo.draft("RGB", (2 * SIZE, 2 * SIZE))  # a JPEG is decoded to an eighth in a tenth of the time
        if photo.mode in PLAIN_MODES or packed is not None:
            return ImageOps.exif_transpose(photo).convert("RGBA")
    return Image.fromarray(load_photo(path, Monitor()).pixels)


def _from_pixels(image: bpy.types.Image) -> Image.Image:
    """What exists only inside Blender: generated, or painted on."""
    width, height = image.size
    values = np.empty(width * height * image.channels, np.float32)
    image.pixels.foreach_get(values)
    step = max(1, min(width, height) // SIZE)
    pixels = values.reshape(height, width, image.channels)[::-step, ::step]
    return Image.fromarray(np.ascontiguousarray((pixels.clip(0, 1) * 255).astype(np.uint8))).convert("RGBA")


def _tick() -> float | None:
    """What Blender calls: it knows timers by identity."""
    goes_on = THUMBNAILS.read_some()
    redraw()
    return 0.0 if goes_on else None


@persistent
def _on_load_pre(*_args: object) -> None:
    THUMBNAILS.clear()


def register() -> None:
    """Images get other numbers in another file."""
    bpy.app.handlers.load_pre.append(_on_load_pre)


def unregister() -> None:
    """Free them."""
    bpy.app.handlers.load_pre.remove(_on_load_pre)
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
    THUMBNAILS.clear()
