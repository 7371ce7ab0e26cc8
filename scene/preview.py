# SPDX-License-Identifier: GPL-3.0-or-later
"""A passing stand-in for an object's mesh while a slider is dragged; it never reaches a file or an undo step."""

import bpy

from ..inference.surface import Surface
from .mesh import create_plain_mesh
from .stored_code import load_code

STAND_IN = ".image_to_3d stand-in"
"""Name of the stand-in's mesh; Blender hides data-blocks whose name begins with a dot."""

_own_meshes: dict[int, int] = {}
"""Objects that show a stand-in and their own meshes, both by ``session_uid``, which renaming does not change."""


def show_preview(target: bpy.types.Object, surface: Surface) -> None:
    """Let the object show a surface in plain clay until ``end_previews`` brings its own mesh back.

    Raises:
        ModelError: the object has lost its code.
    """
    _code, placement = load_code(target)
    mesh = create_plain_mesh(STAND_IN, placement.to_local(surface.vertices), surface.faces)
    shown = target.data
    target.data = mesh
    if _own_meshes.setdefault(target.session_uid, shown.session_uid) != shown.session_uid:
        bpy.data.meshes.remove(shown)


def end_previews() -> None:
    """Give all objects their own meshes back and remove the stand-ins."""
    meshes = {mesh.session_uid: mesh for mesh in bpy.data.meshes}
    for target in bpy.data.objects:
        own = meshes.get(_own_meshes.get(target.session_uid, -1))
        if own is not None:
            stand_in, target.data = target.data, own
            bpy.data.meshes.remove(stand_in)
    _own_meshes.clear()
