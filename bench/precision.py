# SPDX-License-Identifier: GPL-3.0-or-later
"""TripoSR's encoder with weights of 32, 16 and 8 bits.

    python bench/precision.py [--checkpoint FILE]

The checkpoint is one of random weights unless another is named: matrices with the spread that a trained vision
transformer's have (DINOv2-S: kurtosis 4.1, channels' sizes scattered by 13 %, a largest value 10 times the standard
deviation), since rounding is easy on plain noise. Each precision runs in a process of its own, so that its peak memory
is its own. How far surfaces move is found by adding each precision's error, relative to the planes' spread, to
triplanes that were fitted to known objects (``triplane.py``) and comparing the values at the surface with the slope
there. Exits with 1 if a limit is not met: 3.2 GB of memory with 32 bits, 2.0 GB with fewer, and the default precision
moves no surface by more than a tenth of a voxel at 256^3 at 95 % of its points.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "bench")]

from checkout import load_extension  # noqa: E402 (its folder has to be named first)

load_extension()

from image_to_3d.inference.binding import load_manifest  # noqa: E402
from image_to_3d.inference.fields import gradient  # noqa: E402
from image_to_3d.inference.monitor import Monitor  # noqa: E402
from image_to_3d.inference.network import CPU_PRECISION, Precision  # noqa: E402
from image_to_3d.inference.runtime import Runtime, RuntimeSettings  # noqa: E402
from image_to_3d.inference.surface import SurfaceSettings, extract_surface  # noqa: E402
from image_to_3d.inference.systems import get_system  # noqa: E402
from triplane import fitted_code, fitting_python  # noqa: E402

GRAPH = ROOT / "inference" / "graphs" / "triposr_encoder.onnx"
FOLDER = ROOT / "build" / "bench"
PRECISIONS = (Precision.FLOAT32, Precision.FLOAT16, Precision.INT8)
OBJECTS = ("mug", "chair", "car")
MOST_MEMORY = {Precision.FLOAT32: 3.2e9, Precision.FLOAT16: 2.0e9, Precision.INT8: 2.0e9}
LARGEST_SHIFT = 0.1
VOXEL = 2 / 256

TAIL, SCATTER, FAR_CHANNEL, FAR_CHANNELS = 0.25, 0.13, 8.0, 0.01
"""Exponent that turns a normal distribution into one of kurtosis 4.2; standard deviation of the logarithm of channels'
sizes, on both sides; and how much larger the inputs of some channels are, as in the norms of trained transformers."""


def trained_like(name: str, shape: tuple[int, ...], generator: np.random.Generator) -> NDArray[np.float32]:
    """One tensor with a trained network's spread of sizes, scaled so that signals neither vanish nor explode."""
    values = generator.standard_normal(shape, np.float32)
    if len(shape) == 1:
        if name.endswith("bias"):
            return values * np.float32(0.02)
        values = 1 + np.float32(0.1) * values
        values[generator.random(shape) < FAR_CHANNELS] *= FAR_CHANNEL
        return values.astype(np.float32)
    if name.endswith(("embeddings", "token")):
        return values * np.float32(0.5)
    values *= np.abs(values) ** np.float32(TAIL)
    for axis in range(2):
        side = [1] * len(shape)
        side[axis] = shape[axis]
        values *= np.exp(SCATTER * generator.standard_normal(side, np.float32))
    fan_in = shape[0] if name.startswith("post_processor.") else int(np.prod(shape[1:]))
    return values * np.float32(1 / np.sqrt(fan_in))


def write_trained_like(path: Path) -> None:
    """A whole checkpoint of such tensors as safetensors, one at a time (1.7 GB)."""
    tensors: dict[str, tuple[int, ...]] = {}
    for graph in (GRAPH, GRAPH.with_stem("triposr_decoder")):
        tensors |= {name: info.shape for name, info in load_manifest(graph).tensors.items()}
    header, end = {}, 0
    for name, shape in tensors.items():
        start, end = end, end + 4 * int(np.prod(shape))
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part")
    generator = np.random.default_rng(20240304)
    with unfinished.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name, shape in tensors.items():
            trained_like(name, shape, generator).tofile(file)
    unfinished.replace(path)


def shifts(error: NDArray[np.float32], runtime: Runtime) -> Iterator[NDArray[np.float32]]:
    """By how many voxels a relative error of the planes moves the surface of each fitted object, at its vertices."""
    for name in OBJECTS:
        code = fitted_code(name, fitting_python())
        planes = code.arrays["planes"].astype(np.float32)
        spoilt = code.arrays | {"planes": planes + error.reshape(planes.shape) * planes.std()}
        field = get_system("triposr").field(code, runtime)
        other = get_system("triposr").field(type(code)(**{**vars(code), "arrays": spoilt}), runtime)
        vertices = extract_surface(field, SurfaceSettings(128), Monitor()).vertices
        slope = np.linalg.norm(gradient(field, vertices, VOXEL / 2), axis=1)
        yield np.abs(other.values(vertices) - field.values(vertices)) / np.maximum(slope, 1e-6) / VOXEL


def measure(checkpoint: Path) -> list[str]:
    """Print the table; return what fell short."""
    print("| weights | peak memory | loading | running | error of the planes | surfaces move |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    failures, exact = [], None
    for precision in PRECISIONS:
        output = FOLDER / f"precision_{precision}.npz"
        command = [sys.executable, ROOT / "bench" / "_encode.py", precision, checkpoint, output]
        subprocess.run(command, check=True, stdout=sys.stderr)
        with np.load(output) as result:
            planes, clocks, peak = result["planes"], result["clocks"], float(result["peak"])
        output.unlink()
        exact = planes if exact is None else exact
        error = (planes - exact) / exact.std()
        moved = np.concatenate(list(shifts(error, Runtime(RuntimeSettings(device="cpu")))))
        worst = float(np.percentile(moved, 95))
        loading, running = (f"{wall:.1f} s ({used:.1f})" for wall, used in clocks)
        print(
            f"| {precision} | {peak / 1e9:.2f} GB | {loading} | {running} | {np.sqrt((error**2).mean()):.2%} "
            f"| {np.median(moved):.4f}, at 95 % {worst:.4f} |",
            flush=True,
        )
        if peak > MOST_MEMORY[precision]:
            failures.append(f"{precision} takes {peak / 1e9:.2f} GB")
        if precision == CPU_PRECISION and worst > LARGEST_SHIFT:
            failures.append(f"the default moves surfaces by {worst:.2f} voxels")
    return failures


def main() -> int:
    """Measure; exit code 1 if a limit is not met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=Path, default=FOLDER / "trained_like.safetensors")
    options = parser.parse_args()
    if not options.checkpoint.is_file():
        write_trained_like(options.checkpoint)
    failures = measure(options.checkpoint)
    print(
        f"\nThe default on a CPU is {CPU_PRECISION}. In brackets: seconds of all cores together. The error is the root"
    )
    print("of the mean square, relative to the planes' standard deviation. Surfaces move by so many voxels of 256^3.")
    for failure in failures:
        print(f"\n**Limit not met: {failure}.**")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
