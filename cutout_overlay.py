# SPDX-License-Identifier: GPL-3.0-or-later
"""What the Image Editor draws over an edited cut-out: a cover where it is cut away, and the box being dragged."""

from typing import Any

import bpy
import gpu
from gpu_extras.batch import batch_for_shader

from .scene.cutout_image import is_cutout_image

STRENGTH = {"CHECKER": 0.82, "RED": 0.6, "GREEN": 0.6}
"""How much of what is cut away is covered, by the choice in the panel; the rest of the photo shows through."""

TINTS = {"RED": (0.9, 0.05, 0.05), "GREEN": (0.05, 0.75, 0.2)}
"""Red, as masks are shown in painting programs since Rubylith film; green for red objects."""

BOX_COLOUR = (1.0, 0.75, 0.1, 1.0)

_FRAGMENT = """
void main() {
    vec2 cell = floor(gl_FragCoord.xy / second.a);
    vec3 cover = mod(cell.x + cell.y, 2.0) < 1.0 ? first.rgb : second.rgb;
    color = vec4(cover, first.a * (1.0 - texture(mask, place).a));
}
"""
_VERTEX = """
void main() {
    place = corner;
    gl_Position = matrix * vec4(position, 0.0, 1.0);
}
"""


class Overlay:
    """The cover, from the first edited cut-out on until the extension is disabled."""

    def __init__(self) -> None:
        self._handler: Any = None
        self._shader: gpu.types.GPUShader | None = None

    def start(self) -> None:
        """Draw from now on."""
        if self._handler is None:
            self._handler = bpy.types.SpaceImageEditor.draw_handler_add(self._draw, (), "WINDOW", "POST_PIXEL")

    def stop(self) -> None:
        """Draw no more."""
        if self._handler is not None:
            bpy.types.SpaceImageEditor.draw_handler_remove(self._handler, "WINDOW")
        self._handler = self._shader = None

    def _draw(self) -> None:
        space = bpy.context.space_data
        if not is_cutout_image(space.image):
            return
        if self._shader is None:
            self._shader = _create_shader()
        shader, texture = self._shader, gpu.texture.from_image(space.image)
        # In pixels, over the finished picture: in its own plane the two would show through each other as a stipple.
        corners = ((0, 0), (1, 0), (1, 1), (0, 1))
        pixels = [_to_pixels(corner) for corner in corners]
        batch = batch_for_shader(shader, "TRI_FAN", {"position": pixels, "corner": corners})
        gpu.state.blend_set("ALPHA")
        shader.bind()
        shader.uniform_float("matrix", gpu.matrix.get_projection_matrix() @ gpu.matrix.get_model_view_matrix())
        first, second = _cover(bpy.context.scene.image_to_3d.cutout_overlay)
        shader.uniform_float("first", first)
        shader.uniform_float("second", second)
        shader.uniform_sampler("mask", texture)
        batch.draw(shader)
        if BOX.corners is not None:
            _draw_box(*BOX.corners)
        gpu.state.blend_set("NONE")


class Box:
    """The box that is being dragged.

    Attributes:
        corners: two of them in the Image Editor's coordinates, 0..1, y up; None while nothing is dragged.
    """

    corners: tuple[tuple[float, float], ...] | None = None


OVERLAY = Overlay()
BOX = Box()


def _to_pixels(place: tuple[float, float]) -> tuple[float, float]:
    """From the Image Editor's coordinates to pixels of its region."""
    return bpy.context.region.view2d.view_to_region(*place, clip=False)


def _cover(choice: str) -> tuple[tuple[float, float, float, float], tuple[float, float, float, float]]:
    """Colour and strength of the one kind of cells; colour of the other kind, and the cells' side in pixels."""
    theme = bpy.context.preferences.themes[0].user_interface
    side = float(theme.transparent_checker_size)
    if choice in TINTS:
        return (*TINTS[choice], STRENGTH[choice]), (*TINTS[choice], side)
    first, second = theme.transparent_checker_primary, theme.transparent_checker_secondary
    return (*first[:3], STRENGTH["CHECKER"]), (*second[:3], side)


def _create_shader() -> gpu.types.GPUShader:
    info = gpu.types.GPUShaderCreateInfo()
    between = gpu.types.GPUStageInterfaceInfo("image_to_3d_cutout")
    between.smooth("VEC2", "place")
    info.push_constant("MAT4", "matrix")
    info.push_constant("VEC4", "first")
    info.push_constant("VEC4", "second")
    info.sampler(0, "FLOAT_2D", "mask")
    info.vertex_in(0, "VEC2", "position")
    info.vertex_in(1, "VEC2", "corner")
    info.vertex_out(between)
    info.fragment_out(0, "VEC4", "color")
    info.vertex_source(_VERTEX)
    info.fragment_source(_FRAGMENT)
    return gpu.shader.create_from_info(info)


def _draw_box(first: tuple[float, float], second: tuple[float, float]) -> None:
    shader = gpu.shader.from_builtin("UNIFORM_COLOR")
    corners = [first, (second[0], first[1]), second, (first[0], second[1]), first]
    batch = batch_for_shader(shader, "LINE_STRIP", {"pos": [(*_to_pixels(corner), 0.0) for corner in corners]})
    shader.bind()
    shader.uniform_float("color", BOX_COLOUR)
    batch.draw(shader)


def register() -> None:
    """Nothing to draw until a cut-out is edited."""


def unregister() -> None:
    """Draw no more."""
    OVERLAY.stop()
