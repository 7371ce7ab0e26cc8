# SPDX-License-Identifier: GPL-3.0-or-later
"""Pebble: from a cut-out photo to the first and last surface along each ray, and what lies between.

The network sees the crop and predicts, for each of 96 x 96 rays, where the ray first enters and
last leaves the object (w, see ``training/data/views.py``), the colour there, and a column of 64
logits that say which stretches between the two are solid. Both depths are residuals over the
inflated silhouette, so that an untrained network already gives a plausible pillow.

Two pretrained networks recognise (``encoder.py``); the last layers of one are tuned. What is trained here measures:
convolutions see the photo itself, a small transformer agrees on the shape as a whole, convolutions draw it out.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from .encoder import FEATURE_CHANNELS, PATCHES, WIDTH, Encoder, Layer, tuned_layers

#: Rays along each side of the predicted maps, and logits along each ray.
MAPS, BINS = 96, 64
#: The logits' range of w, in half-sizes of the crop.
DEPTH_RANGE = 1.3
#: The transformer's width, heads and layers, and the share of layers that a training sample skips.
THINKING, THINKING_HEADS, THINKING_LAYERS, SKIPPED = 256, 4, 4, 0.1
#: Share of the encoder's channels left out of each training sample.
FEATURE_DROPOUT = 0.2
#: Whether this processor multiplies bfloat16 faster than float32: a step takes two thirds of the time. Accelerators do.
HAS_BFLOAT16 = bool({"avx512_bf16", "amx_bf16"} & {n for n, has in torch.cpu.get_capabilities().items() if has is True})
#: Typical elevation (radians) and logarithm of the field of view: the camera head's starting point.
MEAN_ELEVATION, MEAN_LOG_FOV = 0.35, -0.93


class Prediction(NamedTuple):
    """What the network says about a batch of n photos; rows from the top."""

    depths: Tensor  #: (n, 2, 96, 96) w of the first and last surface
    albedo: Tensor  #: (n, 6, 96, 96) sRGB 0..1 of the first surface, then of the last
    solid: Tensor  #: (n, 64, 96, 96) logits from w = -1.3 (front) to 1.3
    camera: Tensor  #: (n, 2) elevation in radians, logarithm of the crop's field of view in radians


def conv(inputs: int, outputs: int, stride: int = 1, size: int = 3) -> nn.Sequential:
    """Convolution, normalisation, activation."""
    layer = nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


class Residual(nn.Module):
    """One convolution beside an identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels))

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) -> the same shape."""
        return functional.relu(x + self.body(x))


class Up(nn.Module):
    """Double the resolution and add a skip connection."""

    def __init__(self, inputs: int, skip: int, outputs: int) -> None:
        super().__init__()
        self.below = nn.Conv2d(inputs, outputs, 1)
        self.beside = nn.Conv2d(skip, outputs, 1)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """(n, inputs, h, w) and (n, skip, 2 h, 2 w) -> (n, outputs, 2 h, 2 w)."""
        raised = functional.interpolate(self.below(x), scale_factor=2.0, mode="bilinear", align_corners=False)
        return raised + self.beside(skip)


def inflate(mask: Tensor) -> Tensor:
    """Half the thickness of a pillow with this silhouette, (n, 1, 96, 96), in half-sizes.

    ``mask``: (n, 1, 96, 96) in 0..1. Box averages of growing size stand for the distance to the
    edge: inside a straight edge an average is 1/2 at the edge and 1 from the box's radius on.
    """
    small = functional.avg_pool2d(mask, 2)
    total = torch.zeros_like(small)
    previous = 0
    for radius in (1, 3, 6, 11):
        mean = functional.avg_pool2d(small, 2 * radius + 1, 1, radius)
        total = total + (radius - previous) * functional.relu(2 * mean - 1)
        previous = radius
    half = functional.interpolate(total / (small.shape[-1] / 2), scale_factor=2.0, mode="bilinear", align_corners=False)
    return half * 1.2


class Thinking(nn.Module):
    """A small transformer over the patches, in which each learns of all others and of what DINOv2 saw."""

    def __init__(self, inputs: int, pretrained: bool) -> None:
        super().__init__()
        self.seeing = tuned_layers(pretrained)
        self.tokens = nn.Sequential(nn.LayerNorm(WIDTH), nn.Linear(WIDTH, THINKING))
        self.local = nn.Conv2d(inputs, THINKING, 1)
        self.place = nn.Parameter(torch.randn(1, PATCHES * PATCHES + 1, THINKING) * 0.02)
        self.layers = nn.ModuleList(Layer(THINKING, THINKING_HEADS) for _ in range(THINKING_LAYERS))
        self.norm = nn.LayerNorm(THINKING)

    def forward(self, maps: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """(n, inputs, 12, 12) and the frozen layers' (n, 145, 384) -> (n, 256) for the whole, and (n, 256, 12, 12)."""
        for layer in self.seeing:
            tokens = layer(tokens)
        if self.training:
            tokens = tokens * functional.dropout(tokens.new_ones(tokens.shape[0], 1, WIDTH), FEATURE_DROPOUT)
        local = self.local(maps).flatten(2).transpose(1, 2)
        x = self.tokens(tokens) + self.place + functional.pad(local, (0, 0, 1, 0))
        for layer in self.layers:
            x = x + self._sometimes(layer.attend(x))
            x = x + self._sometimes(layer.think(x))
        x = self.norm(x)
        return x[:, 0], x[:, 1:].transpose(1, 2).unflatten(2, (PATCHES, PATCHES))

    def _sometimes(self, change: Tensor) -> Tensor:
        """Leave the change out for some samples while training (stochastic depth)."""
        if not self.training:
            return change
        kept = torch.rand(change.shape[0], 1, 1, device=change.device) >= SKIPPED
        return change * kept / (1 - SKIPPED)


