# SPDX-License-Identifier: GPL-3.0-or-later
"""Photos by path tracing: Blender's Cycles renders what ``render.py`` draws, with true shadows and light that bounces.

Camera, lights and colours are those of the drawn picture, so that the masks and depths of ``render.py`` fit; how large
the lights are and what gloss is are decided here. One thread, so that several processes can share the work.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from mathutils import Matrix, Vector
from PIL import Image

from console import silent_stdout

from .backdrops import FLOOR_REACH, Floor
from .meshes import Model, Part
from .render import Camera, Look

#: Light paths per pixel; what noise they leave, OpenImageDenoise removes.
SAMPLES = 16
#: Apparent diameter of the key light, from a clear sky's sun to a large window, and of the fill light.
KEY_ANGLE, FILL_ANGLE = np.radians((0.5, 35.0)), np.radians((40.0, 90.0))
#: Roughness of the glossy materials whose highlight is the broadest and the smallest, by ``Look``'s shininess.
ROUGHNESS, LOG_SHININESS = (0.6, 0.12), (1.5, 4.5)
#: The floor lies this far below the object, whose bottom would otherwise flicker with it. Object units.
FLOOR_GAP = 0.001
#: Display gamma of ``render.py``, by which colours of corners become light.
GAMMA = 2.2


class PathTracer:
    """Renders one loaded model after another, in a Blender scene of its own."""

    def __init__(self, samples: int = SAMPLES) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="cycles_")
        self.scene = bpy.data.scenes.new("Photo")
        _set_up_cycles(self.scene, samples)
        camera = bpy.data.cameras.new("Photo")
        camera.sensor_fit, camera.clip_start, camera.clip_end = "HORIZONTAL", 0.01, 100.0
        self.camera = self.scene.camera = self._new_object(camera)
        self.key, self.fill = (self._new_object(bpy.data.lights.new(name, "SUN")) for name in ("Key", "Fill"))
        self.sky = _new_sky(self.scene)
        self.loaded: list[bpy.types.ID] = []
        self.materials: list[bpy.types.Material] = []
        self.floor_height = -1.0

    def load(self, model: Model) -> None:
        """Make the model's mesh, materials and images; those of the model before are removed."""
        bpy.data.batch_remove(self.loaded)
        self.loaded = []
        mesh = _new_mesh(model.parts)
        images = [_new_image(part.texture) for part in model.parts if part.texture is not None]
        # The first material shows the corners' colours, the others a texture each, as the mesh's indices have it.
        self.materials = [_new_material(image) for image in (None, *images)]
        for material in self.materials:
            mesh.materials.append(material)
        self.loaded = [self._new_object(mesh), mesh, *self.materials, *images]
        self.floor_height = float(min(part.corners[..., 2].min() for part in model.parts))

    def draw_photo(self, camera: Camera, look: Look, size: int, floor: Floor | None, seed: int) -> np.ndarray:
        """Render the loaded model, on the floor if there is one.

        The look's pattern is passed over. ``seed`` decides the lights' sizes and the noise.
        Returns (size, size, 4) float32 0..1, premultiplied sRGB and alpha, as ``Renderer.draw_photo``;
        alpha is 1 on the floor too.
        """
        rng = np.random.default_rng(seed)
        _place_camera(self.camera, camera)
        self._light(look.uniforms, rng)
        for material in self.materials:
            _set_gloss(material, look.uniforms)
        self.scene.cycles.seed = int(rng.integers(2**31))
        self.scene.render.resolution_x = self.scene.render.resolution_y = size
        made = self._new_floor(*floor) if floor is not None else []
        try:
            return self._render()
        finally:
            bpy.data.batch_remove(made)

    def _new_object(self, data: bpy.types.ID) -> bpy.types.Object:
        made = bpy.data.objects.new(data.name, data)
        self.scene.collection.objects.link(made)
        return made

    def _new_floor(self, texture: np.ndarray, scale: float) -> list[bpy.types.ID]:
        mesh = bpy.data.meshes.new("Floor")
        corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], np.float32) * FLOOR_REACH
        height = self.floor_height - FLOOR_GAP
        mesh.from_pydata([(float(x), float(y), height) for x, y in corners], [], [(0, 1, 2, 3)])
        mesh.uv_layers.new().uv.foreach_set("vector", (corners / scale).ravel())
        image = _new_image(texture)
        material = _new_material(image)
        mesh.materials.append(material)
        return [self._new_object(mesh), mesh, material, image]

    def _light(self, uniforms: dict[str, Any], rng: np.random.Generator) -> None:
        """Set the suns and the sky so that they light an open diffuse surface as the drawn lights do."""
        for sun, name, angles in ((self.key, "key", KEY_ANGLE), (self.fill, "fill", FILL_ANGLE)):
            sun.rotation_mode = "QUATERNION"
            sun.rotation_quaternion = Vector(uniforms[f"{name}_direction"]).to_track_quat("Z", "Y")
            # An irradiance of pi makes a white diffuse surface that faces the sun white.
            sun.data.energy, sun.data.color = np.pi, uniforms[f"{name}_color"]
            sun.data.angle = float(np.exp(rng.uniform(*np.log(angles))))
        sky, ground = np.array(uniforms["sky"]), np.array(uniforms["ground"])
        # A sky of radiance a + b z gives an irradiance of pi (a + 2/3 b n.z), n being the surface's normal.
        slope, mean = self.sky.inputs[1], self.sky.inputs[2]
        slope.default_value, mean.default_value = 0.75 * (sky - ground), 0.5 * (sky + ground)

    def _render(self) -> np.ndarray:
        path = Path(self.folder.name) / "photo.png"
        path.unlink(missing_ok=True)
        self.scene.render.filepath = str(path)
        with silent_stdout():
            bpy.ops.render.render(write_still=True, scene=self.scene.name)
        pixels = np.asarray(Image.open(path), np.float32) / 255
        return np.concatenate([pixels[..., :3] * pixels[..., 3:], pixels[..., 3:]], -1)


