# SPDX-License-Identifier: GPL-3.0-or-later
"""What other programs have copied: a picture, or the path of one."""

import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import bpy

FILE_URL = re.compile(r"file:(?://(?:localhost)?)?(/.+)", re.IGNORECASE)
"""RFC 8089: a path of this computer, percent-encoded."""

LONGEST_PATH = 1024
"""Characters; Blender's own limit. A longer text is something else, and systems refuse to look for it."""


def pasted_image(context: bpy.types.Context) -> bpy.types.Image | None:
    """The clipboard's picture as a packed image; None where there is none, or Blender cannot see any.

    Blender takes pictures from the clipboard where its window system can (``GHOST_kCapabilityClipboardImage``: on
    Windows and macOS, not under X11), and only in an Image Editor.
    """
    if bpy.app.background or context.window is None:
        return None
    before = set(bpy.data.images)
    with _image_editor(context):
        if not bpy.ops.image.clipboard_paste.poll():
            return None
        bpy.ops.image.clipboard_paste()
    made = next((image for image in bpy.data.images if image not in before), None)
    if made is not None:
        made.pack()
    return made


def copied_file(text: str, suffixes: Collection[str]) -> Path | None:
    """The first file with one of the suffixes (lower case) that a copied text names.

    File managers copy paths, quoted or not, or file URLs, one a line.
    """
    for line in text.splitlines():
        path = _path(line.strip().strip("\"'"))
        if path is not None and path.suffix.lower() in suffixes and path.is_file():
            return path
    return None


def _path(text: str) -> Path | None:
    """The path that a text is, or that its file URL names; None for anything else."""
    url = FILE_URL.fullmatch(text)
    if url is not None:
        octets = re.sub(rb"%([0-9A-Fa-f]{2})", lambda code: bytes.fromhex(code[1].decode()), url[1].encode())
        # On Windows a drive follows the slash.
        text = re.sub(r"^/(?=[A-Za-z]:)", "", octets.decode(errors="replace"))
    path = Path(text)
    return path if path.is_absolute() and len(text) <= LONGEST_PATH else None


@contextmanager
def _image_editor(context: bpy.types.Context) -> Iterator[None]:
    """A context with an Image Editor, which shows in the end what it showed before.

    Where the screen has none, its smallest area becomes one meanwhile: too short to be drawn.
    """
    areas = [area for area in context.window.screen.areas if area != context.area]
    area = next((item for item in areas if item.type == "IMAGE_EDITOR"), None)
    area = area or min(areas or [context.area], key=lambda item: item.width * item.height)
    kind = area.ui_type
    area.type = "IMAGE_EDITOR"
    space = area.spaces.active
    shown = space.image
    try:
        with context.temp_override(window=context.window, area=area):
            yield
    finally:
        space.image = shown
        area.ui_type = kind
