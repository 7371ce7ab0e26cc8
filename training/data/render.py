# SPDX-License-Identifier: GPL-3.0-or-later
"""A small OpenGL renderer: shaded picture, albedo and depth of the first and the last surface.

moderngl on EGL; Mesa's software rasteriser is enough (about 20 ms a view). Where the object's solid is
known, the key light throws soft shadows and crevices darken: both march through its distance grid, as
Quilez describes (https://iquilezles.org/articles/rmshadows).
"""

from dataclasses import dataclass

import moderngl
import numpy as np

from .backdrops import FLOOR_REACH
from .meshes import Model
from .solid import EXTENT, TRUNCATION

VERTEX = """
#version 330
uniform mat4 world_to_clip; uniform mat4 world_to_camera;
in vec3 position; in vec3 normal; in vec3 color; in vec2 uv;
out vec3 f_normal; out vec3 f_color; out vec2 f_uv; out vec3 f_world; out float f_depth;
void main() {
    gl_Position = world_to_clip * vec4(position, 1.0);
    f_normal = normal; f_color = color; f_uv = uv; f_world = position;
    f_depth = -(world_to_camera * vec4(position, 1.0)).z;
}
"""
FRAGMENT = """
#version 330
uniform sampler2D image; uniform bool textured; uniform float pattern;
uniform vec3 pattern_color; uniform mat3 pattern_axes; uniform vec3 eye;
uniform vec3 key_direction; uniform vec3 key_color; uniform vec3 fill_direction; uniform vec3 fill_color;
uniform vec3 sky; uniform vec3 ground; uniform float gloss; uniform float shininess;
uniform sampler3D solid; uniform float occlusion; uniform float hardness; uniform float floor_height;
in vec3 f_normal; in vec3 f_color; in vec2 f_uv; in vec3 f_world; in float f_depth;
layout(location = 0) out vec4 shaded; layout(location = 1) out vec4 albedo; layout(location = 2) out float depth;
float clearance(vec3 p) {
    float beyond = length(max(abs(p) - EXTENT, 0.0));
    return (1.0 - 2.0 * texture(solid, p / (2.0 * EXTENT) + 0.5).r) * TRUNCATION + beyond;
}
float openness(vec3 p, vec3 n) {
    float lost = 0.0;
    for (int i = 1; i <= 4; i++) {
        float reach = 0.045 * float(i);
        lost += 0.3 * max(reach - clearance(p + n * reach) - 0.015, 0.0) / reach;
    }
    return clamp(1.0 - occlusion * lost, 0.1, 1.0);
}
float unshadowed(vec3 p, vec3 n) {
    float t = 0.07, least = 1.0;
    for (int i = 0; i < 16 && t < 3.0 && least > 0.01; i++) {
        float free = clearance(p + n * 0.035 + key_direction * t);
        least = min(least, 0.5 + 0.5 * hardness * free / t);
        t += clamp(free, 0.04, 0.2);
    }
    return mix(1.0, smoothstep(0.0, 1.0, least), occlusion);
}
void main() {
    vec3 base = textured ? texture(image, f_uv).rgb : f_color;
    if (pattern > 0.0) {
        vec3 p = pattern_axes * f_world;
        float wave = sin(p.x + 1.7 * sin(p.y)) + sin(p.y + 1.3 * sin(p.z)) + sin(p.z + 1.9 * sin(p.x));
        base = mix(base, pattern_color, pattern * smoothstep(-0.3, 0.3, wave));
    }
    vec3 view = normalize(eye - f_world);
    vec3 n = normalize(f_normal);
    if (dot(n, view) < 0.0) n = -n;
    vec3 linear = pow(base, vec3(2.2));
    vec3 key = key_color;
    vec3 bounce = ground;
    float open = 1.0;
    if (occlusion > 0.0) {
        open = openness(f_world, n);
        key *= unshadowed(f_world, n);
        bounce *= mix(1.0 - 0.6 * occlusion, 1.0, smoothstep(0.0, 0.7, f_world.z - floor_height));
    }
    vec3 light = open * (mix(bounce, sky, 0.5 + 0.5 * n.z) + fill_color * max(dot(n, fill_direction), 0.0));
    light += key * max(dot(n, key_direction), 0.0);
    vec3 shine = key * pow(max(dot(n, normalize(key_direction + view)), 0.0), shininess);
    float rim = pow(1.0 - max(dot(n, view), 0.0), 5.0);
    vec3 result = linear * light + gloss * (shine + rim * open * sky);
    shaded = vec4(pow(clamp(result, 0.0, 1.0), vec3(1.0 / 2.2)), 1.0);
    albedo = vec4(base, 1.0);
    depth = f_depth;
}
""".replace("TRUNCATION", str(TRUNCATION)).replace("EXTENT", str(EXTENT))


