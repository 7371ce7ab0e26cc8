# SPDX-License-Identifier: GPL-3.0-or-later
"""A sheet of real photos, each beside what the extension makes of it with its default settings, seen from all sides.

    with_python.sh environments.py tools/photo_sheet.py [PHOTO ...] [--output FILE]

The photos are the real ones of examples/ unless others are named; "make pictures" writes docs/images/photos.jpg.
"""

import argparse
import importlib
from pathlib import Path

import bpy
from checkout import PACKAGE, ROOT, load_extension
from PIL import Image, ImageDraw, ImageFont, ImageOps
from turntable import BACKGROUND, INK, render_sides

SHEET = ROOT / "docs" / "images" / "photos.jpg"
PHOTOS = [ROOT / "examples" / "coffee.jpg", *sorted((ROOT / "examples" / "photos").glob("*.jpg"))]
# Front, right, back, left and above: degrees from the photo's side, and elevation.
SIDES = [(0, 15), (90, 15), (180, 15), (270, 15), (25, 60)]
CELL, GAP, LABEL = 144, 8, 16
PHOTOS_PER_ROW = 2
SAMPLES = 12
JPEG_QUALITY = 84


def draw_photos(photos: list[Path] | None = None, output: Path = SHEET) -> None:
    """Reconstruct the photos and draw the sheet."""
    extension = load_extension()
    extension.register()
    api = importlib.import_module(f"{PACKAGE}.api")
    try:
        strips = [_strip(api, photo) for photo in photos or PHOTOS]
    finally:
        # Also ends the worker. Blender as a module may crash at exit with classes still registered.
        extension.unregister()
    width, height = strips[0].size
    rows = -(-len(strips) // PHOTOS_PER_ROW)
    page = Image.new("RGB", (PHOTOS_PER_ROW * width + GAP, rows * (height + GAP)), BACKGROUND)
    for number, strip in enumerate(strips):
        row, column = divmod(number, PHOTOS_PER_ROW)
        page.paste(strip, (column * (width + GAP), row * (height + GAP)))
    page.save(output, quality=JPEG_QUALITY, optimize=True)


def _strip(api, photo: Path) -> Image.Image:  # noqa: ANN001 (a module)
    """The photo, and its object from all sides."""
    print(f"Drawing {photo.name} ...", flush=True)
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    target = bpy.data.objects[api.reconstruct(photo).object]
    upright = ImageOps.exif_transpose(Image.open(photo)).convert("RGB")
    pictures = [ImageOps.pad(upright, (CELL, CELL), Image.Resampling.LANCZOS, BACKGROUND)]
    pictures += render_sides(target, SIDES, CELL, SAMPLES)
    strip = Image.new("RGB", (len(pictures) * CELL, CELL + LABEL), BACKGROUND)
    for number, picture in enumerate(pictures):
        strip.paste(picture, (number * CELL, LABEL))
    name = photo.stem.replace("_", " ")
    ImageDraw.Draw(strip).text((4, 1), name, fill=INK, font=ImageFont.load_default(12))
    return strip


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description="Draw a sheet of photos and what becomes of them.")
    parser.add_argument("photos", nargs="*", type=Path, help="default: the real ones of examples/")
    parser.add_argument("--output", type=Path, default=SHEET)
    options = parser.parse_args()
    draw_photos(options.photos, options.output)


if __name__ == "__main__":
    main()
