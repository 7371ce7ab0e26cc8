# SPDX-License-Identifier: GPL-3.0-or-later
"""Triplanes whose surface is known exactly: no network, no fit.

The surface is the intersection of three silhouettes, one for each plane. A plane's first channel falls from DEPTH
outside its silhouette; the decoder adds up the three and passes the rest on: its activations see values so large
that they are linear there.
"""

import dataclasses
import math

import numpy as np
from image_to_3d.inference.binding import load_manifest
from image_to_3d.inference.systems import get_system
from image_to_3d.inference.triplane import PLANES

SIZE = 64
OFFSET = 40.0
"""Added before the first activation and taken off at the end: ReLU(x) = x, and SiLU(x) = x to 1e-16, at such values."""

DEPTH = 10.0
"""Value of the first channel inside the silhouettes."""

RIGHT_COLOR, LEFT_COLOR = (0.9, 0.2, 0.1), (0.1, 0.3, 0.8)
"""Of the object's halves, right and left as the camera sees them."""


def silhouette(boxes):
    """(height, width): how many texels away from all boxes (w0, w1, h0, h1), at most DEPTH, taken from DEPTH.

    So it is 0 far away, which is also what a sampler finds outside the planes.
    """
    centres = (np.arange(SIZE) + 0.5) * 2 / SIZE - 1
    width, height = centres[None, :], centres[:, None]
    apart = [
        np.maximum(np.maximum(w0 - width, width - w1), np.maximum(h0 - height, height - h1)) for w0, w1, h0, h1 in boxes
    ]
    return DEPTH - np.clip(np.min(apart, axis=0) * SIZE / 2, 0, DEPTH)


def object_planes(front, right, pairs, channels):
    """An object with a nose in front and a chimney at the right of its top, in a network's axes, scaled to [-1, 1].

    Args:
        front: axis index and sign of the direction towards the camera.
        right: axis index and sign of the direction that the camera sees on its right.
        pairs: of each plane, the axis along its width and the one along its height.
        channels: of the planes.

    Returns:
        (3, channels, 64, 64) float32: the silhouettes, then the colours' logits.
    """
    # Extents along (front, right, up): body, nose, chimney.
    blocks = [
        ((-0.4, 0.4), (-0.3, 0.3), (-0.5, 0.3)),
        ((0.4, 0.7), (-0.1, 0.1), (-0.1, 0.1)),
        ((-0.1, 0.1), (0.1, 0.3), (0.3, 0.6)),
    ]
    axes = {front[0]: (0, front[1]), right[0]: (1, right[1]), 2: (2, 1)}
    planes = np.zeros((3, channels, SIZE, SIZE), np.float32)
    for plane, pair in zip(planes, pairs, strict=True):
        boxes = []
        for block in blocks:
            ends = []
            for axis in pair:
                which, sign = axes[axis]
                ends += sorted(sign * end for end in block[which])
            boxes.append(ends)
        plane[0] = silhouette(boxes)
    # The first plane holds both horizontal axes: colours by what is right and left.
    centres = (np.arange(SIZE) + 0.5) * 2 / SIZE - 1
    along = centres[None, :] if pairs[0][0] == right[0] else centres[:, None]
    is_right = np.broadcast_to(along * right[1] > 0, (SIZE, SIZE))
    for channel, (one, other) in enumerate(zip(RIGHT_COLOR, LEFT_COLOR, strict=True), 1):
        planes[0, channel] = np.where(is_right, logit(one), logit(other))
    return planes


def logit(share):
    return np.log(share / (1 - share))


def inside_level(iso_level):
    """The output for ``linear_weights`` that is ``iso_level`` a quarter of a texel outside the silhouettes."""
    return 0, 4.0, iso_level + 1 - 4 * 3 * DEPTH


def linear_weights(graph, prefix, depth, outputs):
    """Weights of a perceptron that is linear: each output is the sum of one channel over the planes, times a factor.

    Args:
        graph: the decoder's file.
        prefix: of the tensors' names up to the layer's index.
        depth: number of layers; activations lie between.
        outputs: of each output, its channel, factor and added constant.
    """
    shapes = {name: info.shape for name, info in load_manifest(graph).tensors.items() if name.startswith(prefix)}
    weights = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
    channels = weights[f"{prefix}0.weight"].shape[1] // 3
    for neuron, (channel, factor, _) in enumerate(outputs):
        weights[f"{prefix}0.weight"][neuron, channel::channels] = factor
    weights[f"{prefix}0.bias"][: len(outputs)] = OFFSET
    for layer in range(1, depth):
        matrix = weights[f"{prefix}{2 * layer}.weight"]
        matrix[: len(outputs), : len(outputs)] = np.eye(len(outputs))
    last = weights[f"{prefix}{2 * (depth - 1)}.bias"]
    last[: len(outputs)] = [constant - OFFSET for _, _, constant in outputs]
    return weights


def code_arrays(planes, weights):
    return {PLANES: planes.astype(np.float16), **weights}


XY_XZ_YZ, XY_XZ_ZY = ((0, 1), (0, 2), (1, 2)), ((0, 1), (0, 2), (2, 1))
COLORS = [(1, 1, 0), (2, 1, 0), (3, 1, 0)]


@dataclasses.dataclass(frozen=True)
class Known:
    """A system with a known triplane.

    Attributes:
        system: its id.
        half_size: of its cube, in units of the planes' own half size.
        planes, weights: what the encoder gives, and the checkpoint holds.
    """

    system: str
    half_size: float
    planes: np.ndarray
    weights: dict


def known_triposr():
    graph = get_system("triposr").card.graphs[1]
    # x to the camera, y to the right.
    planes = object_planes((0, 1), (1, 1), XY_XZ_YZ, 40)
    level = 1 + math.log(25)
    weights = linear_weights(graph, "decoder.layers.", 10, [inside_level(level), *COLORS])
    return Known("triposr", 1.0, planes, weights)


def known_openlrm():
    graph = get_system("openlrm-small").card.graphs[1]
    # The camera at -y, x to the right.
    planes = object_planes((1, -1), (0, 1), XY_XZ_ZY, 32)
    level = 1 + math.log(math.expm1(3))
    weights = linear_weights(graph, "synthesizer.decoder.net.", 4, [inside_level(level), *COLORS])
    return Known("openlrm-small", 1.0, planes, weights)


def known_instantmesh():
    _, geometry, color = get_system("instantmesh-base").card.graphs
    planes = object_planes((0, 1), (1, 1), XY_XZ_ZY, 40)
    prefix = "synthesizer.decoder.net_"
    weights = linear_weights(geometry, f"{prefix}sdf.", 4, [inside_level(0)])
    weights |= linear_weights(geometry, f"{prefix}deformation.", 4, [])
    weights |= linear_weights(color, f"{prefix}rgb.", 4, COLORS)
    return Known("instantmesh-base", 1.05, planes, weights)
