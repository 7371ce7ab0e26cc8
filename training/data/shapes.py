# SPDX-License-Identifier: GPL-3.0-or-later
"""Random shapes: what no catalogue holds. Superquadrics, lathes, bent tubes and smooth noise.

One to five primitives are put together, often mirrored, so that the network meets forms other
than furniture and tableware, and learns that symmetry is common.
"""

import numpy as np
from scipy import ndimage
from skimage import measure

from .meshes import Model, Part, corner_normals, normalise

#: Cells of the grid on which implicit shapes are meshed.
GRID = 72


def random_shape(seed: int) -> Model:
    """Make the object of this seed."""
    rng = np.random.default_rng(seed)
    kind = rng.choice(["union", "union", "lathe", "noise", "tubes"])
    parts = {"union": _union, "lathe": _lathe, "noise": _noise, "tubes": _tubes}[str(kind)](rng)
    return normalise(Model(f"{kind}_{seed:05d}", "shapes", str(kind), parts))


def _color(rng: np.random.Generator) -> np.ndarray:
    """A random colour, sometimes grey, white or black as many products are."""
    if rng.random() < 0.3:
        return np.full(3, rng.choice([0.08, 0.3, 0.6, 0.85]), np.float32) + rng.normal(0, 0.02, 3).astype(np.float32)
    return rng.uniform(0.05, 0.95, 3).astype(np.float32)


def _part(vertices: np.ndarray, faces: np.ndarray, color: np.ndarray) -> Part:
    corners = vertices[faces].astype(np.float32)
    colors = np.broadcast_to(np.clip(color, 0, 1).astype(np.float32), corners.shape).copy()
    return Part(corners, corner_normals(corners), colors)


def _sheet(points: np.ndarray, closed_rows: bool) -> tuple[np.ndarray, np.ndarray]:
    """Triangles over a (rows, columns, 3) grid whose columns wrap round."""
    rows, columns = points.shape[:2]
    index = np.arange(rows * columns).reshape(rows, columns)
    right = np.roll(index, -1, 1)
    below, below_right = np.roll(index, -1, 0), np.roll(right, -1, 0)
    cut = slice(None) if closed_rows else slice(0, rows - 1)
    a, b, c, d = (x[cut].ravel() for x in (index, right, below_right, below))
    return points.reshape(-1, 3), np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])


def _rotation(rng: np.random.Generator, tilt: float) -> np.ndarray:
    """A turn about Z, and with chance ``tilt`` any rotation at all."""
    if rng.random() < tilt:
        q = np.linalg.qr(rng.normal(size=(3, 3)))[0]
        return q * np.sign(np.linalg.det(q))
    c, s = np.cos(a := rng.choice([0.0, 0.0, np.pi / 4, rng.uniform(0, np.pi)])), np.sin(a)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


