# SPDX-License-Identifier: GPL-3.0-or-later
"""Surface extraction: coarse-to-fine against evaluating every sample.

    python bench/surface.py [PHOTO] [--no-pebble]

Prints a Markdown table for an analytic field with thin parts and for Pebble's reading of a photo, and exits with 1 if
a limit is not met: a tenth of the evaluations of a 256^3 cube, the same surface, less than five times the evaluations
for twice the resolution.
"""

import argparse
import math
import sys
import time
from collections.abc import Callable
from itertools import pairwise, product
from pathlib import Path

import bpy
import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))

from checkout import load_extension  # noqa: E402 (its folder has to be named first)

load_extension()
bpy.utils.expose_bundled_modules()

from image_to_3d.inference.cutout import CutoutSettings, cut_out  # noqa: E402
from image_to_3d.inference.errors import ReconstructionError  # noqa: E402
from image_to_3d.inference.fields import Appearance, Field, Points  # noqa: E402
from image_to_3d.inference.framing import frame  # noqa: E402
from image_to_3d.inference.monitor import Monitor  # noqa: E402
from image_to_3d.inference.photo import load_photo  # noqa: E402
from image_to_3d.inference.runtime import Runtime, RuntimeSettings  # noqa: E402
from image_to_3d.inference.surface import (  # noqa: E402
    Surface,
    SurfaceSettings,
    extract_densely,
    extract_surface,
)
from image_to_3d.inference.systems import get_system  # noqa: E402

RESOLUTIONS = (128, 256, 512)
COMPARED = 256
LEAST_SAVING, LARGEST_DISTANCE, LARGEST_GROWTH = 10.0, 0.1, 5.0


class ThinParts:
    """A ball, a ring, a rod, a plate and a small separate ball; the thin ones are 0.04 thick in a box of 2."""

    iso_level = 0.0
    iso_range = (-0.1, 0.1)
    detail = 0.04
    lower = np.full(3, -1, np.float32)
    upper = np.full(3, 1, np.float32)

    def values(self, points: Points) -> NDArray[np.float32]:
        """See ``Field``."""
        x, y, z = points.T
        ring = np.hypot(np.hypot(x, y) - 0.8, z + 0.3) - 0.025
        rod = np.maximum(np.hypot(x - 0.55, y - 0.3) - 0.02, np.abs(z) - 0.9)
        plate = np.maximum(np.maximum(np.abs(x - 0.9) - 0.02, np.abs(y) - 0.3), np.abs(z) - 0.5)
        body = np.sqrt((x + 0.2) ** 2 + y**2 + (z - 0.1) ** 2) - 0.45
        crumb = np.sqrt((x - 0.5) ** 2 + (y + 0.7) ** 2 + (z + 0.7) ** 2) - 0.04
        distance: NDArray[np.float32] = np.minimum.reduce([body, ring, rod, plate, crumb]).astype(np.float32)
        return -distance

    def appearance(self, points: Points) -> Appearance:
        """White."""
        return Appearance(np.ones_like(points))


def pebble_field(photo_path: Path) -> Field:
    """Pebble's field of a photo; raises ReconstructionError where the network is missing."""
    monitor, runtime, system = Monitor(), Runtime(RuntimeSettings()), get_system("pebble")
    photo = load_photo(photo_path, monitor)
    framed = frame(photo, cut_out(photo, CutoutSettings(), runtime, monitor), system.card.framing)
    return system.field(system.encode(framed, runtime, monitor), runtime)


def timed(extract: Callable[..., Surface], field: Field, resolution: int) -> tuple[Surface, float]:
    """A surface with all its parts, and the seconds it took."""
    started = time.perf_counter()
    surface = extract(field, SurfaceSettings(resolution, floater_share=0.0), Monitor())
    return surface, time.perf_counter() - started


def largest_distance(surface: Surface, dense: Surface) -> float:
    """Voxels from any vertex of one surface to the nearest vertex of the other; at most 1 is told apart."""
    both = [one.vertices.astype(np.float64) / dense.report.spacing for one in (surface, dense)]
    return max(one_sided_distance(*both), one_sided_distance(*reversed(both)))


