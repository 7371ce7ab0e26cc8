# SPDX-License-Identifier: GPL-3.0-or-later
"""The cut-out as a picture for the sidebar. It is an icon, not an image data-block: nothing of it enters the file."""

from dataclasses import dataclass

import bpy
import bpy.utils.previews
import numpy as np
from numpy.typing import NDArray

ICON_SIZE = 256
"""Pixels along a side of the icon."""

CHECKER_CELL = 16
CHECKER_GREYS = (0.22, 0.30)
"""Cell size in pixels and the two greys of the checkerboard behind transparency; dark, to suit Blender's theme."""


MARGIN = 0.06
"""Around the object, as a share of its size."""


@dataclass(frozen=True)
class PreviewKey:
    """What a preview was made of; a preview of anything else is not shown.

    Attributes:
        photo: name of the image data-block.
        cutout, mask_path: as set in the sidebar.
    """

    photo: str
    cutout: str
    mask_path: str


class CutoutPreview:
    """The latest preview."""

    def __init__(self) -> None:
        self._icons: bpy.utils.previews.ImagePreviewCollection | None = None
        self._key: PreviewKey | None = None

    def show(self, key: PreviewKey, pixels: NDArray[np.uint8]) -> None:
        """Replace the preview.

        Args:
            key: what it was made of.
            pixels: (h, w, 4) uint8, row 0 at the top.
        """
        self.clear()
        self._icons = bpy.utils.previews.new()
        preview = self._icons.new("cutout")
        preview.image_size = (ICON_SIZE, ICON_SIZE)
        preview.image_pixels_float.foreach_set(icon_pixels(pixels).ravel())
        self._key = key

    def icon(self, key: PreviewKey) -> int | None:
        """The icon's number, or None if there is no preview of just that."""
        if self._icons is None or key != self._key:
            return None
        return self._icons["cutout"].icon_id

    def clear(self) -> None:
        """Free it."""
        if self._icons is not None:
            bpy.utils.previews.remove(self._icons)
        self._icons = self._key = None


PREVIEW = CutoutPreview()


def icon_pixels(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The square around the object, over a checkerboard.

    Args:
        pixels: (h, w, 4) uint8, straight alpha, row 0 at the top.

    Returns:
        (ICON_SIZE, ICON_SIZE, 4) float32 0..1, row 0 at the bottom, as Blender stores pictures.
    """
    centre, side = _object_square(pixels[..., 3])
    # Sample positions of the icon's pixels in the picture, which has been filtered down already.
    steps = ((np.arange(ICON_SIZE) + 0.5) / ICON_SIZE - 0.5) * side
    rows, columns = np.floor(centre[0] + steps).astype(int), np.floor(centre[1] + steps).astype(int)
    height, width = pixels.shape[:2]
    inside = ((rows >= 0) & (rows < height))[:, None] & ((columns >= 0) & (columns < width))[None]
    sampled = pixels[np.clip(rows, 0, height - 1)[:, None], np.clip(columns, 0, width - 1)[None]]
    picture = sampled.astype(np.float32) / 255
    alpha = picture[..., 3:] * inside[..., None]
    cells = np.arange(ICON_SIZE) // CHECKER_CELL
    checker = np.array(CHECKER_GREYS, np.float32)[(cells[:, None] + cells[None]) % 2][..., None]
    icon = np.ones((ICON_SIZE, ICON_SIZE, 4), np.float32)
    icon[..., :3] = picture[..., :3] * alpha + checker * (1 - alpha)
    return np.ascontiguousarray(icon[::-1])


def _object_square(alpha: NDArray[np.uint8]) -> tuple[tuple[float, float], float]:
    """Centre (row, column) and side, in pixels, of the square that holds all that is visible, with some margin."""
    rows, columns = np.flatnonzero((alpha > 0).any(axis=1)), np.flatnonzero((alpha > 0).any(axis=0))
    if not len(rows):
        return (alpha.shape[0] / 2, alpha.shape[1] / 2), float(max(alpha.shape))
    height, width = rows[-1] + 1 - rows[0], columns[-1] + 1 - columns[0]
    return (rows[0] + height / 2, columns[0] + width / 2), float(max(height, width)) * (1 + 2 * MARGIN)


def register() -> None:
    """Nothing to prepare; the icon is made when there is one to show."""


def unregister() -> None:
    """Free the icon."""
    PREVIEW.clear()
