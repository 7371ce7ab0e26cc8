# SPDX-License-Identifier: GPL-3.0-or-later
"""High-poly and low-poly objects: preparing retopology by hand, adding low-poly meshes, levels of detail.

The rules are those of retopology tools such as RetopoFlow: the high-poly is the one source and is never changed; the
low-poly has its origin and rotation but no scale, because symmetry is about the target's origin and baking wants
applied scales; names end in ``_high`` and ``_low``.
"""

import json
import math
from dataclasses import asdict, dataclass

import bpy
import numpy as np
from mathutils import Matrix, Vector

from ..inference.errors import SettingsError
from ..inference.sentence import Sentence
from .levels import levels_of
from .mesh_check import MeshCheck
from .modelling_tools import set_up_tools
from .polygons import Polygons, fill_mesh, read_evaluated
from .provenance import copy_provenance
from .remesh import Remeshed
from .selection import make_active
from .stored_code import has_code, load_code, load_mirror
from .symmetry import Symmetry, find_symmetry, judged

HIGH_SUFFIX, LOW_SUFFIX = "_high", "_low"

HIGH_KEY = "image_to_3d_high"
"""Custom property of a low-poly object: its high-poly object. A pointer, which survives renaming."""

CHECK_KEY = "image_to_3d_check"
"""Custom property of a low-poly object: what was measured, as JSON."""

AXIS_SHARE = 0.01
"""A mirror plane closer to the origin than this part of the longest side goes through it."""


@dataclass(frozen=True)
class Prepared:
    """What preparing retopology made.

    Attributes:
        low: name of the empty target.
        symmetry: the best mirror plane in the target's coordinates.
        is_mirrored: whether it is good enough, so that the target has a Mirror modifier.
    """

    low: str
    symmetry: Symmetry
    is_mirrored: bool


def low_frame(high: bpy.types.Object) -> Matrix:
    """The world matrix of a low-poly object for this high-poly: its location and rotation, without its scale.

    Raises:
        SettingsError: the high-poly is scaled to nothing or mirrored.
    """
    if high.matrix_world.determinant() <= 0.0:
        raise SettingsError(
            Sentence("'{name}' is scaled to nothing or has a negative scale.", name=high.name),
            "Apply its scale (Ctrl+A) first.",
        )
    location, rotation, _ = high.matrix_world.decompose()
    return Matrix.LocRotScale(location, rotation, None)


def high_in_low_frame(
    high: bpy.types.Object, frame: Matrix, depsgraph: bpy.types.Depsgraph, *, with_shading: bool = False
) -> Polygons:
    """The high-poly's faces as they look, in the coordinates of a low-poly object with the world matrix ``frame``.

    Raises:
        SettingsError: it has no faces.
    """
    polygons = read_evaluated(high, depsgraph, with_shading=with_shading)
    if not len(polygons.starts):
        raise SettingsError(Sentence("'{name}' has no faces.", name=high.name), "Choose an object with a surface.")
    return polygons.transformed(np.array(frame.inverted() @ high.matrix_world))


def symmetry_of(high: bpy.types.Object, polygons: Polygons) -> Symmetry:
    """The plane at which a high-poly was made symmetric, or else the best one that its shape has.

    Args:
        high: the object.
        polygons: its faces in the coordinates of ``low_frame``.

    Raises:
        ModelError: what is stored with it is damaged.
    """
    plane = load_mirror(high) if has_code(high) else None
    x, y, _z = high.matrix_world.to_scale()
    # A mirror image that was stretched unevenly is none any more.
    if plane is None or not math.isclose(x, y, rel_tol=1e-4):
        return find_symmetry(polygons)
    _code, placement = load_code(high)
    local = placement.plane_to_local(plane)
    return judged(polygons, Symmetry((*local.normal, 0.0), x * local.offset, 0.0))


def high_of(low: bpy.types.Object | None) -> bpy.types.Object | None:
    """The high-poly object that a low-poly one belongs to, if it is still there."""
    high = low.get(HIGH_KEY) if low is not None else None
    return high if isinstance(high, bpy.types.Object) and high.name in bpy.data.objects else None


