# SPDX-License-Identifier: GPL-3.0-or-later
"""An object and its views in a tenth of the space: what training learns from.

A record is ``MAGIC``, the length of its header (4 bytes, little-endian), the header (JSON: who the object is, and the
sizes of what follows), and then its parts: the solid, and for each view photo, mask, depths, albedos and camera.
A view is read without touching the others.

- Photo and albedos: WebP. Albedos are grey where there is no surface.
- Mask: 16 levels, two pixels a byte.
- Depths: whole steps of ``DEPTH_STEP``. The first surface, then the thickness: what differs from the row above, as
  differences along the row. Both have the same pixels, which are stored as bits.
- Solid: 15 levels of ``SOLID_STEP`` round the surface; beyond them only inside and outside are told apart.

Measured on 30 objects: 5.9 kB a view and 20 kB an object, where numpy's arrays have 240 and 885 kB.
"""

import bz2
import io
import json
import lzma
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .grid import RESOLUTION, TRUNCATION

MAGIC = b"PEBBLE1\n"
SUFFIX = ".views"
#: Half-sizes of the crop between two stored depths: the largest error is half of it.
DEPTH_STEP = 0.0025
#: Object units between two levels of the solid, and the level from which on a cell is just far from the surface.
SOLID_STEP, FAR_LEVEL = 0.0115, 7
#: WebP's quality of the photo, which has noise and print to lose, and of the albedos, which are flat.
PHOTO_QUALITY, ALBEDO_QUALITY = 80, 75
#: WebP's slowest search: a tenth smaller than its usual one.
METHOD = 6
#: What is stored of a view, in this order.
VIEW_PARTS = ("photo", "mask", "depths", "albedo", "camera")
#: What is told of an object besides.
TOLD = ("name", "source", "category", "fingerprint", "split", "version")
#: How a length is stored.
LENGTH = struct.Struct("<I")
#: A dictionary as large as what is compressed: with a preset's 64 MB, most of the time goes into clearing them.
_FILTER = {"id": lzma.FILTER_LZMA2, "dict_size": 1 << 16, "lc": 0, "lp": 0, "pb": 0, "nice_len": 273}
_LZMA: Any = {"format": lzma.FORMAT_RAW, "filters": [_FILTER]}


class Record:
    """One stored object; its arrays are decoded when they are asked for."""

    def __init__(self, stored: bytes) -> None:
        """Read the header.

        Raises:
            ValueError: these bytes are no such record.
        """
        if not stored.startswith(MAGIC):
            raise ValueError("not a stored object, or one of another version")
        start = len(MAGIC) + LENGTH.size
        (length,) = LENGTH.unpack_from(stored, len(MAGIC))
        self.told: dict[str, Any] = json.loads(stored[start : start + length])
        self._stored = stored
        self._offsets = np.cumsum([start + length, *self.told.pop("sizes")]).tolist()
        self.views = (len(self._offsets) - 2) // len(VIEW_PARTS)

    def signed(self) -> NDArray[np.int8]:
        """(96, 96, 96) distances as ``solid.quantise`` gives them, in ``SOLID_STEP``."""
        return _read_solid(self._part(0))

    def view(self, number: int) -> dict[str, NDArray[Any]]:
        """photo (192, 192, 3) uint8, mask (192, 192) uint8, depths (2, 96, 96) float16 with NaN where there is no
        surface, albedo (2, 96, 96, 3) uint8, camera (16,) float32; see ``views.View``.
        """
        parts = [self._part(1 + number * len(VIEW_PARTS) + i) for i in range(len(VIEW_PARTS))]
        photo, mask, depths, albedo, camera = parts
        both = _read_webp(albedo)
        return {
            "photo": _read_webp(photo),
            "mask": _read_mask(mask),
            "depths": _read_depths(depths),
            "albedo": both.reshape(2, len(both) // 2, both.shape[1], 3),
            "camera": np.frombuffer(camera, np.float32),
        }

    def _part(self, number: int) -> bytes:
        return self._stored[self._offsets[number] : self._offsets[number + 1]]


def encode(arrays: dict[str, NDArray[Any]], file: str) -> bytes:
    """The arrays of ``make_object`` as a record; ``file``: the name under which a data set keeps it."""
    parts = [_solid(arrays["signed"])]
    for photo, mask, depths, albedo, camera in zip(*(arrays[name] for name in VIEW_PARTS), strict=True):
        seen = np.isfinite(depths[0])
        flat = np.where(seen[None, ..., None], albedo, np.uint8(128)).reshape(-1, *albedo.shape[2:])
        parts += [_webp(photo, PHOTO_QUALITY), _mask(mask), _depths(depths), _webp(flat, ALBEDO_QUALITY)]
        parts.append(camera.astype(np.float32).tobytes())
    told = {"file": file, "sizes": [len(part) for part in parts]} | {name: arrays[name].item() for name in TOLD}
    header = json.dumps(told).encode()
    return b"".join([MAGIC, LENGTH.pack(len(header)), header, *parts])


def _webp(picture: NDArray[np.uint8], quality: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "WEBP", quality=quality, method=METHOD)
    return buffer.getvalue()


def _read_webp(stored: bytes) -> NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(stored)).convert("RGB"))


