# SPDX-License-Identifier: GPL-3.0-or-later
"""What a screenshot shows of a textured object, told from Blender's grey scene by its colours."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from real_blender import SCREEN

COLOURED = 45
"""Difference of the largest and the smallest channel, of 255: Blender's viewport, grid and default cube have less."""

THICK = 7
"""Pixels; axes and outlines of selected objects are coloured too, but thinner."""

TOOLBAR, GIZMO = 70, 130
"""Pixels at the left that the tools take, and left of the sidebar that the balls of the navigation gizmo take."""


def coloured_pixels(picture: Path, state: dict[str, Any]) -> NDArray[np.int64]:
    """(n, 5) row, column, red, green and blue of the viewport's pixels in the midst of something coloured.

    Rows and columns count from the upper left corner of the viewport's main region.

    Args:
        picture: a screenshot.
        state: of the window at that time.
    """
    view, sidebar = state["viewport"], state["sidebar"]
    top = SCREEN[1] - view["y"] - view["height"]
    right = min(view["x"] + view["width"], sidebar["x"]) - GIZMO
    with Image.open(picture) as image:
        pixels = np.asarray(image.convert("RGB"))[top : top + view["height"], view["x"] + TOOLBAR : right].astype(int)
    is_coloured = np.ptp(pixels, axis=2) > COLOURED
    windows = np.lib.stride_tricks.sliding_window_view(is_coloured, (THICK, THICK))
    rows, columns = np.nonzero(windows.all(axis=(2, 3)))
    rows, columns = rows + THICK // 2, columns + THICK // 2
    return np.column_stack([rows, columns + TOOLBAR, pixels[rows, columns]])


def filled_height(pixels: NDArray[np.int64], state: dict[str, Any]) -> float:
    """Which share of the viewport's height the coloured pixels take, 0..1."""
    return float(np.ptp(pixels[:, 0])) / state["viewport"]["height"] if len(pixels) else 0.0
