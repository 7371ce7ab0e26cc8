# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a new result is to stand: at a point, or beside what stands there already."""

from collections.abc import Iterator
from dataclasses import dataclass

import bpy
import numpy as np
from mathutils import Matrix, Vector
from numpy.typing import NDArray

from .compare import GAP

SOLID_TYPES = {"MESH", "CURVE", "SURFACE", "META", "FONT", "CURVES", "POINTCLOUD", "GREASEPENCIL"}
"""Kinds of objects that take room; cameras, lights and empties take none."""

SEEN_THROUGH = {"BOUNDS", "WIRE"}
"""How objects are displayed that only mark a region, such as cutters and simulation domains."""

TOUCH = 0.01
"""Boxes that share at most this part of the result's smallest side touch: an object on a table is not inside it."""

SURROUNDING = 4.0
"""A mesh that is this many times longer and wider than the result may be a ground or a room: there its surface is asked
and not its box, in which most of a scene lies."""

MOST_FACES = 200_000
"""Of a surrounding mesh. Asking a surface builds a search tree first: 0.1 s for so many faces on one core."""


@dataclass(frozen=True)
class Place:
    """Where a result is asked to stand.

    Attributes:
        point: world coordinates of the centre of its base; None for the 3D cursor.
        keeps_clear: whether it goes to the right (along X) past what stands there; otherwise it stands at the point.
    """

    point: tuple[float, float, float] | None = None
    keeps_clear: bool = False


AT_CURSOR = Place()
"""Exactly at the 3D cursor: what scripts get that ask for nothing else."""


@dataclass(frozen=True)
class Obstacle:
    """A visible object that takes room.

    Attributes:
        lower, upper: (3,) float64, corners of its box in world coordinates.
        mesh: the evaluated object, for a mesh whose surface can be asked; None otherwise.
        matrix: of that object to world coordinates.
    """

    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    mesh: bpy.types.Object | None
    matrix: Matrix


def find_place(
    context: bpy.types.Context, lower: NDArray[np.floating], upper: NDArray[np.floating], place: Place
) -> Vector:
    """Where the origin of a result goes.

    Args:
        context: with the view layer that the result will be in.
        lower, upper: (3,) corners of the result's box, relative to its origin.
        place: what was asked for.
    """
    point = Vector(place.point if place.point is not None else context.scene.cursor.location)
    if not place.keeps_clear:
        return point
    lower, upper = np.asarray(lower, np.float64), np.asarray(upper, np.float64)
    obstacles = list(visible_obstacles(context))
    gap = GAP * float(upper[0] - lower[0])
    while True:
        blocking = [item for item in obstacles if _is_in_the_way(item, lower + point, upper + point)]
        if not blocking:
            return point
        # Past the right end of something each time: it ends after as many steps as there are obstacles.
        point.x = max(item.upper[0] for item in blocking) + gap - lower[0]


def visible_obstacles(context: bpy.types.Context, without: bpy.types.Object | None = None) -> Iterator[Obstacle]:
    """What takes room in the view layer, instances of collections among it.

    Args:
        context: with the view layer.
        without: an object that is left out.
    """
    depsgraph = context.evaluated_depsgraph_get()
    for item in context.view_layer.objects:
        if item == without or not item.visible_get(view_layer=context.view_layer):
            continue
        if item.instance_type == "COLLECTION" and item.instance_collection is not None:
            to_world = item.matrix_world @ Matrix.Translation(-item.instance_collection.instance_offset)
            for member in item.instance_collection.all_objects:
                yield from _obstacle(member, to_world @ member.matrix_world, depsgraph)
        else:
            yield from _obstacle(item, item.matrix_world, depsgraph)


def _obstacle(item: bpy.types.Object, matrix: Matrix, depsgraph: bpy.types.Depsgraph) -> Iterator[Obstacle]:
    if item.type not in SOLID_TYPES or item.display_type in SEEN_THROUGH:
        return
    evaluated = item.evaluated_get(depsgraph)
    corners = np.array([matrix @ Vector(corner) for corner in evaluated.bound_box])
    lower, upper = corners.min(axis=0), corners.max(axis=0)
    if np.any(upper > lower):  # an object without geometry has an empty box at its origin
        can_be_asked = evaluated.type == "MESH" and 0 < len(evaluated.data.polygons) <= MOST_FACES
        yield Obstacle(lower, upper, evaluated if can_be_asked else None, matrix)


def _is_in_the_way(item: Obstacle, lower: NDArray[np.float64], upper: NDArray[np.float64]) -> bool:
    """Whether a box in world coordinates is inside an obstacle, or the obstacle is inside it."""
    sides = upper - lower
    margin = TOUCH * float(sides.min())
    if np.any(item.lower > upper - margin) or np.any(item.upper < lower + margin):
        return False
    is_surrounding = np.all((item.upper - item.lower)[:2] >= SURROUNDING * sides[:2])
    if not is_surrounding or item.matrix.determinant() == 0.0:
        return True
    return item.mesh is not None and _surface_is_in_the_way(item, lower, upper)


def _surface_is_in_the_way(item: Obstacle, lower: NDArray[np.float64], upper: NDArray[np.float64]) -> bool:
    """Whether a box's middle, or a corner half-way to it, is behind a mesh's surface, or the surface passes near it."""
    centre, half = (lower + upper) / 2, (upper - lower) / 2
    to_local = item.matrix.inverted()
    signs = np.array([(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)])
    for sample in [centre, *(centre + signs * half / 2)]:
        point = to_local @ Vector(sample)
        found, nearest, normal, _face = item.mesh.closest_point_on_mesh(point)
        if found and (point - nearest).dot(normal) < 0.0:
            return True
    found, nearest, _normal, _face = item.mesh.closest_point_on_mesh(to_local @ Vector(centre))
    distance = (item.matrix @ nearest - Vector(centre)).length
    return found and distance < float(half.min()) / 2
