# SPDX-License-Identifier: GPL-3.0-or-later
"""Writing a reconstructed object to files, for batches."""

import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import bpy

from ..inference.errors import OutputError
from ..inference.sentence import Sentence
from .provenance import add_to_glb, add_to_usd, open_usd, provenance_of, require_usd
from .units import metres_per_unit, usd_meters_per_unit


def write_files(
    context: bpy.types.Context,
    target: bpy.types.Object,
    folder: Path,
    stem: str,
    formats: Iterable[str],
    overwrite: bool = True,
) -> dict[str, Path]:
    """Write the object in each format. Files appear complete or not at all: they are moved in when all are written.

    The .blend holds the whole present file, the other formats the object alone, without its camera. Texture files of
    OBJ and USD are named after the stem too, so that results in one folder never share one.

    Args:
        context: whose view layer holds the object.
        target: the object.
        folder: an existing folder.
        stem: file names without their suffix.
        formats: keys of ``WRITERS``.
        overwrite: whether files of the same name are replaced, textures and material libraries included.

    Returns:
        The main file of each format.

    Raises:
        OutputError: a file could not be written, or would replace another; nothing is left behind.
    """
    try:
        with (
            tempfile.TemporaryDirectory(prefix=".image_to_3d_", dir=folder) as staging,
            select_alone(context, [target]),
        ):
            names = {kind: f"{stem}.{kind}" for kind in formats}
            for kind, name in names.items():
                _write(kind, target, Path(staging) / name)
            _move_all(Path(staging), folder, overwrite)
    except (OSError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__
        raise OutputError(
            Sentence(
                "'{name}' could not be written to '{folder}' ({reason}).", name=stem, folder=folder, reason=reason
            ),
            "Check the folder's permissions and the free space on its disk.",
        ) from error
    return {kind: folder / name for kind, name in names.items()}


@contextmanager
def select_alone(context: bpy.types.Context, targets: Sequence[bpy.types.Object]) -> Iterator[None]:
    """While the block runs, these objects alone are selected, and visible; the first is active: for exporters.

    Raises:
        OutputError: one of them cannot be shown, so that exporters would leave it out without a word.
    """
    layer = context.view_layer
    selected, active = [item.name for item in layer.objects if item.select_get()], layer.objects.active
    for item in targets:
        if layer.objects.get(item.name) != item:
            raise _hidden(item)
    locked = [(item, item.hide_select, item.hide_get()) for item in targets]
    try:
        for item in targets:
            item.hide_select = False
            item.hide_set(False)
        layer.update()
        for item in targets:
            if not item.visible_get(view_layer=layer):
                raise _hidden(item)
        for item in layer.objects:
            item.select_set(item in targets)
        layer.objects.active = targets[0]
        yield
    finally:
        for item in layer.objects:
            item.select_set(item.name in selected)
        layer.objects.active = active
        for item, is_locked, is_hidden in locked:
            item.hide_select = is_locked
            item.hide_set(is_hidden)


def _hidden(item: bpy.types.Object) -> OutputError:
    return OutputError(
        Sentence("'{name}' is hidden in all viewports, by itself or with its collection.", name=item.name),
        "Show it in the Outliner by its monitor icon, or its collection by eye, monitor icon or checkbox.",
    )


def export_usd(target: bpy.types.Object, path: Path, **options: Any) -> None:  # noqa: ANN401 - the exporter's own
    """Write what is selected as USD in metres, with the target's provenance; ``options`` go to Blender's exporter.

    Raises:
        OutputError: this Blender was built without USD.
    """
    require_usd()
    scene = bpy.context.scene
    bpy.ops.wm.usd_export(
        filepath=str(path),
        selected_objects_only=True,
        export_cameras=False,
        export_textures_mode="NEW",
        export_custom_properties=False,
        # What is hidden in renders alone is exported too, as by the other exporters.
        evaluation_mode="VIEWPORT",
        convert_scene_units="CUSTOM",
        meters_per_unit=usd_meters_per_unit(scene),
        **options,
    )
    add_to_usd(path, provenance_of(target), metres_per_unit(scene) * usd_meters_per_unit(scene))


def make_folder(folder: Path) -> None:
    """Make an output folder and prove that it can be written to.

    Raises:
        OutputError: it cannot.
    """
    probe = folder / ".image_to_3d_probe"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise OutputError(
            Sentence("Nothing can be written to '{folder}' ({reason}).", folder=folder, reason=error.strerror),
            "Choose another output folder.",
        ) from error


def _write(kind: str, target: bpy.types.Object, path: Path) -> None:
    WRITERS[kind](target, path)
    # Some exporters only print their failure.
    if not path.is_file() or path.stat().st_size == 0:
        raise OSError(f"the {kind} exporter wrote nothing")


def _move_all(source: Path, folder: Path, overwrite: bool) -> None:
    places = {path: folder / path.relative_to(source) for path in sorted(source.rglob("*")) if path.is_file()}
    taken = [place for place in places.values() if place.exists()]
    if taken and not overwrite:
        raise OutputError(
            Sentence("'{name}' is already in '{folder}'.", name=taken[0].name, folder=taken[0].parent),
            "Let it be replaced (--overwrite), or choose another folder.",
        )
    for path, place in places.items():
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(path, place)


def _write_blend(_target: bpy.types.Object, path: Path) -> None:
    bpy.ops.wm.save_as_mainfile(filepath=str(path), copy=True, compress=True)


def _write_glb(target: bpy.types.Object, path: Path) -> None:
    bpy.ops.export_scene.gltf(
        filepath=str(path), export_format="GLB", use_selection=True, export_extras=False, export_cameras=False
    )
    add_to_glb(path, provenance_of(target), metres_per_unit(bpy.context.scene))


def _write_obj(target: bpy.types.Object, path: Path) -> None:
    """The exporter copies image files but not packed images, so these are laid beside it first."""
    with _named_by_map(target) as images:
        for image in images:
            if image.packed_file:
                file = path.with_name(f"{path.stem}_{bpy.path.basename(image.filepath_raw)}")
                file.write_bytes(image.packed_file.data)
                image.filepath_raw = str(file)
        bpy.ops.wm.obj_export(
            filepath=str(path),
            export_selected_objects=True,
            path_mode="STRIP",
            export_pbr_extensions=True,
            global_scale=metres_per_unit(bpy.context.scene),
        )


def _write_fbx(_target: bpy.types.Object, path: Path) -> None:
    bpy.ops.export_scene.fbx(
        filepath=str(path), use_selection=True, object_types={"MESH"}, path_mode="COPY", embed_textures=True
    )


def _write_usd(target: bpy.types.Object, path: Path) -> None:
    """The exporter calls texture files after their images, as other results in the folder may do: they are renamed."""
    with _named_by_map(target):
        export_usd(target, path)
    _rename_usd_textures(path)


def _rename_usd_textures(path: Path) -> None:
    stage = open_usd(path)
    from pxr import UsdUtils

    textures = path.parent / "textures"
    names = {f"./textures/{file.name}": f"./textures/{path.stem}_{file.name}" for file in textures.glob("*")}
    UsdUtils.ModifyAssetPaths(stage.GetRootLayer(), lambda asset: names.get(asset, asset))
    stage.GetRootLayer().Save()
    for before, after in names.items():
        (path.parent / before).rename(path.parent / after)


WRITERS: dict[str, Callable[[bpy.types.Object, Path], None]] = {
    "blend": _write_blend,
    "glb": _write_glb,
    "obj": _write_obj,
    "fbx": _write_fbx,
    "usd": _write_usd,
}
"""By format, which is also the file's suffix."""


@contextmanager
def _named_by_map(target: bpy.types.Object) -> Iterator[list[bpy.types.Image]]:
    """While the block runs, the object's images are called "base_color", "normal" and the like; yields them.

    Their own names begin with the object's, and Blender cuts names off after so many bytes: with a long one, nothing is
    left of what tells the maps apart.
    """
    # Images of linked libraries cannot be renamed.
    maps = {image: name for image, name in _maps(target).items() if image.is_editable}
    before = [(image, image.name, image.filepath_raw) for image in maps]
    try:
        for image, name in maps.items():
            image.name = name
            if image.packed_file:
                # USD's exporter calls the file after the image, but refers to it by this path.
                image.filepath_raw = f"//textures/{image.name}{Path(image.filepath_raw).suffix or '.png'}"
        yield list(maps)
    finally:
        # Backwards, so that each name is free again where one image has borrowed another's.
        for image, name, path in reversed(before):
            image.name, image.filepath_raw = name, path


def _maps(target: bpy.types.Object) -> dict[bpy.types.Image, str]:
    """The images of the object's materials, and what each is called in a file name: as its node's label says."""
    nodes = [
        node
        for slot in target.material_slots
        if slot.material is not None and slot.material.node_tree is not None
        for node in slot.material.node_tree.nodes
        if node.bl_idname == "ShaderNodeTexImage" and node.image is not None
    ]
    return {node.image: bpy.path.clean_name((node.label or node.image.name).lower()) for node in nodes}
