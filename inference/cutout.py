# SPDX-License-Identifier: GPL-3.0-or-later
"""Cutting the object out of the photo: by a network, by the file's own alpha channel, or by the artist's mask."""

from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .enclosed import cut_enclosed_background
from .errors import CutoutError
from .masks import keep_sizeable_parts, refine
from .monitor import Monitor
from .photo import Photo, load_photo
from .runtime import Runtime
from .sentence import Sentence

NETWORK = Path(__file__).parent / "graphs" / "u2netp.onnx"
"""U^2-Net's small version (Qin et al. 2020, Apache-2.0)."""

NETWORK_SIZE = 320
"""Side of the square that u2netp sees, pixels."""

NETWORK_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
NETWORK_STD = np.array([0.229, 0.224, 0.225], np.float32)
"""ImageNet's statistics, as in U^2-Net's own ``data_loader.py``."""

OBJECT_LEVEL = 0.5
"""Pixels at least this opaque count as the object."""

MIN_OBJECT_SHARE = 0.001
MAX_OBJECT_SHARE = 0.98
"""A mask outside these shares of the photo is empty, or fills the frame."""

EDGE_CONTACT_SHARE = 0.03
"""From this share of the photo's border on, the object counts as cut off."""

FEW_PIXELS = 160
"""An object of fewer pixels along its longer side is smaller than what networks look at."""

BOX_MARGIN = 0.08
"""Surroundings that the network sees round the artist's box, as a share of its sides: it needs some background."""

ASPECT_TOLERANCE = 0.01
"""How far the shape of the artist's mask may be from the photo's."""


class CutoutMethod(StrEnum):
    """How the object is told from its background."""

    AUTOMATIC = "automatic"
    """The artist's mask where one is given, else the photo's alpha where it hides something, else the network."""
    NETWORK = "network"
    ALPHA = "alpha"
    MASK = "mask"
    NONE = "none"
    """The photo as it is: everything that its own alpha channel does not hide."""


@dataclass(frozen=True)
class CutoutSettings:
    """What to cut out, and how.

    Attributes:
        method: see ``CutoutMethod``.
        mask_path: the artist's mask, white (or opaque) on the object, in the photo's shape.
        box: left, top, right and bottom of the part to look at, as shares of the photo's sides; None for all of it.
            Chooses one object among several: the network sees nothing else.
    """

    method: CutoutMethod = CutoutMethod.AUTOMATIC
    mask_path: Path | None = None
    box: tuple[float, float, float, float] | None = None


_TRANSPARENT = ("'{name}' is fully transparent, or nearly so.", "Choose a photo on which the object can be seen.")
_EMPTY = {
    CutoutMethod.NETWORK: ("No object was found in '{name}'.", "Use a photo of one clear object, or give a mask."),
    CutoutMethod.MASK: ("The mask leaves nothing of '{name}'.", "Paint the object white and everything else black."),
    CutoutMethod.ALPHA: _TRANSPARENT,
    CutoutMethod.NONE: _TRANSPARENT,
}
_FULL = {
    CutoutMethod.NETWORK: ("The object fills '{name}' from edge to edge.", "Use a photo with some background."),
    CutoutMethod.MASK: ("The mask covers all of '{name}'.", "Paint the object white and everything else black."),
}


def cut_out(photo: Photo, settings: CutoutSettings, runtime: Runtime, monitor: Monitor) -> NDArray[np.float32]:
    """How much of each pixel belongs to the object.

    Args:
        photo: (h, w).
        settings: the method.
        runtime: runs the network; unused by the other methods.
        monitor: progress, warnings and cancellation.

    Returns:
        (h, w) float32, 0..1.

    Raises:
        CutoutError: the mask is empty, fills the frame or does not fit the photo.
        PhotoError: the artist's mask cannot be read.
        ModelError: the network cannot be run.
        Cancelled: while the network runs.
    """
    method = _resolve(photo, settings)
    box = None if settings.box is None else _pixels_of(settings.box, photo)
    if method is CutoutMethod.NETWORK:
        mask = _by_network(photo, box, runtime, monitor)
    elif method is CutoutMethod.MASK:
        mask = _artists_mask(photo, settings.mask_path, monitor) * _alpha(photo)
    else:
        mask = _alpha(photo)
    if box is not None:
        left, top, right, bottom = box
        within = np.zeros(mask.shape, np.float32)
        within[top:bottom, left:right] = mask[top:bottom, left:right]
        mask = within
    mask = keep_sizeable_parts(mask)
    _check(mask, method, photo.name)
    if method is CutoutMethod.NETWORK and _edge_contact(mask) > EDGE_CONTACT_SHARE:
        monitor.warn("The object reaches the photo's edge; a photo that shows it whole gives a better result.")
    if (extent := _extent(mask)) < FEW_PIXELS:
        monitor.warn(
            Sentence("The object is only {extent} pixels large; a closer photo gives a sharper result.", extent=extent)
        )
    return mask


def _resolve(photo: Photo, settings: CutoutSettings) -> CutoutMethod:
    if settings.method is CutoutMethod.ALPHA and not photo.has_alpha:
        raise CutoutError(
            Sentence("'{name}' has no transparent background.", name=photo.name),
            "Choose the cut-out method Automatic or Network.",
        )
    if settings.method is CutoutMethod.MASK and settings.mask_path is None:
        raise CutoutError("No mask was chosen.", "Choose a mask, or another cut-out method.")
    if settings.method is not CutoutMethod.AUTOMATIC:
        return settings.method
    if settings.mask_path is not None:
        return CutoutMethod.MASK
    return CutoutMethod.ALPHA if photo.has_alpha else CutoutMethod.NETWORK


