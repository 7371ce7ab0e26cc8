# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole road once: a real photo in; a .blend, a .glb and a sheet of renders out.

make demo [ARGS="PHOTO... --quality high --output DIR"]
"""

import argparse
import importlib
import sys
from pathlib import Path

import bpy
from checkout import PACKAGE, ROOT, load_extension
from turntable import render_turntable, sheet

EXAMPLE = ROOT / "examples" / "coffee.jpg"
FORMATS = ("blend", "glb")


def main() -> int:
    """Reconstruct each photo; exit code 1 and a sentence if one fails."""
    parser = argparse.ArgumentParser(description="Reconstruct photos and render the results.")
    parser.add_argument("photos", nargs="*", type=Path, help="default: a photo from examples/")
    parser.add_argument("--quality", default="standard", choices=["draft", "standard", "high"])
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "demo")
    options = parser.parse_args()
    extension = load_extension()
    extension.register()
    api = importlib.import_module(f"{PACKAGE}.api")
    try:
        for photo in options.photos or [EXAMPLE]:
            demonstrate(api, photo, options.quality.upper(), options.output)
    except api.ReconstructionError as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        # Also ends the worker. Blender as a module may crash at exit with classes still registered.
        extension.unregister()
    return 0


def demonstrate(api, photo: Path, quality: str, output: Path) -> None:  # noqa: ANN001 (a module)
    """One photo: reconstruct, write, render, tell."""
    print(f"Reconstructing {photo} ...", flush=True)
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    made = api.reconstruct(photo, api.settings(quality))
    target = bpy.data.objects[made.object]
    files = api.write(target, output, FORMATS)
    for stage, seconds in made.seconds.items():
        print(f"  {stage:24} {seconds:6.2f} s")
    for warning in made.warnings:
        print(f"  Note: {warning}")
    print("Rendering all around with Cycles ...", flush=True)
    title = f"{photo.name}: {made.faces:,} faces, {made.islands} UV islands, {sum(made.seconds.values()):.1f} s"
    picture = output / f"{files['glb'].stem}.png"
    sheet(photo, target, render_turntable(target), title).save(picture)
    print("Done. Look at:")
    for path in [picture, *files.values()]:
        print(f"  {path}")


if __name__ == "__main__":
    sys.exit(main())
