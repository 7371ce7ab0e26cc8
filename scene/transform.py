# SPDX-License-Identifier: GPL-3.0-or-later
"""Size, origin and upright stand of a reconstructed object, without losing the way back to its object frame.

Size and origin change the mesh's own coordinates, so that the object's scale stays 1, as engines and modifiers want
it; the stored placement and the camera follow. Standing upright turns the object itself.
"""

import math
from collections.abc import Sequence
from enum import StrEnum

import bmesh
import bpy
import numpy as np
from mathutils import Matrix, Quaternion, Vector
from numpy.typing import NDArray

from ..inference.errors import SettingsError
from ..inference.sentence import Sentence
from .placement import Placement
from .stored_code import PLACEMENT_KEY, has_code

LARGEST_TILT = math.radians(50)
"""How far an object may be turned to stand upright: photos are seldom taken from higher above."""

SAME_PLANE = math.radians(6)
"""Normals of the hull within this angle make one supporting face; reconstructed bases are not quite flat."""

LEAST_SUPPORT = 0.04
"""Share of the hull's area that a supporting face must have."""

LEAST_SPREAD = 1e-3
"""Three points whose triangle is flatter than this, as its area against the square of its longest side, are a line."""


class Origin(StrEnum):
    """Where an object's origin is put; the value says it to the artist."""

    BASE = "centre of the base"
    CENTRE = "centre of the bounding box"
    MASS = "centre of the volume"


def resize(target: bpy.types.Object, factor: float) -> None:
    """Scale a mesh object about its origin, in its mesh; children, the photo's camera among them, follow.

    Args:
        target: a mesh object; a mesh that other objects share becomes its own.
        factor: greater than 0.

    Raises:
        SettingsError: the factor makes no size, there are no vertices, or the change would not be saved.
    """
    _refuse_unfit(target)
    if not (math.isfinite(factor) and factor > 0):
        raise SettingsError("This would leave nothing of the object.", "Give a length greater than 0.")
    _own_mesh(target).transform(Matrix.Scale(factor, 4), shape_keys=True)
    for child in target.children:
        local = _local(child)
        if child.type == "CAMERA":
            local.translation *= factor
            _resize_camera(child.data, factor)
        else:
            local = Matrix.Scale(factor, 4) @ local
        _set_local(child, local)
    if has_code(target):
        placement = Placement.from_list(list(target[PLACEMENT_KEY]))
        offset = tuple(factor * value for value in placement.offset)
        target[PLACEMENT_KEY] = Placement(placement.scale * factor, offset).to_list()


def move_origin(target: bpy.types.Object, where: Origin) -> None:
    """Put a mesh object's origin somewhere else; nothing moves in the world.

    Raises:
        SettingsError: there are no vertices, or the change would not be saved.
    """
    _refuse_unfit(target)
    mesh = _own_mesh(target)
    place = _place(mesh, where)
    mesh.transform(Matrix.Translation(-place), shape_keys=True)
    target.matrix_world = target.matrix_world @ Matrix.Translation(place)
    follow(target, -place)


def follow(target: bpy.types.Object, shift: Vector) -> None:
    """Let what belongs to an object's mesh follow it: children, the photo's camera among them, and the placement.

    Args:
        target: an object.
        shift: by which its mesh was moved, local coordinates.
    """
    for child in target.children:
        _set_local(child, Matrix.Translation(shift) @ _local(child))
    if has_code(target):
        placement = Placement.from_list(list(target[PLACEMENT_KEY]))
        offset = tuple(value + moved for value, moved in zip(placement.offset, shift, strict=True))
        target[PLACEMENT_KEY] = Placement(placement.scale, offset).to_list()


def stand_upright(target: bpy.types.Object) -> float:
    """Turn a mesh object so that the face it would come to rest on is level, and set it down where it stood.

    Returns:
        The angle it was turned by, radians.

    Raises:
        SettingsError: there is no face that it could stand on, or the change would not be saved.
    """
    _refuse_unfit(target, is_turned_only=True)
    rotation = target.matrix_world.to_3x3().normalized()
    down = _resting_direction(target.data, rotation.transposed() @ Vector((0, 0, -1)))
    if down is None:
        raise SettingsError(
            Sentence(
                "'{name}' has no flat side within {angle:.0f} degrees to stand on.",
                name=target.name,
                angle=math.degrees(LARGEST_TILT),
            ),
            "Turn it by hand (R, then X or Y).",
        )
    turn = (rotation @ down).rotation_difference(Vector((0, 0, -1)))
    before = _lowest(target)
    _turn(target, turn)
    target.matrix_world = Matrix.Translation((0, 0, before - _lowest(target))) @ target.matrix_world
    return float(turn.angle)


