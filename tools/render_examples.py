# SPDX-License-Identifier: GPL-3.0-or-later
"""Model and render the example photos that are our own: a chair, a mug and a toy car.

Needs the ``bpy`` wheel and Pillow: ``python tools/render_examples.py [NAME ...] [--samples N] [--scale S]``. Light
comes from the environment maps that Blender ships (CC0). Everything else is made here.
"""

import argparse
import itertools
import math
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

# The wheel offers bmesh and mathutils only once bpy is there.
# isort: off
import bpy
import bmesh
from mathutils import Vector
from PIL import Image

# isort: on

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
ENVIRONMENTS = Path(bpy.utils.system_resource("DATAFILES")) / "studiolights" / "world"
SENSOR_WIDTH = 36.0
"""Millimetres; Blender's default."""

Point = tuple[float, float, float]
Color = tuple[float, float, float]


@dataclass(frozen=True)
class Shot:
    """How an object is photographed.

    Attributes:
        build: makes the object and its surroundings.
        width, height: pixels.
        camera: the camera's place.
        target: what it looks at and focuses on.
        lens: millimetres, on a sensor 36 mm along its longer side.
        f_stop: aperture.
        environment: file of the environment map, and how far it is turned about Z, radians, and its strength.
    """

    build: Callable[[], None]
    width: int
    height: int
    camera: Point
    target: Point
    lens: float
    f_stop: float
    environment: tuple[str, float, float]


# --- Shapes -----------------------------------------------------------------------------------------------------------


def add(name: str, mesh: bpy.types.Mesh, material: bpy.types.Material, bevel: float = 0.0) -> bpy.types.Object:
    """Put a mesh into the scene, smooth-shaded, its edges rounded by ``bevel`` metres."""
    thing = bpy.data.objects.new(name, mesh)
    bpy.context.scene.collection.objects.link(thing)
    mesh.materials.append(material)
    mesh.shade_smooth()
    if bevel:
        rounding = thing.modifiers.new("Rounding", "BEVEL")
        rounding.width, rounding.segments, rounding.limit_method = bevel, 4, "ANGLE"
        rounding.harden_normals = True
    return thing


def box(name: str, size: Point, place: Point, material: bpy.types.Material, bevel: float = 0.004) -> bpy.types.Object:
    """A box of that size, standing around ``place``."""
    made = bmesh.new()
    bmesh.ops.create_cube(made, size=1.0)
    bmesh.ops.scale(made, vec=size, verts=made.verts)
    mesh = bpy.data.meshes.new(name)
    made.to_mesh(mesh)
    thing = add(name, mesh, material, bevel)
    thing.location = place
    return thing


def lathe(name: str, profile: Sequence[tuple[float, float]], material: bpy.types.Material) -> bpy.types.Object:
    """A turned shape: a profile of (radius, height) points about the Z axis."""
    made = bmesh.new()
    points = [made.verts.new((radius, 0.0, height)) for radius, height in profile]
    edges = [made.edges.new(pair) for pair in itertools.pairwise(points)]
    bmesh.ops.spin(
        made, geom=[*points, *edges], cent=(0, 0, 0), axis=(0, 0, 1), angle=math.tau, steps=96, use_merge=True
    )
    bmesh.ops.remove_doubles(made, verts=made.verts, dist=1e-6)
    bmesh.ops.recalc_face_normals(made, faces=made.faces)
    mesh = bpy.data.meshes.new(name)
    made.to_mesh(mesh)
    return add(name, mesh, material)


def rod(
    name: str, start: Point, end: Point, radii: tuple[float, float], material: bpy.types.Material
) -> bpy.types.Object:
    """A turned, slightly swelling rod between two points, with rounded ends."""
    length = (Vector(end) - Vector(start)).length
    first, last = radii
    swell = 1.12 * max(radii)
    profile = [(0, 0), (first * 0.8, 0), (first, 0.004), (swell, length * 0.45), (last, length - 0.004)]
    thing = lathe(name, smooth_profile([*profile, (last * 0.8, length), (0, length)]), material)
    thing.location = start
    thing.rotation_mode = "QUATERNION"
    thing.rotation_quaternion = (Vector(end) - Vector(start)).to_track_quat("Z", "Y")
    return thing


