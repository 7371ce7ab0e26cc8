# SPDX-License-Identifier: GPL-3.0-or-later
"""From where a new result is looked at: a little to the side of its photo's camera, filling a part of the view."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import bpy
import numpy as np
from mathutils import Quaternion, Vector
from numpy.typing import NDArray

from .camera import matched_camera
from .places import Obstacle

TURN = math.radians(25.0)
"""Angle between the photo's camera and the view: depth is seen, and still the side that the photo shows."""

STEEPEST = math.radians(45.0)
"""Elevation above which the view is lowered instead of turned: seen from above, turning shows no more of the sides."""

FILLED_HEIGHT, FILLED_WIDTH = 0.6, 0.8
"""Shares of the free part of the view that the object fills at most."""

ROUNDS = 12
"""Of approach in ``frame_points``. Each leaves about a tenth of the error; measured on boxes, cups and cars."""

ENOUGH_POINTS = 4000
"""Vertices by which an object is framed; of 75,000, they tell its outline to about a hundredth."""

FIELD_MILLIMETRES = 72.0
"""Blender's viewport shows twice a 36 mm sensor along its longer side (``CAMERA_PARAM_ZOOM_INIT_PERSP`` in its source),
in perspective views and, at the view's centre, in orthographic ones."""


@dataclass(frozen=True)
class ViewField:
    """What a viewport shows, as tangents of angles from the middle of the region; x to the right, y up.

    Attributes:
        centre: (2,) middle of the part that no sidebar, toolbar or header covers.
        half: (2,) half its width and height.
        is_perspective: otherwise the view is orthographic.
    """

    centre: tuple[float, float]
    half: tuple[float, float]
    is_perspective: bool

    @classmethod
    def of_region(cls, size: Sequence[int], free: Sequence[int], lens: float, *, is_perspective: bool) -> "ViewField":
        """Of a viewport's region.

        Args:
            size: width and height of the region, pixels.
            free: left, bottom, right and top of its free part, pixels from its lower left corner.
            lens: focal length of the viewport, millimetres.
            is_perspective: or else orthographic.
        """
        width, height = size
        pixel = FIELD_MILLIMETRES / lens / max(width, height)
        left, bottom, right, top = free
        centre = ((left + right - width) / 2 * pixel, (bottom + top - height) / 2 * pixel)
        return cls(centre, ((right - left) / 2 * pixel, (top - bottom) / 2 * pixel), is_perspective)


@dataclass(frozen=True)
class Viewpoint:
    """A viewport's view, in the words of Blender's ``RegionView3D``.

    Attributes:
        location: the point that it turns about.
        rotation: of its axes: right, up, towards the viewer.
        distance: of the viewer from the location.
    """

    location: Vector
    rotation: Quaternion
    distance: float


def turned_rotation(target: bpy.types.Object, obstacles: Sequence[Obstacle]) -> Quaternion:
    """The rotation of a view ``TURN`` off the object's photo, to the side where less stands in the way.

    An object without its photo's camera is seen as from the front and a little above.

    Args:
        target: a result.
        obstacles: what else is visible.
    """
    camera = matched_camera(target)
    back = camera.matrix_world.to_3x3().col[2].normalized() if camera is not None else Vector((0.0, -0.95, 0.3))
    elevation = math.asin(max(-1.0, min(1.0, back.z)))
    if abs(elevation) > STEEPEST:
        azimuths, elevation = (0.0,), elevation - math.copysign(TURN, elevation)
    else:
        # The angle about the vertical axis that makes TURN between two directions of the same elevation.
        share = (math.cos(TURN) - math.sin(elevation) ** 2) / math.cos(elevation) ** 2
        azimuths = (math.acos(share), -math.acos(share))
    front = math.atan2(back.y, back.x)
    directions = [
        Vector(
            (
                math.cos(elevation) * math.cos(front + turn),
                math.cos(elevation) * math.sin(front + turn),
                math.sin(elevation),
            )
        )
        for turn in azimuths
    ]
    best = min(directions, key=lambda direction: _hidden_share(target, direction, obstacles))
    return best.to_track_quat("Z", "Y")


def frame_points(points: NDArray[np.floating], rotation: Quaternion, field: ViewField) -> Viewpoint:
    """The view of a given rotation in which points lie in the middle of the free part and fill as much as they may.

    Args:
        points: (n, 3) world coordinates, n at least 1.
        rotation: of the view.
        field: what the viewport shows.
    """
    axes = np.array(rotation.to_matrix())  # columns: right, up, towards the viewer
    seen = np.asarray(points, np.float64) @ axes
    lower, upper = seen.min(axis=0), seen.max(axis=0)
    centre = (lower + upper) / 2
    most = np.array([FILLED_WIDTH * field.half[0], FILLED_HEIGHT * field.half[1]])
    distance = max(float(np.linalg.norm(upper - lower)), 1e-6) / float(most.min())
    for _ in range(ROUNDS if field.is_perspective else 2):
        depth = distance - (seen[:, 2:] - centre[2]) if field.is_perspective else np.full((1, 1), distance)
        projected = (seen[:, :2] - centre[:2]) / depth
        low, high = projected.min(axis=0), projected.max(axis=0)
        nearest = upper[2] - centre[2] if field.is_perspective else 0.0
        centre[:2] += (low + high) / 2 * (distance - nearest)
        distance = nearest + (distance - nearest) * max(float(((high - low) / 2 / most).max()), 1e-6)
    centre[:2] -= np.array(field.centre) * distance
    return Viewpoint(Vector(axes @ centre), rotation, distance)


def between(start: Viewpoint, end: Viewpoint, share: float) -> Viewpoint:
    """A view on the way from one to another, 0..1, with a soft start and end."""
    soft = share * share * (3.0 - 2.0 * share)
    return Viewpoint(
        start.location.lerp(end.location, soft),
        start.rotation.slerp(end.rotation, soft),
        start.distance * (end.distance / start.distance) ** soft if start.distance > 0.0 else end.distance,
    )


def world_points(target: bpy.types.Object) -> NDArray[np.float32]:
    """(n, 3) vertices of a mesh object in world coordinates, evenly thinned out to about ``ENOUGH_POINTS``."""
    points = np.empty((len(target.data.vertices), 3), np.float32)
    target.data.vertices.foreach_get("co", points.ravel())
    points = points[:: max(1, len(points) // ENOUGH_POINTS)]
    matrix = np.array(target.matrix_world, np.float32)
    return points @ matrix[:3, :3].T + matrix[:3, 3]


def _hidden_share(target: bpy.types.Object, direction: Vector, obstacles: Sequence[Obstacle]) -> float:
    """How many of an object's corners and middle are hidden, by the boxes of what stands before it, 0..1."""
    corners = np.array([target.matrix_world @ Vector(corner) for corner in target.bound_box])
    samples = np.vstack([corners, corners.mean(axis=0)])
    if not obstacles:
        return 0.0
    reach = 3.0 * float(np.ptp(corners, axis=0).max())
    lower = np.array([item.lower for item in obstacles])[:, None]
    upper = np.array([item.upper for item in obstacles])[:, None]
    step = np.array(direction * reach)
    step[step == 0.0] = 1e-12
    # Slabs: along the way, 0..1, to the viewer each ray is within a box between its last entry and its first exit.
    ends = np.stack([(lower - samples) / step, (upper - samples) / step])
    entry, leave = ends.min(axis=0).max(axis=-1), ends.max(axis=0).min(axis=-1)
    is_hidden = (entry < leave) & (leave > 0.0) & (entry < 1.0)
    return float(is_hidden.any(axis=0).mean())
