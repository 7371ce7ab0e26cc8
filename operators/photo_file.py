# SPDX-License-Identifier: GPL-3.0-or-later
"""The file of an image data-block: the engine reads files, an artist chooses data-blocks."""

from pathlib import Path

import bpy

from ..inference.errors import PhotoError
from ..inference.sentence import Sentence


def photo_file(image: bpy.types.Image) -> Path:
    """The image's own file, or a copy of what exists only inside Blender (packed, painted on, generated).

    Raises:
        PhotoError: its file is missing, or it cannot be written out.
    """
    if image.packed_file is None and image.source == "FILE" and not image.is_dirty:
        path = Path(bpy.path.abspath(image.filepath_from_user(), library=image.library))
        if not path.is_file():
            raise PhotoError(
                Sentence("The file of image '{name}' is missing: {path}.", name=image.name, path=path),
                "Find it, or choose another photo.",
            )
        return path
    folder = Path(bpy.app.tempdir) / "image_to_3d_photos"
    try:
        folder.mkdir(exist_ok=True)
        if image.packed_file is not None and not image.is_dirty:
            # The packed bytes are the camera's file with its EXIF data, better than Blender's pixels.
            name = Path(bpy.path.basename(image.filepath) or image.name)
            path = folder / f"{bpy.path.clean_name(name.stem)}{name.suffix}"
            path.write_bytes(image.packed_file.data)
        else:
            path = folder / f"{bpy.path.clean_name(Path(image.name).stem)}.png"
            _save_png(image, path)
    except (OSError, RuntimeError) as error:
        raise PhotoError(
            Sentence("Image '{name}' could not be written out ({reason}).", name=image.name, reason=error),
            "Save it as a file first.",
        ) from error
    return path


def _save_png(image: bpy.types.Image, path: Path) -> None:
    """Write the pixels as they are now, leaving the data-block as it is."""
    file_format = image.file_format
    try:
        image.file_format = "PNG"
        image.save(filepath=str(path), save_copy=True)
    finally:
        image.file_format = file_format
