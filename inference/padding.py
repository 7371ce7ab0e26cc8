# SPDX-License-Identifier: GPL-3.0-or-later
"""Padding: colours spread beyond the UV islands, so that filtering and mipmaps never meet the background."""

import numpy as np
from numpy.typing import NDArray

RINGS = 2
"""Rings of texels around islands that take the mean of their neighbours: what linear filtering reaches."""


def pad(texels: NDArray[np.uint8], covered: NDArray[np.bool_], margin: int) -> NDArray[np.uint8]:
    """Fill texels outside the islands.

    Next to an island, texels take the mean of their neighbours; further out, of the blocks of a pyramid, as mipmaps
    would average them; beyond the margin, of the whole map, which packs well.

    Args:
        texels: (s, s, c) uint8; zero where not covered. Changed in place and returned.
        covered: (s, s) bool.
        margin: texels.
    """
    if not covered.any():
        return texels
    filled = covered.copy()
    for _ in range(min(RINGS, margin)):
        _add_ring(texels, filled)
    total = texels.reshape(-1, texels.shape[2]).sum(axis=0, dtype=np.int64) / filled.sum()
    _fill_from_blocks(texels, filled, margin, total)
    return texels


def _add_ring(texels: NDArray[np.uint8], filled: NDArray[np.bool_]) -> None:
    """Fill the texels that touch a filled one, also diagonally; the map does not repeat."""
    near = filled.copy()
    near[1:] |= filled[:-1]
    near[:-1] |= filled[1:]
    rows = near.copy()
    near[:, 1:] |= rows[:, :-1]
    near[:, :-1] |= rows[:, 1:]
    ring = np.flatnonzero(near & ~filled)
    height, width = filled.shape
    flat, known = texels.reshape(height * width, -1), filled.reshape(-1)
    row, column = np.divmod(ring, width)
    total = np.zeros((len(ring), flat.shape[1]), np.float32)
    count = np.zeros(len(ring), np.float32)
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            inside = (row + down >= 0) & (row + down < height) & (column + right >= 0) & (column + right < width)
            place = np.where(inside, ring + down * width + right, ring)
            weight = known[place].astype(np.float32)
            total += flat[place] * weight[:, None]
            count += weight
    flat[ring] = (total / count[:, None] + 0.5).astype(np.uint8)
    known[ring] = True


def _fill_from_blocks(
    texels: NDArray[np.uint8], filled: NDArray[np.bool_], margin: int, rest: NDArray[np.float64]
) -> None:
    """Fill from the smallest block of 2, 4, 8 ... texels that holds anything, up to the margin; else ``rest``."""
    sums = [texels.astype(np.float32)]
    counts = [filled.astype(np.float32)]
    while len(sums) == 1 or (1 << (len(sums) - 1) < margin and min(counts[-1].shape) > 1):
        sums.append(_halved(sums[-1]))
        counts.append(_halved(counts[-1][:, :, None])[:, :, 0])
    color = np.broadcast_to(rest.astype(np.float32), (*counts[-1].shape, len(rest)))
    for total, count in zip(sums[:0:-1], counts[:0:-1], strict=True):
        known = count > 0.0
        own = total / np.maximum(count, 1.0)[:, :, None]
        color = np.where(known[:, :, None], own, _doubled(color, count.shape))
    empty = np.flatnonzero(~filled)
    row, column = np.divmod(empty, filled.shape[1])
    texels.reshape(-1, texels.shape[2])[empty] = (color[row // 2, column // 2] + 0.5).astype(np.uint8)


def _halved(grid: NDArray[np.float32]) -> NDArray[np.float32]:
    """Sums over blocks of two by two; an odd last row or column stays alone."""
    height, width = grid.shape[:2]
    if height % 2 or width % 2:
        grid = np.pad(grid, ((0, height % 2), (0, width % 2), (0, 0)))
    total: NDArray[np.float32] = grid[0::2, 0::2] + grid[1::2, 0::2] + grid[0::2, 1::2] + grid[1::2, 1::2]
    return total


def _doubled(grid: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Each value four times."""
    return grid.repeat(2, axis=0).repeat(2, axis=1)[: shape[0], : shape[1]]