def check_of(low: bpy.types.Object | None) -> MeshCheck | None:
    """What was measured when the low-poly object was made, or None."""
    text = low.get(CHECK_KEY) if low is not None else None
    try:
        return MeshCheck(**json.loads(text)) if isinstance(text, str) else None
    except (TypeError, ValueError):  # written by another version of the extension
        return None


def prepare(
    context: bpy.types.Context, high: bpy.types.Object, tolerance: float, *, use_symmetry: bool = True
) -> Prepared:
    """Make an empty low-poly target for modelling by hand, and set snapping and the viewport up for it.

    The high-poly is renamed and locked for selection, not changed. The target becomes the active object; it keeps how
    snapping and the viewport were before.

    Args:
        context: in Object Mode.
        high: a mesh object.
        tolerance: largest error of a symmetry to be used, in parts of the longest side.
        use_symmetry: add a Mirror modifier where the shape is symmetric within the tolerance.

    Raises:
        SettingsError: the high-poly cannot be a source: no faces, no volume, mirrored. Nothing was changed.
    """
    frame = low_frame(high)
    polygons = high_in_low_frame(high, frame, context.evaluated_depsgraph_get())
    symmetry = symmetry_of(high, polygons)
    is_mirrored = use_symmetry and symmetry.error <= tolerance
    low = _new_low(high, frame, bpy.data.meshes.new(low_name(high)))
    if is_mirrored:
        _add_mirror(low, symmetry, float(np.ptp(polygons.vertices, axis=0).max()))
    shrinkwrap = low.modifiers.new("Shrinkwrap", "SHRINKWRAP")
    shrinkwrap.target = high
    shrinkwrap.wrap_method = "NEAREST_SURFACEPOINT"
    shrinkwrap.show_in_editmode = shrinkwrap.show_on_cage = True
    mark_high(high)
    set_up_tools(context, low, high)
    make_active(context, low)
    return Prepared(low.name, symmetry, is_mirrored)


def add_low(context: bpy.types.Context, high: bpy.types.Object, remeshed: Remeshed) -> bpy.types.Object:
    """Put a low-poly mesh into the scene, beside its high-poly, which is renamed and hidden in the viewport.

    It becomes the active object, unless the artist is editing another or looks at another scene.

    Args:
        context: with the view layer that is shown.
        high: the object that was remeshed.
        remeshed: in the coordinates of ``low_frame``.

    Raises:
        SettingsError: the high-poly was mirrored or scaled to nothing meanwhile.
    """
    frame = low_frame(high)
    mesh = bpy.data.meshes.new(low_name(high))
    fill_mesh(mesh, remeshed.polygons)
    low = _new_low(high, frame, mesh)
    low[CHECK_KEY] = json.dumps(asdict(remeshed.check), sort_keys=True)
    copy_provenance(high, low)
    make_active(context, low)
    # Two surfaces in one place flicker; the eye in the outliner shows the high-poly again.
    _hide(context, high)
    mark_high(high)
    return low


def add_levels(context: bpy.types.Context, low: bpy.types.Object, count: int, ratio: float) -> list[bpy.types.Object]:
    """Levels of detail of a low-poly object, each with ``ratio`` of the faces of the one before.

    They keep UVs and materials, so that one bake serves all; the object itself is level 0. Levels that are there
    already stay, under the same names, and new ones take the following numbers.

    Args:
        context: in Object Mode.
        low: a mesh object.
        count: how many.
        ratio: 0..1.
    """
    depsgraph = context.evaluated_depsgraph_get()
    stem = low.name.removesuffix("_LOD0")
    first = len(levels_of(low))
    made = []
    for level in range(first, first + count):
        name = f"{stem}_LOD{level}"
        mesh = _decimated_mesh(context, low, ratio**level, depsgraph)
        mesh.name = name
        item = bpy.data.objects.new(name, mesh)
        item.matrix_world = low.matrix_world
        copy_provenance(low, item)
        if high_of(low) is not None:
            item[HIGH_KEY] = low[HIGH_KEY]
        for collection in low.users_collection:
            collection.objects.link(item)
        _hide(context, item)
        made.append(item)
    return made


