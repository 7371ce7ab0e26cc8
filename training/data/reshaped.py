# SPDX-License-Identifier: GPL-3.0-or-later
"""New training objects of old ones: other proportions, a taper, other tints.

What hand-made and simulated objects teach is worth more than their number: a chair made wider, lower and narrower
towards its top is still a chair, lit and photographed anew.
"""

from dataclasses import replace

import numpy as np

from .meshes import Model, Part, normalise

#: Spread of the stretch along each axis, as a logarithm.
STRETCH = 0.2
#: A side's size at the top against its size in the middle differs by at most this share.
TAPER = 0.25
#: Share of the copies that get a taper.
TAPERED = 0.5
#: Spread of the tints' exponents, one for each part and channel.
TINT = 0.25


def reshape(model: Model, rng: np.random.Generator) -> Model:
    """A copy of a normalised model in another shape and tint, normalised again. Raises ``Rejected``."""
    stretch = np.exp(rng.normal(0, STRETCH, 3)).astype(np.float32)
    tapers = rng.uniform(-TAPER, TAPER, 2) * (rng.random() < TAPERED)
    parts = [_tinted(_reshaped(part, stretch, tapers.astype(np.float32)), rng) for part in model.parts]
    return normalise(replace(model, parts=parts))


def _reshaped(part: Part, stretch: np.ndarray, tapers: np.ndarray) -> Part:
    """x and y scaled by 1 + taper z, then all axes stretched.

    Normals follow the inverse transpose of the map's derivative [[a, 0, c x], [0, b, d y], [0, 0, 1]] (a and b the
    scales at the corner's height, c and d the tapers), before the stretch.
    """
    across = 1 + tapers * part.corners[..., 2:]
    corners, normals = part.corners.copy(), part.normals.copy()
    corners[..., :2] *= across
    normals[..., :2] /= across
    normals[..., 2] -= (normals[..., :2] * tapers * part.corners[..., :2]).sum(-1)
    normals /= stretch
    normals /= np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-9)
    return replace(part, corners=corners * stretch, normals=normals)


def _tinted(part: Part, rng: np.random.Generator) -> Part:
    exponents = np.exp(rng.normal(0, TINT, 3))
    texture = part.texture
    if texture is not None:
        texture = np.round(255 * (texture / 255.0) ** exponents).astype(np.uint8)
    return replace(part, colors=(part.colors**exponents).astype(np.float32), texture=texture)
