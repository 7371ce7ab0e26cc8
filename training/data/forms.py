# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: RUF005 - these are sums of vectors, not joined lists
"""Forms that objects are assembled from: lofts, lathes, tubes, prisms, boxes and smoothly blended blobs.

All are closed surfaces with outward faces, Z up, in any unit; ``Builder`` scales nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike
from skimage import measure

#: Points round a turned or tubular form, and cells along the longest side of a blob's grid.
SEGMENTS, BLOB_GRID = 40, 76


@dataclass
class Form:
    """A surface: vertices (V, 3), faces (F, 3), and its own uv (F, 3, 2) or colours (V, 3) where it has them."""

    vertices: np.ndarray
    faces: np.ndarray
    uv: np.ndarray | None = None
    colors: np.ndarray | None = None

    def moved(self, x: float = 0, y: float = 0, z: float = 0) -> "Form":
        """A shifted copy."""
        return replace(self, vertices=self.vertices + [x, y, z])

    def scaled(self, x: float, y: float, z: float) -> "Form":
        """A stretched copy; the factors are positive."""
        return replace(self, vertices=self.vertices * [x, y, z])

    def turned(self, axis: str, degrees: float) -> "Form":
        """A copy turned about an axis through the origin, counter-clockwise seen from the axis' tip."""
        i, j = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
        c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        vertices = self.vertices.copy()
        vertices[:, i] = c * self.vertices[:, i] - s * self.vertices[:, j]
        vertices[:, j] = s * self.vertices[:, i] + c * self.vertices[:, j]
        return replace(self, vertices=vertices)

    def mirrored(self) -> "Form":
        """The mirror image in x."""
        uv = None if self.uv is None else self.uv[:, ::-1]
        return replace(self, vertices=self.vertices * [-1, 1, 1], faces=self.faces[:, ::-1], uv=uv)

    def bent(self, amount: float) -> "Form":
        """A copy whose height curves forward (-y) with x, as a banana or a bumper does."""
        vertices = self.vertices.copy()
        vertices[:, 1] += amount * vertices[:, 0] ** 2
        return replace(self, vertices=vertices)

    def sheared(self, y_per_z: float) -> "Form":
        """A copy that leans along y."""
        vertices = self.vertices.copy()
        vertices[:, 1] += y_per_z * vertices[:, 2]
        return replace(self, vertices=vertices)

    def tapered(self, x: float, y: float) -> "Form":
        """A copy whose top is ``x`` and ``y`` times as wide as its bottom."""
        z = self.vertices[:, 2]
        t = ((z - z.min()) / max(np.ptp(z), 1e-9))[:, None]
        factor = np.concatenate([1 + t * (x - 1), 1 + t * (y - 1), np.ones_like(t)], 1)
        return replace(self, vertices=self.vertices * factor)


def smooth(points: ArrayLike, count: int = 40, closed: bool = False) -> np.ndarray:
    """A Catmull-Rom curve through points (k, d): (count, d)."""
    p = np.asarray(points, float)
    k = len(p)
    ends = (p[-1:], p[:2]) if closed else (2 * p[:1] - p[1:2], 2 * p[-1:] - p[-2:-1])
    q = np.concatenate([ends[0], p, ends[1]])
    t = np.linspace(0, k if closed else k - 1, count, endpoint=not closed)
    i = np.minimum(t.astype(int), (k if closed else k - 1) - 1)
    f = (t - i)[:, None]
    a, b, c, d = (q[i + n] for n in range(4))
    return 0.5 * (2 * b + (c - a) * f + (2 * a - 5 * b + 4 * c - d) * f**2 + (3 * b - a - 3 * c + d) * f**3)