@dataclass(frozen=True)
class Camera:
    """A perspective camera that looks along an axis tilted by ``elevation`` (radians).

    eye: (3,) object units; basis: (3, 3) rows right, up, backwards; half_tangent: tan(fov / 2).
    """

    eye: np.ndarray
    basis: np.ndarray
    half_tangent: float

    def to_camera(self, points: np.ndarray) -> np.ndarray:
        """Points (..., 3) in camera axes: x right, y up, z backwards."""
        return (points - self.eye) @ self.basis.T


@dataclass(frozen=True)
class Look:
    """Lights and an optional pattern, drawn at random for each view or object."""

    uniforms: dict[str, object]


@dataclass
class Layer:
    """Pictures of one surface layer, rows from the top: sRGB uint8, depth in object units, 0 = empty."""

    shaded: np.ndarray
    albedo: np.ndarray
    depth: np.ndarray


class Renderer:
    """Draws models into square targets; those of the sizes given are made at once."""

    def __init__(self, *sizes: int) -> None:
        self.context = moderngl.create_standalone_context(backend="egl")
        self.program = self.context.program(vertex_shader=VERTEX, fragment_shader=FRAGMENT)
        self.targets = {size: self._new_target(size) for size in sizes}
        self.draws: list[tuple] = []
        self.held: list = []
        self.floor_height, self.has_solid = -1.0, False
        self.open_space = self._solid_texture(np.zeros((1, 1, 1), np.uint8))

    def _solid_texture(self, values: np.ndarray) -> moderngl.Texture3D:
        """A distance grid indexed [x, y, z], 0 for far outside to 255 for deep inside."""
        texture = self.context.texture3d(values.shape, 1, values.transpose(2, 1, 0).tobytes(), alignment=1)
        texture.repeat_x = texture.repeat_y = texture.repeat_z = False
        return texture

    def _target(self, size: int) -> moderngl.Framebuffer:
        if size not in self.targets:
            self.targets[size] = self._new_target(size)
        return self.targets[size]

    def _new_target(self, size: int) -> moderngl.Framebuffer:
        attachments = [self.context.texture((size, size), 4), self.context.texture((size, size), 4)]
        attachments.append(self.context.texture((size, size), 1, dtype="f4"))
        return self.context.framebuffer(attachments, self.context.depth_texture((size, size)))

    def load(self, model: Model, signed: np.ndarray | None = None) -> None:
        """Send a model's triangles and textures to the renderer.

        ``signed``: its distance grid (``solid.signed_distance``), for shadows; without it there are none.
        """
        for thing in self.held:
            thing.release()
        self.draws, self.held = [], []
        self.floor_height = float(min(part.corners[..., 2].min() for part in model.parts))
        self.has_solid = signed is not None
        if signed is not None:
            levels = np.round((np.clip(signed / TRUNCATION, -1, 1) + 1) * 127.5).astype(np.uint8)
            self.held.append(self._solid_texture(levels))
            self.held[-1].use(1)
        else:
            self.open_space.use(1)
        for part in model.parts:
            uv = part.uv if part.uv is not None else np.zeros((*part.corners.shape[:2], 2), np.float32)
            data = np.concatenate([part.corners, part.normals, part.colors, uv], -1).astype("f4")
            buffer = self.context.buffer(data.tobytes())
            layout = [(buffer, "3f 3f 3f 2f", "position", "normal", "color", "uv")]
            array = self.context.vertex_array(self.program, layout)
            texture = None
            if part.texture is not None:
                height, width = part.texture.shape[:2]
                texture = self.context.texture((width, height), 3, part.texture[::-1].tobytes(), alignment=1)
                texture.build_mipmaps()
            self.draws.append((array, texture))
            self.held += [array, buffer] + ([texture] if texture else [])

    def draw_photo(self, camera: Camera, look: Look, size: int) -> np.ndarray:
        """Render with shadows, at twice the resolution: (size, size, 4) float32 0..1, premultiplied sRGB and alpha."""
        self._set_object_uniforms(camera, look)
        self.context.depth_func = "<"
        target = self._target(2 * size)
        target.use()
        target.clear(0, 0, 0, 0)
        self._draw_parts()
        large = np.frombuffer(target.read(components=4, attachment=0), np.uint8).reshape(2 * size, 2 * size, 4)[::-1]
        quarters = [large[i::2, j::2].astype(np.float32) for i in (0, 1) for j in (0, 1)]
        return sum(quarters[1:], quarters[0]) / (4 * 255)

    def draw(self, camera: Camera, look: Look, size: int, last: bool = False) -> Layer:
        """Render the first surface along each ray, or the last, without shadows."""
        self._set_object_uniforms(camera, look)
        self.program["occlusion"].value = 0.0
        self.context.depth_func = ">" if last else "<"
        target = self._target(size)
        target.use()
        target.clear(0, 0, 0, 0, depth=0.0 if last else 1.0)
        self._draw_parts()
        colours = [np.frombuffer(target.read(components=4, attachment=i), np.uint8) for i in (0, 1)]
        depth = np.frombuffer(target.read(components=1, attachment=2, dtype="f4"), np.float32)
        shaded, albedo = (c.reshape(size, size, 4)[::-1, :, :3] for c in colours)
        return Layer(shaded, albedo, depth.reshape(size, size)[::-1])

    def _set_object_uniforms(self, camera: Camera, look: Look) -> None:
        distance = float(np.linalg.norm(camera.eye))
        self._set_uniforms(camera, look, max(0.05, distance - 2.5), distance + 2.5)
        self.context.enable(moderngl.DEPTH_TEST)

    def _draw_parts(self) -> None:
        for array, texture in self.draws:
            self.program["textured"].value = texture is not None
            if texture is not None:
                texture.use(0)
            array.render()

    def draw_floor(self, camera: Camera, look: Look, size: int, texture: np.ndarray, scale: float) -> np.ndarray:
        """The floor under the loaded object with its shadow, without the object.

        texture: (h, w, 3) uint8 sRGB, repeated every ``scale`` object units.
        Returns (size, size, 4) uint8 sRGB with coverage: 0 beyond the floor's end.
        """
        self._set_uniforms(camera, look, 0.05, 4 * FLOOR_REACH)
        self.context.disable(moderngl.DEPTH_TEST)
        corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, -1], [1, 1], [-1, 1]], np.float32) * FLOOR_REACH
        data = np.zeros((6, 11), np.float32)
        data[:, :2], data[:, 2], data[:, 5], data[:, 9:] = corners, self.floor_height, 1.0, corners / scale
        image = self.context.texture(texture.shape[1::-1], 3, texture[::-1].tobytes(), alignment=1)
        image.build_mipmaps()
        image.use(0)
        buffer = self.context.buffer(data.tobytes())
        layout = [(buffer, "3f 3f 3f 2f", "position", "normal", "color", "uv")]
        array = self.context.vertex_array(self.program, layout)
        self.program["textured"].value, self.program["pattern"].value = True, 0.0
        target = self._target(size)
        target.use()
        target.clear(0, 0, 0, 0)
        array.render()
        picture = np.frombuffer(target.read(components=4, attachment=0), np.uint8)
        for thing in (array, buffer, image):
            thing.release()
        return picture.reshape(size, size, 4)[::-1]

    def _set_uniforms(self, camera: Camera, look: Look, near: float, far: float) -> None:
        view = np.eye(4)
        view[:3, :3], view[:3, 3] = camera.basis, -camera.basis @ camera.eye
        projection = np.zeros((4, 4))
        projection[0, 0] = projection[1, 1] = 1 / camera.half_tangent
        projection[2, 2], projection[2, 3] = -(far + near) / (far - near), -2 * far * near / (far - near)
        projection[3, 2] = -1
        uniforms = {
            "world_to_clip": tuple((projection @ view).T.ravel()),
            "world_to_camera": tuple(view.T.ravel()),
            "eye": tuple(camera.eye),
            "floor_height": self.floor_height,
            "solid": 1,
            "occlusion": 0.0,
            **look.uniforms,
        }
        if not self.has_solid:
            uniforms["occlusion"] = 0.0
        for name, value in uniforms.items():
            if name in self.program:
                self.program[name].value = value