def smooth_profile(points: Sequence[tuple[float, float]], steps: int = 8) -> list[tuple[float, float]]:
    """A Catmull-Rom curve through the points; the first and last spans stay straight."""
    result = [points[0]]
    for index in range(1, len(points) - 2):
        before, start, end, after = (Vector(points[index + k]) for k in (-1, 0, 1, 2))
        for step in range(steps):
            t = step / steps
            place = 0.5 * (
                2 * start
                + (end - before) * t
                + (2 * before - 5 * start + 4 * end - after) * t**2
                + (3 * start - before - 3 * end + after) * t**3
            )
            result.append((max(place.x, 0.0), place.y))
    return [*result, points[-2], points[-1]]


def tube(name: str, points: Sequence[Point], radius: float, material: bpy.types.Material) -> bpy.types.Object:
    """A smooth round tube through the points."""
    curve = bpy.data.curves.new(name, "CURVE")
    curve.dimensions, curve.bevel_depth, curve.bevel_resolution, curve.resolution_u = "3D", radius, 12, 24
    spline = curve.splines.new("BEZIER")
    spline.bezier_points.add(len(points) - 1)
    for knot, point in zip(spline.bezier_points, points, strict=True):
        knot.co = point
        knot.handle_left_type = knot.handle_right_type = "AUTO"
    thing = bpy.data.objects.new(name, curve)
    thing.data.materials.append(material)
    bpy.context.scene.collection.objects.link(thing)
    return thing


def extrusion(
    name: str, outline: Sequence[tuple[float, float]], width: float, material: bpy.types.Material, bevel: float
) -> bpy.types.Object:
    """An outline of (x, z) points, made ``width`` thick along Y, its edges rounded."""
    made = bmesh.new()
    face = made.faces.new([made.verts.new((x, -width / 2, z)) for x, z in outline])
    sides = bmesh.ops.extrude_face_region(made, geom=[face])["geom"]
    bmesh.ops.translate(made, vec=(0, width, 0), verts=[v for v in sides if isinstance(v, bmesh.types.BMVert)])
    bmesh.ops.recalc_face_normals(made, faces=made.faces)
    mesh = bpy.data.meshes.new(name)
    made.to_mesh(mesh)
    return add(name, mesh, material, bevel)


# --- Materials --------------------------------------------------------------------------------------------------------


class Shader:
    """A material's node tree, written from the Principled BSDF outwards."""

    def __init__(self, name: str, **inputs: float | Color) -> None:
        self.material = bpy.data.materials.new(name)
        self.material.use_nodes = True
        self.nodes, self.links = self.material.node_tree.nodes, self.material.node_tree.links
        self.principled = self.nodes["Principled BSDF"]
        for key, value in inputs.items():
            socket = self.principled.inputs[key.replace("_", " ").title().replace("Ior", "IOR")]
            socket.default_value = (*value, 1.0) if isinstance(value, tuple) else value

    def node(self, kind: str, **inputs: object) -> bpy.types.Node:
        """A node with its inputs set (values) or linked (sockets)."""
        node = self.nodes.new(kind)
        for key, value in inputs.items():
            self.connect(value, node.inputs[key.replace("_", " ")])
        return node

    def connect(self, value: object, socket: bpy.types.NodeSocket) -> None:
        """Link a socket, or set a value."""
        if isinstance(value, bpy.types.NodeSocket):
            self.links.new(value, socket)
        else:
            socket.default_value = value

    def coordinates(self, scale: Point) -> bpy.types.NodeSocket:
        """Object coordinates, stretched."""
        source = self.node("ShaderNodeTexCoord").outputs["Object"]
        return self.node("ShaderNodeMapping", Vector=source, Scale=scale).outputs["Vector"]

    def noise(self, scale: Point, size: float, detail: float = 4.0, distortion: float = 0.0) -> bpy.types.NodeSocket:
        """Fractal noise, 0..1."""
        node = self.node("ShaderNodeTexNoise", Vector=self.coordinates(scale), Scale=size, Detail=detail)
        node.inputs["Distortion"].default_value = distortion
        return node.outputs[0]

    def ramp(self, factor: bpy.types.NodeSocket, *stops: tuple[float, Color]) -> bpy.types.NodeSocket:
        """Colours along a value."""
        node = self.node("ShaderNodeValToRGB", Fac=factor)
        elements = node.color_ramp.elements
        while len(elements) < len(stops):
            elements.new(0.5)
        for element, (position, color) in zip(elements, stops, strict=True):
            element.position, element.color = position, (*color, 1.0)
        return node.outputs["Color"]

    def bump(self, height: bpy.types.NodeSocket, strength: float, distance: float) -> None:
        """Fine relief."""
        node = self.node("ShaderNodeBump", Strength=strength, Distance=distance, Height=height)
        self.connect(node.outputs["Normal"], self.principled.inputs["Normal"])

    def color(self, socket: bpy.types.NodeSocket) -> None:
        """What the base colour is linked to."""
        self.connect(socket, self.principled.inputs["Base Color"])


