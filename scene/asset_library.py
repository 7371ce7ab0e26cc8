# SPDX-License-Identifier: GPL-3.0-or-later
"""Adding an object to an asset library: the present file's own, or a folder of the artist's."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np

from ..inference.errors import OutputError, SettingsError
from ..inference.sentence import Sentence
from .asset_picture import PICTURE_SIZE, draw_picture
from .provenance import provenance_of
from .retopology import HIGH_KEY

CATALOGS_FILE = "blender_assets.cats.txt"
"""In the root of each library; the format is described in Blender's manual, "Asset Catalogs"."""

CATALOGS_HEADER = """# This is an Asset Catalog Definition file for Blender.
#
# Empty lines and lines starting with `#` will be ignored.
# The first non-ignored line should be the version indicator.
# Other lines are of the format "UUID:catalog/path/for/assets:simple catalog name"

VERSION 1

"""

TAG = "Image to 3D"
"""On every asset, so that they are found together."""

LONGEST_TAG = 63
"""Characters that Blender keeps of a tag."""


@dataclass(frozen=True)
class Catalog:
    """A catalog of an asset library.

    Attributes:
        path: as the asset browser shows it: ``Props/Kitchen``.
        identifier: UUID by which assets name it.
    """

    path: str
    identifier: str


def add_asset(
    context: bpy.types.Context, target: bpy.types.Object, catalog: str, library: Path | None = None
) -> Path | None:
    """Make an object an asset of the present file, or write it into a library's folder as a file of its own.

    The asset has a picture, the photo's name, the network and the licence. A low-poly mesh goes without its sculpture.

    Args:
        context: with the object in its view layer.
        target: a mesh object.
        catalog: path of the catalog, made if it is not there; empty for none.
        library: root of a library; None marks the object in the present file.

    Returns:
        The file written; None for the present file.

    Raises:
        SettingsError: the object has no faces, or belongs to another file.
        OutputError: the library cannot be written. Nothing was changed.
    """
    _refuse_unfit(target)
    picture = draw_picture(target, context.evaluated_depsgraph_get())
    root = library if library is not None else root_of_file()
    found = ensure_catalog(root, catalog) if catalog else None
    if library is None:
        _mark(target, picture, found)
        return None
    path = _free_path(library, target.name)
    with _marked(target, picture, found):
        try:
            bpy.data.libraries.write(str(path), {target}, fake_user=True, compress=True)
        except (OSError, RuntimeError) as error:
            path.unlink(missing_ok=True)
            raise _not_written(library, error) from error
    return path


def catalogs_of(root: Path | None) -> list[Catalog]:
    """The catalogs of a library, in the file's order; none where there is no file."""
    file = root / CATALOGS_FILE if root is not None else None
    if file is None or not file.is_file():
        return []
    lines = (line.strip() for line in file.read_text(encoding="utf-8", errors="replace").splitlines())
    parts = [line.split(":", 2) for line in lines if line and not line.startswith(("#", "VERSION"))]
    return [Catalog(part[1], part[0]) for part in parts if len(part) >= 2]


def ensure_catalog(root: Path | None, path: str) -> Catalog:
    """The catalog of that path, added to the library's file where it is missing.

    Without a file, as in a scene that was never saved, the catalog has an identifier that is always the same for its
    path, so that it is found as soon as the file has a library.

    Raises:
        OutputError: the file cannot be written.
    """
    path = "/".join(part.strip() for part in path.replace(":", "-").split("/") if part.strip())
    present = next((item for item in catalogs_of(root) if item.path == path), None)
    if present is not None:
        return present
    made = Catalog(path, str(uuid.uuid5(uuid.NAMESPACE_URL, f"image_to_3d:{path}")))
    if root is not None:
        file = root / CATALOGS_FILE
        try:
            before = file.read_text(encoding="utf-8") if file.is_file() else CATALOGS_HEADER
            before += "" if before.endswith("\n") else "\n"
            file.write_text(f"{before}{made.identifier}:{path}:{path.replace('/', '-')}\n", encoding="utf-8")
        except OSError as error:
            raise _not_written(root, error) from error
    return made


def root_of_file() -> Path | None:
    """Where the present file's catalogs are: beside it, or in the root of the library that it lies in."""
    if not bpy.data.filepath:
        return None
    folder = Path(bpy.data.filepath).parent
    roots = [Path(item.path) for item in bpy.context.preferences.filepaths.asset_libraries if item.path]
    return next((root for root in roots if root == folder or root in folder.parents), folder)


def _refuse_unfit(target: bpy.types.Object) -> None:
    if target.library is not None or target.override_library is not None:
        raise SettingsError(
            Sentence("'{name}' belongs to another file.", name=target.name),
            "Make it local first (Object, Relations, Make Local).",
        )
    if not target.data.polygons:
        raise SettingsError(Sentence("'{name}' has no faces.", name=target.name), "Choose an object with a surface.")


def _mark(target: bpy.types.Object, picture: np.ndarray, catalog: Catalog | None) -> None:
    """Make it an asset with all that is known of it."""
    target.asset_mark()
    about = target.asset_data
    known = provenance_of(target)
    photo, network, licence = (known.get(name, "") for name in ("photo_name", "system", "weights_licence"))
    if photo and network:
        about.description = f"Reconstructed from the photo '{photo}' by {network} ({licence})"
    about.license = licence
    for tag in (TAG, Path(photo).stem, network, licence):
        if tag and tag[:LONGEST_TAG] not in about.tags:
            about.tags.new(tag[:LONGEST_TAG])
    if catalog is not None:
        about.catalog_id = catalog.identifier
    preview = target.preview_ensure()
    preview.image_size = (PICTURE_SIZE, PICTURE_SIZE)
    preview.image_pixels_float.foreach_set(picture.ravel())


@contextmanager
def _marked(target: bpy.types.Object, picture: np.ndarray, catalog: Catalog | None) -> Iterator[None]:
    """While the block runs, the object is an asset that does not refer to its sculpture; then it is as before."""
    was_asset = target.asset_data is not None
    high = target.get(HIGH_KEY)
    _mark(target, picture, catalog)
    if high is not None:
        del target[HIGH_KEY]
    try:
        yield
    finally:
        if high is not None:
            target[HIGH_KEY] = high
        if not was_asset:
            target.asset_clear()


def _free_path(library: Path, name: str) -> Path:
    """A file in the library that is not there yet, named after the object."""
    stem, number = bpy.path.clean_name(name), 1
    path = library / f"{stem}.blend"
    while path.exists():
        number += 1
        path = library / f"{stem}_{number}.blend"
    return path


def _not_written(folder: Path, error: Exception) -> OutputError:
    reason = getattr(error, "strerror", None) or str(error)
    return OutputError(
        Sentence("The asset library '{folder}' cannot be written ({reason}).", folder=folder, reason=reason),
        "Check the folder in the preferences (File Paths, Asset Libraries), its permissions and its free space.",
    )
