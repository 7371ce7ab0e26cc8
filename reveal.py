# SPDX-License-Identifier: GPL-3.0-or-later
"""Shows a new result to the artist: framed in the viewport, a little from the side, with its texture visible.

Only operators that were started in a window do this. Scripts never get here, and a preference turns it off.
"""

import time
from collections.abc import Sequence

import bpy
import numpy as np

from .preferences import user_settings
from .scene.places import visible_obstacles
from .scene.viewpoint import ViewField, Viewpoint, between, frame_points, turned_rotation, world_points

TICK_SECONDS = 1 / 60
"""Between two steps of a moving view."""

CLIP_SHARE = 0.05
"""Of the viewing distance: nothing nearer than this, and nothing nearer than its inverse, may be clipped away."""


def area_identifier(context: bpy.types.Context) -> int:
    """What tells the 3D viewport that the artist works in from others, also later; 0 outside a 3D viewport."""
    return context.area.as_pointer() if context.area is not None and context.area.type == "VIEW_3D" else 0


def reveal(context: bpy.types.Context, name: str, area: int, beside: Sequence[str] = ()) -> None:
    """Turn a 3D viewport to an object, and to those that stand with it in a row, and show their texture.

    Nothing is touched where the preference says so, where the artist has something else in hand by now (another mode,
    another scene), or where there is no 3D viewport.

    Args:
        context: of an operator that runs in a window.
        name: of the object.
        area: ``area_identifier`` of the viewport to use; the largest one if that is gone.
        beside: names of other mesh objects that the view takes in; those that are gone are left out.
    """
    target = bpy.data.objects.get(name)
    is_in_hand = context.mode == "OBJECT" and context.view_layer.objects.active == target
    viewport = _find_viewport(context, area)
    if target is None or viewport is None or not is_in_hand or not user_settings(context).reveals:
        return
    space = viewport.spaces.active
    _show_texture(space, target)
    views = _free_views(space)
    if not views or space.lock_object is not None or space.lock_cursor:
        return
    view, region = views[-1], _view_regions(viewport)[-1]
    if view.view_perspective == "CAMERA" or view.is_orthographic_side_view:
        view.view_perspective = "PERSP"
    free = _free_part(viewport, region)
    field = ViewField.of_region(
        (region.width, region.height), free, space.lens, is_perspective=view.view_perspective == "PERSP"
    )
    rotation = turned_rotation(target, list(visible_obstacles(context, without=target)))
    others = [item for item in map(bpy.data.objects.get, beside) if item is not None and item != target]
    end = frame_points(np.vstack([world_points(item) for item in (target, *others)]), rotation, field)
    space.clip_start = min(space.clip_start, end.distance * CLIP_SHARE)
    space.clip_end = max(space.clip_end, end.distance / CLIP_SHARE)
    MOVE.start(viewport.as_pointer(), _current(view), end, context.preferences.view.smooth_view / 1000.0)


class ViewMove:
    """Moves a viewport's view over a short time, as Blender's own operators do."""

    def __init__(self) -> None:
        self._area = 0
        self._start: Viewpoint | None = None
        self._end: Viewpoint | None = None
        self._expected: Viewpoint | None = None
        self._began = self._seconds = 0.0

    def start(self, area: int, start: Viewpoint, end: Viewpoint, seconds: float) -> None:
        """Begin; with 0 seconds the view is there at once."""
        self._area, self._start, self._end, self._expected = area, start, end, None
        self._began, self._seconds = time.monotonic(), seconds
        if self.step() is not None and not bpy.app.timers.is_registered(_step):
            bpy.app.timers.register(_step, first_interval=TICK_SECONDS)

    def step(self) -> float | None:
        """Move on; None when it is there, or when the artist has taken the view over."""
        viewport = _area_with(self._area)
        views = _free_views(viewport.spaces.active) if viewport is not None else []
        if not views or self._start is None or self._end is None:
            return None
        view = views[-1]
        if self._expected is not None and not _is_alike(_current(view), self._expected):
            return None
        elapsed = time.monotonic() - self._began
        share = min(elapsed / self._seconds, 1.0) if self._seconds > 0.0 else 1.0
        point = between(self._start, self._end, share)
        view.view_location, view.view_rotation, view.view_distance = point.location, point.rotation, point.distance
        self._expected = _current(view)
        viewport.tag_redraw()
        return TICK_SECONDS if share < 1.0 else None