def wood(name: str, light: Color, dark: Color, along: int, size: float = 1.0) -> bpy.types.Material:
    """Oiled wood whose grain runs along an axis (0, 1, 2) of the object."""
    shader = Shader(name, roughness=0.38, coat_weight=0.15, coat_roughness=0.25)
    stretch = [14.0 / size] * 3
    stretch[along] = 0.9 / size
    rings = shader.noise(tuple(stretch), 1.6, detail=3, distortion=0.9)
    fibre = [140.0 / size] * 3
    fibre[along] = 4.0 / size
    fibres = shader.noise(tuple(fibre), 1.0, detail=2)
    mixed = shader.node("ShaderNodeMath", Value=rings)
    mixed.operation = "MULTIPLY_ADD"
    shader.connect(fibres, mixed.inputs[1])
    mixed.inputs[2].default_value = 0.25
    middle = tuple((a + b) / 2 for a, b in zip(light, dark, strict=True))
    shader.color(shader.ramp(mixed.outputs[0], (0.36, dark), (0.5, middle), (0.66, light)))
    shader.bump(fibres, 0.12, 0.001)
    return shader.material


def paint(name: str, color: Color) -> bpy.types.Material:
    """Glossy toy paint, minutely uneven."""
    shader = Shader(name, base_color=color, roughness=0.28, coat_weight=0.5, coat_roughness=0.08)
    shader.bump(shader.noise((1, 1, 1), 60, detail=2), 0.05, 0.001)
    return shader.material


def plain(name: str, color: Color, roughness: float, grain: float = 0.0) -> bpy.types.Material:
    """One colour with a little cloudiness, for walls and floors."""
    shader = Shader(name, roughness=roughness)
    clouds = shader.noise((1, 1, 1), 2.5, detail=6)
    darker = tuple(0.86 * channel for channel in color)
    shader.color(shader.ramp(clouds, (0.3, darker), (0.7, color)))
    if grain:
        shader.bump(shader.noise((1, 1, 1), 180, detail=4), grain, 0.002)
    return shader.material


# --- Objects ----------------------------------------------------------------------------------------------------------


def sweep(material: bpy.types.Material, depth: float, height: float, bend: float) -> None:
    """A studio backdrop: floor and wall joined by a round bend."""
    arc = [math.radians(-90 + 90 * step / 24) for step in range(25)]
    outline = [(-depth * 2, 0.0)]
    outline += [(depth - bend + bend * math.cos(a), bend + bend * math.sin(a)) for a in arc]
    outline.append((depth, height))
    made = bmesh.new()
    rows = [[made.verts.new((side * 5 * height, y, z)) for y, z in outline] for side in (-1, 1)]
    for index in range(len(outline) - 1):
        made.faces.new((rows[0][index], rows[1][index], rows[1][index + 1], rows[0][index + 1]))
    mesh = bpy.data.meshes.new("Backdrop")
    made.to_mesh(mesh)
    add("Backdrop", mesh, material)