def _set_up_cycles(scene: bpy.types.Scene, samples: int) -> None:
    scene.render.engine = "CYCLES"
    scene.render.threads_mode, scene.render.threads = "FIXED", 1
    scene.render.film_transparent, scene.render.dither_intensity = True, 0.0
    scene.render.image_settings.file_format, scene.render.image_settings.color_mode = "PNG", "RGBA"
    scene.render.image_settings.compression = 0
    scene.display_settings.display_device, scene.view_settings.view_transform = "sRGB", "Standard"
    cycles = scene.cycles
    cycles.device, cycles.samples, cycles.use_adaptive_sampling = "CPU", samples, False
    cycles.use_denoising, cycles.denoiser = True, "OPENIMAGEDENOISE"
    # The best quality takes another second, and the lights are too few for a tree of them.
    cycles.denoising_prefilter, cycles.denoising_quality, cycles.use_light_tree = "FAST", "BALANCED", False
    cycles.max_bounces, cycles.diffuse_bounces, cycles.glossy_bounces = 4, 3, 2
    cycles.caustics_reflective = cycles.caustics_refractive = False
    cycles.sample_clamp_indirect = 4.0


def _new_sky(scene: bpy.types.Scene) -> bpy.types.Node:
    """A world whose light changes evenly with height. Returns the node z, slope, mean -> light."""
    world = scene.world = bpy.data.worlds.new("Sky")
    world.use_nodes = True
    # Light this even is found well enough by chance, and needs no map of where it comes from.
    world.cycles.sampling_method = "NONE"
    tree = world.node_tree
    direction = tree.nodes.new("ShaderNodeTexCoord").outputs["Generated"]
    height = tree.nodes.new("ShaderNodeSeparateXYZ")
    sky = tree.nodes.new("ShaderNodeVectorMath")
    sky.operation = "MULTIPLY_ADD"
    tree.links.new(direction, height.inputs[0])
    tree.links.new(height.outputs["Z"], sky.inputs[0])
    tree.links.new(sky.outputs[0], tree.nodes["Background"].inputs["Color"])
    return sky


