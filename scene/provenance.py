# SPDX-License-Identifier: GPL-3.0-or-later
"""Where an object came from: which photo, which network under which licence; kept on it and in exported files."""

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import bpy

from ..compat import has_usd
from ..inference.errors import OutputError
from ..inference.sentence import Sentence

PROVENANCE_KEY = "image_to_3d_provenance"
"""Custom property: JSON that a person can read in the object's properties."""

METADATA_KEY = "image_to_3d"
"""Under this name in glTF's extras and USD's customData."""

GLB_HEADER = struct.Struct("<4sII")
GLB_CHUNK = struct.Struct("<I4s")
"""Binary glTF 2.0, section 4.4: magic, version, length; then chunks of length and type."""


def store_provenance(target: bpy.types.Object, provenance: Mapping[str, str]) -> None:
    """Keep it with the object."""
    target[PROVENANCE_KEY] = json.dumps(dict(provenance), sort_keys=True)


def provenance_of(target: bpy.types.Object) -> dict[str, str]:
    """What is known of an object; nothing of one that we did not make, or whose property was edited to nonsense."""
    try:
        values = json.loads(target.get(PROVENANCE_KEY, "{}"))
    except (TypeError, ValueError):
        return {}
    return {str(key): str(value) for key, value in values.items()} if isinstance(values, dict) else {}


def copy_provenance(source: bpy.types.Object, target: bpy.types.Object) -> None:
    """A mesh that was made from an object shares its origin."""
    if PROVENANCE_KEY in source:
        target[PROVENANCE_KEY] = source[PROVENANCE_KEY]


def add_to_glb(path: Path, provenance: Mapping[str, str], metres: float = 1.0) -> None:
    """Write it into a binary glTF file: ``asset.extras``, and the licence as its copyright.

    Args:
        path: of the file, as Blender exported it.
        provenance: of the object.
        metres: that a unit of the scene is; glTF's unit is the metre, and Blender's exporter takes each for one.

    Raises:
        OutputError: the file is not what the exporter should have written.
    """
    data = path.read_bytes()
    magic, version, _length = GLB_HEADER.unpack_from(data)
    json_length, json_kind = GLB_CHUNK.unpack_from(data, GLB_HEADER.size)
    if (magic, version, json_kind) != (b"glTF", 2, b"JSON"):
        raise OutputError(Sentence("'{name}' is no binary glTF 2.0 file.", name=path.name), "Export it again.")
    start = GLB_HEADER.size + GLB_CHUNK.size
    document = json.loads(data[start : start + json_length])
    document["asset"].setdefault("extras", {})[METADATA_KEY] = dict(provenance)
    if metres != 1.0:
        _scale_scenes(document, metres)
    chunk = json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
    chunk += b" " * (-len(chunk) % 4)
    rest = data[start + json_length :]
    total = start + len(chunk) + len(rest)
    path.write_bytes(GLB_HEADER.pack(magic, version, total) + GLB_CHUNK.pack(len(chunk), json_kind) + chunk + rest)


def _scale_scenes(document: dict[str, Any], factor: float) -> None:
    """Scale a glTF document by a node above all others, so that animations and skins stay as they are."""
    for scene in document["scenes"]:
        if scene.get("nodes"):
            document["nodes"].append({"name": "Metres", "scale": [factor] * 3, "children": scene["nodes"]})
            scene["nodes"] = [len(document["nodes"]) - 1]


def add_to_usd(path: Path, provenance: Mapping[str, str], metres: float = 1.0) -> None:
    """Write it into a USD file as customData of its default prim.

    Args:
        path: of the file, as Blender exported it.
        provenance: of the object.
        metres: that a unit of the file is; what Blender's exporter writes disregards the scene's unit.

    Raises:
        OutputError: this Blender has no USD library for Python.
    """
    stage = open_usd(path)
    from pxr import UsdGeom

    prim = stage.GetDefaultPrim() or stage.GetPseudoRoot()
    for key, value in provenance.items():
        prim.SetCustomDataByKey(f"{METADATA_KEY}:{key}", value)
    UsdGeom.SetStageMetersPerUnit(stage, metres)
    stage.GetRootLayer().Save()


def open_usd(path: Path) -> Any:  # noqa: ANN401
    """A USD file's stage, with Blender's own USD library. Its layers live as long as it does.

    Raises:
        OutputError: this Blender has no USD library for Python.
    """
    require_usd()
    from pxr import Usd

    return Usd.Stage.Open(str(path))


def require_usd() -> None:
    """Raises ``OutputError`` where this Blender cannot write USD."""
    if not has_usd():
        raise OutputError("This Blender was built without USD.", "Install Blender from blender.org, or export a GLB.")
