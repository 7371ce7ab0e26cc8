# SPDX-License-Identifier: GPL-3.0-or-later
"""The photo from the clipboard. Without a window there is none: its text and its picture are stand-ins here."""

from types import SimpleNamespace

import bpy
import numpy as np
import pytest
from image_to_3d.operators import paste_photo
from image_to_3d.operators.photo_file import photo_file
from image_to_3d.options import PHOTO_SUFFIXES
from image_to_3d.scene.clipboard import copied_file
from PIL import Image


@pytest.fixture
def clipboard(extension, monkeypatch):
    """What was copied: ``text``, or ``picture``, a function that makes the image."""
    holds = SimpleNamespace(text="", picture=lambda: None)
    monkeypatch.setattr(paste_photo, "pasted_image", lambda _context: holds.picture())
    monkeypatch.setattr(paste_photo, "copied_file", lambda _text, suffixes: copied_file(holds.text, suffixes))
    return holds


@pytest.mark.parametrize(
    "form",
    [
        "{path}",
        '"{path}"',
        "{url}",
        "copy\n{url}\n",
        "/no/such/file.png\n{path}",
    ],
)
def test_paths_and_file_urls_are_taken_as_file_managers_copy_them(tmp_path, form):
    path = tmp_path / "a cüp, 50%.jpg"
    Image.new("RGB", (4, 4)).save(path)
    assert copied_file(form.format(path=path, url=path.as_uri()), PHOTO_SUFFIXES) == path


@pytest.mark.parametrize(
    "text",
    [
        "",
        "cup.jpg",
        "https://example.org/cup.jpg",
        "/etc/hosts",
        "file:",
        "\0",
        "~nobody/cup.png",
        "/" + "a/" * 3000 + "cup.png",
    ],
)
def test_other_texts_name_no_picture(text):
    assert copied_file(text, PHOTO_SUFFIXES) is None


def test_a_copied_file_becomes_the_photo(clipboard, photo_path):
    clipboard.text = photo_path.as_uri()
    assert bpy.ops.image_to_3d.paste_photo() == {"FINISHED"}
    photo = bpy.context.scene.image_to_3d.photo
    assert photo_file(photo) == photo_path
    assert bpy.ops.image_to_3d.paste_photo() == {"FINISHED"}
    assert bpy.context.scene.image_to_3d.photo == photo, "the same file is not opened twice"


def test_a_copied_picture_becomes_the_photo_and_can_be_read(clipboard):
    def paste():
        image = bpy.data.images.new("Clipboard", 8, 6)
        image.pixels.foreach_set(np.tile(np.array([1, 0, 0, 1], np.float32), 48))
        image.pack()
        return image

    clipboard.picture = paste
    assert bpy.ops.image_to_3d.paste_photo() == {"FINISHED"}
    photo = bpy.context.scene.image_to_3d.photo
    assert photo.packed_file is not None, "saved with the file"
    assert Image.open(photo_file(photo)).convert("RGB").getpixel((3, 3)) == (255, 0, 0)


def test_one_sentence_tells_when_there_is_no_picture(clipboard):
    images = len(bpy.data.images)
    with pytest.raises(RuntimeError, match=r"There is no picture on the clipboard\. Copy a picture"):
        bpy.ops.image_to_3d.paste_photo()
    assert bpy.context.scene.image_to_3d.photo is None
    assert len(bpy.data.images) == images
