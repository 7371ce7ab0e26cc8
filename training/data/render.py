# SPDX-License-Identifier: GPL-3.0-or-later
"""A small OpenGL renderer: shaded picture, albedo and depth of the first and the last surface.

moderngl on EGL; Mesa's software rasteriser is enough (about 10 ms a view).
"""

from dataclasses import dataclass

import moderngl
import numpy as np

from .meshes import Model

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
in vec3 f_normal; in vec3 f_color; in vec2 f_uv; in vec3 f_world; in float f_depth;
layout(location = 0) out vec4 shaded; layout(location = 1) out vec4 albedo; layout(location = 2) out float depth;
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
    vec3 light = mix(ground, sky, 0.5 + 0.5 * n.z);
    light += key_color * max(dot(n, key_direction), 0.0) + fill_color * max(dot(n, fill_direction), 0.0);
    vec3 shine = key_color * pow(max(dot(n, normalize(key_direction + view)), 0.0), shininess);
    float rim = pow(1.0 - max(dot(n, view), 0.0), 5.0);
    vec3 result = linear * light + gloss * (shine + rim * sky);
    shaded = vec4(pow(clamp(result, 0.0, 1.0), vec3(1.0 / 2.2)), 1.0);
    albedo = vec4(base, 1.0);
    depth = f_depth;
}
"""


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
    """Draws models into square targets of the sizes given."""

    def __init__(self, *sizes: int) -> None:
        self.context = moderngl.create_standalone_context(backend="egl")
        self.program = self.context.program(vertex_shader=VERTEX, fragment_shader=FRAGMENT)
        self.targets = {size: self._target(size) for size in sizes}
        self.draws: list[tuple] = []
        self.held: list = []

    def _target(self, size: int) -> moderngl.Framebuffer:
        attachments = [self.context.texture((size, size), 4), self.context.texture((size, size), 4)]
        attachments.append(self.context.texture((size, size), 1, dtype="f4"))
        return self.context.framebuffer(attachments, self.context.depth_texture((size, size)))

    def load(self, model: Model) -> None:
        """Send a model's triangles and textures to the renderer."""
        for thing in self.held:
            thing.release()
        self.draws, self.held = [], []
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

    def draw(self, camera: Camera, look: Look, size: int, last: bool = False) -> Layer:
        """Render the first surface along each ray, or the last."""
        self._set_uniforms(camera, look)
        self.context.enable(moderngl.DEPTH_TEST)
        self.context.depth_func = ">" if last else "<"
        target = self.targets[size]
        target.use()
        target.clear(0, 0, 0, 0, depth=0.0 if last else 1.0)
        for array, texture in self.draws:
            self.program["textured"].value = texture is not None
            if texture is not None:
                texture.use(0)
            array.render()
        colours = [np.frombuffer(target.read(components=4, attachment=i), np.uint8) for i in (0, 1)]
        depth = np.frombuffer(target.read(components=1, attachment=2, dtype="f4"), np.float32)
        shaded, albedo = (c.reshape(size, size, 4)[::-1, :, :3] for c in colours)
        return Layer(shaded, albedo, depth.reshape(size, size)[::-1])

    def _set_uniforms(self, camera: Camera, look: Look) -> None:
        view = np.eye(4)
        view[:3, :3], view[:3, 3] = camera.basis, -camera.basis @ camera.eye
        distance = float(np.linalg.norm(camera.eye))
        near, far = max(0.05, distance - 2.5), distance + 2.5
        projection = np.zeros((4, 4))
        projection[0, 0] = projection[1, 1] = 1 / camera.half_tangent
        projection[2, 2], projection[2, 3] = -(far + near) / (far - near), -2 * far * near / (far - near)
        projection[3, 2] = -1
        uniforms = {
            "world_to_clip": tuple((projection @ view).T.ravel()),
            "world_to_camera": tuple(view.T.ravel()),
            "eye": tuple(camera.eye),
            **look.uniforms,
        }
        for name, value in uniforms.items():
            if name in self.program:
                self.program[name].value = value