def _new_mesh(parts: Sequence[Part]) -> bpy.types.Mesh:
    """One mesh of all parts, its triangles unconnected; material 0 for colours, then one for each texture."""
    textured = np.array([part.texture is not None for part in parts])
    index = np.where(textured, np.cumsum(textured), 0)
    corners, normals, colors = (
        np.concatenate([getattr(p, n) for p in parts]) for n in ("corners", "normals", "colors")
    )
    uv = np.concatenate([np.zeros((*p.corners.shape[:2], 2)) if p.uv is None else p.uv for p in parts])
    kept = _first_of_each(corners)
    material = np.repeat(index, [len(part.corners) for part in parts])[kept]
    corners, normals, colors, uv = corners[kept], normals[kept], colors[kept], uv[kept]
    count = len(corners)
    mesh = bpy.data.meshes.new("Object")
    mesh.vertices.add(3 * count)
    mesh.loops.add(3 * count)
    mesh.polygons.add(count)
    mesh.vertices.foreach_set("co", corners.ravel())
    mesh.loops.foreach_set("vertex_index", np.arange(3 * count, dtype=np.int32))
    mesh.polygons.foreach_set("loop_start", np.arange(0, 3 * count, 3, dtype=np.int32))
    mesh.polygons.foreach_set("material_index", material.astype(np.int32))
    mesh.uv_layers.new().uv.foreach_set("vector", uv.astype(np.float32).ravel())
    light = np.concatenate([colors**GAMMA, np.ones((count, 3, 1))], -1)
    mesh.color_attributes.new("Color", "FLOAT_COLOR", "CORNER").data.foreach_set("color", light.astype("f4").ravel())
    mesh.update(calc_edges=True)
    mesh.normals_split_custom_set(_outwards(normals, corners).reshape(-1, 3))
    return mesh


def _first_of_each(corners: np.ndarray) -> np.ndarray:
    """Indices, in order, of the triangles (F, 3, 3) of which none before lies in the same place.

    Of two that coincide, each would lie in the other's shadow; the drawn picture shows the first.
    """
    place = np.concatenate([corners.mean(1), corners.std(1)], -1)
    return np.sort(np.unique(np.round(place * 1e4).astype(np.int32), axis=0, return_index=True)[1])


def _outwards(normals: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Normals (F, 3, 3) turned to the triangles' own side: Cycles makes others black."""
    face = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    return np.where((normals * face[:, None]).sum(-1, keepdims=True) < 0, -normals, normals)


def _new_image(texture: np.ndarray) -> bpy.types.Image:
    """An image of (h, w, 3) uint8 sRGB, rows from the top."""
    height, width = texture.shape[:2]
    image = bpy.data.images.new("Texture", width, height)
    pixels = np.ones((height, width, 4), np.float32)
    pixels[..., :3] = texture[::-1].astype(np.float32) / 255
    image.pixels.foreach_set(pixels.ravel())
    image.update()
    return image


def _new_material(image: bpy.types.Image | None) -> bpy.types.Material:
    """A dull material with the colours of the image, repeated, or of the mesh's corners."""
    material = bpy.data.materials.new("Surface")
    material.use_nodes = True
    tree = material.node_tree
    source = tree.nodes.new("ShaderNodeVertexColor" if image is None else "ShaderNodeTexImage")
    if image is None:
        source.layer_name = "Color"
    else:
        source.image = image
    surface = tree.nodes["Principled BSDF"].inputs
    surface["Roughness"].default_value, surface["Specular IOR Level"].default_value = 1.0, 0.0
    tree.links.new(source.outputs["Color"], surface["Base Color"])
    return material


def _set_gloss(material: bpy.types.Material, uniforms: dict[str, Any]) -> None:
    """Translate the drawn highlight's strength and size; a gloss of 0 gives an entirely dull surface."""
    surface = material.node_tree.nodes["Principled BSDF"].inputs
    gloss = float(uniforms["gloss"])
    surface["Roughness"].default_value = float(np.interp(np.log(uniforms["shininess"]), LOG_SHININESS, ROUGHNESS))
    # 0.5 is what most plastics and glazes have: it reflects 4 % of the light that comes straight at it. More would
    # lift dark colours far above the drawn ones.
    surface["Specular IOR Level"].default_value = 0.1 + gloss if gloss > 0 else 0.0


def _place_camera(target: bpy.types.Object, camera: Camera) -> None:
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = camera.basis.T, camera.eye
    target.matrix_world = Matrix(pose.tolist())
    target.data.angle = 2 * float(np.arctan(camera.half_tangent))
