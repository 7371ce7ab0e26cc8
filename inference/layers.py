# SPDX-License-Identifier: GPL-3.0-or-later
"""The colours that run round a turned thing: of each circle about its axis the usual one, as sharp as the photo.

A highlight or a print covers a part of a circle only, and a median does not see it.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .projection import smoothstep

Floats = NDArray[np.floating[Any]]

ALIKE = 45.0
"""Distance in sRGB (0..255) up to which a colour counts as the circle's own."""

MIXED, PLAIN = 0.35, 0.65
"""Shares of a circle's visible part in its own colour: a picture or a panel is there, or a layer."""

UNSEEN, SEEN = 0.05, 0.15
"""Visible shares of a circle from which on it begins to be believed, and fully is."""

SMOOTHING = 9
"""Circles over which belief is averaged, so that it does not change from line to line. Odd."""


def layers(circles: NDArray[np.intp], colors: Floats, weights: Floats, areas: Floats) -> tuple[Floats, Floats]:
    """The colour of each circle, and how far it can be believed to run all round.

    Args:
        circles: (n,) on which each point lies, or -1; consecutive numbers are neighbours.
        colors: (n, 3) sRGB 0..255, what is shown there, without light.
        weights: (n,) 0..1, how far that is to be believed.
        areas: (n,) of the surface around each point.

    Returns:
        (n, 3) sRGB 0..255 and (n,) 0..1, of each point's circle; 0 off the circles.
    """
    on = np.flatnonzero(circles >= 0)
    number, shown, weight = circles[on], colors[on], weights[on] * areas[on]
    count = int(circles.max(initial=-1)) + 1
    total = np.bincount(number, weight, count).astype(np.float64, copy=False)
    median = np.stack([_medians(number, channel, weight, total) for channel in shown.T], axis=1)
    is_own = ((shown - median[number]) ** 2).sum(axis=1) < ALIKE**2
    own = np.bincount(number, weight * is_own, count) / np.maximum(total, 1e-12)
    seen = total / np.maximum(np.bincount(number, areas[on], count), 1e-12)
    belief = smoothstep(MIXED, PLAIN, own) * smoothstep(UNSEEN, SEEN, seen)
    belief = _mean_beside(belief, total > 0.0)
    result, believed = np.zeros((len(circles), 3)), np.zeros(len(circles))
    result[on], believed[on] = median[number], belief[number]
    return result, believed


def _medians(number: NDArray[np.intp], values: Floats, weights: Floats, total: Floats) -> Floats:
    """(c,) of each circle the weighted median of values (m,), 0 where nothing is shown."""
    shown = np.flatnonzero(weights > 0.0)
    if len(shown) == 0:
        return np.zeros(len(total))
    order = shown[np.lexsort((values[shown], number[shown]))]
    running = np.cumsum(weights[order])
    middle = np.cumsum(total) - 0.5 * total
    place = np.minimum(np.searchsorted(running, middle), len(order) - 1)
    return np.where(total > 0.0, values[order][place], 0.0)


def _mean_beside(values: Floats, exists: NDArray[np.bool_]) -> Floats:
    """(c,) means of values (c,) over neighbours that exist (c,); 0 where the circle itself does not."""
    kernel = np.ones(SMOOTHING)
    width = len(values) + SMOOTHING - 1
    first = SMOOTHING // 2

    def total(numbers: Floats) -> Floats:
        return np.convolve(numbers, kernel)[:width][first : first + len(values)]

    return np.where(exists, total(values * exists) / np.maximum(total(exists.astype(np.float64)), 1.0), 0.0)
