# SPDX-License-Identifier: GPL-3.0-or-later
"""Position tables of vision transformers, interpolated to another size of image by the authors' own rules.

The rules differ from today's libraries and from each other; a wrong one shifts every result. The graphs hold none of
this: the table is derived from the checkpoint's when a graph is bound (``inference/derivations.py``, in numpy), and
these functions say what it has to be.
"""

from dataclasses import dataclass

from torch import Tensor, cat
from torch.nn import functional


@dataclass(frozen=True)
class PositionRule:
    """How a table of one vector per patch is interpolated.

    Attributes:
        native: patches per side that the network was pretrained with.
        grid: patches per side here.
        offset: added to ``grid`` before the scale factor is computed; sampling follows that factor. 0.1 in DINO and in
            transformers before 4.46 ("avoids floating point error"), 0 in DINOv2 with registers.
        antialias: bicubic kernel widened when the grid shrinks, with PIL's coefficient (-0.5) instead of -0.75;
            DINOv2 with registers.
    """

    native: int
    grid: int
    offset: float
    antialias: bool


def position_table(table: Tensor, rule: PositionRule) -> Tensor:
    """The table for ``rule.grid``: (1, 1 + native^2, width) -> (1, 1 + grid^2, width); the class token stays."""
    if rule.grid == rule.native:
        return table
    width = table.shape[-1]
    patches = table[:, 1:].reshape(1, rule.native, rule.native, width).permute(0, 3, 1, 2)
    factor = (rule.grid + rule.offset) / rule.native
    patches = functional.interpolate(
        patches, scale_factor=(factor, factor), mode="bicubic", align_corners=False, antialias=rule.antialias
    )
    return cat([table[:, :1], patches.permute(0, 2, 3, 1).reshape(1, -1, width)], dim=1)
