# SPDX-License-Identifier: GPL-3.0-or-later
"""Masks: drawing a coarse one to the photo's own edges, and telling its parts apart."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

MIN_PART_SHARE = 0.01
"""Separate parts smaller than this share of the largest one are dust, not object."""

_PARTS_SIDE = 512
"""Longest side at which separate parts are told apart, pixels."""

_GUIDE_SIDE = 512
"""Longest side at which the filter is fitted, pixels."""

_GUIDE_RADIUS = 4
"""Of the fit, in pixels at _GUIDE_SIDE: about two and a half of the network's pixels."""

_GUIDE_EPSILON = 1e-4
"""The guided filter's regularisation: edges of a contrast above about its square root (0..1) are followed."""

_GUIDE_GAIN = 2.0
"""The filter widens the edge; this steepens it again. All four constants are the best of a small search over 24
objects with exact alpha on six kinds of background: mean absolute error near the outline 0.116 before, 0.083 after; IoU
0.936 and 0.954."""


def refine(image: NDArray[np.uint8], coarse: NDArray[np.float32]) -> NDArray[np.float32]:
    """A coarse mask at the photo's size, its outline drawn to the photo's edges.

    A fast guided filter (He, Sun 2015, arXiv:1505.00996): within small windows the mask is fitted as a linear function
    of the photo's colour at low resolution, and these functions are applied to the photo at its own resolution.

    Args:
        image: (h, w, 3) uint8.
        coarse: (a, b) float32, 0..1, any size.

    Returns:
        (h, w) float32, 0..1.
    """
    height, width = image.shape[:2]
    scale = min(1.0, _GUIDE_SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    guide = np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BOX), np.float32) / 255
    target = np.clip(np.asarray(Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)), 0, 1)
    result = np.zeros((height, width), np.float32)
    box = _bounds(target > 0.02, margin=2 * _GUIDE_RADIUS)
    if box is None:
        return result
    rows, columns = box
    slope, offset = _fit_guided_filter(guide[rows, columns], target[rows, columns])
    top, bottom = (round(v / size[1] * height) for v in (rows.start, rows.stop))
    left, right = (round(v / size[0] * width) for v in (columns.start, columns.stop))
    inner = image[top:bottom, left:right]

    def enlarged(values: NDArray[np.float32]) -> NDArray[np.float32]:
        target_size = (right - left, bottom - top)
        return np.asarray(Image.fromarray(values).resize(target_size, Image.Resampling.BILINEAR))

    refined = enlarged(offset) - 0.5
    for channel in range(3):
        refined += enlarged(slope[channel]) * (inner[..., channel] * np.float32(1 / 255))
    np.clip(refined * np.float32(_GUIDE_GAIN) + 0.5, 0, 1, out=result[top:bottom, left:right])
    return result


def _bounds(inside: NDArray[np.bool_], margin: int) -> tuple[slice, slice] | None:
    """The rows and columns that hold all true pixels and a margin, or None if there are none."""
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    if not len(rows):
        return None
    return (
        slice(max(0, int(rows[0]) - margin), min(inside.shape[0], int(rows[-1]) + 1 + margin)),
        slice(max(0, int(columns[0]) - margin), min(inside.shape[1], int(columns[-1]) + 1 + margin)),
    )


