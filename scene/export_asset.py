# SPDX-License-Identifier: GPL-3.0-or-later
"""Files for where assets are used: the web and AR viewers, Quick Look, game engines.

Textures are shrunk to what such places take, in copies; the scene stays as it is.
"""

import math
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import bpy

from ..compat import has_usd
from ..inference.errors import OutputError
from ..inference.sentence import Sentence
from .files import export_usd, select_alone
from .provenance import add_to_glb, provenance_of
from .units import metres_per_unit

SMALLEST_TEXTURE = 512
"""Pixels; below it a texture is shrunk no further to meet a file size."""

JPEG_QUALITY = 90
"""Of textures in GLB files; no visible loss on colours."""


@dataclass(frozen=True)
class AssetKind:
    """A place where assets are used.

    Attributes:
        label: as the artist reads it.
        description: one sentence for a tooltip, without its full stop.
        suffix: of the file.
        texture_size: pixels along a side at most, by default.
        megabytes: what the file should not exceed, by default.
    """

    label: str
    description: str
    suffix: str
    texture_size: int
    megabytes: float


KINDS = {
    "WEB": AssetKind(
        "Web and Android AR", "Binary glTF for <model-viewer>, Scene Viewer and game engines", ".glb", 2048, 15.0
    ),
    "QUICK_LOOK": AssetKind("Apple Quick Look", "USDZ for AR on iPhone, iPad and Vision Pro", ".usdz", 2048, 25.0),
    "ENGINE": AssetKind("Game Engine", "FBX for Unity and Unreal, with levels of detail", ".fbx", 4096, 200.0),
}
"""By identifier. File sizes: what viewers load before people leave; Apple's own samples are below 25 MB."""


@dataclass(frozen=True)
class ExportSettings:
    """How to write an asset.

    Attributes:
        kind: key of ``KINDS``.
        texture_size: pixels along a side that no texture exceeds.
        megabytes: the file's largest size; textures are halved until it is met.
    """

    kind: str
    texture_size: int
    megabytes: float


@dataclass(frozen=True)
class ExportedAsset:
    """What was written.

    Attributes:
        path: the file.
        megabytes: its size.
        texture_size: pixels along a side that textures were limited to.
    """

    path: Path
    megabytes: float
    texture_size: int


def obstacle_to(kind: str) -> str:
    """Why this Blender cannot write for a use, a sentence for a tooltip; empty where it can."""
    if kind == "QUICK_LOOK" and not has_usd():
        return "This Blender was built without USD. Install Blender from blender.org, or export a GLB"
    return ""