def loft(sections: np.ndarray, ring: bool = False) -> Form:
    """A skin over closed sections (n, m, 3), capped at both ends, or joined to a ring.

    Sections run counter-clockwise seen from the last one. u goes round, v from the first section to the last.
    """
    n, m = sections.shape[:2]
    if not ring:
        caps = [np.repeat(sections[i : i + 1].mean(1, keepdims=True), m, 1) for i in (0, n - 1)]
        sections = np.concatenate([caps[0], sections, caps[1]])
    rows = len(sections)
    i, j = np.meshgrid(np.arange(rows if ring else rows - 1), np.arange(m), indexing="ij")
    i, j = i.ravel(), j.ravel()
    below = [i * m + j, i * m + (j + 1) % m]
    above = [(i + 1) % rows * m + (j + 1) % m, (i + 1) % rows * m + j]
    faces = np.concatenate([np.stack([*below, above[0]], 1), np.stack([below[0], *above], 1)])
    length = np.linalg.norm(np.diff(sections, axis=0), axis=2).mean(1)
    v = np.concatenate([[0], np.cumsum(length)]) / max(length.sum(), 1e-9)
    v = np.append(v, 1.0)
    first, second = j / m, (j + 1) / m
    corners = [(first, v[i]), (second, v[i]), (second, v[i + 1]), (first, v[i + 1])]
    uv = np.stack([np.stack(c, -1) for c in corners], 1)
    return Form(sections.reshape(-1, 3), faces, np.concatenate([uv[:, [0, 1, 2]], uv[:, [0, 2, 3]]]))


def lathe(profile: ArrayLike, segments: int = SEGMENTS, corners: int = 0) -> Form:
    """A turned form from (k, 2) radius and height, from the bottom's centre over the outside to the end.

    ``corners``: of a regular polygon instead of a circle.
    """
    p = np.asarray(profile, float)
    angle = np.arange(segments) * 2 * np.pi / segments
    factor = np.ones(segments)
    if corners:
        step = 2 * np.pi / corners
        factor = np.cos(step / 2) / np.cos((angle + step / 2) % step - step / 2)
    ring = np.stack([np.cos(angle) * factor, np.sin(angle) * factor], -1)
    points = np.concatenate(
        [p[:, 0, None, None] * ring, np.broadcast_to(p[:, 1, None, None], (len(p), segments, 1))], -1
    )
    return loft(points)


def hollow(profile: ArrayLike, wall: float, floor: float | None = None) -> np.ndarray:
    """The profile of a vessel: an outer profile (k, 2) that rises to its rim, and back down inside."""
    outer = np.asarray(profile, float)
    bottom = outer[:, 1].min() + (wall if floor is None else floor)
    inner = outer[::-1].copy()
    inner[:, 0] = np.maximum(inner[:, 0] - wall, 1e-3)
    inner[:, 1] = np.maximum(inner[:, 1], bottom)
    return np.concatenate([outer, inner, [[1e-3, bottom]]])


def tube(path: ArrayLike, radius: ArrayLike, flat: float = 1.0, segments: int = 16, caps: bool = True) -> Form:
    """A tube along (k, 3) points with (k,) or one radius; ``flat`` scales its vertical radius; rounded ends."""
    centre = np.asarray(path, float)
    thick = np.broadcast_to(np.asarray(radius, float), (len(centre),))
    tangent = np.gradient(centre, axis=0)
    tangent /= np.maximum(np.linalg.norm(tangent, axis=1, keepdims=True), 1e-9)
    if caps:
        ends = [(np.cos(a), np.sin(a)) for a in np.radians([15, 40, 65])]
        start = [centre[0] - tangent[0] * thick[0] * c for c, _ in ends]
        stop = [centre[-1] + tangent[-1] * thick[-1] * c for c, _ in reversed(ends)]
        centre = np.concatenate([start, centre, stop])
        tangent = np.concatenate([[tangent[0]] * 3, tangent, [tangent[-1]] * 3])
        scale = [thick[0] * s for _, s in ends], [thick[-1] * s for _, s in reversed(ends)]
        thick = np.concatenate([scale[0], thick, scale[1]])
    up = np.array([0, 0, 1.0]) if np.abs(tangent[:, 2]).mean() < 0.8 else np.array([0, 1.0, 0])
    sides = []
    for t in tangent:  # carried along, so that the tube does not twist
        side = np.cross(t, up)
        side /= max(np.linalg.norm(side), 1e-9)
        up = np.cross(side, t)
        sides.append((side, up))
    angle = np.arange(segments) * 2 * np.pi / segments
    pair = np.array(sides)
    around = np.cos(angle)[:, None] * pair[:, None, 0] + flat * np.sin(angle)[:, None] * pair[:, None, 1]
    return _outwards(loft(centre[:, None] + around * thick[:, None, None]))