def area_light(place: Point, target: Point, size: float, power: float, color: Color = (1, 1, 1)) -> None:
    """A soft box."""
    light = bpy.data.lights.new("Soft box", "AREA")
    light.shape, light.size, light.energy, light.color = "DISK", size, power, color
    thing = bpy.data.objects.new("Soft box", light)
    thing.location = place
    thing.rotation_euler = (Vector(target) - Vector(place)).to_track_quat("-Z", "Y").to_euler()
    bpy.context.scene.collection.objects.link(thing)


def build_chair() -> None:
    """A kitchen chair of oiled beech with a curved back, in a studio."""
    light, dark = (0.56, 0.31, 0.135), (0.27, 0.115, 0.04)
    upright, across, deep = (wood(f"Beech {axis}", light, dark, axis) for axis in (2, 0, 1))
    seat = box("Seat", (0.44, 0.42, 0.036), (0, 0, 0.45), across, 0.014)
    seat.data.materials[0] = deep
    front = [((x * 0.205, -0.19, 0.0), (x * 0.17, -0.155, 0.435)) for x in (-1, 1)]
    for foot, top in front:
        rod("Front leg", foot, top, (0.014, 0.021), upright)
    posts = []
    for x in (-1, 1):
        rod("Back leg", (x * 0.2, 0.235, 0.0), (x * 0.165, 0.165, 0.44), (0.014, 0.021), upright)
        points = [(x * 0.168, 0.172, 0.44), (x * 0.175, 0.19, 0.62), (x * 0.185, 0.235, 0.8), (x * 0.19, 0.275, 0.93)]
        posts.append(tube("Post", points, 0.0165, upright))
        lathe(
            "Cap", smooth_profile([(0, -0.004), (0.016, -0.004), (0.0165, 0.004), (0.01, 0.013), (0, 0.014)]), upright
        )
        bpy.context.scene.collection.objects[-1].location = points[-1]
        rod("Side stretcher", (x * 0.193, -0.178, 0.15), (x * 0.188, 0.212, 0.15), (0.009, 0.009), upright)
    rod("Middle stretcher", (-0.19, 0.017, 0.15), (0.19, 0.017, 0.15), (0.009, 0.009), upright)
    rod("Front stretcher", (-0.188, -0.172, 0.235), (0.188, -0.172, 0.235), (0.009, 0.009), upright)
    for height, lean, thickness in ((0.61, 0.188, 0.05), (0.74, 0.217, 0.05), (0.885, 0.26, 0.085)):
        curved_slat(height, lean, thickness, across)
    sweep(plain("Plaster", (0.60, 0.64, 0.64), 0.75, 0.1), 1.5, 3.0, 0.7)
    area_light((-1.6, -1.8, 2.3), (0, 0, 0.5), 1.3, 62, (1.0, 0.95, 0.88))
    area_light((2.2, -0.6, 1.5), (0, 0, 0.5), 1.0, 16, (0.88, 0.94, 1.0))


def curved_slat(height: float, lean: float, thickness: float, material: bpy.types.Material) -> None:
    """A slat of the back rest, bent round the sitter's back."""
    slat = box("Slat", (0.36, 0.013, thickness), (0, 0, 0), material, 0.005)
    made = bmesh.new()
    made.from_mesh(slat.data)
    lengthwise = [e for e in made.edges if abs(e.verts[0].co.x - e.verts[1].co.x) > 0.1]
    bmesh.ops.subdivide_edges(made, edges=lengthwise, cuts=23, use_grid_fill=True)
    for vertex in made.verts:
        vertex.co.y += 0.03 * (1 - (vertex.co.x / 0.18) ** 2)
    made.to_mesh(slat.data)
    slat.location = (0, lean, height)
    slat.rotation_euler = (math.radians(-17), 0, 0)