def low_name(high: bpy.types.Object) -> str:
    """What a low-poly object of this high-poly is called."""
    return high.name.removesuffix(HIGH_SUFFIX) + LOW_SUFFIX


def belong_to(low: bpy.types.Object, high: bpy.types.Object) -> None:
    """Remember of which high-poly object a low-poly one is, unless that is known already."""
    if low != high and high_of(low) is None:
        low[HIGH_KEY] = high


def mark_high(high: bpy.types.Object) -> None:
    """Let its name end in ``_high``, as baking tools expect it."""
    if not high.name.endswith(HIGH_SUFFIX):
        high.name += HIGH_SUFFIX


def visible_others(context: bpy.types.Context, *own: bpy.types.Object) -> list[str]:
    """Names of further visible meshes, to which snapping and RetopoFlow would stick too."""
    return [item.name for item in context.visible_objects if item.type == "MESH" and item not in own]


def _hide(context: bpy.types.Context, target: bpy.types.Object) -> None:
    """As the eye in the outliner does, where the view layer shown has the object."""
    context.view_layer.update()
    if target.name in context.view_layer.objects:
        target.hide_set(True, view_layer=context.view_layer)


def _new_low(high: bpy.types.Object, frame: Matrix, mesh: bpy.types.Mesh) -> bpy.types.Object:
    low = bpy.data.objects.new(mesh.name, mesh)
    low.matrix_world = frame
    low[HIGH_KEY] = high
    for collection in high.users_collection:
        collection.objects.link(low)
    return low


def _add_mirror(low: bpy.types.Object, symmetry: Symmetry, size: float) -> None:
    """A Mirror modifier; across a plane that is no axis through the origin, an empty carries the plane."""
    mirror = low.modifiers.new("Mirror", "MIRROR")
    mirror.use_clip = mirror.use_mirror_merge = True
    mirror.merge_threshold = 0.001 * size
    mirror.show_in_editmode = mirror.show_on_cage = True
    normal = Vector(symmetry.normal)
    axis = max((0, 1), key=lambda index: abs(normal[index]))
    if abs(normal[axis]) > 1.0 - 1e-6 and abs(symmetry.offset) < AXIS_SHARE * size:
        mirror.use_axis = (axis == 0, axis == 1, False)
        return
    plane = bpy.data.objects.new(f"{low.name} mirror", None)
    plane.empty_display_type = "ARROWS"
    plane.empty_display_size = 0.1 * size
    plane.hide_select = True
    for collection in low.users_collection:
        collection.objects.link(plane)
    plane.parent = low
    plane.matrix_local = (
        Matrix.Translation(symmetry.offset * normal) @ normal.to_track_quat("X", "Z").to_matrix().to_4x4()
    )
    mirror.use_axis = (True, False, False)
    mirror.mirror_object = plane


def _decimated_mesh(
    context: bpy.types.Context, low: bpy.types.Object, ratio: float, depsgraph: bpy.types.Depsgraph
) -> bpy.types.Mesh:
    """A new mesh of the object as it looks, with fewer faces."""
    whole = bpy.data.meshes.new_from_object(low.evaluated_get(depsgraph), depsgraph=depsgraph)
    temporary = bpy.data.objects.new("level", whole)
    context.scene.collection.objects.link(temporary)
    try:
        modifier = temporary.modifiers.new("Decimate", "DECIMATE")
        modifier.ratio = ratio
        updated = context.evaluated_depsgraph_get()
        return bpy.data.meshes.new_from_object(temporary.evaluated_get(updated), depsgraph=updated)
    finally:
        bpy.data.objects.remove(temporary)
        bpy.data.meshes.remove(whole)
