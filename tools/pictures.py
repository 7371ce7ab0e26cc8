# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the documentation's pictures anew, from the example photos and from a real Blender's window.

    make pictures

docs/images/: demo.png and photos.jpg (photos and what becomes of them), uv_layout.png, sidebar.png and progress.png.
"""

import importlib
import sys
import tempfile
from pathlib import Path

import bpy
from checkout import PACKAGE, ROOT, load_extension
from fetch_wheels import locked_wheels
from package import build
from photo_sheet import draw_photos
from PIL import Image, ImageOps
from real_blender import NotPossibleHere, Window, real_blender_root, window
from turntable import BACKGROUND, GAP, render_turntable, uv_layout

IMAGES = ROOT / "docs" / "images"
PHOTOS = ("coffee.jpg", "chair.jpg", "mug.jpg", "toy_car.jpg")
CELL = 320
# Left, top, right and bottom of the sidebar in a screenshot, without the viewport around it.
SIDEBAR_BOX = (1020, 80, 1315, 560)


def main() -> int:
    """Make them all; exit code 1 and a sentence where this machine cannot have a window."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    draw_results()
    draw_photos()
    try:
        root = real_blender_root()
    except NotPossibleHere as reason:
        print(f"No screenshots: {reason}", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as folder:
        package = build(Path(folder), locked_wheels(test_build=True, platforms=("linux-x64",)))[0]
        photo = ROOT / "examples" / PHOTOS[0]
        with window(root, package, [photo]) as blender:
            take_screenshots(blender, photo)
    return 0


def draw_results() -> None:
    """Each photo beside renders of what became of it, and the first one's UV layout."""
    extension = load_extension()
    extension.register()
    api = importlib.import_module(f"{PACKAGE}.api")
    rows = []
    for name in PHOTOS:
        bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
        photo = ROOT / "examples" / name
        target = bpy.data.objects[api.reconstruct(photo).object]
        upright = ImageOps.exif_transpose(Image.open(photo)).convert("RGB")
        picture = ImageOps.pad(upright, (CELL, CELL), Image.Resampling.LANCZOS, BACKGROUND)
        # Six views: the front, then those a little to each side, and the back.
        views = render_turntable(target, views=6, size=CELL)
        rows.append([picture, views[0], views[1], views[3], views[5]])
        if name == PHOTOS[0]:
            uv_layout(target, 768).save(IMAGES / "uv_layout.png")
    page = Image.new("RGB", (5 * CELL + 6 * GAP, len(rows) * (CELL + GAP) + GAP), BACKGROUND)
    for number, row in enumerate(rows):
        for column, picture in enumerate(row):
            page.paste(picture, (GAP + column * (CELL + GAP), GAP + number * (CELL + GAP)))
    page.save(IMAGES / "demo.png", optimize=True)
    extension.unregister()


def take_screenshots(blender: Window, photo: Path) -> None:
    """The sidebar during a job, and the whole window after it."""
    blender.ask({"photo": photo.name, "remove": ["Cube"]})
    blender.settle()
    blender.click(blender.find_operator("image_to_3d.preview_cutout"))
    blender.wait_for(lambda state: "Cutting" in "".join(state["stages"]), 60, "the cut-out")
    blender.wait_for(lambda state: not state["running"], 60, "the end of the cut-out")
    blender.settle()
    blender.click(blender.find_operator("image_to_3d.reconstruct_photo"))
    blender.wait_for(lambda state: state["fraction"] > 0.4, 120, "half of the job")
    blender.screenshot(IMAGES / "progress.png")
    cropped = Image.open(IMAGES / "progress.png").convert("RGB").crop(SIDEBAR_BOX)
    cropped.save(IMAGES / "progress.png", optimize=True)
    blender.wait_for(lambda state: not state["running"], 300, "the end of the job")
    blender.ask({"show_texture": True})
    blender.settle()
    blender.screenshot(IMAGES / "sidebar.png")
    Image.open(IMAGES / "sidebar.png").convert("RGB").save(IMAGES / "sidebar.png", optimize=True)


if __name__ == "__main__":
    sys.exit(main())
