# SPDX-License-Identifier: GPL-3.0-or-later
"""Run TripoSR's encoder in one precision, alone in a process: ``precision.py`` wants its peak memory.

    python bench/_encode.py PRECISION CHECKPOINT OUTPUT.npz

The file has the ``planes``, the ``clocks`` (wall and processor seconds of loading, and of running) and the ``peak`` of
resident memory in bytes, mapped pages of the checkpoint among it.
"""

import os
import resource
import sys
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
os.environ["IMAGE_TO_3D_WITHOUT_BLENDER"] = "1"
sys.path.insert(0, str(ROOT / "tests"))

import conftest  # noqa: E402, F401 (gives the engine its import name without starting Blender, as in the worker)
from image_to_3d.inference.monitor import Monitor  # noqa: E402
from image_to_3d.inference.network import Network, Precision  # noqa: E402
from image_to_3d.inference.runtime import Runtime, RuntimeSettings  # noqa: E402

GRAPH = ROOT / "inference" / "graphs" / "triposr_encoder.onnx"


def picture() -> np.ndarray:
    """A speckled, coloured disc on grey, (1, 3, 512, 512)."""
    rows, columns = np.meshgrid(np.linspace(0, 1, 512), np.linspace(0, 1, 512), indexing="ij")
    noise = np.random.default_rng(0).random((3, 512, 512)) / 4
    disc = (rows - 0.5) ** 2 + (columns - 0.5) ** 2 < 0.15
    return np.where(disc, 0.5 * np.stack([rows, columns, 1 - rows]) + noise, 0.5).astype(np.float32)[None]


def main() -> None:
    """Run it."""
    precision, checkpoint, output = sys.argv[1:]
    runtime = Runtime(RuntimeSettings(device="cpu"))
    network = Network(GRAPH, Path(checkpoint), Precision(precision))
    marks = [(time.perf_counter(), time.process_time())]
    runtime._session(network, Monitor())  # noqa: SLF001 - to tell loading from running
    marks.append((time.perf_counter(), time.process_time()))
    planes = runtime.run(network, {"image": picture()}, Monitor())["planes"]
    marks.append((time.perf_counter(), time.process_time()))
    clocks = np.diff(marks, axis=0)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    np.savez(output, planes=planes, clocks=clocks, peak=peak)


if __name__ == "__main__":
    main()