def export_asset(
    context: bpy.types.Context, levels: Sequence[bpy.types.Object], path: Path, settings: ExportSettings
) -> ExportedAsset:
    """Write an asset; the file appears complete or not at all.

    Args:
        context: whose view layer holds the objects.
        levels: the object, or its levels of detail, finest first; only FBX keeps more than the first.
        path: of the file, with its suffix or without; what lies there is replaced.
        settings: how.

    Raises:
        OutputError: it cannot be written, or not in that size, or an object is hidden in the viewport.
    """
    write = _WRITERS[settings.kind]
    chosen = list(levels) if settings.kind == "ENGINE" else list(levels[:1])
    size = settings.texture_size
    try:
        with tempfile.TemporaryDirectory(prefix=".image_to_3d_", dir=path.parent) as staging:
            draft = Path(staging) / with_suffix(path, settings.kind).name
            while True:
                with smaller_textures(chosen, size):
                    write(context, chosen, draft)
                megabytes = draft.stat().st_size / 1e6
                if megabytes <= settings.megabytes or size <= SMALLEST_TEXTURE:
                    break
                size //= 2
            if megabytes > settings.megabytes:
                raise OutputError(
                    Sentence(
                        "'{name}' would have {megabytes:.1f} MB even with textures of {size} pixels.",
                        name=draft.name,
                        megabytes=megabytes,
                        size=size,
                    ),
                    "Export a mesh with fewer faces, for example after Auto Retopology, or allow a larger file.",
                )
            final = path.with_name(draft.name)
            draft.replace(final)
    except (OSError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__
        raise OutputError(
            Sentence("'{name}' could not be written ({reason}).", name=path.name, reason=reason),
            "Check the folder's permissions and free space.",
        ) from error
    return ExportedAsset(final, megabytes, size)


def with_suffix(path: Path, kind: str) -> Path:
    """The path with the suffix of a use, in place of another use's; any other dot belongs to the name: chair.v2."""
    is_suffix = path.suffix.lower() in {item.suffix for item in KINDS.values()}
    return path.with_name((path.stem if is_suffix else path.name) + KINDS[kind].suffix)


@contextmanager
def smaller_textures(targets: Sequence[bpy.types.Object], size: int) -> Iterator[None]:
    """While the block runs, the objects' materials show copies of their images, none larger than ``size`` pixels."""
    nodes = [
        node
        for target in targets
        for slot in target.material_slots
        if slot.material is not None and slot.material.node_tree is not None
        for node in slot.material.node_tree.nodes
        if node.bl_idname == "ShaderNodeTexImage" and node.image is not None and max(node.image.size) > size
    ]
    originals = {node.image.session_uid: node.image for node in nodes}
    shown = {node: node.image for node in nodes}
    copies: dict[int, bpy.types.Image] = {}
    try:
        for uid, image in originals.items():
            copies[uid] = _shrunk(image, size)
        for node, image in shown.items():
            node.image = copies[image.session_uid]
        yield
    finally:
        for node, image in shown.items():
            node.image = image
        bpy.data.batch_remove(list(copies.values()))


def _shrunk(image: bpy.types.Image, size: int) -> bpy.types.Image:
    copy = image.copy()
    share = size / max(image.size)
    copy.scale(*(max(1, math.floor(side * share + 0.5)) for side in image.size))
    copy.pack()
    return copy


def _write_glb(context: bpy.types.Context, levels: Sequence[bpy.types.Object], path: Path) -> None:
    with select_alone(context, levels):
        bpy.ops.export_scene.gltf(
            filepath=str(path),
            export_format="GLB",
            use_selection=True,
            export_extras=False,
            export_cameras=False,
            export_yup=True,
            export_image_format="JPEG",
            export_image_quality=JPEG_QUALITY,
        )
    add_to_glb(path, provenance_of(levels[0]), metres_per_unit(context.scene))


def _write_usdz(context: bpy.types.Context, levels: Sequence[bpy.types.Object], path: Path) -> None:
    """By way of a loose USD file, so that its customData can be written before it is packed."""
    loose = path.with_suffix(".usdc")
    with select_alone(context, levels):
        export_usd(
            levels[0],
            loose,
            convert_orientation=True,
            export_global_forward_selection="Z",
            export_global_up_selection="Y",
        )
    from pxr import UsdUtils

    if not UsdUtils.CreateNewARKitUsdzPackage(str(loose), str(path)):
        raise OSError("USD could not pack the file and its textures")


def _write_fbx(context: bpy.types.Context, levels: Sequence[bpy.types.Object], path: Path) -> None:
    with _level_group(context, levels) as group, select_alone(context, [*levels, *group]):
        bpy.ops.export_scene.fbx(
            filepath=str(path),
            use_selection=True,
            object_types={"MESH", "EMPTY"},
            path_mode="COPY",
            embed_textures=True,
            apply_scale_options="FBX_SCALE_UNITS",
        )


@contextmanager
def _level_group(context: bpy.types.Context, levels: Sequence[bpy.types.Object]) -> Iterator[list[bpy.types.Object]]:
    """While the block runs, an empty of FBX's type LodGroup is the levels' parent; none for a single level."""
    if len(levels) == 1:
        yield []
        return
    group = bpy.data.objects.new(f"{levels[0].name} levels", None)
    # Blender's exporter makes an FBX LodGroup of an empty with this property.
    group["fbx_type"] = "LodGroup"
    context.scene.collection.objects.link(group)
    parents = [(level, level.parent, level.matrix_world.copy()) for level in levels]
    try:
        for level in levels:
            level.parent = group
        yield [group]
    finally:
        for level, parent, matrix in parents:
            level.parent = parent
            level.matrix_world = matrix
        bpy.data.objects.remove(group)


_WRITERS: dict[str, Callable[[bpy.types.Context, Sequence[bpy.types.Object], Path], None]] = {
    "WEB": _write_glb,
    "QUICK_LOOK": _write_usdz,
    "ENGINE": _write_fbx,
}
