# SPDX-License-Identifier: GPL-3.0-or-later
"""OpenLRM small, base and large: one image and its camera to a triplane, and the decoder of its points.

Hong et al., "LRM: large reconstruction model for single image to 3D", 2024, as opened by 3DTopia/OpenLRM (commit
3108b69); the image encoder is DINOv2 with registers (Oquab et al., 2024; Darcet et al., 2024). Tensor names as in the
checkpoints.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .layers import PackedAttention, attention, gelu_perceptron, modulate, perceptron, silu_embedding
from .positions import PositionRule, position_table
from .triplane import XY_XZ_ZY, planes_from_tokens, sample_planes

EPSILON = 1e-6
COLOUR_MARGIN = 0.001
"""Colours reach this far beyond 0..1 before they are cut off, so that pure black and white need no infinite logits."""


@dataclass(frozen=True)
class DINOv2Settings:
    """Sizes of the image encoder.

    Attributes:
        grid: patches per side of the images it is used with.
        native: patches per side that its position table is for.
    """

    grid: int
    width: int
    heads: int
    depth: int = 12
    patch: int = 14
    native: int = 37
    registers: int = 4

    @property
    def rule(self) -> PositionRule:
        """How DINOv2 with registers interpolates its position table: antialiased, without offset."""
        return PositionRule(self.native, self.grid, offset=0.0, antialias=True)


@dataclass(frozen=True)
class OpenLRMSettings:
    """Sizes of the network."""

    encoder: DINOv2Settings
    width: int
    depth: int
    heads: int
    channels: int
    camera: int = 1024
    size: int = 32

    @property
    def image(self) -> int:
        """Side of the image in pixels."""
        return self.encoder.grid * self.encoder.patch


SMALL = OpenLRMSettings(DINOv2Settings(16, 384, 6), width=512, depth=12, heads=8, channels=32)
BASE = OpenLRMSettings(DINOv2Settings(24, 768, 12), width=768, depth=12, heads=12, channels=48)
LARGE = OpenLRMSettings(DINOv2Settings(32, 768, 12), width=1024, depth=16, heads=16, channels=80)


class _SelfAttention(nn.Module):
    def __init__(self, settings: DINOv2Settings) -> None:
        super().__init__()
        self.heads = settings.heads
        self.qkv = nn.Linear(settings.width, 3 * settings.width)
        self.proj = nn.Linear(settings.width, settings.width)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.proj(attention(*self.qkv(tokens).chunk(3, dim=-1), self.heads))


class _Perceptron(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.fc2(nn.functional.gelu(self.fc1(tokens)))


class _LayerScale(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.empty(width))

    def forward(self, tokens: Tensor) -> Tensor:
        return tokens * self.gamma


class _EncoderBlock(nn.Module):
    def __init__(self, settings: DINOv2Settings) -> None:
        super().__init__()
        width = settings.width
        self.norm1, self.norm2 = (nn.LayerNorm(width, EPSILON) for _ in range(2))
        self.ls1, self.ls2 = (_LayerScale(width) for _ in range(2))
        self.attn = _SelfAttention(settings)
        self.mlp = _Perceptron(width)

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = tokens + self.ls1(self.attn(self.norm1(tokens)))
        return tokens + self.ls2(self.mlp(self.norm2(tokens)))


class _PatchEmbed(nn.Module):
    def __init__(self, settings: DINOv2Settings) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, settings.width, settings.patch, settings.patch)


class DINOv2(nn.Module):
    """The image encoder."""

    def __init__(self, settings: DINOv2Settings) -> None:
        super().__init__()
        self.settings = settings
        width = settings.width
        self.cls_token = nn.Parameter(torch.empty(1, 1, width))
        self.pos_embed = nn.Parameter(torch.empty(1, 1 + settings.native**2, width))
        self.register_tokens = nn.Parameter(torch.empty(1, settings.registers, width))
        self.patch_embed = _PatchEmbed(settings)
        self.blocks = nn.ModuleList(_EncoderBlock(settings) for _ in range(settings.depth))
        self.norm = nn.LayerNorm(width, EPSILON)

    def positions(self) -> Tensor:
        """The position table for images of this size: (1, 1 + grid^2, width)."""
        return position_table(self.pos_embed, self.settings.rule)

    def forward(self, image: Tensor, positions: Tensor) -> Tensor:
        """(1, 3, s, s), (1, 1 + grid^2, width) -> (1 + grid^2, width): class token and patches, without registers."""
        patches = self.patch_embed.proj(image).flatten(2).transpose(1, 2)
        placed = torch.cat([self.cls_token, patches], dim=1) + positions
        tokens = torch.cat([placed[0, :1], self.register_tokens[0], placed[0, 1:]])
        for block in self.blocks:
            tokens = block(tokens)
        normal = self.norm(tokens)
        return torch.cat([normal[:1], normal[1 + self.settings.registers :]])


class _Encoder(nn.Module):
    def __init__(self, settings: DINOv2Settings) -> None:
        super().__init__()
        self.model = DINOv2(settings)


class _CameraEmbedder(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.mlp = silu_embedding(16, width)


class _ModulatedNorm(nn.Module):
    def __init__(self, width: int, modulation: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, EPSILON)
        self.mlp = nn.Sequential(nn.SiLU(), nn.Linear(modulation, 2 * width))

    def forward(self, tokens: Tensor, modulation: Tensor) -> Tensor:
        shift, scale = self.mlp(modulation).chunk(2, dim=-1)
        return modulate(self.norm(tokens), shift, scale)


class _Block(nn.Module):
    def __init__(self, settings: OpenLRMSettings) -> None:
        super().__init__()
        width, heads = settings.width, settings.heads
        self.norm1, self.norm2, self.norm3 = (_ModulatedNorm(width, settings.camera) for _ in range(3))
        self.cross_attn = PackedAttention(width, heads, settings.encoder.width)
        self.self_attn = PackedAttention(width, heads)
        self.mlp = gelu_perceptron(width)

    def forward(self, tokens: Tensor, context: Tensor, modulation: Tensor) -> Tensor:
        tokens = tokens + self.cross_attn(self.norm1(tokens, modulation), context)
        tokens = tokens + self.self_attn(self.norm2(tokens, modulation))
        return tokens + self.mlp(self.norm3(tokens, modulation))


class _Transformer(nn.Module):
    def __init__(self, settings: OpenLRMSettings) -> None:
        super().__init__()
        self.layers = nn.ModuleList(_Block(settings) for _ in range(settings.depth))
        self.norm = nn.LayerNorm(settings.width, EPSILON)


class DensityDecoder(nn.Module):
    """Density and colour from a point's features (OpenLRM, InstantMesh's NeRF variants)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.net = perceptron(3 * channels, 4, width=64, depth=4, activation=nn.ReLU)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """(n, 3 * channels) -> (n,) density before its activation, (n, 3) colour 0..1."""
        decoded = self.net(features)
        return decoded[:, 0], bounded_colour(decoded[:, 1:])


