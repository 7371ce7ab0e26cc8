# SPDX-License-Identifier: GPL-3.0-or-later
"""From stored views to what the network learns from: tensors, mirrored, stretched, tinted, with targets along rays.

All of it runs on the device where the views' tensors lie.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from .data.compact import Record
from .data.grid import CELL, EXTENT, RESOLUTION, TRUNCATION
from .encoder import PATCHES, Encoder
from .network import BINS, DEPTH_RANGE, FEATURE_DROPOUT, MAPS

#: Rays a sample on which the logits between the surfaces are trained.
COLUMNS = 640
#: Softness of the occupancy target, object units; about a cell.
SOFTNESS = 0.02
#: Near its first and last surface a ray is in material, whatever the grid says: half-sizes of the crop.
SKIN = 0.035
#: Share of the samples that are made wider or narrower, and by how much at most.
STRETCHED, STRETCH = 0.6, 1.3
#: What of a view is stored, in the order of ``Raw``.
STORED = ("photo", "mask", "depths", "albedo", "camera")


@dataclass
class Raw:
    """n views as they are stored (``compact.Record``), and each one's solid."""

    photo: Tensor  #: (n, 192, 192, 3) uint8 sRGB
    mask: Tensor  #: (n, 192, 192) uint8
    depths: Tensor  #: (n, 2, 96, 96) float16, NaN where there is no surface
    albedo: Tensor  #: (n, 2, 96, 96, 3) uint8 sRGB
    camera: Tensor  #: (n, 16) float32
    signed: Tensor  #: (n, 96, 96, 96) int8

    @classmethod
    def of(cls, pairs: Sequence[tuple[Record, int]]) -> "Raw":
        """The given views of the given objects."""
        views = [record.view(number) for record, number in pairs]
        stacked = [torch.from_numpy(np.stack([view[name] for view in views])) for name in STORED]
        return cls(*stacked, torch.from_numpy(np.stack([record.signed() for record, _ in pairs])))

    def to(self, device: torch.device) -> "Raw":
        """The same on a device."""
        return Raw(*(tensor.to(device, non_blocking=True) for tensor in vars(self).values()))


@dataclass
class Batch:
    """What the network takes, and what it should say, of n samples."""

    photo: Tensor  #: (n, 3, 192, 192) sRGB 0..255
    mask: Tensor  #: (n, 1, 192, 192) 0..1
    features: list[Tensor]  #: the frozen encoder's maps and tokens (``Encoder.forward``), or empty: see ``augment``
    depths: Tensor  #: (n, 2, 96, 96), NaN where there is no truth
    albedo: Tensor  #: (n, 6, 96, 96) 0..1
    camera: Tensor  #: (n, 2) elevation, logarithm of the field of view
    columns: Tensor  #: (n, k) flat indices of rays
    solid: Tensor  #: (n, 64, k) target in 0..1, NaN outside the object's hull


def prepare(raw: Raw, features: list[Tensor], mirrored: Tensor) -> Batch:
    """A batch of stored views, those that are ``mirrored`` (n,) as mirror images. ``features``: may be empty."""
    mask = raw.mask.float()[:, None]
    visible = raw.depths[:, :1].isfinite() & (functional.avg_pool2d(mask, 2) > 127)
    depths = torch.where(visible, raw.depths.float(), torch.nan)
    # Rays whose two surfaces lie far apart hold the gaps worth learning: they are drawn more often.
    apart = (depths[:, 1] - depths[:, 0]).nan_to_num().clamp(0, 1.5)
    chance = (0.15 + apart) * visible[:, 0] + 1e-6  # of a view without any, rays without targets
    columns = torch.multinomial(chance.flatten(1), COLUMNS, replacement=True)
    solid = column_targets(raw.signed, raw.camera, depths, columns)

    def turned(maps: Tensor) -> Tensor:
        return torch.where(mirrored[:, None, None, None], maps.flip(3), maps)

    row, column = columns // MAPS, columns % MAPS
    maps, tokens = features[:3], features[3:]
    return Batch(
        photo=_last(turned(raw.photo.permute(0, 3, 1, 2).float())),
        mask=turned(mask / 255),
        features=[*(_last(turned(m.float())) for m in maps), *(mirror_tokens(t.float(), mirrored) for t in tokens)],
        depths=turned(depths),
        albedo=turned(raw.albedo.permute(0, 1, 4, 2, 3).flatten(1, 2).float() / 255),
        camera=torch.stack([raw.camera[:, 14], raw.camera[:, 15].log()], 1),
        columns=row * MAPS + torch.where(mirrored[:, None], MAPS - 1 - column, column),
        solid=solid,
    )


def mirror_tokens(tokens: Tensor, mirrored: Tensor) -> Tensor:
    """(n, 145, 384) tokens of which those of ``mirrored`` (n,) have left and right exchanged."""
    patches = tokens[:, 1:].unflatten(1, (PATCHES, PATCHES)).flip(2).flatten(1, 2)
    return torch.where(mirrored[:, None, None], torch.cat([tokens[:, :1], patches], 1), tokens)