def _fit_guided_filter(
    guide: NDArray[np.float32], target: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Slope (3, h, w) and offset (h, w) with target = sum(slope * guide) + offset, equations 14 and 15 of the paper."""
    mean_guide, mean_target = _box_mean(guide), _box_mean(target)
    covariance = _box_mean(guide * target[..., None]) - mean_guide * mean_target[..., None]
    variance = _box_mean(guide[..., :, None] * guide[..., None, :])
    variance -= mean_guide[..., :, None] * mean_guide[..., None, :]
    variance += np.float32(_GUIDE_EPSILON) * np.eye(3, dtype=np.float32)
    # The inverse of a symmetric 3 x 3 matrix by its cofactors: much faster than a general solver on many small ones.
    cofactors = np.cross(variance[..., [1, 2, 0], :], variance[..., [2, 0, 1], :])
    determinant = np.einsum("...i,...i->...", variance[..., 0, :], cofactors[..., 0, :])
    slope = np.einsum("...ij,...j->...i", cofactors, covariance) / determinant[..., None]
    offset = mean_target - np.einsum("...i,...i->...", slope, mean_guide)
    return np.ascontiguousarray(_box_mean(slope).transpose(2, 0, 1)), _box_mean(offset)


def _box_mean(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean over a square of 2 * _GUIDE_RADIUS + 1 pixels along the first two axes, edges repeated."""
    width = 2 * _GUIDE_RADIUS + 1
    for axis in (0, 1):
        padding = [(0, 0)] * values.ndim
        padding[axis] = (_GUIDE_RADIUS + 1, _GUIDE_RADIUS)
        sums = np.moveaxis(np.cumsum(np.pad(values, padding, mode="edge"), axis=axis, dtype=np.float32), axis, 0)
        values = np.moveaxis((sums[width:] - sums[:-width]) * np.float32(1 / width), 0, axis)
    return values


def keep_sizeable_parts(mask: NDArray[np.float32]) -> NDArray[np.float32]:
    """The mask without separate parts smaller than MIN_PART_SHARE of the largest one.

    Args:
        mask: (h, w) float32, 0..1.

    Returns:
        (h, w) float32; the same array if nothing was dropped.
    """
    factor = -(-max(mask.shape) // _PARTS_SIDE)
    height, width = (-(-side // factor) for side in mask.shape)
    padded = np.zeros((height * factor, width * factor), np.float32)
    padded[: mask.shape[0], : mask.shape[1]] = mask
    blocks = padded.reshape(height, factor, width, factor)
    labels = label_parts(blocks.max(axis=(1, 3)) > 0.1)
    areas = np.bincount(labels.ravel(), blocks.sum(axis=(1, 3)).ravel())
    areas[0] = 0
    dust = areas < MIN_PART_SHARE * areas.max()
    if not dust[1:].any():
        return mask
    dropped = np.repeat(np.repeat(dust[labels], factor, axis=0), factor, axis=1)[: mask.shape[0], : mask.shape[1]]
    return np.where(dropped, np.float32(0), mask)


def label_parts(inside: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Connected parts of a picture: 0 outside, 1 and up for each part; corners connect.

    Works on the runs of true pixels in each row: runs that touch in neighbouring rows share a label.
    """
    height, width = inside.shape
    steps = np.diff(np.pad(inside, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    row, start = np.nonzero(steps == 1)
    end = np.nonzero(steps == -1)[1] - 1
    stride = width + 2  # so that runs of different rows never look adjacent
    first = np.searchsorted(row * stride + end, (row + 1) * stride + start - 1)
    last = np.searchsorted(row * stride + start, (row + 1) * stride + end + 1, side="right")
    counts = np.maximum(last - first, 0)
    upper = np.repeat(np.arange(len(row)), counts)
    lower = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts - first, counts)
    _, numbers = np.unique(_join(len(row), upper, lower), return_inverse=True)
    run_of_pixel = np.cumsum(steps[:, :-1].ravel() == 1).reshape(height, width) - 1
    labels = np.zeros(inside.shape, np.int64)
    labels[inside] = numbers.ravel()[run_of_pixel[inside]] + 1
    return labels


def _join(count: int, left: NDArray[np.int64], right: NDArray[np.int64]) -> NDArray[np.int64]:
    """The lowest member of each item's group, where left[i] and right[i] belong together."""
    group = np.arange(count)
    while True:
        lowest = np.minimum(group[left], group[right])
        joined = group.copy()
        np.minimum.at(joined, group[left], lowest)
        np.minimum.at(joined, group[right], lowest)
        while not np.array_equal(joined, joined[joined]):
            joined = joined[joined]
        if np.array_equal(joined, group):
            return group
        group = joined
