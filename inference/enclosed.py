# SPDX-License-Identifier: GPL-3.0-or-later
"""Background that the object encloses: what is seen through a ring, a handle or spokes before a plain backdrop.

The cut-out's network sees the photo at 320 pixels and fills such holes. Whether a region is one is decided by colour
alone, and only before a backdrop so plain that its colour can be foretold everywhere: a region of that very colour,
which the object surrounds, with a sharp edge all round. White print on a white-lit object looks much the same, so where
the backdrop is so bright or so dark that it is clipped, the network must have had its doubts there too.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .masks import label_parts

SIDE = 512
"""Longest side at which holes are looked for, pixels."""

BACKGROUND_LEVEL = 0.05
"""Below this value of the coarse mask, a pixel surely is background."""

OPEN_BORDER = 0.5
"""Least share of the photo's border that has to be background for the backdrop to be known."""

PLAIN = 0.055
"""The backdrop is plain if nine tenths of it differ from its foretold colour by at most this (channels 0..1). Of 27
example photos, 13 have one; before the next less plain one stands a toy car whose hub would nearly pass for a hole."""

FIT_PIXELS = 10_000
"""Pixels, at most, from which the backdrop's colour is told."""

ROOM, LEAST_TOLERANCE = 1.5, 0.012
"""A hole's colours may differ by the backdrop's own unevenness times the first, and by at least the second."""

MIN_HOLE_SHARE, MIN_HOLE_PIXELS = 0.002, 30
"""Smaller regions, as a share of the object and in pixels at ``SIDE``, are left alone."""

EDGE_CONTRAST, EDGE_FACTOR, EDGE_SHARE = 0.12, 2.0, 0.85
"""Least difference from the backdrop just beyond a hole's edge, also as a multiple of what a hole's own colours may
differ by, and the least share of its edge that has it. True holes of 45 photos have 0.88 and more (in a wrench, between
a chair's slats, in scissors' handles), shaded parts of a cup and of that hub 0.8 and less."""

CLIPPED = 0.04
"""A backdrop whose channels all are this close to black or to white tells little: highlights and print look alike."""

CERTAIN = 0.97
"""Before a clipped backdrop, a region where the coarse mask is higher on average is the object's own."""

Picture = NDArray[np.float32]


def cut_enclosed_background(image: NDArray[np.uint8], coarse: NDArray[np.float32]) -> NDArray[np.float32]:
    """A coarse mask without the background that the object encloses.

    Args:
        image: (h, w, 3) uint8.
        coarse: (a, b) float32, 0..1, any size.

    Returns:
        (c, d) float32, 0..1, at most ``SIDE`` pixels large; the same array if nothing was cut.
    """
    height, width = image.shape[:2]
    scale = min(1.0, SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    picture = np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BOX), np.float32) / 255
    # Cloth and paper have a grain that would count as unevenness.
    picture = _smoothed(picture)
    mask = np.clip(np.asarray(Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)), 0, 1)
    backdrop = _backdrop(picture, mask < BACKGROUND_LEVEL)
    if backdrop is None:
        return coarse
    foretold, tolerance = backdrop
    difference = np.abs(picture - foretold).max(axis=2)
    holes = np.zeros(mask.shape, bool)
    labels = label_parts(difference <= tolerance)
    on_border = np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))
    areas = np.bincount(labels.ravel())
    least = max(MIN_HOLE_PIXELS, MIN_HOLE_SHARE * float((mask > 0.5).sum()))
    # What is cut out already needs no look.
    worth = (areas >= least) & (np.bincount(labels.ravel(), mask.ravel()) >= BACKGROUND_LEVEL * areas)
    worth[0] = False
    worth[on_border] = False
    for label in np.flatnonzero(worth):
        region = labels == label
        if _is_hole(region, difference, tolerance, mask, foretold):
            holes |= region
    return np.where(_grown(holes, 1), np.float32(0), mask) if holes.any() else coarse


def _backdrop(picture: Picture, background: NDArray[np.bool_]) -> tuple[Picture, float] | None:
    """The backdrop's colour everywhere (h, w, 3), and how far a hole's may be from it; None if it is not plain.

    Args:
        picture: (h, w, 3) float32, 0..1.
        background: (h, w), where the photo surely shows the backdrop.
    """
    border = np.concatenate([background[0], background[-1], background[:, 0], background[:, -1]])
    if border.mean() < OPEN_BORDER:
        return None
    # Light falls off over a backdrop: a colour that changes evenly along both axes.
    down, right = np.linspace(-1, 1, picture.shape[0]), np.linspace(-1, 1, picture.shape[1])
    rows, columns = np.nonzero(background)
    few = slice(None, None, -(-len(rows) // FIT_PIXELS))
    rows, columns = rows[few], columns[few]
    terms = np.stack([np.ones(len(rows)), down[rows], right[columns]], axis=1)
    colors = picture[rows, columns]
    chosen = slice(None)
    for _ in range(2):
        weights = np.linalg.lstsq(terms[chosen], colors[chosen], rcond=None)[0]
        difference = np.abs(colors - terms @ weights).max(axis=1)
        # Shadows and other things on it shall not pull the fit.
        chosen = difference <= np.quantile(difference, 0.8)
    unevenness = float(np.quantile(difference, 0.9))
    if unevenness > PLAIN:
        return None
    foretold = weights[0] + down[:, None, None] * weights[1] + right[:, None] * weights[2]
    return foretold.astype(np.float32), max(LEAST_TOLERANCE, ROOM * unevenness)


def _is_hole(
    region: NDArray[np.bool_], difference: Picture, tolerance: float, mask: Picture, foretold: Picture
) -> bool:
    """Whether a region in the backdrop's colour is sharply bounded, and no part of the object that looks like it."""
    # Smoothing took a pixel from the region's edge.
    ring = _grown(region, 3) & ~_grown(region, 2)
    sharp = difference[ring] >= max(EDGE_CONTRAST, EDGE_FACTOR * tolerance)
    if sharp.mean() < EDGE_SHARE:
        return False
    color = foretold[region].mean(axis=0)
    is_clipped = bool((color <= CLIPPED).all() or (color >= 1 - CLIPPED).all())
    return not is_clipped or float(mask[region].mean()) <= CERTAIN


def _smoothed(picture: Picture) -> Picture:
    """The mean over each pixel and its eight neighbours, edges repeated."""
    for axis in (0, 1):
        padding = [(0, 0)] * 3
        padding[axis] = (1, 1)
        padded = np.moveaxis(np.pad(picture, padding, mode="edge"), axis, 0)
        picture = np.moveaxis((padded[:-2] + padded[1:-1] + padded[2:]) * np.float32(1 / 3), 0, axis)
    return picture


def _grown(region: NDArray[np.bool_], steps: int) -> NDArray[np.bool_]:
    """A region with all pixels within so many steps, corners included."""
    for _ in range(steps):
        padded = np.pad(region, 1)
        rows = padded[:-2] | padded[1:-1] | padded[2:]
        region = rows[:, :-2] | rows[:, 1:-1] | rows[:, 2:]
    return region