def ring(radius: float, thick: float, segments: int = SEGMENTS, height: float | None = None) -> Form:
    """A torus about z; ``height``: its section's vertical half axis, where not round."""
    angle = np.arange(segments) * 2 * np.pi / segments
    turn = np.arange(16) * np.pi / 8
    r = radius + thick * np.cos(turn)
    z = (thick if height is None else height) * np.sin(turn)
    x, y = np.cos(angle)[:, None] * r, np.sin(angle)[:, None] * r
    return _outwards(loft(np.stack([x, y, np.broadcast_to(z, x.shape)], -1), ring=True))


def _outwards(form: Form) -> Form:
    """Turn all faces over if the form's volume comes out negative."""
    a, b, c = (form.vertices[form.faces[:, i]] for i in range(3))
    if (np.cross(a, b) * c).sum() < 0:
        uv = None if form.uv is None else form.uv[:, ::-1]
        return replace(form, faces=form.faces[:, ::-1], uv=uv)
    return form


def ball(x: float, y: float, z: float, roundness: tuple[float, float] = (1.0, 1.0)) -> Form:
    """An ellipsoid with these half axes, or a superquadric: 1 is round, 0.1 nearly a box."""
    latitude, longitude = np.linspace(-np.pi / 2, np.pi / 2, 25)[1:-1], np.arange(SEGMENTS) * 2 * np.pi / SEGMENTS

    def power(value: np.ndarray, exponent: float) -> np.ndarray:
        return np.sign(value) * np.abs(value) ** exponent

    flat, up = power(np.cos(latitude), roundness[0])[:, None], power(np.sin(latitude), roundness[0])[:, None]
    across, along = power(np.cos(longitude), roundness[1]), power(np.sin(longitude), roundness[1])
    points = np.stack([x * flat * across, y * flat * along, z * np.broadcast_to(up, (23, SEGMENTS))], -1)
    return loft(points)


def rounded_rectangle(width: float, depth: float, radius: float, steps: int = 5) -> np.ndarray:
    """An outline (m, 2), counter-clockwise; one point a corner if the radius is 0."""
    if radius <= 0:
        return np.array([[1, -1], [1, 1], [-1, 1], [-1, -1]]) * [width / 2, depth / 2]
    radius = min(radius, width / 2 * 0.999, depth / 2 * 0.999)
    points = []
    for corner, (sx, sy) in enumerate([(1, -1), (1, 1), (-1, 1), (-1, -1)]):
        angle = np.radians(-90 + 90 * corner) + np.linspace(0, np.pi / 2, steps)
        centre = [sx * (width / 2 - radius), sy * (depth / 2 - radius)]
        points.append(centre + radius * np.stack([np.cos(angle), np.sin(angle)], -1))
    return np.concatenate(points)


def inset(outline: np.ndarray, amount: float) -> np.ndarray:
    """An outline (m, 2) moved inwards along its normals; corners are mitred."""
    before, after = np.roll(outline, 1, 0) - outline, np.roll(outline, -1, 0) - outline
    normals = []
    for edge, sign in ((before, 1), (after, -1)):
        unit = edge / np.maximum(np.linalg.norm(edge, axis=1, keepdims=True), 1e-9)
        normals.append(sign * np.stack([unit[:, 1], -unit[:, 0]], -1))
    total = normals[0] + normals[1]
    total /= np.maximum((total**2).sum(1, keepdims=True) / 2, 0.3)
    return outline + amount * total


def prism(outline: ArrayLike, height: float, bevel: float = 0.0, steps: int = 4) -> Form:
    """An outline (m, 2) that its centre can see all of, raised from z = 0, with rounded edges above and below."""
    flat = np.asarray(outline, float)
    levels = [(0.0, 0.0), (height, 0.0)]
    if bevel > 0:
        bevel = min(bevel, height / 2)
        quarter = np.linspace(0, np.pi / 2, steps)
        rise, drop = bevel * (1 - np.cos(quarter)), bevel * (1 - np.sin(quarter))
        levels = [(z, d) for z, d in zip(rise, drop, strict=True)]
        levels += [(height - z, d) for z, d in zip(rise[::-1], drop[::-1], strict=True)]
    sections = [np.concatenate([inset(flat, d) if d else flat, np.full((len(flat), 1), z)], 1) for z, d in levels]
    return loft(np.stack(sections))


