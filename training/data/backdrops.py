# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands behind and under an object in a photo: floors of wood, cloth or tiles, and walls."""

import numpy as np
from PIL import Image
from scipy import ndimage

#: Side of a floor's texture, pixels.
TEXTURE = 128
#: How far the floor reaches, object units.
FLOOR_REACH = 12.0

#: A texture (TEXTURE, TEXTURE, 3) uint8 sRGB, rows from the top, and the object units after which it repeats.
Floor = tuple[np.ndarray, float]


def smooth_noise(rng: np.random.Generator, size: int, cells: tuple[int, int]) -> np.ndarray:
    """Noise that repeats, (size, size) in about -1..1, with so many waves along each axis."""
    grid = np.pad(rng.normal(0, 0.5, cells), 2, mode="wrap")
    rows, columns = (2 + np.arange(size) * n / size for n in cells)
    return ndimage.map_coordinates(grid, np.meshgrid(rows, columns, indexing="ij"), order=3)


def wood(rng: np.random.Generator, size: int) -> np.ndarray:
    """Brightness of a board's grain along the columns, (size, size) around 1."""
    bend = smooth_noise(rng, size, (3, 2)) * rng.uniform(0.05, 0.35)
    across = np.linspace(0, 1, size, endpoint=False)[:, None] + bend
    rings = np.sin(across * 2 * np.pi * rng.integers(2, 9))
    return 1 + 0.16 * rings + 0.1 * smooth_noise(rng, size, (48, 4))


def cloth(rng: np.random.Generator, size: int) -> np.ndarray:
    """Brightness of a weave, (size, size) around 1."""
    threads = np.sin(np.arange(size) * 2 * np.pi * rng.integers(12, 32) / size)
    return 1 + 0.1 * threads[:, None] * threads + 0.1 * smooth_noise(rng, size, (40, 40))


def marble(rng: np.random.Generator, size: int) -> np.ndarray:
    """Brightness of veined or cloudy stone, (size, size) around 1."""
    cloud = sum(smooth_noise(rng, size, (2**k, 2**k)) / k for k in (1, 2, 3, 4))
    return 1 + 0.2 * np.sin(3 * cloud)


def floor(rng: np.random.Generator) -> Floor:
    """A random floor."""
    color = np.clip(rng.uniform(0.1, 0.95) * (1 + rng.normal(0, 0.15, 3)), 0, 1)
    kind = rng.choice(["plain", "plain", "wood", "wood", "cloth", "marble", "tiles"])
    if kind == "plain":
        shade = 1 + 0.03 * smooth_noise(rng, TEXTURE, (4, 4))
    elif kind == "tiles":
        count = int(rng.integers(2, 5))
        tone = np.kron(1 + rng.normal(0, 0.06, (count, count)), np.ones((-(-TEXTURE // count),) * 2))
        shade = tone[:TEXTURE, :TEXTURE] * marble(rng, TEXTURE)
        joint = np.arange(TEXTURE) % (TEXTURE / count) < 2
        shade[joint] *= 0.7
        shade[:, joint] *= 0.7
    else:
        shade = {"wood": wood, "cloth": cloth, "marble": marble}[str(kind)](rng, TEXTURE)
    if kind == "wood" and rng.random() < 0.7:
        color = np.array([0.62, 0.43, 0.27]) * rng.uniform(0.5, 1.4) * (1 + rng.normal(0, 0.06, 3))
    picture = np.clip(shade[..., None] * color, 0, 1)
    return (picture * 255).astype(np.uint8), float(np.exp(rng.uniform(0.0, 1.6)))


def wall(rng: np.random.Generator, size: int) -> np.ndarray:
    """A smooth random picture, as a wall out of focus gives, (size, size, 3) float32 0..1."""
    light, tint = rng.uniform(0.1, 1), rng.normal(0, rng.choice([0.03, 0.2]), 3)
    colors = light + tint + rng.normal(0, rng.choice([0.03, 0.1, 0.25]), (4, 4, 1)) + rng.normal(0, 0.04, (4, 4, 3))
    grid = Image.fromarray((np.clip(colors, 0, 1) * 255).astype(np.uint8))
    return np.asarray(grid.resize((size, size), Image.Resampling.BICUBIC), np.float32) / 255
