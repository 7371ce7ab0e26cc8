# SPDX-License-Identifier: GPL-3.0-or-later
"""A passing stand-in for an object's mesh while a slider is dragged; whatever happens meanwhile, the own mesh returns.

A stand-in itself says whose place it takes. So it can be told from any other mesh, and exchanged, also in a copy that
the artist made of the object, in an undo step, and in a file that Blender saved by itself.
"""

import bmesh
import bpy

from ..inference.pipeline import Settings
from ..inference.surface import Surface
from .build import standing_shift
from .mesh import create_plain_mesh
from .selection import leave_edit_mode
from .stored_code import load_code

STAND_IN = ".image_to_3d stand-in"
"""Name of the stand-in's mesh and of its vertices' mark; Blender hides what has a name that begins with a dot."""

OWN_MESH_KEY = "image_to_3d_own_mesh"
"""Custom property of a stand-in: the mesh whose place it takes, which Blender keeps because this is a use of it."""

SHOWN_KEY = "image_to_3d_stand_in"
"""Custom property of an object that shows a stand-in: its ``session_uid``.

Undo tells changed objects by their bytes, in which a mesh is an address. The next mesh may get the stand-in's address,
and without a difference like this one the object would keep an address where no mesh is any more.
"""


def show_preview(target: bpy.types.Object, surface: Surface, settings: Settings) -> None:
    """Let the object show a surface in plain clay until ``end_previews`` brings its own mesh back.

    Nothing is shown outside Object Mode: there the artist works on the own mesh, and Blender would not exchange it.

    Args:
        target: an object that was reconstructed from a photo.
        surface: what it shows.
        settings: by which the surface was made.

    Raises:
        ModelError: the object has lost its code.
    """
    _code, placement = load_code(target)
    if target.mode != "OBJECT":
        return
    end_previews()
    vertices = placement.to_local(surface.vertices)
    vertices += standing_shift(target, vertices, settings)
    stand_in = create_plain_mesh(STAND_IN, vertices, surface.faces)
    stand_in[OWN_MESH_KEY] = target.data
    for _slot in target.data.materials:
        # Blender takes slots that the mesh lacks from the object, with the artist's materials that are linked to it.
        stand_in.materials.append(None)
    stand_in.attributes.new(STAND_IN, "BOOLEAN", "POINT")
    target.data = stand_in
    target[SHOWN_KEY] = stand_in.session_uid


def end_previews() -> None:
    """Give all objects their own meshes back and remove the stand-ins."""
    own_meshes = {mesh: mesh[OWN_MESH_KEY] for mesh in bpy.data.meshes if mesh.get(OWN_MESH_KEY) is not None}
    for target in bpy.data.objects:
        if target.data in own_meshes:
            leave_edit_mode(target)
            # Also a copy by Shift+D shares the own mesh: undo may free a mesh that is made here, and not tell the copy.
            target.data = own_meshes[target.data]
            target.pop(SHOWN_KEY, None)
    # Removing a mesh that is still in use would delete the objects that use it.
    bpy.data.batch_remove([mesh for mesh in own_meshes if not mesh.users])
    for mesh in bpy.data.meshes:
        if mesh.is_editmode:
            _discard_stand_in(mesh)


def _discard_stand_in(mesh: bpy.types.Mesh) -> None:
    """Edit a mesh as it is, where undo put a stand-in's geometry into its Edit Mode.

    An undo step of Edit Mode holds geometry, and that goes into whatever mesh the object has by then.
    """
    edited = bmesh.from_edit_mesh(mesh)
    if not _is_marked(edited):
        return
    kept = bmesh.new()
    kept.from_mesh(mesh)
    # A mesh that the artist joined a stand-in to has the mark of its own, and is the artist's.
    if not _is_marked(kept):
        edited.clear()
        edited.from_mesh(mesh)
        bmesh.update_edit_mesh(mesh)
    kept.free()


def _is_marked(geometry: bmesh.types.BMesh) -> bool:
    """Whether geometry is, or was made from, a stand-in's."""
    return geometry.verts.layers.bool.get(STAND_IN) is not None
