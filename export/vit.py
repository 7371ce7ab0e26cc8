# SPDX-License-Identifier: GPL-3.0-or-later
"""DINO's ViT-B/16 with the parameter names it has in transformers 4.35 (TripoSR, InstantMesh).

Caron et al., "Emerging properties in self-supervised vision transformers", 2021.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from .layers import attention, modulate
from .positions import PositionRule, position_table

IMAGE_MEAN = (0.485, 0.456, 0.406)
IMAGE_STD = (0.229, 0.224, 0.225)
"""Of ImageNet's photos, RGB 0..1."""
EPSILON = 1e-12


@dataclass(frozen=True)
class ViTSettings:
    """Sizes of the network; the defaults are facebook/dino-vitb16's.

    Attributes:
        grid: patches per side of the images it is used with.
        native: patches per side that its position table is for.
        modulation: width of the vector that shifts and scales the normalised tokens of each layer; None without.
        has_pooler: the checkpoint holds the unused pooler.
    """

    grid: int
    width: int = 768
    depth: int = 12
    heads: int = 12
    patch: int = 16
    native: int = 14
    modulation: int | None = None
    has_pooler: bool = False

    @property
    def rule(self) -> PositionRule:
        """How transformers up to 4.45 interpolates the position table."""
        return PositionRule(self.native, self.grid, offset=0.1, antialias=False)


class _Dense(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.dense = nn.Linear(inputs, outputs)


class _PatchEmbeddings(nn.Module):
    def __init__(self, settings: ViTSettings) -> None:
        super().__init__()
        self.projection = nn.Conv2d(3, settings.width, settings.patch, settings.patch)


class _Embeddings(nn.Module):
    def __init__(self, settings: ViTSettings) -> None:
        super().__init__()
        self.cls_token = nn.Parameter(torch.empty(1, 1, settings.width))
        self.position_embeddings = nn.Parameter(torch.empty(1, 1 + settings.native**2, settings.width))
        self.patch_embeddings = _PatchEmbeddings(settings)

    def forward(self, images: Tensor, positions: Tensor) -> Tensor:
        """(b, 3, h, w), (1, 1 + grid^2, width) -> (b * (1 + grid^2), width)."""
        patches = self.patch_embeddings.projection(images).flatten(2).transpose(1, 2)
        first = self.cls_token.expand(patches.shape[0], -1, -1)
        return (torch.cat([first, patches], dim=1) + positions).flatten(0, 1)


class _QueryKeyValue(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))


class _Attention(nn.Module):
    def __init__(self, settings: ViTSettings) -> None:
        super().__init__()
        self.heads = settings.heads
        self.attention = _QueryKeyValue(settings.width)
        self.output = _Dense(settings.width, settings.width)

    def forward(self, tokens: Tensor, batch: int) -> Tensor:
        projected = self.attention
        query, key, value = projected.query(tokens), projected.key(tokens), projected.value(tokens)
        return self.output.dense(attention(query, key, value, self.heads, batch))


class _Layer(nn.Module):
    def __init__(self, settings: ViTSettings) -> None:
        super().__init__()
        width = settings.width
        self.attention = _Attention(settings)
        self.intermediate = _Dense(width, 4 * width)
        self.output = _Dense(4 * width, width)
        self.layernorm_before = nn.LayerNorm(width, EPSILON)
        self.layernorm_after = nn.LayerNorm(width, EPSILON)
        if settings.modulation is not None:
            self.adaLN_modulation = nn.Sequential(nn.SiLU(), nn.Linear(settings.modulation, 4 * width))

    def forward(self, tokens: Tensor, batch: int, modulation: Tensor | None) -> Tensor:
        before, after = self.layernorm_before, self.layernorm_after
        if modulation is None:
            tokens = tokens + self.attention(before(tokens), batch)
            normal = after(tokens)
        else:
            parts = self.adaLN_modulation(modulation).chunk(4, dim=1)
            tokens = tokens + self.attention(modulate(before(tokens), parts[0], parts[1]), batch)
            normal = modulate(after(tokens), parts[2], parts[3])
        return tokens + self.output.dense(functional.gelu(self.intermediate.dense(normal)))


class _Encoder(nn.Module):
    def __init__(self, settings: ViTSettings) -> None:
        super().__init__()
        self.layer = nn.ModuleList(_Layer(settings) for _ in range(settings.depth))


class ViT(nn.Module):
    """The image encoder."""

    def __init__(self, settings: ViTSettings) -> None:
        super().__init__()
        self.settings = settings
        self.embeddings = _Embeddings(settings)
        self.encoder = _Encoder(settings)
        self.layernorm = nn.LayerNorm(settings.width, EPSILON)
        if settings.has_pooler:
            self.pooler = _Dense(settings.width, settings.width)

    def positions(self) -> Tensor:
        """The position table for images of this size: (1, 1 + grid^2, width)."""
        return position_table(self.embeddings.position_embeddings, self.settings.rule)

    def forward(self, images: Tensor, positions: Tensor, modulation: Tensor | None = None) -> Tensor:
        """Tokens of images: the class token, then the patches row by row, normalised.

        Args:
            images: (b, 3, h, w) RGB 0..1; ImageNet's mean and deviation are applied here.
            positions: as from ``positions``.
            modulation: (b, modulation), where the network has it.

        Returns:
            (b * (1 + grid^2), width).
        """
        mean, deviation = (torch.tensor(values).reshape(1, 3, 1, 1) for values in (IMAGE_MEAN, IMAGE_STD))
        tokens = self.embeddings((images - mean) / deviation, positions)
        for layer in self.encoder.layer:
            tokens = layer(tokens, images.shape[0], modulation)
        return self.layernorm(tokens)
