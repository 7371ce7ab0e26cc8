# SPDX-License-Identifier: GPL-3.0-or-later
"""Showing a result: what finding its place, turning the view to it and the view's movement add after a reconstruction.

    python bench/reveal.py [--results 20]

Prints a Markdown table, and exits with 1 if the limit is not met. Drawing the frames is Blender's part and not in it.
"""

import argparse
import importlib
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import bpy
import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))

from checkout import PACKAGE, load_extension  # noqa: E402 (its folder has to be named first)

LIMIT = 0.3
SIDE = 280
"""Vertices along each side of a grid that is wound into a ball: about as many as a result of Standard quality has."""


def ball() -> bpy.types.Mesh:
    """A ball of 1 m standing on the ground, without texture."""
    turn, height = np.meshgrid(
        np.arange(SIDE) * 2 * np.pi / SIDE, (np.arange(SIDE) + 0.5) * np.pi / SIDE, indexing="ij"
    )
    ring = np.sin(height) / 2
    points = np.stack([ring * np.cos(turn), ring * np.sin(turn), np.cos(height) / 2 + 0.5], axis=-1).reshape(-1, 3)
    rows, columns = np.meshgrid(np.arange(SIDE), np.arange(SIDE - 1), indexing="ij")
    corners = ((rows, columns), (rows + 1, columns), (rows + 1, columns + 1), (rows, columns + 1))
    faces = np.stack([(row % SIDE) * SIDE + column for row, column in corners], axis=-1).reshape(-1, 4)
    mesh = bpy.data.meshes.new("ball")
    mesh.from_pydata(points.tolist(), [], faces.tolist())
    return mesh


def fill_scene(count: int) -> bpy.types.Object:
    """Blender's start-up scene with a row of balls; the last one, active."""
    bpy.ops.wm.read_homefile(use_factory_startup=True)
    mesh = ball()
    for number in range(count):
        target = bpy.data.objects.new("ball", mesh)
        target.location.x = 1.75 + 1.25 * number
        bpy.context.scene.collection.objects.link(target)
    bpy.context.view_layer.objects.active = target
    bpy.context.view_layer.update()
    return target


def median_seconds(work: Callable[[], object], runs: int = 7) -> float:
    """Of one call."""
    seconds = []
    for _ in range(runs):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Time what shows a result.")
    parser.add_argument("--results", type=int, default=20, help="that stand in the scene already")
    options = parser.parse_args()
    extension = load_extension()
    extension.register()
    places = importlib.import_module(f"{PACKAGE}.scene.places")
    reveal = importlib.import_module(f"{PACKAGE}.reveal").reveal
    target = fill_scene(options.results)
    corners = np.array([-0.5, -0.5, 0.0]), np.array([0.5, 0.5, 1.0])
    areas = bpy.context.window_manager.windows[0].screen.areas
    viewport = next(area for area in areas if area.type == "VIEW_3D").as_pointer()
    place = median_seconds(lambda: places.find_place(bpy.context, *corners, places.Place(keeps_clear=True)))
    view = median_seconds(lambda: reveal(bpy.context, target.name, viewport))
    movement = bpy.context.preferences.view.smooth_view / 1000.0
    total = place + view + movement
    print(f"{len(target.data.vertices):,} vertices, {options.results} results in the scene.\n")
    print("| | seconds | must be at most |\n| --- | ---: | ---: |")
    print(f"| finding the place | {place:.3f} | |\n| computing the view | {view:.3f} | |")
    print(f"| the view's movement, as Blender's preferences say | {movement:.3f} | |")
    print(f"| **added to the click** | **{total:.3f}** | {LIMIT} |")
    extension.unregister()
    return 0 if total <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
