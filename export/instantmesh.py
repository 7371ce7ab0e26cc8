# SPDX-License-Identifier: GPL-3.0-or-later
"""InstantMesh's reconstruction network: six images and their cameras to a triplane, and the decoders of its points.

Xu et al., "InstantMesh: efficient 3D mesh generation from a single image with sparse-view large reconstruction
models", 2024 (TencentARC/InstantMesh, commit 08822c5); tensor names as in its checkpoints without their prefix
``lrm_generator.``. Mesh variants predict a signed distance for FlexiCubes (Shen et al., 2023), NeRF variants a density.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .layers import PackedAttention, gelu_perceptron, perceptron, silu_embedding
from .openlrm import DensityDecoder, bounded_colour
from .triplane import XY_XZ_ZY, planes_from_tokens, sample_planes
from .vit import ViT, ViTSettings

FINAL_EPSILON = 1e-6
CORNERS = 8
WEIGHTS = 21
"""FlexiCubes' weights per cube: 12 of edges (beta), 8 of corners (alpha), 1 of the split (gamma)."""


@dataclass(frozen=True)
class InstantMeshSettings:
    """Sizes of the network.

    Attributes:
        is_mesh: decoders of a signed distance instead of a density.
        lattice: cells per side that deformations are for; no vertex moves more than a quarter of 1 / lattice.
        weight_scale: of FlexiCubes' weights.
    """

    depth: int
    channels: int
    is_mesh: bool
    vit: ViTSettings = ViTSettings(grid=20, modulation=768)  # noqa: RUF009 - frozen
    views: int = 6
    width: int = 1024
    heads: int = 16
    size: int = 32
    lattice: int = 128
    weight_scale: float = 0.1

    @property
    def image(self) -> int:
        """Side of an image in pixels."""
        return self.vit.grid * self.vit.patch


MESH_LARGE = InstantMeshSettings(depth=16, channels=80, is_mesh=True)
MESH_BASE = InstantMeshSettings(depth=12, channels=40, is_mesh=True)
NERF_LARGE = InstantMeshSettings(depth=16, channels=80, is_mesh=False)
NERF_BASE = InstantMeshSettings(depth=12, channels=40, is_mesh=False)


class _Encoder(nn.Module):
    def __init__(self, settings: ViTSettings) -> None:
        super().__init__()
        self.model = ViT(settings)
        self.camera_embedder = silu_embedding(16, settings.width)


class _Block(nn.Module):
    def __init__(self, settings: InstantMeshSettings) -> None:
        super().__init__()
        width, heads = settings.width, settings.heads
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(width) for _ in range(3))
        self.cross_attn = PackedAttention(width, heads, settings.vit.width)
        self.self_attn = PackedAttention(width, heads)
        self.mlp = gelu_perceptron(width)

    def forward(self, tokens: Tensor, context: Tensor) -> Tensor:
        tokens = tokens + self.cross_attn(self.norm1(tokens), context)
        tokens = tokens + self.self_attn(self.norm2(tokens))
        return tokens + self.mlp(self.norm3(tokens))


class _Transformer(nn.Module):
    def __init__(self, settings: InstantMeshSettings) -> None:
        super().__init__()
        self.size = settings.size
        self.pos_embed = nn.Parameter(torch.empty(1, 3 * settings.size**2, settings.width))
        self.layers = nn.ModuleList(_Block(settings) for _ in range(settings.depth))
        self.norm = nn.LayerNorm(settings.width, FINAL_EPSILON)
        self.deconv = nn.ConvTranspose2d(settings.width, settings.channels, 2, 2)

    def forward(self, context: Tensor) -> Tensor:
        tokens = self.pos_embed.squeeze(0)
        for block in self.layers:
            tokens = block(tokens, context)
        return self.deconv(planes_from_tokens(self.norm(tokens), self.size))


class _MeshDecoder(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        features = 3 * channels
        self.net_sdf, self.net_rgb, self.net_deformation, self.net_weight = (
            perceptron(inputs, outputs, width=64, depth=4, activation=nn.ReLU)
            for inputs, outputs in ((features, 1), (features, 3), (features, 3), (CORNERS * features, WEIGHTS))
        )


class _Synthesizer(nn.Module):
    def __init__(self, settings: InstantMeshSettings) -> None:
        super().__init__()
        decoder = _MeshDecoder if settings.is_mesh else DensityDecoder
        self.decoder = decoder(settings.channels)


class InstantMesh(nn.Module):
    """The whole reconstruction network."""

    def __init__(self, settings: InstantMeshSettings) -> None:
        super().__init__()
        self.settings = settings
        self.encoder = _Encoder(settings.vit)
        self.transformer = _Transformer(settings)
        self.synthesizer = _Synthesizer(settings)

    def encode(self, images: Tensor, cameras: Tensor, positions: Tensor) -> Tensor:
        """The triplane of several views of one object.

        Args:
            images: (views, 3, size, size) RGB 0..1, the object over white.
            cameras: (views, 16), the first three rows of each pose in the world (OpenGL's axes), then fx, fy, cx, cy in
                image sides.
            positions: position table of the image encoder.

        Returns:
            (3, channels, 2 * size, 2 * size).
        """
        context = self.encoder.model(images, positions, self.encoder.camera_embedder(cameras))
        return self.transformer(context)

    def density(self, planes: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
        """Of the NeRF variants: density and colour of points.

        Args:
            planes: as from ``encode``.
            points: (n, 3) in the network's own frame, its content inside [-1, 1]^3.

        Returns:
            (n,) density before its activation, which is softplus(density - 1); (n, 3) colour, sRGB 0..1.
        """
        return self.synthesizer.decoder(sample_planes(planes, points, XY_XZ_ZY))

    def geometry(self, planes: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
        """Of the mesh variants: signed distance, and how far lattice vertices move.

        Args:
            planes: as from ``encode``.
            points: (n, 3) in the network's own frame.

        Returns:
            (n,) signed distance, negative inside; (n, 3) displacement in the same units as the points.
        """
        decoder, features = self.synthesizer.decoder, sample_planes(planes, points, XY_XZ_ZY)
        reach = 1 / (4 * self.settings.lattice)
        return decoder.net_sdf(features)[:, 0], torch.tanh(decoder.net_deformation(features)) * reach

    def colour(self, planes: Tensor, points: Tensor) -> Tensor:
        """Of the mesh variants: (3, c, h, w), (n, 3) -> (n, 3) colour, sRGB 0..1."""
        return bounded_colour(self.synthesizer.decoder.net_rgb(sample_planes(planes, points, XY_XZ_ZY)))

    def cube_weights(self, planes: Tensor, corners: Tensor) -> Tensor:
        """Of the mesh variants: FlexiCubes' weights.

        Args:
            planes: as from ``encode``.
            corners: (n, 8, 3) corners of cubes in FlexiCubes' order: x fastest, then y, then z.

        Returns:
            (n, 21): 12 of edges, 8 of corners, 1 of the split, before FlexiCubes' own activations.
        """
        features = sample_planes(planes, corners.flatten(0, 1), XY_XZ_ZY)
        per_cube = features.reshape(-1, CORNERS * features.shape[-1])
        return self.synthesizer.decoder.net_weight(per_cube) * self.settings.weight_scale
