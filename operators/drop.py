# SPDX-License-Identifier: GPL-3.0-or-later
"""Where in the scene something was dropped."""

import bpy
from bpy_extras import view3d_utils
from mathutils import Vector

LEVEL = 0.7
"""Height of the normal of a surface that things stand on: up to 45 degrees of slope."""

FARTHEST = 20.0
"""Viewing distances; a point on the ground farther away than this is near the horizon and was not meant."""


def drop_point(context: bpy.types.Context, event: bpy.types.Event) -> Vector | None:
    """The point of the scene under the mouse, to stand something on.

    That is a surface that faces upwards, else the ground (Z = 0), else, where the view is level, a point as far away as
    the view's own middle.

    Args:
        context: of an operator that was invoked.
        event: by which.

    Returns:
        World coordinates; None outside the main region of a 3D viewport.
    """
    area, region = context.area, context.region
    if area is None or area.type != "VIEW_3D" or region is None or region.type != "WINDOW":
        return None
    view = context.region_data
    mouse = Vector((event.mouse_x - region.x, event.mouse_y - region.y))
    origin = view3d_utils.region_2d_to_origin_3d(region, view, mouse)
    direction = view3d_utils.region_2d_to_vector_3d(region, view, mouse)
    is_hit, point, normal, *_ = context.scene.ray_cast(context.evaluated_depsgraph_get(), origin, direction)
    if is_hit and normal.z > LEVEL:
        return point
    middle = view3d_utils.region_2d_to_location_3d(region, view, mouse, view.view_location)
    steps = -origin.z / direction.z if abs(direction.z) > 1e-6 else -1.0
    is_near = steps > 0.0 and (origin + steps * direction - view.view_location).length < FARTHEST * view.view_distance
    return origin + steps * direction if is_near else middle
