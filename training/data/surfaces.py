# SPDX-License-Identifier: GPL-3.0-or-later
"""What objects are covered with: paint, wood, cloth, patterns, dirt, and printed labels with text."""

import colorsys
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from .backdrops import cloth, marble, smooth_noise, wood

#: Sides of a repeating texture and of a printed label, pixels.
TILE, PRINT = 96, 256
WORDS = [
    "NOVA",
    "FRESH",
    "PURE",
    "BIO",
    "SUPER",
    "MAX",
    "ALPINE",
    "ORIGINAL",
    "CLASSIC",
    "SUN",
    "LEMON",
    "TEA",
    "COFFEE",
    "MILK",
    "SOAP",
    "TOMATO",
    "OATS",
    "RICE",
    "HONEY",
    "COLA",
    "MINT",
    "SPORT",
    "CITY",
    "TURBO",
    "STAR",
    "POWER",
    "HOME",
    "GARDEN",
    "100%",
    "NEW",
    "No.1",
    "500ml",
    "250g",
    "XL",
    "24",
    "7",
    "PRO",
    "MINI",
    "KIDS",
    "ULTRA",
]
NAMED = {
    "white": (0.92, 0.91, 0.88),
    "black": (0.07, 0.07, 0.08),
    "steel": (0.62, 0.63, 0.65),
    "brass": (0.72, 0.56, 0.25),
    "rubber": (0.12, 0.12, 0.12),
    "oak": (0.66, 0.46, 0.28),
    "glass": (0.1, 0.13, 0.16),
    "card": (0.7, 0.54, 0.36),
}


@dataclass(frozen=True)
class Surface:
    """A texture (h, w, 3) uint8 sRGB and how it lies on a form.

    mapping: "tile" repeats every ``size`` of the form's units on the side a face looks to; "fit" spreads over the
    whole side once; "own" follows the form's own uv.
    """

    texture: np.ndarray
    mapping: str = "tile"
    size: float = 1.0


def color(rng: np.random.Generator) -> np.ndarray:
    """A colour as products have it: saturated, pale, or grey."""
    kind = rng.random()
    hue = rng.random()
    if kind < 0.5:
        return np.array(colorsys.hsv_to_rgb(hue, rng.uniform(0.55, 0.95), rng.uniform(0.35, 0.95)))
    if kind < 0.75:
        return np.array(colorsys.hsv_to_rgb(hue, rng.uniform(0.1, 0.5), rng.uniform(0.4, 0.95)))
    return np.clip(rng.choice([0.07, 0.2, 0.5, 0.8, 0.93]) + rng.normal(0, 0.02, 3), 0, 1)


def named(rng: np.random.Generator, name: str) -> np.ndarray:
    """A material's usual colour, a little off."""
    return np.clip(np.array(NAMED[name]) * np.exp(rng.normal(0, 0.12)) * (1 + rng.normal(0, 0.03, 3)), 0, 1)


def _picture(shade: np.ndarray, base: np.ndarray) -> np.ndarray:
    return (np.clip(shade[..., None] * base, 0, 1) * 255).astype(np.uint8)


def paint(rng: np.random.Generator, base: np.ndarray, dirt: float | None = None) -> Surface:
    """One colour, with as much wear and dirt (0..1) as is said, or a little."""
    amount = (rng.random() < 0.3) * rng.uniform(0.1, 0.5) if dirt is None else dirt
    shade = 1 + 0.02 * rng.normal(size=(TILE, TILE))
    if amount:
        cloud = smooth_noise(rng, TILE, (5, 5)) + 0.6 * smooth_noise(rng, TILE, (17, 17))
        shade = shade - amount * np.clip(cloud, 0, 1) * 0.5
    return Surface(_picture(shade, base))


def grained(rng: np.random.Generator, base: np.ndarray | None = None) -> Surface:
    """Wood."""
    return Surface(_picture(wood(rng, TILE), named(rng, "oak") if base is None else base), size=rng.uniform(0.6, 1.5))


def woven(rng: np.random.Generator, base: np.ndarray) -> Surface:
    """Cloth or felt."""
    return Surface(_picture(cloth(rng, TILE), base), size=rng.uniform(0.3, 0.8))


def leather(rng: np.random.Generator, base: np.ndarray) -> Surface:
    """Leather, stone or clay: cloudy and speckled."""
    return Surface(_picture(1 + 0.5 * (marble(rng, TILE) - 1) + 0.03 * rng.normal(size=(TILE, TILE)), base))


