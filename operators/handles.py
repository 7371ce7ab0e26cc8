# SPDX-License-Identifier: GPL-3.0-or-later
"""What operators that place something in the viewport have in common: the mouse, the sketch, the status bar."""

from typing import ClassVar

import bpy
from bpy_extras import view3d_utils
from mathutils import Vector

from ..status_text import clear_status, show_status
from ..translations import iface_, tip_
from ..viewport_sketch import SKETCH, redraw_viewports

FINER = 0.1
"""What the Shift key makes of a movement."""


class Handle:
    """Base of modal operators in a 3D viewport; the view can be turned meanwhile, Esc and right click give up."""

    def begin(self, context: bpy.types.Context, cursor: str) -> set[str]:
        """Take the mouse."""
        context.window.cursor_modal_set(cursor)
        SKETCH.clear()
        SKETCH.start()
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def end(self, context: bpy.types.Context) -> None:
        """Give mouse, viewport and status bar back."""
        SKETCH.stop()
        clear_status()
        context.window.cursor_modal_restore()

    def cancel(self, context: bpy.types.Context) -> None:
        """Blender ends it itself: it quits or loads a file."""
        self.end(context)

    @staticmethod
    def gives_up(event: bpy.types.Event) -> bool:
        """Whether the artist wants out."""
        return event.type in {"ESC", "RIGHTMOUSE"} and event.value == "PRESS"

    @staticmethod
    def confirms(event: bpy.types.Event) -> bool:
        """Whether the artist is content."""
        return event.type in {"RET", "NUMPAD_ENTER", "LEFTMOUSE"} and event.value == "PRESS"


class PointPicker(Handle):
    """Base of operators that need some points of the active object; subclasses say what they ask and do with them."""

    steps: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Grey without a mesh in Object Mode, in a 3D viewport, and says so."""
        if context.object is None or context.object.type != "MESH" or context.mode != "OBJECT":
            cls.poll_message_set(tip_("Select a mesh object in Object Mode"))
            return False
        return context.area is not None and context.area.type == "VIEW_3D"

    def use(self, points: list[Vector]) -> set[str]:
        """Called with all points, in world coordinates."""
        raise NotImplementedError

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Wait for clicks."""
        self._target = context.object.name
        self._points: list[Vector] = []
        show_status(context, iface_(self.steps[0]))
        return self.begin(context, "CROSSHAIR")

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Left clicks on the object pick."""
        if self.gives_up(event):
            self.end(context)
            return {"CANCELLED"}
        if event.type != "LEFTMOUSE" or event.value != "PRESS":
            return {"PASS_THROUGH"}
        point = point_under_mouse(context, event, self._target)
        if point is None:
            return {"PASS_THROUGH"}
        self._points.append(point)
        if len(self._points) < len(self.steps):
            SKETCH.points = self._points
            SKETCH.lines = list(zip(self._points, self._points[1:], strict=False))
            show_status(context, iface_(self.steps[len(self._points)]))
            redraw_viewports()
            return {"RUNNING_MODAL"}
        self.end(context)
        return self.use(self._points)


def viewport_region(context: bpy.types.Context) -> bpy.types.Region | None:
    """The viewport itself, whichever part of its area an operator was started in."""
    return next((item for item in context.area.regions if item.type == "WINDOW"), None)


def point_under_mouse(context: bpy.types.Context, event: bpy.types.Event, name: str) -> Vector | None:
    """The point of an object under the mouse, in world coordinates; None beside it."""
    region, target = viewport_region(context), bpy.data.objects.get(name)
    if region is None or target is None:
        return None
    place = (event.mouse_x - region.x, event.mouse_y - region.y)
    view = context.space_data.region_3d
    origin = view3d_utils.region_2d_to_origin_3d(region, view, place)
    direction = view3d_utils.region_2d_to_vector_3d(region, view, place)
    inverse = target.matrix_world.inverted_safe()
    found, local, _normal, _face = target.ray_cast(
        inverse @ origin,
        (inverse.to_3x3() @ direction).normalized(),
        depsgraph=context.evaluated_depsgraph_get(),
    )
    return target.matrix_world @ local if found else None


def pixels_along(context: bpy.types.Context, start: Vector, direction: Vector) -> Vector:
    """How far, in pixels of the viewport, a step in the world goes on the screen; (0, 0) where it cannot be seen."""
    region, view = viewport_region(context), context.space_data.region_3d
    places = [view3d_utils.location_3d_to_region_2d(region, view, place) for place in (start, start + direction)]
    return Vector((0, 0)) if None in places else places[1] - places[0]