def _pixels_of(box: tuple[float, float, float, float], photo: Photo) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of the artist's box in whole pixels.

    Raises:
        CutoutError: there is nothing in it.
    """
    height, width = photo.pixels.shape[:2]
    left, top, right, bottom = box
    if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
        raise CutoutError("The box round the object is empty.", "Drag it from one corner of the object to the other.")
    return round(left * width), round(top * height), round(right * width), round(bottom * height)


def _by_network(
    photo: Photo, box: tuple[int, int, int, int] | None, runtime: Runtime, monitor: Monitor
) -> NDArray[np.float32]:
    """(h, w) float32, 0..1, what the network takes for the object, its outline and holes drawn to the photo's edges.

    Within a box, the network sees the box with some of its surroundings, and everything beyond them is 0.
    """
    height, width = photo.pixels.shape[:2]
    seen = (slice(0, height), slice(0, width))
    if box is not None:
        left, top, right, bottom = box
        across, down = round(BOX_MARGIN * (right - left)), round(BOX_MARGIN * (bottom - top))
        rows = slice(max(top - down, 0), min(bottom + down, height))
        seen = (rows, slice(max(left - across, 0), min(right + across, width)))
    part = replace(photo, pixels=np.ascontiguousarray(photo.pixels[seen]))
    colors = part.pixels[..., :3]
    coarse = cut_enclosed_background(colors, _network_mask(part, runtime, monitor))
    mask = np.zeros((height, width), np.float32)
    mask[seen] = refine(colors, coarse) * _alpha(part)
    return mask


def _alpha(photo: Photo) -> NDArray[np.float32]:
    """(h, w) float32, 0..1."""
    return photo.pixels[..., 3].astype(np.float32) / 255


def _network_mask(photo: Photo, runtime: Runtime, monitor: Monitor) -> NDArray[np.float32]:
    """(NETWORK_SIZE, NETWORK_SIZE) float32, 0..1.

    U^2-Net's own scripts stretch the result to the full range; that is left out, because it turns the noise that a
    photo without an object gives into an object.
    """
    image = Image.fromarray(photo.pixels)
    if photo.has_alpha:
        image = Image.alpha_composite(Image.new("RGBA", image.size, (255, 255, 255, 255)), image)
    small = image.convert("RGB").resize((NETWORK_SIZE, NETWORK_SIZE), Image.Resampling.BILINEAR)
    pixels = np.asarray(small, np.float32)
    pixels = pixels / max(float(pixels.max()), 1.0)
    batch = ((pixels - NETWORK_MEAN) / NETWORK_STD).transpose(2, 0, 1)[None]
    outputs = runtime.run(NETWORK, {"input.1": np.ascontiguousarray(batch)}, monitor)
    monitor.progress(0.7)
    # "1959" is the fused map; the other outputs are its six intermediate stages.
    mask: NDArray[np.float32] = outputs["1959"][0, 0].astype(np.float32)
    return mask


def _artists_mask(photo: Photo, path: Path | None, monitor: Monitor) -> NDArray[np.float32]:
    if path is None:
        raise CutoutError("No mask was chosen.", "Choose a mask, or another cut-out method.")
    picture = load_photo(path, monitor)
    if picture.has_alpha:
        grey = Image.fromarray(np.ascontiguousarray(picture.pixels[..., 3]))
    else:
        grey = Image.fromarray(picture.pixels).convert("L")
    height, width = photo.pixels.shape[:2]
    if abs(grey.width * height / (grey.height * width) - 1) > ASPECT_TOLERANCE:
        raise CutoutError(
            Sentence(
                "The mask '{name}' has another shape ({width} x {height}) than the photo "
                "({photo_width} x {photo_height}).",
                name=path.name,
                width=grey.width,
                height=grey.height,
                photo_width=width,
                photo_height=height,
            ),
            "Make the mask in the photo's own size.",
        )
    if grey.size != (width, height):
        grey = grey.resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(grey, np.float32) / 255


def _check(mask: NDArray[np.float32], method: CutoutMethod, name: str) -> None:
    """Report a mask that is empty or fills the frame."""
    share = float(np.mean(mask >= OBJECT_LEVEL))
    if share < MIN_OBJECT_SHARE:
        message, hint = _EMPTY[method]
        raise CutoutError(Sentence(message, name=name), hint)
    if share > MAX_OBJECT_SHARE and method in _FULL:
        message, hint = _FULL[method]
        raise CutoutError(Sentence(message, name=name), hint)


def _edge_contact(mask: NDArray[np.float32]) -> float:
    """The share of the photo's border that the object covers."""
    border = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]])
    return float(np.mean(border >= OBJECT_LEVEL))


def _extent(mask: NDArray[np.float32]) -> int:
    """The longer side of the object's bounding box, pixels."""
    inside = mask >= OBJECT_LEVEL
    return max(int(np.ptp(np.flatnonzero(inside.any(axis=axis)))) + 1 for axis in (0, 1))