def _mask(mask: NDArray[np.uint8]) -> bytes:
    levels = np.round(mask / 17).astype(np.uint8)
    return lzma.compress((levels[:, ::2] << 4 | levels[:, 1::2]).tobytes(), **_LZMA)


def _read_mask(stored: bytes) -> NDArray[np.uint8]:
    pairs = np.frombuffer(lzma.decompress(stored, **_LZMA), np.uint8)
    pairs = pairs.reshape(int(np.sqrt(2 * len(pairs))), -1)
    return np.stack([pairs >> 4, pairs & 15], -1).reshape(len(pairs), -1) * np.uint8(17)


def _depths(depths: NDArray[np.float16]) -> bytes:
    """Side of the maps, which pixels have depths, then the low and the high bytes of the differences."""
    seen = np.isfinite(depths[0])
    steps = np.round(np.nan_to_num(depths.astype(np.float32)) / DEPTH_STEP).astype(np.int32)
    differences = []
    for values in (steps[0], steps[1] - steps[0]):
        above = np.zeros(values.shape[1], np.int32)
        for row, here in zip(values, seen, strict=True):
            differences.append(np.diff((row - above)[here], prepend=0))
            above = np.where(here, row, above)
    joined = np.concatenate(differences)
    signless = np.where(joined < 0, -2 * joined - 1, 2 * joined).astype(np.uint16)  # 0, -1, 1, -2, 2 ...
    low, high = (signless & 255).astype(np.uint8), (signless >> 8).astype(np.uint8)
    content = LENGTH.pack(len(seen)) + np.packbits(seen).tobytes() + low.tobytes() + high.tobytes()
    return lzma.compress(content, **_LZMA)


def _read_depths(stored: bytes) -> NDArray[np.float16]:
    content = lzma.decompress(stored, **_LZMA)
    (side,) = LENGTH.unpack_from(content)
    rest = np.frombuffer(content, np.uint8, offset=LENGTH.size)
    bits, (low, high) = rest[: side * side // 8], rest[side * side // 8 :].reshape(2, -1).astype(np.int32)
    seen = np.unpackbits(bits).reshape(side, side).astype(bool)
    signless = high << 8 | low
    joined = np.where(signless & 1, -(signless >> 1) - 1, signless >> 1)
    result = np.full((2, side, side), np.nan, np.float32)
    counts, start = seen.sum(1), 0
    for values in result:
        above = np.zeros(side, np.int64)
        for row, here, count in zip(values, seen, counts, strict=True):
            above[here] += joined[start : start + count].cumsum()
            row[here] = above[here]
            start += count
    result[1] += result[0]
    return (result * DEPTH_STEP).astype(np.float16)


def _solid(signed: NDArray[np.int8]) -> bytes:
    levels = np.round(signed * (TRUNCATION / 127 / SOLID_STEP)).clip(-FAR_LEVEL, FAR_LEVEL)
    levels = (levels + FAR_LEVEL).astype(np.uint8)
    return bz2.compress((levels[:, ::2] << 4 | levels[:, 1::2]).tobytes())


def _read_solid(stored: bytes) -> NDArray[np.int8]:
    pairs = np.frombuffer(bz2.decompress(stored), np.uint8).reshape(RESOLUTION, RESOLUTION // 2, RESOLUTION)
    levels = np.arange(-FAR_LEVEL, FAR_LEVEL + 1)
    distances = np.round(levels * (SOLID_STEP * 127 / TRUNCATION)).astype(np.int8)
    distances[[0, -1]] = -127, 127
    result = np.empty((RESOLUTION,) * 3, np.int8)
    result[:, ::2], result[:, 1::2] = distances[pairs >> 4], distances[pairs & 15]
    return result