def build_mug() -> None:
    """A stoneware mug, glazed but for its foot, on a wooden table in a room."""
    outer = [(0, 0.003), (0.028, 0.003), (0.031, 0.0), (0.035, 0.001), (0.0395, 0.012), (0.0415, 0.04), (0.0405, 0.075)]
    rim = [(0.041, 0.0915), (0.0395, 0.0938), (0.0376, 0.092)]
    inner = [(0.0365, 0.075), (0.037, 0.04), (0.034, 0.013), (0.025, 0.0075), (0, 0.007)]
    shader = glaze((0.02, 0.15, 0.165), (0.40, 0.25, 0.155))
    body = lathe("Mug", smooth_profile([*outer, *rim, *inner]), shader)
    handle = [(0.0385, 0, 0.079), (0.058, 0, 0.0805), (0.0715, 0, 0.064), (0.068, 0, 0.041), (0.053, 0, 0.0255)]
    ring = tube("Handle", [*handle, (0.0385, 0, 0.0215)], 0.0056, shader)
    ring.scale = (1, 1.35, 1)
    for thing in (body, ring):
        thing.rotation_euler = (0, 0, math.radians(-28))
    table = box(
        "Table", (1.6, 0.9, 0.04), (0.1, 0.12, -0.02), wood("Oak", (0.50, 0.31, 0.17), (0.28, 0.15, 0.07), 0), 0.003
    )
    table.rotation_euler = (0, 0, math.radians(4))
    area_light((-0.5, -0.35, 0.65), (0, 0, 0.05), 0.3, 4.2, (1.0, 0.94, 0.86))
    area_light((0.6, 0.3, 0.4), (0, 0, 0.05), 0.25, 1.6, (0.85, 0.92, 1.0))


def glaze(color: Color, clay: Color) -> bpy.types.Material:
    """Glaze that ends above the foot in a wavy line and breaks to lighter tones; bare clay below."""
    shader = Shader("Stoneware", coat_weight=0.0, ior=1.5)
    pooled, broken = tuple(0.55 * c for c in color), tuple(min(1.0, 1.7 * c + 0.05) for c in color)
    clouds = shader.noise((1, 1, 0.5), 45, detail=5, distortion=0.4)
    glazed = shader.ramp(clouds, (0.3, pooled), (0.55, color), (0.78, broken))
    speckles = shader.ramp(shader.noise((1, 1, 1), 420, detail=1), (0.30, (0.12, 0.07, 0.04)), (0.36, (1, 1, 1)))
    spotted = shader.node("ShaderNodeMix", Factor=1.0)
    spotted.data_type, spotted.blend_type = "RGBA", "MULTIPLY"
    # Inputs 6 and 7 and output 2 are the mix node's colours; by name they are shared with its other data types.
    shader.connect(glazed, spotted.inputs[6])
    shader.connect(speckles, spotted.inputs[7])
    height = shader.node("ShaderNodeSeparateXYZ", Vector=shader.node("ShaderNodeTexCoord").outputs["Object"]).outputs[
        "Z"
    ]
    wavy = shader.node("ShaderNodeMath", Value=shader.noise((1, 1, 0.2), 30, detail=2))
    wavy.operation = "MULTIPLY_ADD"
    wavy.inputs[1].default_value = -0.016
    shader.connect(height, wavy.inputs[2])
    is_glazed = shader.ramp(wavy.outputs[0], (0.0070, (0, 0, 0)), (0.0080, (1, 1, 1)))
    mixed = shader.node("ShaderNodeMix", Factor=is_glazed)
    mixed.data_type = "RGBA"
    grains = shader.noise((1, 1, 1), 900, detail=2)
    shader.connect(shader.ramp(grains, (0.3, tuple(0.7 * c for c in clay)), (0.7, clay)), mixed.inputs[6])
    shader.connect(spotted.outputs[2], mixed.inputs[7])
    shader.color(mixed.outputs[2])
    shader.connect(
        shader.ramp(is_glazed, (0.0, (0.75,) * 3), (1.0, (0.13,) * 3)), shader.principled.inputs["Roughness"]
    )
    shader.bump(shader.noise((1, 1, 2.5), 60, detail=2), 0.03, 0.002)
    return shader.material