MOVE = ViewMove()


def _step() -> float | None:
    """What Blender's timer calls; it knows timers by identity."""
    return MOVE.step()


def _show_texture(space: bpy.types.SpaceView3D, target: bpy.types.Object) -> None:
    """By the least that is needed: a viewport that shows materials stays as it is."""
    shading = space.shading
    if shading.type in {"MATERIAL", "RENDERED"}:
        return
    if _has_plain_texture(target):
        shading.type, shading.color_type = "SOLID", "TEXTURE"
    else:
        shading.type = "MATERIAL"


def _has_plain_texture(target: bpy.types.Object) -> bool:
    """Whether solid shading, which shows the active image of a material, would show its colours."""
    material = target.active_material
    node = material.node_tree.nodes.active if material is not None and material.node_tree is not None else None
    if node is None or node.bl_idname != "ShaderNodeTexImage" or node.image is None:
        return False
    return any(link.to_socket.name == "Base Color" for link in node.outputs["Color"].links)


def _find_viewport(context: bpy.types.Context, area: int) -> bpy.types.Area | None:
    found = _area_with(area)
    if found is not None:
        return found
    areas = [item for item in context.window.screen.areas if item.type == "VIEW_3D"] if context.window else []
    return max(areas, key=lambda item: item.width * item.height, default=None)


def _area_with(identifier: int) -> bpy.types.Area | None:
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.as_pointer() == identifier and area.type == "VIEW_3D":
                return area
    return None


def _free_views(space: bpy.types.SpaceView3D) -> list[bpy.types.RegionView3D]:
    """The views that can be turned: of a quad view the perspective one alone."""
    views = list(space.region_quadviews) or [space.region_3d]
    return [view for view in views if not view.lock_rotation]


def _view_regions(viewport: bpy.types.Area) -> list[bpy.types.Region]:
    return [region for region in viewport.regions if region.type == "WINDOW"]


def _free_part(viewport: bpy.types.Area, region: bpy.types.Region) -> tuple[int, int, int, int]:
    """Left, bottom, right and top of what no other region covers, in pixels from the region's lower left corner."""
    left, bottom, right, top = region.x, region.y, region.x + region.width, region.y + region.height
    for other in viewport.regions:
        if other.type == "WINDOW" or other.width <= 1 or other.height <= 1:
            continue
        if other.height < other.width:  # headers lie along the top or the bottom
            if other.y > bottom + region.height / 2:
                top = min(top, other.y)
            else:
                bottom = max(bottom, other.y + other.height)
        elif other.x > left + region.width / 2:
            right = min(right, other.x)
        else:
            left = max(left, other.x + other.width)
    if right - left < region.width / 4 or top - bottom < region.height / 4:
        return 0, 0, region.width, region.height
    return left - region.x, bottom - region.y, right - region.x, top - region.y


def _current(view: bpy.types.RegionView3D) -> Viewpoint:
    return Viewpoint(view.view_location.copy(), view.view_rotation.copy(), view.view_distance)


def _is_alike(first: Viewpoint, second: Viewpoint) -> bool:
    near = 1e-4 * max(first.distance, second.distance)
    is_near = (first.location - second.location).length < near and abs(first.distance - second.distance) < near
    return is_near and abs(first.rotation.dot(second.rotation)) > 1.0 - 1e-6


def register() -> None:
    """Nothing to do before the first result."""


def unregister() -> None:
    """Stop a moving view."""
    if bpy.app.timers.is_registered(_step):
        bpy.app.timers.unregister(_step)