def column_targets(signed: Tensor, camera: Tensor, depths: Tensor, columns: Tensor) -> Tensor:
    """Occupancy along rays, (n, 64, k) in 0..1, NaN outside the hull between first and last surface.

    signed: (n, 96, 96, 96) int8 of ``solid.quantise``; camera: (n, 16) of ``View.camera``; depths: (n, 2, 96, 96);
    columns: (n, k) flat indices of the rays.
    """
    eye, basis, tangent, middle = camera[:, :3], camera[:, 3:12].unflatten(1, (3, 3)), camera[:, 12], camera[:, 13]
    w = ((torch.arange(BINS, device=camera.device) + 0.5) / BINS * 2 - 1) * DEPTH_RANGE
    depth = middle[:, None] * (1 + w * tangent[:, None])
    u = ((columns % MAPS + 0.5) / MAPS * 2 - 1) * tangent[:, None]
    v = -((columns // MAPS + 0.5) / MAPS * 2 - 1) * tangent[:, None]
    rays = torch.stack([u, v, -torch.ones_like(u)], -1) @ basis
    cells = (eye[:, None, None] + EXTENT + depth[:, :, None, None] * rays[:, None]) * (1 / CELL)
    outside = ((cells < 0) | (cells >= RESOLUTION)).any(-1)
    x, y, z = cells.long().clamp(0, RESOLUTION - 1).unbind(-1)
    place = ((x * RESOLUTION + y) * RESOLUTION + z).flatten(1)
    distance = signed.flatten(1).gather(1, place).unflatten(1, (BINS, -1)).float() * (TRUNCATION / 127)
    target = torch.sigmoid(distance / SOFTNESS).masked_fill(outside, 0.0)
    first, last = (depths[:, i].flatten(1).gather(1, columns)[:, None] for i in (0, 1))
    along = w[:, None]
    skin = (along - first < SKIN) | (last - along < SKIN)
    target = torch.where(skin, target.clamp(min=0.95), target)
    return torch.where((along > first) & (along < last), target, torch.nan)


def augment(batch: Batch, encoder: Encoder | None) -> Batch:
    """Keep the network from learning the objects by heart: other widths, tints and exposures, some features left out.

    Features that a batch brings along are stretched with it; of a batch without any, ``encoder`` computes those of the
    changed photos, which is better and needs an accelerator.
    """
    batch = tint(stretch(batch))
    if not batch.features and encoder is not None:
        with torch.no_grad(), torch.autocast(batch.photo.device.type, torch.bfloat16):
            batch.features = [feature.float() for feature in encoder(batch.photo)]
    *maps, tokens = batch.features
    return replace(batch, features=[*(functional.dropout2d(each, FEATURE_DROPOUT) for each in maps), tokens])


def tint(batch: Batch) -> Batch:
    """Another white balance and exposure of each photo."""
    n, new = len(batch.photo), batch.photo.new_empty
    gain = new(n, 3, 1, 1).uniform_(0.85, 1.15) * new(n, 1, 1, 1).uniform_(0.75, 1.25)
    return replace(batch, photo=_last(torch.where(batch.mask > 0.5, (batch.photo * gain).clamp(0, 255), batch.photo)))


def stretch(batch: Batch) -> Batch:
    """Make some objects wider or narrower: photo, truth and features alike, as far as the crop has room.

    Across the picture the features of a stretched photo are nearly the stretched features, and neither depths nor
    elevation change: this makes new objects of old ones without the encoder.
    """
    n, new = len(batch.photo), batch.photo.new_empty
    axis = torch.linspace(-1, 1, batch.mask.shape[3], device=batch.mask.device).abs()
    wide = ((batch.mask > 0.5).any(2).squeeze(1) * axis).amax(1)
    tall = ((batch.mask > 0.5).any(3).squeeze(1) * axis).amax(1)
    factor = torch.exp(new(n).uniform_(-1, 1) * math.log(STRETCH))
    # The longer side fills the crop, so what is wide may not become narrow, and nothing may leave the crop.
    factor = torch.minimum(torch.maximum(factor, (tall / wide.clamp(min=0.1)).clamp(max=1)), 0.92 / wide.clamp(min=0.1))
    factor = torch.where(new(n).uniform_() < STRETCHED, factor, torch.ones_like(factor))
    transform = torch.zeros(n, 2, 3, device=factor.device)
    transform[:, 0, 0], transform[:, 1, 1] = 1 / factor, 1

    def warp(maps: Tensor, mode: str = "bilinear") -> Tensor:
        grid = functional.affine_grid(transform, list(maps.shape), align_corners=False)
        return functional.grid_sample(maps, grid, mode, "border", align_corners=False)

    features = [_last(warp(each)) for each in batch.features[:3]]
    for tokens in batch.features[3:]:
        patches = tokens[:, 1:].transpose(1, 2).unflatten(2, (PATCHES, PATCHES))
        features.append(torch.cat([tokens[:, :1], warp(patches).flatten(2).transpose(1, 2)], 1))
    place = ((batch.columns % MAPS + 0.5) / MAPS * 2 - 1) * factor[:, None]
    moved = ((place + 1) / 2 * MAPS).long().clamp(0, MAPS - 1)
    return replace(
        batch,
        photo=_last(warp(batch.photo)),
        mask=warp(batch.mask),
        features=features,
        depths=warp(batch.depths, "nearest"),
        albedo=warp(batch.albedo, "nearest"),
        columns=batch.columns // MAPS * MAPS + moved,
    )


def _last(maps: Tensor) -> Tensor:
    """Channels last in memory, as the convolutions like it."""
    return maps.contiguous(memory_format=torch.channels_last)
