# SPDX-License-Identifier: GPL-3.0-or-later
"""Padding: colours spread beyond the UV islands, so that filtering and mipmaps never meet the background."""

import numpy as np
from numpy.typing import NDArray


def pad(texels: NDArray[np.uint8], covered: NDArray[np.bool_], margin: int) -> None:
    """Fill the texels outside the islands, in place.

    Up to the margin, each texel takes the colour of the island's edge next to it, growing by sides and by corners in
    turn, so that the margin is about as wide in every direction; beyond, all take the islands' mean.

    Args:
        texels: (h, w, c) uint8, at least 3 x 3, 0 outside the islands.
        covered: (h, w) bool, the texels inside islands.
        margin: texels.
    """
    if not covered.any():
        return
    height, width = covered.shape
    flat = texels.reshape(height * width, -1)
    mean = flat.sum(axis=0, dtype=np.int64) / np.count_nonzero(covered)
    filled = covered.copy()
    # The outermost texels pass for filled: steps that stay inside need no test against the border.
    filled[[0, -1]] = filled[:, [0, -1]] = True
    front = _edge(covered)
    known = filled.reshape(-1)
    sides, corners = (1, -1, width, -width), (width + 1, width - 1, 1 - width, -width - 1)
    for ring in range(margin):
        parts = []
        for step in sides if ring % 2 == 0 else sides + corners:
            target = front + step
            free = np.flatnonzero(~known[target])
            target = target[free]
            flat[target] = flat[front[free]]
            known[target] = True
            parts.append(target)
        front = np.concatenate(parts)
    flat[np.flatnonzero(~known)] = np.round(mean).astype(np.uint8)
    for border, inner in (((0, slice(None)), (1, slice(None))), ((-1, slice(None)), (-2, slice(None)))):
        _extend(texels, covered, border, inner)
        _extend(texels.transpose(1, 0, 2), covered.T, border, inner)


def _edge(covered: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Flat indices of the covered texels with an uncovered neighbour, without the picture's outermost texels."""
    middle = covered[1:-1, 1:-1]
    around = covered[:-2, 1:-1] & covered[2:, 1:-1] & covered[1:-1, :-2] & covered[1:-1, 2:]
    row, column = np.nonzero(middle & ~around)
    return (row + 1) * covered.shape[1] + column + 1


def _extend(
    texels: NDArray[np.uint8],
    covered: NDArray[np.bool_],
    border: tuple[int, slice],
    inner: tuple[int, slice],
) -> None:
    """Where a border texel lies outside the islands, take the texel next to it."""
    texels[border] = np.where(covered[border][:, None], texels[border], texels[inner])
