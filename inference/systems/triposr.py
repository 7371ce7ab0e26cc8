# SPDX-License-Identifier: GPL-3.0-or-later
"""TripoSR by Tripo AI and Stability AI: one photo to a triplane of 40 channels, 64 texels a side.

Conventions are those of the authors' code (github.com/VAST-AI-Research/TripoSR, commit d26e331):

* Frame (``tsr/utils.py``, ``get_spherical_cameras``): x towards the camera of the photo, y to its right, z up. So the
  object frame's X is y, its Y is -x and its Z is z.
* The planes cover a cube of half size 0.87 (``config.yaml``, ``renderer.radius``), here scaled to [-1, 1]^3.
* The surface is where exp(density - 1) is 25 (``run.py``, ``TSR.extract_mesh``). Values here are the densities before
  the exponential: the same surface, but much straighter between samples, so that it comes out without terraces.
* The camera is the one that the authors render results with: 40 degrees, 1.9 away, at the object's height
  (``TSR.render``). The network was trained to guess it, so it is near the photo's, not measured from it.
* Preparing the photo (``run.py``): the object's longest side is 0.85 of a square's, over grey 0.5, shrunk bilinearly.
  Grey is 127 of 255, as the authors' conversion to bytes cuts off. Different are the cut-out (this extension's own,
  with the background's colour taken out of the outline) and the box round the object (the authors' leaves out its last
  row and column).
"""

import math

import numpy as np
from PIL import Image

from ..camera import Camera
from ..framing import FramingSettings
from ..triplane import LevelSet, Placement
from . import GRAPHS, CheckpointSource, SystemCard
from .single_view import SingleViewSystem

RADIUS = 0.87
"""Half the side of the planes' cube, the network's units."""

DISTANCE, FIELD_OF_VIEW = 1.9, math.radians(40)
"""Of the camera: the network's units, radians."""

TURN = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]], np.float32)
"""Object frame to the network's: (X, Y, Z) to (-Y, X, Z)."""


def density_level(threshold: float) -> float:
    """The density before the exponential at which the authors' threshold lies: exp(density - 1) = threshold."""
    return 1 + math.log(threshold)


SYSTEM = SingleViewSystem(
    card=SystemCard(
        id="triposr",
        name="TripoSR",
        version="1",
        description="A large network for single photos, of far more experience than Pebble; slower, runs on any CPU",
        good_for="most single objects; takes longer and more memory than Pebble",
        gives="surface, base colour",
        licence="MIT",
        licence_url="https://huggingface.co/stabilityai/TripoSR",
        who_may_use="Everyone, for any purpose, as long as the licence is kept with copies of the weights",
        source="Tripo AI and Stability AI, huggingface.co/stabilityai/TripoSR",
        checkpoint=CheckpointSource(
            repository="stabilityai/TripoSR",
            revision="5b521936b01fbe1890f6f9baed0254ab6351c04a",
            filename="model.ckpt",
            size_bytes=1_677_246_742,
            sha256="429e2c6b22a0923967459de24d67f05962b235f79cde6b032aa7ed2ffcd970ee",
        ),
        graphs=(GRAPHS / "triposr_encoder.onnx", GRAPHS / "triposr_decoder.onnx"),
        memory_bytes=2_500_000_000,
        framing=FramingSettings(
            size=512, foreground_ratio=0.85, background=(127 / 255,) * 3, resampling=Image.Resampling.BILINEAR
        ),
    ),
    placement=Placement(TURN, RADIUS),
    level_set=LevelSet(density_level(25), (density_level(5), density_level(100))),
    camera=Camera.looking_at_origin(0.0, 1 / math.tan(FIELD_OF_VIEW / 2), DISTANCE / RADIUS),
)
