# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the documentation's pictures anew, from the example photos and from the window tests' screenshots.

    make pictures [ARGS=--screenshots]

docs/images/: demo.jpg and photos.jpg (photos and what becomes of them), uv_layout.png, and the screenshots that
``make test-window`` has left in build/artifacts, smaller.
"""

import argparse
import importlib
import sys

import bpy
from checkout import PACKAGE, ROOT, load_extension
from photo_sheet import draw_photos
from PIL import Image, ImageOps
from turntable import BACKGROUND, GAP, render_turntable, uv_layout

IMAGES = ROOT / "docs" / "images"
PHOTOS = ("coffee.jpg", "chair.jpg", "mug.jpg", "toy_car.jpg")
CELL = 320
ARTIFACTS = ROOT / "build" / "artifacts"
PICTURE_QUALITY = 72
SCREENSHOT_SIZE = (1280, 800)
# Left, top, right and bottom of the sidebar in a screenshot, without the viewport around it.
SIDEBAR_BOX = (1020, 80, 1315, 560)
# The name in docs/images, the test's own name, and the part of it that is kept (all of it where None).
SCREENSHOTS = {
    "progress.jpg": ("2-running.png", SIDEBAR_BOX),
    "shelf.jpg": ("shelf-row.png", None),
    "reveal.jpg": ("asset-revealed.png", None),
} | {
    f"walk_{name}.jpg": (f"walk-{name}.png", None)
    for name in ("photo", "cutout", "reconstructed", "adjust", "prepared", "retopology", "baked", "check", "export")
}


def main() -> int:
    """Make them all; exit code 1 and a sentence where the window tests have left no screenshots."""
    parser = argparse.ArgumentParser(description="Make the documentation's pictures anew.")
    parser.add_argument("--screenshots", action="store_true", help="only take over those of the window tests")
    options = parser.parse_args()
    IMAGES.mkdir(parents=True, exist_ok=True)
    if not options.screenshots:
        draw_results()
        draw_photos()
    missing = keep_screenshots()
    if missing:
        print(f"No screenshots {', '.join(missing)} in {ARTIFACTS}: run make test-window first.", file=sys.stderr)
    return 1 if missing else 0


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
    page.save(IMAGES / "demo.jpg", quality=PICTURE_QUALITY, optimize=True)
    extension.unregister()


def keep_screenshots() -> list[str]:
    """Shrink the window tests' screenshots into the documentation; returns the names of those that are missing."""
    missing = []
    for name, (source, box) in SCREENSHOTS.items():
        path = ARTIFACTS / source
        if not path.is_file():
            missing.append(source)
            continue
        picture = Image.open(path).convert("RGB")
        if box is not None:
            picture = picture.crop(box)
        else:
            picture.thumbnail(SCREENSHOT_SIZE, Image.Resampling.LANCZOS)
        picture.save(IMAGES / name, quality=PICTURE_QUALITY, optimize=True)
    return missing


if __name__ == "__main__":
    sys.exit(main())
