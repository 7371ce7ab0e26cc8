# SPDX-License-Identifier: GPL-3.0-or-later
"""TripoSR's fields, coarse-to-fine against evaluating every sample.

    python bench/triplane.py [OBJECT ...] [--fit-with PYTHON]

Fields of TripoSR's layout (3 planes of 40 channels, 64 texels a side, and its ten-layer decoder) that were fitted to
known objects. Fits are kept in ``build/bench/triplanes``; where one is missing, ``_fit_triplane.py`` makes it (a few
minutes with PyTorch, in the training environment unless ``--fit-with`` names another Python). Exits with 1 if a limit
is not met: at 256^3 a tenth of the evaluations, the same surface to 0.1 voxels, the same parts.
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path

import bpy
import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "bench")]

from checkout import load_extension  # noqa: E402 (its folder has to be named first)

load_extension()
bpy.utils.expose_bundled_modules()

from _shapes import OBJECTS, signed_distance  # noqa: E402
from image_to_3d.inference.camera import Window  # noqa: E402
from image_to_3d.inference.code import Code  # noqa: E402
from image_to_3d.inference.monitor import Monitor  # noqa: E402
from image_to_3d.inference.runtime import Runtime, RuntimeSettings  # noqa: E402
from image_to_3d.inference.surface import SurfaceSettings, extract_densely, extract_surface  # noqa: E402
from image_to_3d.inference.systems import get_system  # noqa: E402
from image_to_3d.inference.triplane import TriplaneField  # noqa: E402
from surface import largest_distance, timed  # noqa: E402

FITS = ROOT / "build" / "bench" / "triplanes"
RESOLUTIONS = (128, 160, 256)
COMPARED = 256
LEAST_SAVING, LARGEST_DISTANCE = 10.0, 0.1


def fitted_code(name: str, fit_with: list[str]) -> Code:
    """TripoSR's code of a known object; fitted first if it is not kept."""
    path = FITS / f"{name}.npz"
    if not path.is_file():
        script = [str(ROOT / "bench" / "_fit_triplane.py"), name, str(path)]
        subprocess.run([*fit_with, *script], check=True, stdout=sys.stderr)
    with np.load(path) as arrays:
        system = get_system("triposr")
        window, photo = Window(0.5, 0.5, 0.5, 1, 1), np.zeros((8, 8, 4), np.uint8)
        return Code("triposr", system.card.version, dict(arrays), system.camera, window, photo, {})


def fitting_python() -> list[str]:
    """The command for Python scripts that need PyTorch."""
    return [sys.executable, str(ROOT / "tools" / "environments.py"), "--python", "training"]


def overlap(name: str, field: TriplaneField) -> float:
    """Intersection over union of the fit and the object it was fitted to, at random points."""
    points = np.random.default_rng(1).uniform(-0.75, 0.75, (100_000, 3)).astype(np.float32)
    fitted, true = field.values(points) > field.iso_level, signed_distance(OBJECTS[name](), points) > 0
    return float((fitted & true).sum() / (fitted | true).sum())


def measure(name: str, field: TriplaneField) -> list[str]:
    """Print an object's rows; return what fell short."""
    failures = []
    for resolution in RESOLUTIONS:
        surface, seconds = timed(extract_surface, field, resolution)
        report, dense_text = surface.report, "| | |"
        saving = resolution**3 / report.evaluations
        if resolution == COMPARED:
            started = time.perf_counter()
            dense = extract_densely(field, SurfaceSettings(resolution, floater_share=0.0), Monitor())
            dense_seconds = time.perf_counter() - started
            distance = largest_distance(surface, dense)
            dense_text = f"{distance:.3f} | {dense.report.components} | {dense_seconds / seconds:.1f} x |"
            if saving < LEAST_SAVING:
                failures.append(f"{name}: {saving:.1f} times fewer evaluations than {resolution}^3")
            if distance > LARGEST_DISTANCE:
                failures.append(f"{name}: {distance:.3f} voxels from the dense surface")
            if report.components != dense.report.components:
                failures.append(f"{name}: {report.components} parts instead of {dense.report.components}")
        print(
            f"| {name} | {resolution} | {len(surface.faces):,} | {report.components} | {report.evaluations:,} "
            f"| {saving:.1f} x | {report.found_diameter:.3f} | {seconds:.2f} s | {dense_text}",
            flush=True,
        )
        if not report.watertight:
            failures.append(f"{name}: not watertight at {resolution}")
    return failures


def main() -> int:
    """Exit code 0 if all limits are met."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("objects", nargs="*", metavar="OBJECT", help=f"of {', '.join(OBJECTS)}; all by default")
    parser.add_argument("--fit-with", metavar="PYTHON", help="a Python with PyTorch")
    options = parser.parse_args()
    fit_with = [options.fit_with] if options.fit_with else fitting_python()
    runtime, system, failures = Runtime(RuntimeSettings(device="cpu")), get_system("triposr"), []
    print(
        "| fit | resolution | quads | parts | evaluations | of cube | found | time | distance, voxels | dense parts "
        "| dense time |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
    )
    overlaps = []
    for name in options.objects or OBJECTS:
        field = system.field(fitted_code(name, fit_with), runtime)
        failures += measure(name, field)
        overlaps.append(f"{name} {overlap(name, field):.3f}")
    print(
        f"\n*of cube*: how many times fewer evaluations than resolution^3. *found*: a part or gap into which a ball of "
        f"this diameter fits cannot be missed (the object is 1.35 long). *distance*: largest, from the vertices of "
        f"either surface to the other's after evaluating every sample; limits at {COMPARED}: {LEAST_SAVING:.0f} x, "
        f"{LARGEST_DISTANCE} voxels. Intersection over union of the fits and their objects: {', '.join(overlaps)}."
    )
    for failure in failures:
        print(f"\n**Not met:** {failure}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