def patterned(rng: np.random.Generator, first: np.ndarray, second: np.ndarray) -> Surface:
    """Stripes, checks, dots or blotches of two colours."""
    rows, columns = np.mgrid[:TILE, :TILE] / TILE
    count = int(rng.integers(2, 6))
    kind = rng.choice(["stripes", "hoops", "checks", "dots", "blotches"])
    waves = np.sin(2 * np.pi * count * rows), np.sin(2 * np.pi * count * columns)
    if kind == "dots":
        where = waves[0] * waves[1] > 0.35
    elif kind == "blotches":
        where = smooth_noise(rng, TILE, (4, 4)) > 0.1
    else:
        where = {"stripes": waves[1], "hoops": waves[0], "checks": waves[0] * waves[1]}[str(kind)] > 0
    picture = np.where(where[..., None], second, first) * (1 + 0.02 * rng.normal(size=(TILE, TILE, 1)))
    return Surface((np.clip(picture, 0, 1) * 255).astype(np.uint8), size=float(rng.uniform(0.4, 1.2)))


def covering(rng: np.random.Generator, base: np.ndarray) -> Surface:
    """Any of the above, mostly plain."""
    kind = rng.random()
    if kind < 0.55:
        return paint(rng, base)
    if kind < 0.75:
        return woven(rng, base)
    if kind < 0.88:
        return leather(rng, base)
    return patterned(rng, base, color(rng))


def _rgb(value: np.ndarray) -> tuple[int, ...]:
    return tuple(int(x * 255) for x in np.clip(value, 0, 1))


def label(rng: np.random.Generator, base: np.ndarray, mapping: str = "fit", repeats: int = 1) -> Surface:
    """A print: bands, a picture of blobs, a big word, small lines and perhaps a bar code."""
    image = Image.new("RGB", (PRINT, PRINT), _rgb(base))
    draw = ImageDraw.Draw(image)
    ink, accent = color(rng), color(rng)
    if np.abs(ink - base).sum() < 0.6:
        ink = np.zeros(3) + (base.mean() < 0.5)
    width = PRINT // repeats
    for start in range(0, PRINT, width):
        _print_panel(draw, np.random.default_rng(rng.integers(4) if repeats > 1 else rng), start, width, ink, accent)
    picture = np.asarray(image, np.float32) * (1 + 0.02 * rng.normal(size=(PRINT, PRINT, 1)))
    return Surface(np.clip(picture, 0, 255).astype(np.uint8), mapping)


def _print_panel(
    draw: ImageDraw.ImageDraw,
    rng: np.random.Generator,
    start: int,
    width: int,
    ink: np.ndarray,
    accent: np.ndarray,
) -> None:
    """Print one panel of a label from column ``start`` on."""
    for _ in range(int(rng.integers(1, 4))):
        top = int(rng.integers(0, PRINT))
        draw.rectangle([start, top, start + width, top + int(rng.integers(6, 70))], fill=_rgb(accent))
    for _ in range(int(rng.integers(0, 6))):
        x, y, r = start + int(rng.integers(0, width)), int(rng.integers(90, 220)), int(rng.integers(8, 42))
        draw.ellipse([x - r, y - r, x + r, y + int(r * rng.uniform(0.6, 1.4))], fill=_rgb(color(rng)))
    word = str(rng.choice(WORDS))
    size = int(min(90, 1.5 * width / len(word)))
    draw.text((start + 0.07 * width, int(rng.integers(10, 80))), word, fill=_rgb(ink), font=_font(size))
    top = int(rng.integers(120, 190))
    for line in range(int(rng.integers(1, 6))):
        text = " ".join(rng.choice(WORDS, 3))
        draw.text((start + 0.08 * width, top + 14 * line), text, fill=_rgb(ink), font=_font(12))
    if rng.random() < 0.3:
        draw.rectangle([start + width - 60, 200, start + width - 8, 245], fill=(245, 245, 245))
        for x in range(start + width - 56, start + width - 12, 4):
            draw.rectangle([x, 204, x + int(rng.integers(0, 3)), 240], fill=(10, 10, 10))


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(max(size, 8))


def screen(rng: np.random.Generator) -> Surface:
    """A display: dark, or showing something."""
    if rng.random() < 0.5:
        return paint(rng, named(rng, "glass"), 0.0)
    return label(rng, color(rng) * 0.5)