def build_car() -> None:
    """A wooden toy car with painted body, on a pale studio sweep."""
    red, cream = paint("Red", (0.48, 0.022, 0.02)), paint("Cream", (0.83, 0.74, 0.55))
    blue, beech = paint("Blue", (0.03, 0.12, 0.36)), wood("Beech", (0.66, 0.43, 0.22), (0.44, 0.25, 0.11), 2, 0.25)
    lower = [
        (-0.1, 0.022),
        (0.1, 0.022),
        (0.104, 0.035),
        (0.1, 0.056),
        (0.045, 0.066),
        (-0.085, 0.066),
        (-0.102, 0.055),
    ]
    extrusion("Body", lower, 0.078, red, 0.008)
    cabin = [(-0.078, 0.062), (0.046, 0.062), (0.014, 0.103), (-0.05, 0.107), (-0.066, 0.1)]
    extrusion("Cabin", cabin, 0.068, cream, 0.007)
    for side in (-1, 1):
        for outline in (
            [(-0.057, 0.07), (-0.02, 0.07), (-0.02, 0.097), (-0.05, 0.098)],
            [(-0.013, 0.07), (0.029, 0.07), (0.009, 0.096), (-0.013, 0.097)],
        ):
            window = extrusion("Side window", outline, 0.004, blue, 0.0015)
            window.location = (0, side * 0.0335, 0)
        for x in (-0.058, 0.06):
            wheel(x, side, beech, blue)
        lamp = lathe("Lamp", smooth_profile([(0, 0), (0.0105, 0), (0.011, 0.004), (0.007, 0.008), (0, 0.009)]), cream)
        lamp.location, lamp.rotation_euler = (0.1, side * 0.026, 0.046), (0, math.radians(90), 0)
    shield = extrusion(
        "Windscreen", [(-0.02, -0.0245), (0.02, -0.0245), (0.02, 0.0245), (-0.02, 0.0245)], 0.004, blue, 0.0015
    )
    shield.rotation_euler = (math.radians(90), math.radians(52), 0)
    shield.location = (0.0305, 0, 0.083)
    sweep(plain("Paper", (0.72, 0.69, 0.62), 0.9), 0.6, 1.2, 0.3)
    area_light((0.35, -0.6, 0.65), (0, 0, 0.04), 0.45, 8.5, (1.0, 0.96, 0.9))
    area_light((-0.6, -0.2, 0.4), (0, 0, 0.04), 0.3, 2.2, (0.85, 0.92, 1.0))


def wheel(x: float, side: int, tyre: bpy.types.Material, hub: bpy.types.Material) -> None:
    """A turned wheel with a painted hub."""
    profile = [(0, 0), (0.024, 0), (0.0275, 0.003), (0.0275, 0.013), (0.024, 0.0165), (0.013, 0.0145), (0, 0.0145)]
    cap = [(0, 0.01), (0.0105, 0.01), (0.0108, 0.017), (0.007, 0.0195), (0, 0.02)]
    for name, shape, material in (("Wheel", profile, tyre), ("Hub", cap, hub)):
        thing = lathe(name, smooth_profile(shape), material)
        thing.location = (x, side * 0.0385, 0.0275)
        thing.rotation_euler = (math.radians(-90 * side), 0, 0)


SHOTS = {
    "chair": Shot(build_chair, 768, 1024, (0.95, -2.2, 1.12), (0.0, 0.03, 0.465), 66, 8, ("interior.exr", 2.2, 0.35)),
    "mug": Shot(build_mug, 1024, 820, (0.09, -0.41, 0.21), (0.008, 0, 0.042), 70, 10, ("interior.exr", 0.6, 0.7)),
    "toy_car": Shot(build_car, 1024, 768, (0.34, -0.48, 0.24), (0.0, 0, 0.046), 70, 9, ("studio.exr", 0.5, 0.45)),
}


