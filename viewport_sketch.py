# SPDX-License-Identifier: GPL-3.0-or-later
"""What an operator draws into 3D viewports while the artist places something: points, lines, a plane, a label."""

from collections.abc import Sequence
from typing import Any

import blf
import bpy
import gpu
from bpy_extras.view3d_utils import location_3d_to_region_2d
from gpu_extras.batch import batch_for_shader
from mathutils import Vector

Colour = tuple[float, float, float, float]

COLOUR = (1.0, 0.62, 0.1, 1.0)
FILL = (1.0, 0.62, 0.1, 0.28)
SHADOW = (0.0, 0.0, 0.0, 0.8)
"""Orange, as Blender draws what is active; a dark line below it, so that it shows on light surfaces too."""

LINE_WIDTH, POINT_SIZE, FONT_SIZE = 2.0, 9.0, 14
"""Pixels at a scale of 1 of the interface."""


class Sketch:
    """The drawing; empty unless an operator fills it.

    Attributes:
        points: in the world.
        lines: pairs of points in the world.
        plane: corners of a translucent plane in the world, in order; empty for none.
        label: text, already translated, and where it stands in the world; None for none.
    """

    def __init__(self) -> None:
        self._handlers: list[Any] = []
        self.clear()

    def clear(self) -> None:
        """Nothing to draw."""
        self.points: list[Vector] = []
        self.lines: list[tuple[Vector, Vector]] = []
        self.plane: Sequence[Vector] = ()
        self.label: tuple[str, Vector] | None = None

    def start(self) -> None:
        """Draw from now on."""
        if not self._handlers:
            add = bpy.types.SpaceView3D.draw_handler_add
            self._handlers = [
                add(self._draw_in_space, (), "WINDOW", "POST_VIEW"),
                add(self._draw_on_screen, (), "WINDOW", "POST_PIXEL"),
            ]

    def stop(self) -> None:
        """Draw no more, and forget what was drawn."""
        for handler in self._handlers:
            bpy.types.SpaceView3D.draw_handler_remove(handler, "WINDOW")
        self._handlers = []
        self.clear()
        redraw_viewports()

    def _draw_in_space(self) -> None:
        """The plane, hidden where the object is in front of it: so one sees where it cuts."""
        if not self.plane:
            return
        shader = gpu.shader.from_builtin("UNIFORM_COLOR")
        batch = batch_for_shader(shader, "TRI_FAN", {"pos": [tuple(corner) for corner in self.plane]})
        gpu.state.blend_set("ALPHA")
        gpu.state.depth_test_set("LESS_EQUAL")
        shader.bind()
        shader.uniform_float("color", FILL)
        batch.draw(shader)
        gpu.state.depth_test_set("NONE")
        gpu.state.blend_set("NONE")

    def _draw_on_screen(self) -> None:
        scale = bpy.context.preferences.system.ui_scale
        gpu.state.blend_set("ALPHA")
        edges = list(zip(self.plane, [*self.plane[1:], *self.plane[:1]], strict=True))
        for width, colour in ((LINE_WIDTH + 2, SHADOW), (LINE_WIDTH, COLOUR)):
            for start, end in [*self.lines, *edges]:
                _draw_line(start, end, width * scale, colour)
        for size, colour in ((POINT_SIZE + 3, SHADOW), (POINT_SIZE, COLOUR)):
            for point in self.points:
                _draw_square(point, size * scale, colour)
        gpu.state.blend_set("NONE")
        if self.label is not None:
            _draw_label(*self.label, scale)


SKETCH = Sketch()


def redraw_viewports() -> None:
    """Ask all 3D viewports for a redraw."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                area.tag_redraw()


def _draw_line(start: Vector, end: Vector, width: float, colour: Colour) -> None:
    """A line between two places in the world; none where one of them is behind the viewer."""
    flat = [_on_screen(start), _on_screen(end)]
    if None in flat:
        return
    shader = gpu.shader.from_builtin("POLYLINE_UNIFORM_COLOR")
    batch = batch_for_shader(shader, "LINES", {"pos": [(*place, 0.0) for place in flat]})
    shader.bind()
    shader.uniform_float("viewportSize", gpu.state.viewport_get()[2:])
    shader.uniform_float("lineWidth", width)
    shader.uniform_float("color", colour)
    batch.draw(shader)


def _draw_square(place: Vector, size: float, colour: Colour) -> None:
    """A point of the world as a square on the screen."""
    flat = _on_screen(place)
    if flat is None:
        return
    half = size / 2
    corners = [(flat.x + x * half, flat.y + y * half, 0.0) for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
    shader = gpu.shader.from_builtin("UNIFORM_COLOR")
    batch = batch_for_shader(shader, "TRI_FAN", {"pos": corners})
    shader.bind()
    shader.uniform_float("color", colour)
    batch.draw(shader)


def _draw_label(text: str, place: Vector, scale: float) -> None:
    flat = _on_screen(place)
    if flat is None:
        return
    blf.size(0, FONT_SIZE * scale)
    blf.enable(0, blf.SHADOW)
    blf.shadow(0, 5, *SHADOW)
    blf.color(0, 1.0, 1.0, 1.0, 1.0)
    blf.position(0, flat[0] + 12 * scale, flat[1], 0)
    blf.draw(0, text)
    blf.disable(0, blf.SHADOW)


def _on_screen(place: Vector) -> Vector | None:
    return location_3d_to_region_2d(bpy.context.region, bpy.context.region_data, place)


def register() -> None:
    """Nothing to draw yet."""


def unregister() -> None:
    """Draw no more."""
    SKETCH.stop()