def bounded_colour(logits: Tensor) -> Tensor:
    """Colour 0..1 by MipNeRF's slightly widened sigmoid."""
    return (torch.sigmoid(logits) * (1 + 2 * COLOUR_MARGIN) - COLOUR_MARGIN).clamp(0, 1)


class _Synthesizer(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.decoder = DensityDecoder(channels)


class OpenLRM(nn.Module):
    """The whole network."""

    def __init__(self, settings: OpenLRMSettings) -> None:
        super().__init__()
        self.settings = settings
        self.pos_embed = nn.Parameter(torch.empty(1, 3 * settings.size**2, settings.width))
        self.encoder = _Encoder(settings.encoder)
        self.camera_embedder = _CameraEmbedder(settings.camera)
        self.transformer = _Transformer(settings)
        self.upsampler = nn.ConvTranspose2d(settings.width, settings.channels, 2, 2)
        self.synthesizer = _Synthesizer(settings.channels)

    def encode(self, image: Tensor, camera: Tensor, positions: Tensor) -> Tensor:
        """An image's triplane.

        Args:
            image: (1, 3, size, size) RGB 0..1, the object over white; no normalisation.
            camera: (1, 16), the first three rows of its pose in the world, then fx, fy, cx, cy in image sides.
            positions: position table of the image encoder.

        Returns:
            (3, channels, 2 * size, 2 * size).
        """
        context = self.encoder.model(image, positions)
        modulation = self.camera_embedder.mlp(camera)
        tokens = self.pos_embed.squeeze(0)
        for block in self.transformer.layers:
            tokens = block(tokens, context, modulation)
        return self.upsampler(planes_from_tokens(self.transformer.norm(tokens), self.settings.size))

    def decode(self, planes: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
        """Density and colour of points.

        Args:
            planes: as from ``encode``.
            points: (n, 3) in the network's own frame, its content inside [-1, 1]^3.

        Returns:
            (n,) density before its activation, which is softplus(density - 1); (n, 3) colour, sRGB 0..1.
        """
        return self.synthesizer.decoder(sample_planes(planes, points, XY_XZ_ZY))