def box(x: float, y: float, z: float, bevel: float = 0.0) -> Form:
    """A box centred in x and y that stands on z = 0; sharp unless there is a bevel."""
    if bevel <= 0:
        return prism(rounded_rectangle(x, y, 0), z)
    bevel = min(bevel, x * 0.49, y * 0.49, z * 0.49)
    return prism(rounded_rectangle(x, y, bevel), z, bevel)


def cylinder(radius: float, height: float, bevel: float = 0.0, top: float | None = None) -> Form:
    """A round disc, rod or cone frustum that stands on z = 0."""
    upper = radius if top is None else top
    bevel = min(bevel, height * 0.45, min(radius, upper) * 0.9)
    profile = [[radius - bevel, 0], [radius, bevel], [upper, height - bevel], [upper - bevel, height]]
    if bevel <= 0:
        profile = [[radius, 0], [upper, height]]
    return lathe(profile)


def wheel(radius: float, width: float) -> Form:
    """A tyre whose axle lies along x, centred on the origin."""
    edge = 0.25 * width
    profile = [[radius * 0.55, 0], [radius - edge, 0], [radius, edge], [radius, width - edge], [radius - edge, width]]
    profile += [[radius * 0.55, width], [radius * 0.5, width * 0.8], [1e-3, width * 0.75]]
    return lathe(profile).moved(z=-width / 2).turned("y", 90)


@dataclass
class Limb:
    """A tapering capsule of a blob, from a to b (3,) with a radius at each end, and its sRGB colour."""

    a: ArrayLike
    b: ArrayLike
    start: float
    stop: float
    color: ArrayLike
    flat: tuple[float, float, float] = (1.0, 1.0, 1.0)

    def distance(self, points: np.ndarray) -> np.ndarray:
        """About the distance of points (..., 3) to the capsule, negative inside; ``flat`` stretches it about a."""
        a, b = np.asarray(self.a, np.float32), np.asarray(self.b, np.float32)
        stretch = np.asarray(self.flat, np.float32)
        local, along = (points - a) / stretch, (b - a) / stretch
        t = np.clip(local @ along / max(float(along @ along), 1e-9), 0, 1)
        away = np.sqrt(((local - t[..., None] * along) ** 2).sum(-1))
        return (away - (self.start + t * (self.stop - self.start))) * float(stretch.min())

    def mirrored(self) -> "Limb":
        """The mirror image in x."""
        flip = np.array([-1.0, 1, 1])
        return replace(self, a=np.asarray(self.a) * flip, b=np.asarray(self.b) * flip)


def blob(limbs: Sequence[Limb], blend: float, grid: int = BLOB_GRID) -> Form:
    """Limbs melted into one another over a distance of about ``blend``, each with its own colour."""
    reach = max(max(limb.start, limb.stop) * max(limb.flat) for limb in limbs)
    ends = np.array([np.asarray(p, float) for limb in limbs for p in (limb.a, limb.b)])
    radius = np.array([max(limb.start, limb.stop) * np.asarray(limb.flat) for limb in limbs for _ in (0, 1)])
    low, high = (ends - radius).min(0) - blend - 0.05 * reach, (ends + radius).max(0) + blend + 0.05 * reach
    cell = float((high - low).max()) / grid
    axes = [np.arange(a, b + cell, cell, dtype=np.float32) for a, b in zip(low, high, strict=True)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), -1)
    total = np.zeros(points.shape[:3], np.float32)
    for limb in limbs:
        total += np.exp(-np.clip(limb.distance(points) / blend, -20, 20))
    value = np.log(np.maximum(total, 1e-9)) * blend
    vertices, faces, _, _ = measure.marching_cubes(value, 0, spacing=(cell,) * 3)
    vertices = vertices + low
    weights = np.stack([-limb.distance(vertices.astype(np.float32)) for limb in limbs], 1) / (0.25 * blend)
    weights = np.exp(weights - weights.max(1, keepdims=True))
    colors = weights @ np.array([np.asarray(limb.color, float) for limb in limbs]) / weights.sum(1, keepdims=True)
    return _outwards(Form(vertices, faces, colors=colors))
