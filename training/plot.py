# SPDX-License-Identifier: GPL-3.0-or-later
"""Draw the curves of training: ``python -m training.plot``.

Reads ``training/curves/*.jsonl`` (the lines of ``curves.jsonl`` that hold a validation) and writes
``docs/images/pebble_training.png``: how far the first and the last surface are from the truth on held-out objects, by
training samples seen: mean distance along the ray, in half-sizes of the crop.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

HERE = Path(__file__).resolve().parent
#: Pixels of one panel, its margins (left, top, right, bottom), and how much larger it is drawn before averaging down.
PANEL, MARGINS, SUPERSAMPLING = (460, 300), (52, 30, 14, 40), 3
COLORS = ("#d1495b", "#00798c", "#edae49", "#5d576b", "#66a182", "#2e4057")
GRID, TEXT = "#d9d9d9", "#333333"


@dataclass(frozen=True)
class Curve:
    """One line: a name, and values over samples seen."""

    name: str
    samples: np.ndarray
    values: np.ndarray


def read(path: Path, key: str) -> Curve:
    """Read one file; lines without a validation are passed over."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    lines = [line for line in lines if "validation" in line]
    samples = np.array([line["samples"] for line in lines], float)
    return Curve(path.stem.replace("_", " "), samples, np.array([line["validation"][key] for line in lines], float))


def nice_ticks(low: float, high: float, count: int = 5) -> np.ndarray:
    """Round numbers that cover low..high."""
    rough = (high - low) / count
    unit = 10 ** np.floor(np.log10(rough))
    step = unit * min((s for s in (1, 2, 5, 10) if s * unit >= rough), default=10)
    return np.arange(np.ceil(low / step), np.floor(high / step) + 1) * step


def panel(title: str, curves: Sequence[Curve]) -> Image.Image:
    """Draw curves with axes and a legend."""
    scale = SUPERSAMPLING
    width, height = PANEL[0] * scale, PANEL[1] * scale
    left, top, right, bottom = (m * scale for m in MARGINS)
    image = Image.new("RGB", (width, height), "white")
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(11 * scale)
    most = max(curve.samples.max() for curve in curves)
    low = min(curve.values.min() for curve in curves)
    high = max(curve.values.max() for curve in curves)
    low, high = low - 0.05 * (high - low), high + 0.05 * (high - low)

    def place(samples: np.ndarray, values: np.ndarray) -> list[tuple[float, float]]:
        x = left + samples / most * (width - left - right)
        y = top + (high - values) / (high - low) * (height - top - bottom)
        return list(zip(x.tolist(), y.tolist(), strict=True))

    for tick in nice_ticks(low, high):
        ((_, y),) = place(np.zeros(1), np.array([tick]))
        draw.line([(left, y), (width - right, y)], GRID, scale)
        draw.text((left - 6 * scale, y), f"{tick:.3f}", TEXT, font, anchor="rm")
    for tick in nice_ticks(0, most):
        ((x, y),) = place(np.array([tick]), np.array([low]))
        draw.text((x, y + 6 * scale), f"{tick / 1000:g}k", TEXT, font, anchor="mt")
    draw.text((width / 2, height - 6 * scale), "training samples", TEXT, font, anchor="mb")
    draw.text((left, 8 * scale), title, TEXT, ImageFont.load_default(13 * scale), anchor="lt")
    for number, curve in enumerate(curves):
        color = COLORS[number % len(COLORS)]
        draw.line(place(curve.samples, curve.values), color, 2 * scale, joint="curve")
        draw.text((width - right, top + number * 15 * scale), curve.name, color, font, anchor="rt")
    return image.resize(PANEL, Image.Resampling.LANCZOS)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--curves", type=Path, default=HERE / "curves")
    parser.add_argument("--out", type=Path, default=HERE.parent / "docs" / "images" / "pebble_training.png")
    args = parser.parse_args()
    rows = []
    for folder in sorted(path for path in args.curves.iterdir() if path.is_dir()):
        files = sorted(folder.glob("*.jsonl"))
        panels = [
            panel(f"{folder.name.replace('_', ' ')}: {title}", [read(path, key) for path in files])
            for title, key in (("first surface", "front_distance"), ("last surface", "back_distance"))
        ]
        rows.append(np.concatenate([np.asarray(image) for image in panels], 1))
    Image.fromarray(np.concatenate(rows)).quantize(64).save(args.out, optimize=True)
    print(args.out)


if __name__ == "__main__":
    main()