# --- Photographing ----------------------------------------------------------------------------------------------------


def photograph(name: str, samples: int, scale: float) -> None:
    """Build one scene, render it and save it as a JPEG with the focal length in its EXIF."""
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    shot, scene = SHOTS[name], bpy.context.scene
    shot.build()
    set_camera(scene, shot)
    set_environment(scene, *shot.environment)
    scene.render.engine = "CYCLES"
    scene.cycles.samples, scene.cycles.use_denoising, scene.cycles.max_bounces = samples, True, 6
    scene.render.resolution_x, scene.render.resolution_y = shot.width, shot.height
    scene.render.resolution_percentage = round(100 * scale)
    scene.view_settings.view_transform, scene.view_settings.look = "AgX", "AgX - High Contrast"
    scene.render.image_settings.file_format = "PNG"
    with tempfile.TemporaryDirectory() as folder:
        scene.render.filepath = str(Path(folder) / "render.png")
        bpy.ops.render.render(write_still=True)
        exif = Image.Exif()
        diagonal = SENSOR_WIDTH * math.hypot(shot.width, shot.height) / max(shot.width, shot.height)
        exif.get_ifd(0x8769)[0xA405] = round(shot.lens * math.hypot(36, 24) / diagonal)
        target = EXAMPLES / f"{name}.jpg"
        with Image.open(scene.render.filepath) as image:
            image.convert("RGB").save(target, quality=90, optimize=True, exif=exif)
    print(f"{target}: {target.stat().st_size // 1024} KB")


def set_camera(scene: bpy.types.Scene, shot: Shot) -> None:
    """Place, aim and focus the camera."""
    data = bpy.data.cameras.new("Camera")
    data.lens, data.sensor_width, data.sensor_fit = shot.lens, SENSOR_WIDTH, "AUTO"
    data.dof.use_dof, data.dof.aperture_fstop = True, shot.f_stop
    direction = Vector(shot.target) - Vector(shot.camera)
    data.dof.focus_distance = direction.length
    thing = bpy.data.objects.new("Camera", data)
    thing.location = shot.camera
    thing.rotation_euler = direction.to_track_quat("-Z", "Y").to_euler()
    scene.collection.objects.link(thing)
    scene.camera = thing


def set_environment(scene: bpy.types.Scene, file: str, turn: float, strength: float) -> None:
    """Light the scene by an environment map."""
    world = bpy.data.worlds.new("Environment")
    world.use_nodes = True
    scene.world = world
    nodes, links = world.node_tree.nodes, world.node_tree.links
    picture = nodes.new("ShaderNodeTexEnvironment")
    picture.image = bpy.data.images.load(str(ENVIRONMENTS / file))
    mapping, coordinates = nodes.new("ShaderNodeMapping"), nodes.new("ShaderNodeTexCoord")
    mapping.inputs["Rotation"].default_value = (0, 0, turn)
    links.new(coordinates.outputs["Generated"], mapping.inputs["Vector"])
    links.new(mapping.outputs["Vector"], picture.inputs["Vector"])
    links.new(picture.outputs["Color"], nodes["Background"].inputs["Color"])
    nodes["Background"].inputs["Strength"].default_value = strength


def main() -> None:
    """Render all example photos, or those named."""
    parser = argparse.ArgumentParser(description="Model and render the example photos.")
    parser.add_argument("names", nargs="*", choices=[[], *SHOTS], help="default: all")
    parser.add_argument("--samples", type=int, default=16, help="per pixel (default: %(default)s)")
    parser.add_argument("--scale", type=float, default=1.0, help="of the picture's size, for a quick look")
    options = parser.parse_args()
    for name in options.names or SHOTS:
        photograph(name, options.samples, options.scale)


if __name__ == "__main__":
    main()
