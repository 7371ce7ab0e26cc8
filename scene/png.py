# SPDX-License-Identifier: GPL-3.0-or-later
"""PNG files of 8 or 16 bits; Pillow writes no 16-bit colours."""

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

COMPRESSION = 1
"""Fast: such files are packed into .blend files, which artists save with compression if they care."""

SIGNATURE = b"\x89PNG\r\n\x1a\n"
FILTER_UP = 2
"""Each row as the difference to the one before: maps are smooth. PNG specification, section 9.2."""


def encode_png(pixels: NDArray[np.uint8] | NDArray[np.uint16]) -> bytes:
    """A PNG file of grey (h, w) or RGB (h, w, 3) pixels, uint8 or uint16, row 0 at the top."""
    height, width = pixels.shape[:2]
    depth = pixels.dtype.itemsize
    # Sample depth and colour type (0 grey, 2 RGB), section 11.2.1; samples are big-endian.
    header = struct.pack(">IIBBBBB", width, height, 8 * depth, 0 if pixels.ndim == 2 else 2, 0, 0, 0)
    rows = np.ascontiguousarray(pixels, f">u{depth}").view(np.uint8).reshape(height, -1)
    filtered = np.empty((height, rows.shape[1] + 1), np.uint8)
    filtered[:, 0] = FILTER_UP
    filtered[0, 1:] = rows[0]
    filtered[1:, 1:] = rows[1:] - rows[:-1]
    data = zlib.compress(filtered.tobytes(), COMPRESSION)
    return SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