class Decoder(nn.Module):
    """The trained part: a U-Net over photo and mask that takes the encoder's maps in on its way down.

    On its way up, at 12 x 12, it stops to think. ``pretrained``: whether the tuned layers begin as DINOv2's, or are yet
    to be filled in.
    """

    def __init__(
        self, widths: tuple[int, ...] = (24, 48, 96, 160, 224), top: int = 24, pretrained: bool = True
    ) -> None:
        super().__init__()
        w0, w1, w2, w3, w4 = widths
        f3, f4, f5 = FEATURE_CHANNELS
        self.e0 = conv(4, w0, 2)
        self.e1_down, self.e1 = conv(w0, w1 - 3, 2), Residual(w1)
        self.e2_down, self.e2 = conv(w1, w2, 2), conv(w2 + f3, w2)
        self.e3_down, self.e3 = conv(w2, w3, 2), nn.Sequential(conv(w3 + f4, w3), Residual(w3))
        self.e4_down, self.e4 = conv(w3, w3, 2), nn.Sequential(conv(w3 + f5, w4, 1, 1), Residual(w4), Residual(w4))
        self.whole = nn.Sequential(nn.Linear(w4, w4), nn.ReLU(), nn.Linear(w4, w4), nn.ReLU())
        self.spread = nn.Linear(w4, w4)
        self.u3, self.d3 = Up(w4, w3, w3), Residual(w3)
        self.thinking, self.told = Thinking(w3, pretrained), nn.Conv2d(THINKING, w3, 1)
        self.u2, self.d2 = Up(w3, w2, w2), nn.Sequential(Residual(w2), Residual(w2))
        self.u1, self.d1 = Up(w2, w1, w1), nn.Sequential(Residual(w1), Residual(w1))
        self.u0, self.d0 = Up(w1, w0, top), nn.ReLU(inplace=True)
        self.camera, self.placing = nn.Linear(w4 + THINKING, 2), nn.Linear(THINKING, 8)
        self.maps = nn.Conv2d(top, 8, 1)
        self.solid_coarse = nn.Conv2d(w1, BINS, 1)
        self.solid_fine = nn.Conv2d(top, BINS, 1)
        for layer in (self.maps, self.placing, self.camera, self.solid_fine, self.solid_coarse):
            nn.init.normal_(layer.weight, std=0.01)
            nn.init.zeros_(layer.bias)
        nn.init.ones_(self.solid_fine.bias)
        axis = (torch.arange(MAPS) + 0.5) / MAPS * 2 - 1
        grid = torch.stack(torch.meshgrid(axis, axis, indexing="ij"))[None]
        self.register_buffer("grid", grid, persistent=False)

    def forward(self, photo: Tensor, mask: Tensor, features: list[Tensor], columns: Tensor | None = None) -> Prediction:
        """photo (n, 3, 192, 192) sRGB 0..255; mask (n, 1, 192, 192) 0..1; the encoder's maps and tokens.

        With ``columns`` (n, k), flat indices of rays, only their logits are computed: ``solid`` is
        then (n, 64, k). Training needs few of them, and the whole volume is most of the work.
        """
        half = inflate(functional.avg_pool2d(mask, 2))
        place = self.grid.expand(half.shape[0], -1, -1, -1)
        # What comes out stays float32: slopes are differences of neighbours, which bfloat16 cannot tell apart.
        pays = self.training and (HAS_BFLOAT16 or photo.device.type != "cpu")
        with torch.autocast(photo.device.type, torch.bfloat16, enabled=pays):
            d2, e1, e0, whole, thought = self._understand(photo, mask, features, half, place)
        d1 = self.d1(self.u1(d2.float(), e1.float()))
        d0 = self.d0(self.u0(d1, e0.float()))
        maps = self.maps(d0)
        start = torch.tensor([MEAN_ELEVATION, MEAN_LOG_FOV], dtype=maps.dtype, device=maps.device)
        return Prediction(
            depths=maps[:, :2] + torch.cat([-half, half], 1) + self._placed(thought.float(), half, place),
            albedo=maps[:, 2:] + 0.5,
            solid=self._solid(d1, d0, columns),
            camera=self.camera(torch.cat([whole, thought], 1).float()) + start,
        )

    def _understand(
        self, photo: Tensor, mask: Tensor, features: list[Tensor], half: Tensor, place: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Down to 6 x 6 and up again to 24 x 24, (n, 96, 24, 24); the maps met on the way; two vectors of the whole."""
        e0 = self.e0(torch.cat([(photo - 127.0) / 128.0, mask * 2 - 1], 1))
        e1 = self.e1(torch.cat([self.e1_down(e0), functional.avg_pool2d(torch.cat([half, place], 1), 2)], 1))
        e2 = self.e2(torch.cat([self.e2_down(e1), features[0]], 1))
        e3 = self.e3(torch.cat([self.e3_down(e2), features[1]], 1))
        e4 = self.e4(torch.cat([self.e4_down(e3), features[2]], 1))
        whole = self.whole(e4.mean((2, 3)))
        d3 = self.d3(self.u3(e4 + self.spread(whole)[..., None, None], e3))
        thought, thoughts = self.thinking(d3, features[3])
        d2 = self.d2(self.u2(d3 + self.told(thoughts), e2))
        return d2, e1, e0, whole, thought

    def _placed(self, thought: Tensor, half: Tensor, place: Tensor) -> Tensor:
        """What holds over the whole picture: each surface's offset and tilt, and how it swells. (n, 2, 96, 96)."""
        offset, down, right, swell = self.placing(thought)[..., None, None].chunk(4, 1)
        return offset + down * place[:, :1] + right * place[:, 1:] + swell * half

    def _solid(self, d1: Tensor, d0: Tensor, columns: Tensor | None) -> Tensor:
        coarse = self.solid_coarse(d1)
        if columns is None:
            raised = functional.interpolate(coarse, scale_factor=2.0, mode="bilinear", align_corners=False)
            return raised + self.solid_fine(d0)
        picked = d0.flatten(2).gather(2, columns[:, None].expand(-1, d0.shape[1], -1))
        fine = functional.conv1d(picked, self.solid_fine.weight[..., 0], self.solid_fine.bias)
        place = torch.stack([columns % MAPS, columns // MAPS], -1).to(d0.dtype)
        place = ((place + 0.5) / MAPS * 2 - 1)[:, None]
        return functional.grid_sample(coarse, place, padding_mode="border", align_corners=False)[:, :, 0] + fine


class Pebble(nn.Module):
    """Encoder and decoder together, as exported."""

    def __init__(self, decoder: Decoder, encoder: Encoder | None = None) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder or Encoder(), decoder

    def forward(self, photo: Tensor, mask: Tensor) -> Prediction:
        """photo (n, 3, 192, 192) sRGB 0..255 with grey outside the mask; mask (n, 1, 192, 192) 0..1."""
        return self.decoder(photo, mask, self.encoder(photo))
