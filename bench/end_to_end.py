# SPDX-License-Identifier: GPL-3.0-or-later
"""From a photo to a finished textured object in Blender: cold and warm worker, stages, memory, main-thread blocks.

    python bench/end_to_end.py [PHOTO] [--runs 5] [--no-window]

Prints a Markdown table, and exits with 1 if a limit is not met. Cold means that Blender is open and the worker is not;
warm is the median of the runs after.
"""

import argparse
import importlib
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import bpy

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))

from checkout import PACKAGE, load_extension  # noqa: E402 (its folder has to be named first)
from real_blender import NotPossibleHere, real_blender_root, window  # noqa: E402
from real_blender_sidebar import Sidebar  # noqa: E402

COLD_LIMIT, WARM_LIMIT, MEMORY_LIMIT, BLOCK_LIMIT = 8.0, 5.0, 1.5, 0.3


class Run(NamedTuple):
    """One reconstruction: wall time and the engine's own stages, in seconds."""

    total: float
    stages: dict[str, float]
    faces: int
    islands: int


def measure(photo: Path, runs: int) -> tuple[Run, list[Run], float]:
    """The cold run, the warm ones, and the worker's peak memory in GB."""
    api = importlib.import_module(f"{PACKAGE}.api")
    results = []
    for _ in range(runs + 1):
        bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
        # Loading a file ends the worker, and that is right for an artist; here the clock starts after it.
        if results:
            api.reconstruct(photo, api.settings("DRAFT"))
        started = time.perf_counter()
        made = api.reconstruct(photo, api.settings("STANDARD"))
        results.append(Run(time.perf_counter() - started, made.seconds, made.faces, made.islands))
    memory = peak_memory_of_worker()
    api.shutdown()
    return results[0], results[1:], memory


def peak_memory_of_worker() -> float:
    """In GB, of the worker that is running; not a number where there is no /proc."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            is_ours = f"\nPPid:\t{os.getpid()}\n" in (status := (folder / "status").read_text(encoding="utf-8"))
        except OSError:  # it has ended meanwhile
            continue
        if is_ours and b"worker.py" in (folder / "cmdline").read_bytes():
            peak = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
            return int(peak.split()[1]) * 1024e-9
    return math.nan


def measure_blocks(photo: Path) -> tuple[float, float]:
    """The longest block of Blender's main thread, during a job and while its result is built, in seconds.

    Raises NotPossibleHere.
    """
    root = real_blender_root()
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, ROOT / "tools/package.py", "--test-build", "--platform=linux-x64"]
        subprocess.run([*command, f"--output={folder}"], check=True, capture_output=True)
        package = next(Path(folder).glob("*.zip"))
        with window(root, package, [photo]) as blender:
            blender.ask({"photo": photo.name})
            button = Sidebar(blender).find_operator("image_to_3d.reconstruct_photo")
            blender.settle()
            blender.ask({"forget_blocks": True})
            for _ in range(2):  # the second with a warm worker
                blender.click(button)
                blender.wait_for(lambda state: state["running"], 20, "the start")
                state = blender.wait_for(lambda state: not state["running"], 300, "the end")
                blender.settle()  # drawing the new object without a GPU is not the extension's doing
    return state["longest_block"], state["final_block"]


def report(cold: Run, warm: list[Run], memory: float) -> list[str]:
    """Print the table; returns what is over its limit."""
    middle = statistics.median(run.total for run in warm)
    print(f"{warm[0].faces:,} faces, {warm[0].islands} UV islands, Standard quality, {len(warm)} warm runs.\n")
    print("| | cold | warm (median) | must be at most |")
    print("| --- | ---: | ---: | ---: |")
    for stage in warm[0].stages:
        seconds = statistics.median(run.stages[stage] for run in warm)
        print(f"| {stage} | {cold.stages[stage]:.2f} s | {seconds:.2f} s | |")
    rest = [run.total - sum(run.stages.values()) for run in (cold, *warm)]
    print(f"| start of the worker, transfer, building | {rest[0]:.2f} s | {statistics.median(rest[1:]):.2f} s | |")
    limits = f"{COLD_LIMIT:.0f} s cold, {WARM_LIMIT:.0f} s warm"
    print(f"| **photo to object** | **{cold.total:.2f} s** | **{middle:.2f} s** | {limits} |")
    print(f"| slowest warm run | | {max(run.total for run in warm):.2f} s | |")
    print(f"| peak memory of the worker | | {memory:.2f} GB | {MEMORY_LIMIT} GB |")
    limits_met = {"cold": cold.total <= COLD_LIMIT, "warm": middle <= WARM_LIMIT, "memory": not memory > MEMORY_LIMIT}
    return [name for name, is_met in limits_met.items() if not is_met]


def report_blocks(photo: Path) -> list[str]:
    """Print the lines on the main thread; returns what is over its limit."""
    try:
        during, final = measure_blocks(photo)
    except NotPossibleHere as reason:
        print(f"| longest block of Blender's main thread | | not measured: {reason} | {BLOCK_LIMIT} s |")
        return []
    print(f"| longest block of Blender's main thread | | {during:.2f} s | {BLOCK_LIMIT} s |")
    print(f"| the final build | | {final:.2f} s | |")
    return [] if during <= BLOCK_LIMIT else ["main thread"]


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Time the whole reconstruction.")
    parser.add_argument("photo", nargs="?", type=Path, default=ROOT / "examples" / "coffee.jpg")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--no-window", action="store_true", help="leave the viewport out")
    options = parser.parse_args()
    extension = load_extension()
    extension.register()
    missed = report(*measure(options.photo, options.runs))
    extension.unregister()
    if not options.no_window:
        missed += report_blocks(options.photo)
    for name in missed:
        print(f"\n**Not met:** {name}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