def _superquadric(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Box, cylinder, ellipsoid and everything between; tapered and bent now and then."""
    e1, e2 = rng.choice([0.12, 0.25, 0.6, 1.0, 1.6], 2)
    u, v = np.meshgrid(np.linspace(-np.pi / 2, np.pi / 2, 33), np.arange(64) * np.pi / 32, indexing="ij")

    def power(x: np.ndarray, e: float) -> np.ndarray:
        return np.sign(x) * np.abs(x) ** e

    size = np.exp(rng.normal(0, 0.55, 3))
    points = np.stack(
        [
            power(np.cos(u), e1) * power(np.cos(v), e2),
            power(np.cos(u), e1) * power(np.sin(v), e2),
            power(np.sin(u), e1),
        ],
        -1,
    )
    if rng.random() < 0.35:
        points[..., :2] *= 1 + rng.uniform(-0.6, 0.6) * points[..., 2:]
    if rng.random() < 0.2:
        points[..., 0] += rng.uniform(-0.5, 0.5) * points[..., 2] ** 2
    return _sheet(points * size, closed_rows=False)


def _union(rng: np.random.Generator) -> list[Part]:
    """Superquadrics beside, on top of and through each other; usually mirrored in x."""
    parts, color = [], _color(rng)
    mirrored = rng.random() < 0.7
    anchor = np.zeros(3)
    for number in range(int(rng.integers(1, 6))):
        vertices, faces = _superquadric(rng)
        scale = 1.0 if number == 0 else rng.uniform(0.2, 0.75)
        reach = np.abs(vertices).max(0) * scale
        vertices = vertices * scale @ _rotation(rng, 0.15).T
        if number:
            direction = rng.normal(size=3)
            direction /= np.abs(direction).max()
            vertices = vertices + direction * (anchor * 0.95 + 0.1 * reach)
            if rng.random() < 0.6:
                color = _color(rng)
        else:
            anchor = reach
        parts.append(_part(vertices, faces, color))
        if mirrored and number:
            parts.append(_part(vertices * [-1, 1, 1], faces[:, ::-1], color))
    return parts


def _profile(rng: np.random.Generator, rows: int) -> np.ndarray:
    """A smooth positive radius along the axis, (rows,)."""
    knots = int(rng.integers(3, 8))
    radius = np.exp(np.cumsum(rng.normal(0, 0.35, knots)))
    t = np.linspace(0, knots - 1, rows)
    if rng.random() < 0.4:
        return np.interp(t, np.arange(knots), radius)
    blend = np.exp(-((t[:, None] - np.arange(knots)) ** 2) / 0.5)
    return blend @ radius / blend.sum(1)


def _lathe(rng: np.random.Generator) -> list[Part]:
    """Turned things: bottles, vases, bowls (hollow), lamps; with a handle now and then."""
    rows = 48
    radius = _profile(rng, rows)
    height = rng.uniform(0.5, 3.5) * radius.mean()
    z = np.linspace(0, height, rows)
    if rng.random() < 0.4:  # hollow: the profile comes back down inside, a wall's thickness in
        wall = rng.uniform(0.05, 0.12) * radius.max()
        radius = np.concatenate([[1e-4], radius, np.maximum(radius[::-1] - wall, 1e-3), [1e-4]])
        z = np.concatenate([[0], z, np.maximum(z[::-1], wall), [wall]])
    else:
        radius, z = np.concatenate([[1e-4], radius, [1e-4]]), np.concatenate([[0], z, [height]])
    angle = np.arange(64) * np.pi / 32
    corners = int(rng.choice([0, 0, 0, 4, 6, 8]))
    factor = np.ones(64)
    if corners:
        factor = 1 / np.cos((angle + np.pi / corners) % (2 * np.pi / corners) - np.pi / corners)
    ring = np.stack([np.cos(angle) * factor, np.sin(angle) * factor], -1)
    points = np.concatenate([radius[:, None, None] * ring, np.broadcast_to(z[:, None, None], (len(z), 64, 1))], -1)
    color = _color(rng)
    parts = [_part(*_sheet(points, closed_rows=False), color)]
    if rng.random() < 0.35:
        low, high = sorted(rng.uniform(0.1, 0.9, 2) * height)
        middle, reach = np.interp([low, high], z[:rows], radius[:rows]), rng.uniform(0.3, 0.9) * radius.mean()
        path = np.array(
            [[middle[0], 0, low], [middle[0] + reach, 0, low], [middle[1] + reach, 0, high], [middle[1], 0, high]]
        )
        thick = rng.uniform(0.05, 0.16) * radius.mean()
        parts.append(_tube(path, np.full(4, thick), color if rng.random() < 0.6 else _color(rng)))
    return parts


def _tube(path: np.ndarray, radius: np.ndarray, color: np.ndarray) -> Part:
    """A round tube along a smoothed polyline (k, 3)."""
    t = np.linspace(0, len(path) - 1, 40)
    blend = np.exp(-((t[:, None] - np.arange(len(path))) ** 2) / 0.35)
    blend /= blend.sum(1, keepdims=True)
    centre, thick = blend @ path, blend @ radius
    tangent = np.gradient(centre, axis=0)
    tangent /= np.maximum(np.linalg.norm(tangent, axis=1, keepdims=True), 1e-9)
    side = np.cross(tangent, [0.31, 0.87, 0.38])
    side /= np.maximum(np.linalg.norm(side, axis=1, keepdims=True), 1e-9)
    other = np.cross(tangent, side)
    angle = np.arange(16) * np.pi / 8
    ring = np.cos(angle)[:, None] * side[:, None] + np.sin(angle)[:, None] * other[:, None]
    points = centre[:, None] + ring * thick[:, None, None]
    points = np.concatenate([np.repeat(centre[:1, None], 16, 1), points, np.repeat(centre[-1:, None], 16, 1)])
    return _part(*_sheet(points, closed_rows=False), color)


def _tubes(rng: np.random.Generator) -> list[Part]:
    """Limbs on a body: animals, lamps, racks, toys."""
    vertices, faces = _superquadric(rng)
    color = _color(rng)
    parts = [_part(vertices, faces, color)]
    size = np.abs(vertices).max(0)
    for _ in range(int(rng.integers(1, 5))):
        start = rng.uniform(-0.7, 0.7, 3) * size
        away = rng.normal(size=3) * [1, 1, 1.5]
        away /= np.linalg.norm(away)
        knots = np.cumsum(
            np.concatenate([start[None], (away + rng.normal(0, 0.35, (4, 3))) * rng.uniform(0.2, 0.7)]), 0
        )
        radius = np.linspace(1, rng.uniform(0.3, 1.2), 5) * rng.uniform(0.07, 0.3)
        if rng.random() < 0.4:
            color = _color(rng)
        parts.append(_tube(knots, radius, color))
        parts.append(_tube(knots * [-1, 1, 1], radius, color))
    return parts


def _noise(rng: np.random.Generator) -> list[Part]:
    """A lumpy closed body: the level set of an ellipsoid plus a few smooth waves."""
    axis = np.linspace(-1.6, 1.6, GRID)
    grid = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1)
    value = 1 - np.linalg.norm(grid / rng.uniform(0.5, 1.1, 3), axis=-1)
    for _ in range(6):
        frequency = rng.normal(size=3) * rng.uniform(1.0, 4.0)
        value += rng.uniform(0.03, 0.22) * np.sin(grid @ frequency + rng.uniform(0, 6.3))
    if rng.random() < 0.5:
        value = (value + value[::-1]) / 2
    edge = np.abs(grid).max(-1) > 1.55
    value[edge] = -1
    pieces, count = ndimage.label(value > 0)
    largest = 1 + int(np.argmax([(pieces == i + 1).sum() for i in range(count)])) if count else 1
    value[(pieces != largest) & (value > 0)] = -0.01
    vertices, faces, _, _ = measure.marching_cubes(value, 0)
    return [_part(vertices, faces[:, ::-1], _color(rng))]
