# SPDX-License-Identifier: GPL-3.0-or-later
"""TripoSR: one image to a triplane, and the decoder of its points.

Tochilkin et al., "TripoSR: fast 3D object reconstruction from a single image", 2024; configuration and tensor names as
in the official checkpoint (VAST-AI-Research/TripoSR, commit d26e331).
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from .layers import attention, perceptron
from .triplane import XY_XZ_YZ, planes_from_tokens, sample_planes
from .vit import ViT, ViTSettings


@dataclass(frozen=True)
class TripoSRSettings:
    """Sizes of the network; the defaults are the published ones.

    Attributes:
        radius: half the side of the cube that the planes cover.
    """

    vit: ViTSettings = ViTSettings(grid=32, has_pooler=True)  # noqa: RUF009 - frozen
    width: int = 1024
    depth: int = 16
    heads: int = 16
    groups: int = 32
    size: int = 32
    channels: int = 40
    radius: float = 0.87

    @property
    def image(self) -> int:
        """Side of the image in pixels."""
        return self.vit.grid * self.vit.patch


class _ImageTokenizer(nn.Module):
    def __init__(self, settings: ViTSettings) -> None:
        super().__init__()
        self.model = ViT(settings)


class _TriplaneTokenizer(nn.Module):
    def __init__(self, settings: TripoSRSettings) -> None:
        super().__init__()
        self.embeddings = nn.Parameter(torch.empty(3, settings.width, settings.size, settings.size))


class _Attention(nn.Module):
    def __init__(self, width: int, heads: int, condition: int) -> None:
        super().__init__()
        self.heads = heads
        self.to_q = nn.Linear(width, width, bias=False)
        self.to_k = nn.Linear(condition, width, bias=False)
        self.to_v = nn.Linear(condition, width, bias=False)
        self.to_out = nn.ModuleList([nn.Linear(width, width)])

    def forward(self, tokens: Tensor, context: Tensor) -> Tensor:
        return self.to_out[0](attention(self.to_q(tokens), self.to_k(context), self.to_v(context), self.heads))


class _GatedProjection(nn.Module):
    """GEGLU: Shazeer, "GLU variants improve transformer", 2020."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.proj = nn.Linear(width, 2 * hidden)

    def forward(self, tokens: Tensor) -> Tensor:
        values, gates = self.proj(tokens).chunk(2, dim=-1)
        return values * functional.gelu(gates)


class _FeedForward(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.net = nn.Sequential(_GatedProjection(width, 4 * width), nn.Identity(), nn.Linear(4 * width, width))


class _Block(nn.Module):
    def __init__(self, settings: TripoSRSettings) -> None:
        super().__init__()
        width = settings.width
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(width) for _ in range(3))
        self.attn1 = _Attention(width, settings.heads, width)
        self.attn2 = _Attention(width, settings.heads, settings.vit.width)
        self.ff = _FeedForward(width)

    def forward(self, tokens: Tensor, context: Tensor) -> Tensor:
        normal = self.norm1(tokens)
        tokens = tokens + self.attn1(normal, normal)
        tokens = tokens + self.attn2(self.norm2(tokens), context)
        return tokens + self.ff.net(self.norm3(tokens))


class _Backbone(nn.Module):
    def __init__(self, settings: TripoSRSettings) -> None:
        super().__init__()
        width = settings.width
        self.norm = nn.GroupNorm(settings.groups, width, eps=1e-6)
        self.proj_in = nn.Linear(width, width)
        self.transformer_blocks = nn.ModuleList(_Block(settings) for _ in range(settings.depth))
        self.proj_out = nn.Linear(width, width)

    def forward(self, embeddings: Tensor, context: Tensor) -> Tensor:
        """(3, width, size, size), (m, vit width) -> (3, width, size, size)."""
        channels_first = embeddings.transpose(0, 1).flatten(1).unsqueeze(0)
        tokens = self.proj_in(self.norm(channels_first).squeeze(0).T)
        for block in self.transformer_blocks:
            tokens = block(tokens, context)
        return planes_from_tokens(self.proj_out(tokens), embeddings.shape[-1]) + embeddings


class _PostProcessor(nn.Module):
    def __init__(self, settings: TripoSRSettings) -> None:
        super().__init__()
        self.upsample = nn.ConvTranspose2d(settings.width, settings.channels, 2, 2)


class _Decoder(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = perceptron(3 * channels, 4, width=64, depth=10, activation=nn.SiLU)


class TripoSR(nn.Module):
    """The whole network."""

    def __init__(self, settings: TripoSRSettings) -> None:
        super().__init__()
        self.settings = settings
        self.image_tokenizer = _ImageTokenizer(settings.vit)
        self.tokenizer = _TriplaneTokenizer(settings)
        self.backbone = _Backbone(settings)
        self.post_processor = _PostProcessor(settings)
        self.decoder = _Decoder(settings.channels)

    def encode(self, image: Tensor, positions: Tensor) -> Tensor:
        """An image's triplane.

        Args:
            image: (1, 3, size, size) RGB 0..1, the object over grey 0.5.
            positions: position table of the image encoder.

        Returns:
            (3, channels, 2 * size, 2 * size).
        """
        context = self.image_tokenizer.model(image, positions)
        return self.post_processor.upsample(self.backbone(self.tokenizer.embeddings, context))

    def decode(self, planes: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
        """Density and colour of points.

        Args:
            planes: as from ``encode``.
            points: (n, 3) in the network's own frame, its content inside [-radius, radius]^3.

        Returns:
            (n,) density before its activation, which is exp(density - 1); (n, 3) colour, sRGB 0..1.
        """
        features = sample_planes(planes, points / self.settings.radius, XY_XZ_YZ)
        decoded = self.decoder.layers(features)
        return decoded[:, 0], torch.sigmoid(decoded[:, 1:])