def one_sided_distance(points: NDArray[np.float64], targets: NDArray[np.float64]) -> float:
    """From each point to the nearest target, the largest; infinite beyond one unit. Targets are hashed by unit cell."""
    # In a surface's cell lie at most a few targets; sorted by cell, those of a cell are neighbours.
    cells = [np.floor(array).astype(np.int64) + 4096 for array in (points, targets)]
    keys, target_keys = ((cell[:, 0] << 26) + (cell[:, 1] << 13) + cell[:, 2] for cell in cells)
    order = np.argsort(target_keys)
    target_keys, targets = target_keys[order], targets[order]
    nearest = np.full(len(points), np.inf)
    for x, y, z in product((-1, 0, 1), repeat=3):
        key = keys + (x << 26) + (y << 13) + z
        place = np.searchsorted(target_keys, key)
        while True:
            found = place < len(targets)
            found[found] = target_keys[place[found]] == key[found]
            if not found.any():
                break
            apart = np.linalg.norm(points[found] - targets[place[found]], axis=1)
            nearest[found] = np.minimum(nearest[found], apart)
            place = place + 1
    return float(nearest.max())


def measure(name: str, field: Field) -> list[str]:
    """Print the rows of one field; return what fell short."""
    failures, counts = [], []
    for resolution in RESOLUTIONS:
        surface, seconds = timed(extract_surface, field, resolution)
        report = surface.report
        counts.append(report.evaluations)
        cube, box = (total / report.evaluations for total in (resolution**3, report.dense_evaluations))
        distance, dense_text = math.nan, "| |"
        if resolution <= COMPARED:
            dense, dense_seconds = timed(extract_densely, field, resolution)
            distance = largest_distance(surface, dense)
            dense_text = f"{distance:.3f} | {dense_seconds / seconds:.1f} x |"
        print(
            f"| {name} | {resolution} | {len(surface.faces):,} | {report.components} | {report.evaluations:,} "
            f"| {cube:.1f} x | {box:.1f} x | {seconds:.2f} s | {dense_text}"
        )
        if resolution == COMPARED and cube < LEAST_SAVING:
            failures.append(f"{name}: {cube:.1f} times fewer evaluations than {resolution}^3, not {LEAST_SAVING:.0f}")
        if distance > LARGEST_DISTANCE:
            failures.append(f"{name}: {distance:.3f} voxels from the dense surface at {resolution}")
        if not report.watertight:
            failures.append(f"{name}: not watertight at {resolution}")
    growth = [after / before for before, after in pairwise(counts)]
    if max(growth) >= LARGEST_GROWTH:
        failures.append(f"{name}: twice the resolution costs {max(growth):.1f} times the evaluations")
    exponents = ", ".join(f"{math.log2(factor):.2f}" for factor in growth)
    print(f"| {name} | growth exponent of the evaluations, 2 is the surface's: {exponents} | | | | | | | | |")
    return failures


def main() -> int:
    """Exit code 0 if all limits are met."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photo", type=Path, nargs="?", default=ROOT / "examples" / "coffee.jpg")
    parser.add_argument("--no-pebble", action="store_true", help="measure the analytic field only")
    arguments = parser.parse_args()
    print(
        "| field | resolution | quads | parts | evaluations | of cube | of box | time | distance, voxels | dense time |"
    )
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    failures = measure("thin parts", ThinParts())
    if not arguments.no_pebble:
        try:
            failures += measure("Pebble", pebble_field(arguments.photo))
        except ReconstructionError as error:
            failures.append(f"Pebble: {error}")
    print(
        f"\n*of cube*, *of box*: how many times fewer evaluations than resolution^3, and than the samples in the "
        f"field's own box. *distance*: largest, from the vertices of either surface to the other's after evaluating "
        f"every sample; limits at {COMPARED}: {LEAST_SAVING:.0f} x of the cube, {LARGEST_DISTANCE} voxels."
    )
    for failure in failures:
        print(f"\n**Not met:** {failure}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
