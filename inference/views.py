# SPDX-License-Identifier: GPL-3.0-or-later
"""Several views of one object as one picture: the sheet that Zero123++ makes and multi-view systems take.

A sheet is 2 views wide and 3 high, read row by row, each view square (320 pixels in Zero123++'s own, 640 x 960 in all).
The views go round the object, see ``AZIMUTHS`` and ``ELEVATIONS``, over white.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .errors import OutputError, PhotoError
from .monitor import Monitor
from .photo import Photo, load_photo
from .sentence import Sentence

COLUMNS, ROWS = 2, 3
COUNT = COLUMNS * ROWS

AZIMUTHS = (30.0, 90.0, 150.0, 210.0, 270.0, 330.0)
"""Of the views' cameras, degrees from the front, counter-clockwise seen from above (Zero123++)."""

ELEVATIONS = (20.0, -10.0, 20.0, -10.0, 20.0, -10.0)
"""Of the views' cameras above the horizon, degrees (Zero123++ 1.2)."""

VIEW_SIZE = 320
"""Pixels along each side of a view in a sheet that is made here, and of what networks are given."""


def split_sheet(sheet: Photo) -> NDArray[np.float32]:
    """The views of a sheet.

    Returns:
        (6, 320, 320, 3) float32, sRGB 0..1, transparent parts white.

    Raises:
        PhotoError: the picture isn't 2 wide to 3 high.
    """
    height, width = sheet.pixels.shape[:2]
    if width * ROWS != height * COLUMNS or width % COLUMNS:
        raise PhotoError(
            Sentence(
                "'{name}' is {width} x {height} pixels, which isn't a sheet of six views.",
                name=sheet.name,
                width=width,
                height=height,
            ),
            "Give one picture with the views in three rows of two, such as 640 x 960 pixels, or six photos.",
        )
    whole = _over_white(Image.fromarray(sheet.pixels))
    side = width // COLUMNS
    views = []
    for number in range(COUNT):
        row, column = divmod(number, COLUMNS)
        view = whole.crop((column * side, row * side, (column + 1) * side, (row + 1) * side))
        if side != VIEW_SIZE:
            view = view.resize((VIEW_SIZE, VIEW_SIZE), Image.Resampling.BICUBIC)
        views.append(np.asarray(view, np.float32) / 255)
    return np.stack(views)


def join_views(photos: Sequence[Path], sheet: Path, monitor: Monitor) -> None:
    """Put six views into one sheet, a PNG.

    Args:
        photos: square pictures in the order of ``AZIMUTHS``, all at one scale; transparent parts become white.
        sheet: the file to write.
        monitor: hears what ``load_photo`` warns of.

    Raises:
        PhotoError: there are not six, or one can't be read or isn't square.
        OutputError: the sheet can't be written.
    """
    if len(photos) != COUNT:
        raise PhotoError(
            Sentence("There are {count} views, not {expected}.", count=len(photos), expected=COUNT),
            "Give six photos, in the order of the views.",
        )
    whole = Image.new("RGB", (COLUMNS * VIEW_SIZE, ROWS * VIEW_SIZE))
    for number, path in enumerate(photos):
        pixels = load_photo(path, monitor).pixels
        if pixels.shape[0] != pixels.shape[1]:
            raise PhotoError(
                Sentence("The view '{name}' isn't square.", name=path.name), "Crop all views to squares of one scale."
            )
        view = _over_white(Image.fromarray(pixels)).resize((VIEW_SIZE, VIEW_SIZE), Image.Resampling.BICUBIC)
        row, column = divmod(number, COLUMNS)
        whole.paste(view, (column * VIEW_SIZE, row * VIEW_SIZE))
    try:
        whole.save(sheet, "PNG")
    except OSError as error:
        raise OutputError(
            Sentence("'{path}' cannot be written ({reason}).", path=sheet, reason=error.strerror),
            "Choose another folder.",
        ) from error


def _over_white(picture: Image.Image) -> Image.Image:
    white = Image.new("RGBA", picture.size, (255, 255, 255, 255))
    white.alpha_composite(picture.convert("RGBA"))
    return white.convert("RGB")
