# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts forms and surfaces together into the parts of a model."""

import numpy as np

from .forms import Form
from .meshes import Part, corner_normals
from .surfaces import Surface, color


class Builder:
    """Collects an object's parts; has the object's random numbers and three colours that go together."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.parts: list[Part] = []
        self.main, self.second, self.accent = (color(rng) for _ in range(3))
        if rng.random() < 0.35:  # shades of one colour
            self.second = np.clip(self.main * rng.uniform(0.5, 1.5), 0, 1)

    def chance(self, share: float) -> bool:
        """True in this share of the cases."""
        return bool(self.rng.random() < share)

    def between(self, low: float, high: float) -> float:
        """A number of this range."""
        return float(self.rng.uniform(low, high))

    def add(self, form: Form, surface: Surface | None = None, both: bool = False) -> None:
        """Add a form, and with ``both`` its mirror image in x; without a surface it keeps its own colours."""
        for each in (form, form.mirrored()) if both else (form,):
            self.parts.append(_part(each, surface))


def _part(form: Form, surface: Surface | None) -> Part:
    corners = form.vertices[form.faces].astype(np.float32)
    normals = corner_normals(corners, form.faces)
    if surface is None:
        if form.colors is None:
            raise ValueError("a form without colours needs a surface")
        colors = np.clip(form.colors, 0, 1)[form.faces].astype(np.float32)
        return Part(corners, normals, colors)
    uv = form.uv if surface.mapping == "own" else projected(corners, surface)
    if uv is None:
        raise ValueError("the form has no uv of its own")
    return Part(corners, normals, np.full(corners.shape, 0.7, np.float32), uv.astype(np.float32), surface.texture)


def projected(corners: np.ndarray, surface: Surface) -> np.ndarray:
    """Uv of each face from the axis it looks along, so that print can be read from outside."""
    face = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    axis = np.abs(face).argmax(1)
    sign = np.sign(np.take_along_axis(face, axis[:, None], 1))
    low, high = corners.min((0, 1)), corners.max((0, 1))
    scale = np.maximum(high - low, 1e-6) if surface.mapping == "fit" else np.full(3, surface.size)
    local = (corners - low) / scale
    uv = np.empty((*corners.shape[:2], 2))
    for along, (u, v, turn) in enumerate(((1, 2, 1), (0, 2, -1), (0, 1, 1))):
        here = axis == along
        across = local[here, :, u]
        flipped = (sign[here] * turn) < 0
        uv[here, :, 0] = np.where(flipped, (high - low)[u] / scale[u] - across, across)
        uv[here, :, 1] = local[here, :, v]
    return uv
