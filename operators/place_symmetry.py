# SPDX-License-Identifier: GPL-3.0-or-later
"""Move the mirror plane in the viewport, with how well both halves match, before anything is made anew."""

import math

import bpy
from mathutils import Vector

from ..inference.errors import ReconstructionError
from ..scene.plane_fit import PlaneFit, UprightPlane, told_difference
from ..scene.stored_code import has_code
from ..status_text import show_status
from ..translations import error_text, iface_, tip_
from ..viewport_sketch import SKETCH, redraw_viewports
from .handles import FINER, Handle, pixels_along
from .task_operator import TaskOperator

HELP = "Mouse: move     R: turn     X, Y: across this axis     Shift: finer     Enter: Symmetrise     Esc: Cancel"

TURN_PER_PIXEL = math.radians(0.25)


class IMAGE_TO_3D_OT_place_symmetry(Handle, bpy.types.Operator):
    """Move the mirror plane in the viewport and see how well both halves match; then symmetrise across it"""

    bl_idname = "image_to_3d.place_symmetry"
    bl_label = "Place Mirror Plane"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Grey without a reconstructed object in Object Mode, in a 3D viewport, and says so."""
        if not has_code(context.object) or context.mode != "OBJECT":
            cls.poll_message_set(tip_("Select an object that was reconstructed from a photo, in Object Mode"))
            return False
        is_idle = TaskOperator.poll.__func__(cls, context)
        return is_idle and context.area is not None and context.area.type == "VIEW_3D"

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Begin at the plane that fits best."""
        try:
            self._fit = PlaneFit(context.object, context.evaluated_depsgraph_get())
        except ReconstructionError as error:
            self.report({"ERROR"}, error_text(error))
            return {"CANCELLED"}
        self._target, self._plane, self._turns = context.object.name, self._fit.best(), False
        self._mouse = (event.mouse_x, event.mouse_y)
        show_status(context, iface_(HELP))
        started = self.begin(context, "SCROLL_XY")
        self._show(context.object)
        return started

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Follow the mouse and a few keys; everything else turns the view."""
        target = bpy.data.objects.get(self._target)
        if self.gives_up(event) or target is None:
            self.end(context)
            return {"CANCELLED"}
        if self.confirms(event):
            self.end(context)
            bpy.ops.image_to_3d.symmetrise(
                "INVOKE_DEFAULT",
                True,
                target=self._target,
                plane="X",
                angle=_within_half_turns(self._plane.angle),
                offset=self._plane.offset,
            )
            return {"FINISHED"}
        if event.type == "MOUSEMOVE":
            self._drag(context, event, target)
        elif event.type == "R" and event.value == "PRESS":
            self._turns = not self._turns
        elif event.type in {"X", "Y"} and event.value == "PRESS":
            self._plane = UprightPlane(0.0 if event.type == "X" else math.pi / 2, 0.0)
        else:
            return {"PASS_THROUGH"}
        self._show(target)
        return {"RUNNING_MODAL"}

    def _drag(self, context: bpy.types.Context, event: bpy.types.Event, target: bpy.types.Object) -> None:
        """Move the plane along its normal, or turn it about the object's middle, as far as the mouse went."""
        moved = Vector((event.mouse_x - self._mouse[0], event.mouse_y - self._mouse[1]))
        self._mouse = (event.mouse_x, event.mouse_y)
        if event.shift:
            moved *= FINER
        if self._turns:
            self._plane = self._plane.turned(moved.x * TURN_PER_PIXEL, self._fit.middle)
            return
        matrix = target.matrix_world
        step = 0.1 * self._fit.size
        seen = pixels_along(context, matrix @ self._fit.middle, step * (matrix.to_3x3() @ Vector(self._plane.normal)))
        if seen.length > 1.0:  # not seen from the side: it has nowhere to go
            way = step * moved.dot(seen) / seen.length_squared
            self._plane = UprightPlane(self._plane.angle, self._plane.offset + way)

    def _show(self, target: bpy.types.Object) -> None:
        corners = self._fit.corners(self._plane, target.matrix_world)
        SKETCH.plane = corners
        # In its middle: its corners are often beside the viewport or below the sidebar.
        told = iface_(told_difference(self._fit.difference(self._plane)))
        SKETCH.label = (told, (corners[0] + corners[2]) / 2)
        redraw_viewports()


def _within_half_turns(angle: float) -> float:
    """The same direction within plus and minus half a turn."""
    return math.remainder(angle, 2 * math.pi)


register, unregister = bpy.utils.register_classes_factory((IMAGE_TO_3D_OT_place_symmetry,))