def set_ground(target: bpy.types.Object, points: Sequence[Vector]) -> float:
    """Turn a mesh object so that three of its points lie on the ground: the height at which it stood.

    Args:
        target: a mesh object.
        points: three, in the world, not in a line.

    Returns:
        The angle it was turned by, radians.

    Raises:
        SettingsError: the points lie in a line, or the change would not be saved.
    """
    _refuse_unfit(target, is_turned_only=True)
    first, second, third = (Vector(point) for point in points)
    normal = (second - first).cross(third - first)
    longest = max((second - first).length, (third - first).length, (third - second).length)
    if normal.length <= LEAST_SPREAD * longest**2:
        raise SettingsError("The three points lie in a line.", "Pick three points round the base, far from each other.")
    middle = target.matrix_world @ Vector(vertices_of(target.data).mean(axis=0).tolist())
    if normal.dot(middle - first) < 0:
        normal.negate()
    turn = normal.normalized().rotation_difference(Vector((0, 0, 1)))
    before, matrix = _lowest(target), target.matrix_world.copy()
    _turn(target, turn)
    landed = target.matrix_world @ (matrix.inverted() @ first)
    target.matrix_world = Matrix.Translation((0, 0, before - landed.z)) @ target.matrix_world
    return float(turn.angle)


def _turn(target: bpy.types.Object, turn: Quaternion) -> None:
    """Turn it about its origin."""
    pivot = target.matrix_world.translation.copy()
    target.matrix_world = (
        Matrix.Translation(pivot) @ turn.to_matrix().to_4x4() @ Matrix.Translation(-pivot) @ target.matrix_world
    )


def _refuse_unfit(target: bpy.types.Object, *, is_turned_only: bool = False) -> None:
    """Refuse an empty mesh, and objects of other files that would be as before when the file is opened again.

    A library override keeps that it was turned, but neither the stored placement nor a change of the linked mesh.
    """
    if target.library is not None or (target.override_library is not None and not is_turned_only):
        raise SettingsError(
            Sentence("'{name}' belongs to another file, so that this change would not be saved.", name=target.name),
            "Make it local first (Object, Relations, Make Local).",
        )
    if not target.data.vertices:
        raise SettingsError(Sentence("'{name}' has no vertices.", name=target.name), "Choose an object with a surface.")


def _own_mesh(target: bpy.types.Object) -> bpy.types.Mesh:
    """The object's mesh, to be changed; a copy of its own where others share it or another file holds it."""
    if target.data.users > 1 or target.data.library is not None:
        target.data = target.data.copy()
    return target.data


def _local(child: bpy.types.Object) -> Matrix:
    """From the child's own coordinates to its parent's; unlike ``matrix_local`` never out of date."""
    return child.matrix_parent_inverse @ child.matrix_basis


def _set_local(child: bpy.types.Object, local: Matrix) -> None:
    child.matrix_basis = child.matrix_parent_inverse.inverted() @ local


def _resize_camera(camera: bpy.types.Camera, factor: float) -> None:
    camera.clip_start *= factor
    camera.clip_end *= factor
    camera.display_size *= factor


def vertices_of(mesh: bpy.types.Mesh) -> NDArray[np.float32]:
    """(n, 3) float32, local coordinates."""
    vertices = np.empty(len(mesh.vertices) * 3, np.float32)
    mesh.vertices.foreach_get("co", vertices)
    return vertices.reshape(-1, 3)


def bounds_of(mesh: bpy.types.Mesh) -> tuple[Vector, Vector]:
    """Lowest and highest corner of the bounding box, local coordinates; the mesh has vertices."""
    vertices = vertices_of(mesh)
    return Vector(vertices.min(axis=0).tolist()), Vector(vertices.max(axis=0).tolist())


