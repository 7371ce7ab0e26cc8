# SPDX-License-Identifier: GPL-3.0-or-later
"""Meshes as the data scripts use them: soups of coloured triangles, Z up, longest side 2."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import trimesh

#: Corners keep their smooth vertex normal where it is within this angle of the face normal.
CREASE_COSINE = float(np.cos(np.radians(42.0)))
#: Limits of what counts as an object: triangles, second and third extent relative to the first.
TRIANGLES = (20, 400_000)
MIN_SECOND_EXTENT, MIN_THIRD_EXTENT = 0.10, 0.05


class Rejected(Exception):
    """A mesh is not usable as a training object; the message says why."""


@dataclass
class Part:
    """Triangles that share one look.

    corners, normals: (F, 3, 3) float32, object units. colors: (F, 3, 3) float32 sRGB in 0..1.
    uv: (F, 3, 2) float32 with v upwards, and texture: (H, W, 3) uint8 sRGB, or both None.
    """

    corners: np.ndarray
    normals: np.ndarray
    colors: np.ndarray
    uv: np.ndarray | None = None
    texture: np.ndarray | None = None


@dataclass
class Model:
    """One object: its parts, and where it comes from."""

    name: str
    source: str
    category: str
    parts: list[Part] = field(default_factory=list)

    @property
    def corners(self) -> np.ndarray:
        """All triangles, (F, 3, 3)."""
        return np.concatenate([part.corners for part in self.parts])


def corner_normals(corners: np.ndarray, index: np.ndarray | None = None) -> np.ndarray:
    """Smooth normals with creases, (F, 3, 3), for a triangle soup (F, 3, 3).

    A corner takes the mean of those faces round it that are within the crease angle of its own face, so
    that a box stays sharp however unequal its sides are. ``index``: (F, 3) of the corners' vertices, if known.
    """
    face = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]).astype(np.float64)
    unit = face / np.maximum(np.linalg.norm(face, axis=1, keepdims=True), 1e-12)
    if index is None:
        scale = float(np.ptp(corners.reshape(-1, 3), axis=0).max()) or 1.0
        keys = np.round(corners.reshape(-1, 3) / scale * 1e5).astype(np.int64)
        index = np.unique(keys @ [1 << 40, 1 << 20, 1], return_inverse=True)[1]
    order = np.argsort(index.ravel(), kind="stable")
    owner = order // 3
    counts = np.bincount(index.ravel())
    start = np.repeat(np.cumsum(counts) - counts, counts)
    count, place = np.repeat(counts, counts), np.arange(len(order)) - start
    total = np.zeros((len(order), 3))
    active = np.arange(len(order))
    for step in range(int(counts.max())):
        active = active[count[active] > step]
        other = owner[start[active] + (place[active] + step) % count[active]]
        near = (unit[other] * unit[owner[active]]).sum(1) > CREASE_COSINE
        total[active[near]] += face[other[near]]
    length = np.linalg.norm(total, axis=1, keepdims=True)
    normals = np.empty_like(total)
    normals[order] = np.where(length > 1e-12, total / np.maximum(length, 1e-12), unit[owner])
    return normals.reshape(-1, 3, 3).astype(np.float32)


def part_from_trimesh(mesh: trimesh.Trimesh, y_up: bool) -> Part | None:
    """Convert one trimesh geometry, or return None if it has no usable triangle."""
    corners = np.asarray(mesh.triangles, np.float64)
    if y_up:
        corners = corners[..., [0, 2, 1]] * [1.0, -1.0, 1.0]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    keep = np.isfinite(corners).all((1, 2)) & (area > 0)
    if not keep.any():
        return None
    corners, faces = corners[keep], np.asarray(mesh.faces)[keep]
    colors = np.full(corners.shape, 0.7, np.float32)
    uv = texture = None
    visual = mesh.visual
    if isinstance(visual, trimesh.visual.TextureVisuals):
        material = visual.material
        image = getattr(material, "image", None) or getattr(material, "baseColorTexture", None)
        colors[:] = np.asarray(material.main_color[:3], np.float32) / 255
        if image is not None and visual.uv is not None and len(visual.uv) == len(mesh.vertices):
            uv = np.asarray(visual.uv, np.float32)[faces][..., :2]
            texture = np.asarray(image.convert("RGB").resize((256, 256)), np.uint8)
    elif visual.kind == "vertex":
        colors = np.asarray(visual.vertex_colors, np.float32)[faces][..., :3] / 255
    return Part(corners.astype(np.float32), corner_normals(corners), colors, uv, texture)


def load(path: Path, source: str, category: str, y_up: bool) -> Model:
    """Load any format trimesh reads, as a normalised model. Raises ``Rejected``."""
    scene = trimesh.load(path, process=False)
    geometries = scene.dump() if isinstance(scene, trimesh.Scene) else [scene]
    parts = [part_from_trimesh(g, y_up) for g in geometries if isinstance(g, trimesh.Trimesh) and len(g.faces)]
    model = Model(path.stem, source, category, [part for part in parts if part is not None])
    return normalise(model)


def normalise(model: Model) -> Model:
    """Centre the bounding box, scale its longest side to 2, refuse what is not an object."""
    if not model.parts:
        raise Rejected("no triangles")
    corners = model.corners
    if not TRIANGLES[0] <= len(corners) <= TRIANGLES[1]:
        raise Rejected(f"{len(corners)} triangles")
    low, high = corners.min((0, 1)), corners.max((0, 1))
    extent = np.sort(high - low)[::-1]
    if extent[1] < MIN_SECOND_EXTENT * extent[0] or extent[2] < MIN_THIRD_EXTENT * extent[0]:
        raise Rejected("flat or a line")
    for part in model.parts:
        part.corners = ((part.corners - (low + high) / 2) * (2 / extent[0])).astype(np.float32)
    return model


def fingerprint(model: Model) -> str:
    """Hash of the geometry up to tessellation order: equal for re-coloured or re-exported copies.

    Moments of the surface are rounded to 2 %, so that near-duplicates (one chair in two sizes or
    tints) share a fingerprint and never end up on both sides of a split.
    """
    corners = model.corners.astype(np.float64)
    centre = corners.mean(1)
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    weight = area / area.sum()
    mean = weight @ centre
    spread = np.sqrt(weight @ (centre - mean) ** 2)
    extent = np.ptp(corners.reshape(-1, 3), axis=0)
    third = np.cbrt(weight @ (centre - mean) ** 3)
    numbers = np.round(np.concatenate([extent, mean, spread, third, [np.sqrt(area.sum())]]) * 50).astype(int)
    return hashlib.sha256(numbers.tobytes()).hexdigest()[:16]


def sample_surface(model: Model, count: int, rng: np.random.Generator) -> np.ndarray:
    """Area-weighted points on all triangles, (count, 3)."""
    corners = model.corners
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    index = rng.choice(len(corners), count, p=area / area.sum())
    a, b = rng.random((2, count, 1), np.float32)
    flip = a + b > 1
    a, b = np.where(flip, 1 - a, a), np.where(flip, 1 - b, b)
    chosen = corners[index]
    return chosen[:, 0] + a * (chosen[:, 1] - chosen[:, 0]) + b * (chosen[:, 2] - chosen[:, 0])
