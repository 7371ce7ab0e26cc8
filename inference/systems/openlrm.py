# SPDX-License-Identifier: GPL-3.0-or-later
"""OpenLRM 1.1 by Zexin He and Tengfei Wang: one photo and a camera to a triplane; three sizes, two training sets.

Conventions are those of the authors' code (github.com/3DTopia/OpenLRM, commit 3108b69):

* Frame (``runners/infer/lrm.py``, ``_default_source_camera``): the camera is at -y and looks along +y, x is to its
  right, z up: the object frame itself.
* The planes cover [-1, 1]^3 (``rendering/synthesizer.py``, ``box_warp``).
* The surface is where softplus(density - 1) is 3 (``configs/infer-*.yaml``, ``mesh_thres``); values here are the
  densities before the softplus.
* The network is told its camera: by default 2 away with a focal length of 0.75 of the picture's side.
* Preparing the photo (``utils/preprocess.py``, ``runners/infer/lrm.py``): the object's longest side is 0.8 of a square
  of 512 pixels, over white, then bicubic with aligned corners and without antialiasing to the network's size. Different
  are the cut-out and the box's last row and column, as with TripoSR, and that the photo is not first shrunk to 1024.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..camera import Camera
from ..framing import FramedPhoto, FramingSettings
from ..triplane import LevelSet, Placement
from . import GRAPHS, CheckpointSource, SystemCard
from .single_view import SingleViewSystem, channels_first

Array = NDArray[np.float32]

DISTANCE, FOCAL = 2.0, 0.75
"""Of the camera: the network's units, sides of the picture."""

FRAME = 512
"""Pixels along each side to which the authors prepare photos before they are shrunk to the network's size."""

CUBIC = -0.75
"""Slope parameter of torch's bicubic interpolation (Keys 1981)."""

SIZES = {"small": (224, 446_000_000), "base": (336, 1_041_000_000), "large": (448, 1_809_000_000)}
"""Side of the network's input, pixels, and size of its checkpoint, bytes (the tensors' float32 values)."""

MEMORY = {"small": 1_200_000_000, "base": 1_900_000_000, "large": 2_700_000_000}
"""Estimated: the checkpoint and what TripoSR takes besides its own, with more for the larger picture."""

DATA = {
    "mix": (
        "trained on Objaverse and on video frames of real objects",
        "photos of real things, for study and private work",
        "model.safetensors",
    ),
    "obj": (
        "trained on Objaverse alone",
        "pictures that look rendered, for study and private work",
        "pytorch_model.bin",
    ),
}
"""By a training set's name: what it is, what the network is good for, and the file in the authors' repositories."""


def density_level(threshold: float) -> float:
    """The density before the softplus at which the authors' threshold lies: softplus(density - 1) = threshold."""
    return 1 + math.log(math.expm1(threshold))


def camera_input() -> Array:
    """(1, 16): the first three rows of the camera's pose, then focal lengths and centre in sides of the picture."""
    pose = [1, 0, 0, 0, 0, 0, -1, -DISTANCE, 0, 1, 0, 0]
    return np.array([[*pose, FOCAL, FOCAL, 0.5, 0.5]], np.float32)


def resize_aligned(image: Array, size: int) -> Array:
    """Bicubic with aligned corners and without antialiasing, as torch does it; the result is cut off to 0..1.

    Args:
        image: (s, s, c) float32.
        size: side of the result.

    Returns:
        (size, size, c) float32.
    """
    result = _resize_rows(image, size)
    return np.clip(np.swapaxes(_resize_rows(np.swapaxes(result, 0, 1), size), 0, 1), 0, 1)


def _resize_rows(image: Array, size: int) -> Array:
    position = np.arange(size) * ((len(image) - 1) / (size - 1))
    first = np.floor(position).astype(np.intp)
    t = position - first
    result = np.zeros((size, *image.shape[1:]), np.float32)
    for tap in range(-1, 3):
        distance = np.abs(t - tap)
        near = ((CUBIC + 2) * distance - (CUBIC + 3)) * distance**2 + 1
        far = ((CUBIC * distance - 5 * CUBIC) * distance + 8 * CUBIC) * distance - 4 * CUBIC
        weight = np.where(distance <= 1, near, far).astype(np.float32)
        result += weight[:, None, None] * image[np.clip(first + tap, 0, len(image) - 1)]
    return result


@dataclass(frozen=True)
class OpenLRM(SingleViewSystem):
    """One size and training set; see ``System``.

    Attributes:
        image_size: side of the network's input, pixels.
    """

    image_size: int = 0

    def encoder_inputs(self, framed: FramedPhoto) -> Mapping[str, Array]:
        """The photo at the network's size, and the camera."""
        return {"image": channels_first(resize_aligned(framed.image, self.image_size)), "camera": camera_input()}


def _system(data: str, size: str) -> OpenLRM:
    image_size, checkpoint_bytes = SIZES[size]
    trained, good_for, filename = DATA[data]
    repository = f"zxhezexin/openlrm-{data}-{size}-1.1"
    card = SystemCard(
        id=f"openlrm-{size}" if data == "mix" else f"openlrm-{data}-{size}",
        name=f"OpenLRM {size}" if data == "mix" else f"OpenLRM {size} (Objaverse)",
        version="1.1",
        description=f"An open large reconstruction model, {size} size, {trained}; not for commercial work",
        good_for=good_for,
        gives="surface, base colour",
        licence="CC-BY-NC-4.0",
        licence_url="https://creativecommons.org/licenses/by-nc/4.0/",
        who_may_use="Everyone for research and other non-commercial work, naming the authors; not for commercial work",
        source=f"Zexin He and Tengfei Wang, huggingface.co/{repository}",
        checkpoint=CheckpointSource(
            repository=repository, revision="main", filename=filename, size_bytes=checkpoint_bytes
        ),
        graphs=(GRAPHS / f"openlrm_{size}_encoder.onnx", GRAPHS / f"openlrm_{size}_decoder.onnx"),
        memory_bytes=MEMORY[size],
        framing=FramingSettings(size=FRAME, foreground_ratio=0.8, resampling=Image.Resampling.BOX),
        is_free_for_work=False,
    )
    return OpenLRM(
        card=card,
        placement=Placement(np.eye(3, dtype=np.float32), 1.0),
        level_set=LevelSet(density_level(3), (density_level(0.5), density_level(10))),
        camera=Camera.looking_at_origin(0.0, 2 * FOCAL, DISTANCE),
        image_size=image_size,
    )


SYSTEMS = {system.card.id: system for system in (_system(data, size) for data in DATA for size in SIZES)}
