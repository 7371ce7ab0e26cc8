# SPDX-License-Identifier: GPL-3.0-or-later
"""The real size as a dimension line in the viewport: drag it, or type the length."""

import math
import re

import bpy
from mathutils import Vector

from ..scene.transform import bounds_of
from ..scene.units import length_text, metres_per_unit
from ..status_text import show_status
from ..translations import iface_, tip_
from ..viewport_sketch import SKETCH, redraw_viewports
from .handles import FINER, Handle

HELP = "Mouse: drag     Type a length, such as 12 cm     Tab: another side     Enter: Set     Esc: Cancel"

SIDES = ("HEIGHT", "WIDTH", "DEPTH")
AXES = {"HEIGHT": 2, "WIDTH": 0, "DEPTH": 1}

DOUBLED = 200
"""Pixels that the mouse goes up for twice the size."""


LENGTH = re.compile(r"(\d+[.,]?\d*|[.,]\d+)\s*(um|mm|cm|m|km|in|ft|yd|'|\")?")
"""What is taken for a length when typed: a number, and one of Blender's units or none."""

APART = 0.12
"""Distance of the dimension line from the object, as a share of its longest side."""


class IMAGE_TO_3D_OT_drag_size(Handle, bpy.types.Operator):
    """Show the object's real size as a dimension line; drag it, or type the length"""

    bl_idname = "image_to_3d.drag_size"
    bl_label = "Drag Size"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Grey without a mesh with faces in Object Mode, in a 3D viewport, and says so."""
        target = context.object
        if context.mode != "OBJECT" or target is None or target.type != "MESH" or not target.data.polygons:
            cls.poll_message_set(tip_("Select a mesh with faces in Object Mode"))
            return False
        return context.area is not None and context.area.type == "VIEW_3D"

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Begin at the present height."""
        self._target, self._side, self._typed, self._factor = context.object.name, SIDES[0], "", 1.0
        self._bounds = bounds_of(context.object.data)
        self._mouse = event.mouse_y
        show_status(context, iface_(HELP))
        started = self.begin(context, "MOVE_Y")
        self._show(context.object)
        return started

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Follow the mouse and what is typed; everything else turns the view."""
        target = bpy.data.objects.get(self._target)
        if self.gives_up(event) or target is None:
            self.end(context)
            return {"CANCELLED"}
        if self.confirms(event):
            if self._typed and typed_length(self._typed) is None:
                return {"RUNNING_MODAL"}  # what is typed is no length yet
            self.end(context)
            bpy.ops.image_to_3d.set_size("EXEC_DEFAULT", True, side=self._side, length=self.length(target))
            return {"FINISHED"}
        if event.type == "MOUSEMOVE":
            way = (event.mouse_y - self._mouse) * (FINER if event.shift else 1.0)
            self._mouse = event.mouse_y
            if not self._typed:
                self._factor *= 2 ** (way / DOUBLED)
        elif event.value != "PRESS":
            return {"PASS_THROUGH"}
        elif event.type == "TAB":
            self._side = SIDES[(SIDES.index(self._side) + 1) % len(SIDES)]
        elif event.type == "BACK_SPACE":
            self._typed = self._typed[:-1]
        elif event.unicode and (event.unicode.isalnum() or event.unicode in ".,'\" "):
            self._typed += event.unicode
        else:
            return {"PASS_THROUGH"}
        self._show(target)
        return {"RUNNING_MODAL"}

    def length(self, target: bpy.types.Object) -> float:
        """The side's new length: what was typed, as far as that is a length, or else as far as it was dragged."""
        present = self._present(target)
        return typed_length(self._typed) or present * self._factor

    def _present(self, target: bpy.types.Object) -> float:
        lower, upper = self._bounds
        axis = AXES[self._side]
        return (upper - lower)[axis] * target.matrix_world.to_scale()[axis]

    def _show(self, target: bpy.types.Object) -> None:
        """The line beside the object as large as it will be, with bars at its ends, and the object's future box."""
        length = self.length(target)
        factor = length / max(self._present(target), 1e-9)
        lower, upper = (factor * corner for corner in self._bounds)
        start, end, bar = dimension_line(lower, upper, AXES[self._side])
        matrix = target.matrix_world
        ends = [(point - bar, point + bar) for point in (start, end)]
        SKETCH.lines = [(matrix @ a, matrix @ b) for a, b in [(start, end), *ends, *_box(lower, upper)]]
        told = self._typed if self._typed and typed_length(self._typed) is None else length_text(length)
        SKETCH.label = (told, matrix @ ((start + end) / 2))
        redraw_viewports()


def typed_length(text: str) -> float | None:
    """A length as it was typed, in Blender units; None where it is none."""
    scene = bpy.context.scene
    if LENGTH.fullmatch(text.strip()) is None:
        return None  # Blender prints an error for half a unit
    metres = bpy.utils.units.to_value(scene.unit_settings.system, "LENGTH", text.replace(",", "."))
    length = float(metres) / metres_per_unit(scene)
    return length if math.isfinite(length) and length > 0 else None


def dimension_line(lower: Vector, upper: Vector, axis: int) -> tuple[Vector, Vector, Vector]:
    """Both ends of the line beside a box, and half of the bars across it.

    Args:
        lower, upper: corners of the box.
        axis: along which it measures.
    """
    gap = APART * max(upper - lower)
    across = 1 if axis == 0 else 0
    start = Vector((upper.x, lower.y, lower.z)) if axis == 2 else Vector(lower)
    start[across] += gap if axis == 2 else -gap
    end = start.copy()
    end[axis] = upper[axis]
    start[axis] = lower[axis]
    bar = Vector((0, 0, 0))
    bar[across] = gap / 3
    return start, end, bar


def _box(lower: Vector, upper: Vector) -> list[tuple[Vector, Vector]]:
    """The twelve edges of a box."""
    corners = [Vector((x, y, z)) for x in (lower.x, upper.x) for y in (lower.y, upper.y) for z in (lower.z, upper.z)]
    return [(corners[a], corners[a | bit]) for a in range(8) for bit in (1, 2, 4) if not a & bit]


register, unregister = bpy.utils.register_classes_factory((IMAGE_TO_3D_OT_drag_size,))