def _place(mesh: bpy.types.Mesh, where: Origin) -> Vector:
    """The point in local coordinates."""
    if where is Origin.MASS:
        return _centre_of_volume(mesh)
    vertices = vertices_of(mesh)
    lower, upper = vertices.min(axis=0), vertices.max(axis=0)
    middle = (lower + upper) / 2
    return Vector((middle[0], middle[1], lower[2] if where is Origin.BASE else middle[2]))


def _centre_of_volume(mesh: bpy.types.Mesh) -> Vector:
    """By the signed tetrahedra between a point and each triangle; the vertices' mean of a mesh without volume."""
    vertices = vertices_of(mesh).astype(np.float64)
    mesh.calc_loop_triangles()
    triangles = np.empty(len(mesh.loop_triangles) * 3, np.int32)
    mesh.loop_triangles.foreach_get("vertices", triangles)
    middle = vertices.mean(axis=0)
    a, b, c = (vertices - middle)[triangles.reshape(-1, 3)].transpose(1, 0, 2)
    volumes = np.einsum("ij,ij->i", a, np.cross(b, c))
    if abs(volumes.sum()) < 1e-9 * np.ptp(vertices, axis=0).max() ** 3:
        return Vector(middle)
    return Vector(middle + ((a + b + c) * volumes[:, None]).sum(axis=0) / (4 * volumes.sum()))


def _lowest(target: bpy.types.Object) -> float:
    """World height of the lowest vertex."""
    matrix = np.array(target.matrix_world)
    return float((vertices_of(target.data) @ matrix[2, :3]).min() + matrix[2, 3])


def _resting_direction(mesh: bpy.types.Mesh, down: Vector) -> Vector | None:
    """The local direction that should point down: the normal of the convex hull's best supporting face.

    A face supports the better the larger it is and the less the object must be turned for it.
    """
    normals, areas = _hull(mesh)
    tilt = np.arccos(np.clip(normals @ np.array(down), -1, 1))
    near = np.flatnonzero(tilt < LARGEST_TILT)
    if not len(near):
        return None
    alike = normals[near] @ normals.T > math.cos(SAME_PLANE)
    support = alike @ areas
    score = support * (1 - tilt[near] / LARGEST_TILT)
    best = int(score.argmax())
    if support[best] < LEAST_SUPPORT * areas.sum():
        return None
    return Vector((normals * (areas * alike[best])[:, None]).sum(axis=0)).normalized()


def _hull(mesh: bpy.types.Mesh) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Unit normals (n, 3) and areas (n,) of the convex hull's triangles."""
    hull = bmesh.new()
    try:
        for vertex in _outermost(vertices_of(mesh)):
            hull.verts.new(vertex)
        result = bmesh.ops.convex_hull(hull, input=hull.verts)
        faces = [item for item in result["geom"] if isinstance(item, bmesh.types.BMFace)]
        centre = sum((face.calc_center_median() for face in faces), Vector()) / max(len(faces), 1)
        normals, areas = [], []
        for face in faces:
            face.normal_update()
            outward = face.normal if face.normal.dot(face.calc_center_median() - centre) > 0 else -face.normal
            normals.append(tuple(outward))
            areas.append(face.calc_area())
    finally:
        hull.free()
    return np.array(normals, np.float64).reshape(-1, 3), np.array(areas, np.float64)


def _outermost(vertices: NDArray[np.float32]) -> NDArray[np.float32]:
    """The vertices that are farthest out in some of 2000 directions: all that a hull needs to be right to a degree."""
    count = 2000
    # Points of a Fibonacci lattice cover the sphere evenly (Swinbank and Purser 2006).
    turns = np.arange(count) * (math.pi * (3 - math.sqrt(5)))
    heights = 1 - (np.arange(count) + 0.5) * 2 / count
    radii = np.sqrt(1 - heights**2)
    directions = np.stack([radii * np.cos(turns), radii * np.sin(turns), heights]).astype(np.float32)
    farthest = np.concatenate([np.argmax(vertices @ part, axis=0) for part in np.array_split(directions, 40, axis=1)])
    return vertices[np.unique(farthest)]
