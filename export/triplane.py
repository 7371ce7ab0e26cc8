# SPDX-License-Identifier: GPL-3.0-or-later
"""Triplanes: from tokens to planes, and from planes to features of points."""

import torch
from torch import Tensor
from torch.nn import functional

XY_XZ_YZ = ((0, 1), (0, 2), (1, 2))
"""TripoSR's planes: for each the axis along its width and the one along its height."""
XY_XZ_ZY = ((0, 1), (0, 2), (2, 1))
"""OpenLRM's and InstantMesh's; they write them as inverses of EG3D's axis matrices."""

Planes = tuple[tuple[int, int], tuple[int, int], tuple[int, int]]


def planes_from_tokens(tokens: Tensor, size: int) -> Tensor:
    """Tokens in the order plane, row, column as pictures: (3 * size^2, width) -> (3, width, size, size)."""
    return tokens.reshape(3, size, size, -1).permute(0, 3, 1, 2)


def sample_planes(planes: Tensor, points: Tensor, axes: Planes) -> Tensor:
    """Features of points: the three planes' bilinear samples side by side.

    Planes cover [-1, 1] with their pixels' outer edges (``align_corners=False``); outside of them everything is zero.

    Args:
        planes: (3, c, h, w).
        points: (n, 3) in units of the planes.
        axes: of each plane.

    Returns:
        (n, 3 * c).
    """
    columns = points.split(1, dim=1)
    grid = torch.stack([torch.cat([columns[across], columns[up]], dim=1) for across, up in axes])
    samples = functional.grid_sample(planes, grid.unsqueeze(1), mode="bilinear", align_corners=False)
    return samples.flatten(0, 2).T
