# SPDX-License-Identifier: GPL-3.0-or-later
"""The cut-out's outline as a signed distance, in which parts a few pixels thin are wide enough to be sampled.

A surface is sampled at points about two of this map's pixels apart (resolution 160). A chair's leg or a spoon's handle
that is as thin as that would fall between the samples, in pieces or altogether. So along the middle of such parts the
distance is raised, as if they were ``LEAST_WIDTH`` wide: every ball of that diameter holds a sample, so that a part
found anywhere is followed from sample to sample to its end (``lattice``).
"""

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..masks import label_parts

Array = NDArray[np.float32]

SILHOUETTE = 384
"""Pixels along each side of the stored silhouette; twice the finest surface sampling of the default resolution."""

EDGE_BLUR = 1.0
"""Standard deviation of the silhouette's smoothing, in its pixels: ragged cut-outs leave grooves all the way back."""

LEAST_WIDTH = 5.0
"""Width of thin parts, pixels. 2.24 samples are 4.7 pixels at the default resolution of 160 across an object that fills
0.86 of the window; it is the least that sampling can promise to meet (``lattice.STEPS``). The rest is for the middle,
which is whole pixels: with 4.4, rods 3 pixels wide at an angle came in up to three pieces."""

THIN_COVERAGE = 0.5
"""Pixels that a thin part covers by this much, alone or with one neighbour, belong to it: parts at least half a pixel
wide, which are 2 pixels of an object 1,300 pixels large. Thinner ones cannot be told from a soft edge."""

LEAST_LENGTH = 6
"""How far a thin part has to reach from what is not thin, pixels; shorter ones are ragged edges and corners."""

MOST_HAZE = 0.28
"""Mean coverage beside a thin part, at most: what is half transparent all round is a badly cut background. Beside a
statue's crown it is 0.1, beside a lute's soft tip 0.19, in the haze within a pail's handle 0.35 and more."""

REACH = 16
"""Pixels up to which ``squared_distance`` is exact: the field needs no more than a band along the edge."""


def squared_distance(target: NDArray[np.bool_], reach: int = REACH) -> Array:
    """Squared distance of each pixel to the nearest true pixel, cut off at ``reach`` pixels; (h, w) -> (h, w)."""
    far = np.float32(reach * reach)
    along = np.where(target, np.float32(0), far)
    for _ in range(2):  # down the columns, then, transposed, along the rows
        padded = np.pad(along, ((reach, reach), (0, 0)), constant_values=far)
        best = along.copy()
        for shift in range(-reach, reach + 1):
            moved = padded[reach + shift : reach + shift + len(along)] + np.float32(shift * shift)
            np.minimum(best, moved, out=best)
        along = np.ascontiguousarray(best.T)
    return np.minimum(along, far)


def silhouette_distance(alpha: NDArray[np.uint8]) -> Array:
    """Distance to the edge of the cut-out in half-sizes, positive inside, (384, 384); exact up to ``REACH`` pixels."""
    resized = Image.fromarray(alpha).resize((SILHOUETTE, SILHOUETTE), Image.Resampling.BILINEAR)
    sharp = np.asarray(resized, np.float32) / 255
    soft = gaussian(sharp, EDGE_BLUR)
    soft = np.where(sharp - soft > 0.55, sharp, soft)  # what is one pixel thin is kept as it is
    inside = soft >= 0.5
    distance = np.where(inside, squared_distance(~inside), -squared_distance(inside))
    signed = np.sign(distance) * (np.sqrt(np.abs(distance)) - 0.5)
    # On the two pixels at an edge the coverage itself is the better measure.
    coverage = np.clip((soft - 0.5) * (EDGE_BLUR * np.sqrt(2 * np.pi)), -0.5, 0.5)
    pixels = np.where(np.abs(signed) < 1, coverage, signed).astype(np.float32)
    return with_thin_parts(pixels, sharp) * np.float32(2 / SILHOUETTE)


def with_thin_parts(distance: Array, coverage: Array) -> Array:
    """Distances to the outline, raised along parts thinner than ``LEAST_WIDTH``.

    Args:
        distance: (h, w) float32, pixels, positive inside.
        coverage: (h, w) float32, 0..1, how much of each pixel the object covers.

    Returns:
        (h, w) float32, pixels; the same array if there are no thin parts.
    """
    middle = _thin_middles(coverage)
    if not middle.any():
        return distance
    raised = np.float32(LEAST_WIDTH / 2) - np.sqrt(squared_distance(middle, LEAST_LENGTH))
    # The middle is whole pixels: without smoothing, parts at an angle would have steps.
    raised = gaussian(raised, EDGE_BLUR)
    return np.where(raised > -1, np.maximum(distance, raised), distance)


def _thin_middles(coverage: Array) -> NDArray[np.bool_]:
    """(h, w) the pixels in the middle of parts that are too thin and long enough to be parts."""
    inside = coverage >= THIN_COVERAGE
    for axis in (0, 1):
        # A part half a pixel wide may cover a quarter of each of two neighbours: the fuller one stands for both.
        line = np.pad(np.moveaxis(coverage, axis, 0), ((1, 1), (0, 0)))
        neighbour = np.moveaxis(np.maximum(line[:-2], line[2:]), 0, axis)
        inside |= (coverage >= neighbour) & (coverage + neighbour >= THIN_COVERAGE)
    radius = LEAST_WIDTH / 2 + 0.5  # to the middle of the nearest pixel outside
    depth = squared_distance(~inside, math.ceil(radius) + 1)
    thick = squared_distance(depth >= radius * radius, math.ceil(radius) + 1) <= radius * radius
    thin = inside & ~thick
    if not thin.any():
        return thin
    labels = label_parts(thin)
    reach = np.zeros(labels.max() + 1, np.float32)
    np.maximum.at(reach, labels[thin], squared_distance(thick, LEAST_LENGTH)[thin])
    part = (reach >= LEAST_LENGTH**2) & (_haze(coverage, inside, labels) <= MOST_HAZE)
    return thin & part[labels] & (depth >= _highest_near(depth))


def _haze(coverage: Array, inside: NDArray[np.bool_], labels: NDArray[np.int64]) -> Array:
    """(n,) mean coverage beside each of the labelled parts, 0..1."""
    outside = (~inside).astype(np.float32)
    around = gaussian(coverage * outside, LEAST_WIDTH / 2) / np.maximum(gaussian(outside, LEAST_WIDTH / 2), 1e-6)
    sums = np.bincount(labels.ravel(), around.ravel())
    return (sums / np.maximum(np.bincount(labels.ravel()), 1)).astype(np.float32)


def _highest_near(values: Array) -> Array:
    """The greatest of each pixel and its eight neighbours."""
    for _ in range(2):
        padded = np.pad(values, ((1, 1), (0, 0)))
        values = np.maximum(np.maximum(padded[:-2], padded[1:-1]), padded[2:]).T
    return np.ascontiguousarray(values)


def gaussian(images: Array, sigma: float) -> Array:
    """Gaussian blur of the last two axes (equally long), with zeros beyond the border."""
    place = np.arange(images.shape[-1], dtype=np.float32)
    kernel = np.exp(-0.5 * ((place[:, None] - place) / sigma) ** 2) / np.float32(sigma * np.sqrt(2 * np.pi))
    return np.matmul(np.matmul(kernel, images), kernel)
