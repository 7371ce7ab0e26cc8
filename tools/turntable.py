# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures of a reconstructed object: renders from all around, its UV layout, and a sheet of them with the photo."""

import importlib
import math
import tempfile
from pathlib import Path

import bpy
import numpy as np
from checkout import PACKAGE
from mathutils import Vector
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont, ImageOps

BACKGROUND = (236, 236, 238)
INK = (40, 40, 44)
GAP = 16


def render_turntable(target: bpy.types.Object, views: int = 8, size: int = 384, samples: int = 16) -> list[Image.Image]:
    """Cycles renders on the CPU, all around at equal steps, beginning with the front (-Y)."""
    return render_sides(target, [(360 * number / views, 18) for number in range(views)], size, samples)


def render_sides(
    target: bpy.types.Object, sides: list[tuple[float, float]], size: int, samples: int
) -> list[Image.Image]:
    """Cycles renders on the CPU from some sides: turns from the front (-Y) and elevations, degrees.

    Works in a scene of its own that shares only the object; nothing of it stays.
    """
    console = importlib.import_module(f"{PACKAGE}.console")
    scene = bpy.data.scenes.new("Turntable")
    made: list[bpy.types.ID] = [scene]
    try:
        scene.collection.objects.link(target)
        centre, radius = _bounding_sphere(target)
        camera = bpy.data.objects.new("Turntable", bpy.data.cameras.new("Turntable"))
        made += [camera, camera.data]
        camera.data.lens, camera.data.clip_end = 85.0, 100.0 * radius
        scene.collection.objects.link(camera)
        scene.camera = camera
        made += _light(scene, centre, radius)
        _set_up_cycles(scene, size, samples)
        distance = radius / math.sin(camera.data.angle / 2) * 1.02
        with tempfile.TemporaryDirectory() as folder:
            pictures = []
            for number, (turn, elevation) in enumerate(sides):
                camera.location = centre + distance * _direction(math.radians(turn - 90), math.radians(elevation))
                camera.rotation_euler = (centre - camera.location).to_track_quat("-Z", "Y").to_euler()
                scene.render.filepath = str(Path(folder) / f"{number}.png")
                with console.silent_stdout():
                    bpy.ops.render.render(write_still=True, scene=scene.name)
                pictures.append(_on_background(Image.open(scene.render.filepath)))
        return pictures
    finally:
        bpy.data.batch_remove(made)


def uv_layout(target: bpy.types.Object, size: int = 768) -> Image.Image:
    """The base colour map with the outlines of the UV islands."""
    texture = base_color_image(target)
    width, height = texture.size
    pixels = np.empty(width * height * 4, np.float32)
    texture.pixels.foreach_get(pixels)
    colors = (pixels.reshape(height, width, 4)[::-1, :, :3] * 255 + 0.5).astype(np.uint8)
    picture = Image.fromarray(colors).resize((size, size), Image.Resampling.LANCZOS)
    draw = ImageDraw.Draw(picture, "RGBA")
    for start, end in island_outlines(target.data):
        line = [(start[0] * size, (1 - start[1]) * size), (end[0] * size, (1 - end[1]) * size)]
        draw.line(line, fill=(255, 255, 255, 190), width=1)
    return picture


def base_color_image(target: bpy.types.Object) -> bpy.types.Image:
    """The picture linked to the Principled BSDF's base colour."""
    tree = target.active_material.node_tree
    shader = next(node for node in tree.nodes if node.bl_idname == "ShaderNodeBsdfPrincipled")
    return shader.inputs["Base Color"].links[0].from_node.image


def island_outlines(mesh: bpy.types.Mesh) -> NDArray[np.float32]:
    """(n, 2, 2) float32: UV edges that only one face has."""
    uvs = np.empty(len(mesh.loops) * 2, np.float32)
    mesh.uv_layers.active.uv.foreach_get("vector", uvs)
    uvs = uvs.reshape(-1, 2)
    starts, totals = np.empty(len(mesh.polygons), np.int32), np.empty(len(mesh.polygons), np.int32)
    mesh.polygons.foreach_get("loop_start", starts)
    mesh.polygons.foreach_get("loop_total", totals)
    following = np.arange(1, len(uvs) + 1)
    following[starts + totals - 1] = starts
    # A vertex of the map is a mesh vertex at a place of the map; an edge inside an island is met by two faces.
    corners = np.empty(len(uvs), np.int32)
    mesh.loops.foreach_get("vertex_index", corners)
    keys = np.column_stack([corners, np.round(uvs * 65536).astype(np.int32)])
    _, points = np.unique(keys, axis=0, return_inverse=True)
    points = points.reshape(-1)
    edges = np.sort(np.column_stack([points, points[following]]), axis=1)
    _, first, counts = np.unique(edges, axis=0, return_index=True, return_counts=True)
    outline = first[counts == 1]
    return np.stack([uvs[outline], uvs[following[outline]]], axis=1)


def sheet(photo: Path, target: bpy.types.Object, renders: list[Image.Image], title: str) -> Image.Image:
    """The photo and the UV layout above two rows of renders."""
    columns = (len(renders) + 1) // 2
    cell = renders[0].width
    width = columns * cell + (columns + 1) * GAP
    tall = (width - 3 * GAP) // 2
    page = Image.new("RGB", (width, 48 + tall + 2 * cell + 4 * GAP), BACKGROUND)
    draw = ImageDraw.Draw(page)
    draw.text((GAP, 14), title, fill=INK, font=ImageFont.load_default(24))
    upright = ImageOps.exif_transpose(Image.open(photo)).convert("RGB")
    fitted = ImageOps.contain(upright, (tall, tall), Image.Resampling.LANCZOS)
    page.paste(fitted, (GAP + (tall - fitted.width) // 2, 48 + GAP + (tall - fitted.height) // 2))
    page.paste(uv_layout(target, tall), (2 * GAP + tall, 48 + GAP))
    for number, picture in enumerate(renders):
        row, column = divmod(number, columns)
        page.paste(picture, (GAP + column * (cell + GAP), 48 + tall + (2 + row) * GAP + row * cell))
    return page


def _bounding_sphere(target: bpy.types.Object) -> tuple[Vector, float]:
    corners = [target.matrix_world @ Vector(corner) for corner in target.bound_box]
    centre = sum(corners, Vector()) / 8
    positions = np.empty(len(target.data.vertices) * 3, np.float32)
    target.data.vertices.foreach_get("co", positions)
    matrix = np.array(target.matrix_world)
    world = positions.reshape(-1, 3) @ matrix[:3, :3].T + matrix[:3, 3]
    return centre, float(np.linalg.norm(world - np.array(centre), axis=1).max())


def _direction(azimuth: float, elevation: float) -> Vector:
    flat = math.cos(elevation)
    return Vector((flat * math.cos(azimuth), flat * math.sin(azimuth), math.sin(elevation)))


def _light(scene: bpy.types.Scene, centre: Vector, radius: float) -> list[bpy.types.ID]:
    """Even light from everywhere, and a soft key from the upper left of the front."""
    world = bpy.data.worlds.new("Turntable")
    scene.world = world
    if world.node_tree is None:
        world.use_nodes = True
    background = next(node for node in world.node_tree.nodes if node.bl_idname == "ShaderNodeBackground")
    background.inputs["Color"].default_value = (1, 1, 1, 1)
    background.inputs["Strength"].default_value = 0.6
    light = bpy.data.lights.new("Turntable", "AREA")
    light.size, light.energy = 3 * radius, 150 * radius**2
    lamp = bpy.data.objects.new("Turntable", light)
    lamp.location = centre + 4 * radius * _direction(math.radians(-125), math.radians(45))
    lamp.rotation_euler = (centre - lamp.location).to_track_quat("-Z", "Y").to_euler()
    scene.collection.objects.link(lamp)
    return [world, lamp, light]


def _set_up_cycles(scene: bpy.types.Scene, size: int, samples: int) -> None:
    scene.render.engine = "CYCLES"
    scene.cycles.device = "CPU"
    scene.cycles.samples = samples
    scene.cycles.use_denoising = True
    scene.cycles.max_bounces = 4
    scene.render.use_persistent_data = True
    scene.render.resolution_x = scene.render.resolution_y = size
    scene.render.resolution_percentage = 100
    scene.render.film_transparent = True
    scene.render.image_settings.file_format = "PNG"
    scene.render.image_settings.color_mode = "RGBA"
    # The texture's own colours, not a film's: the sheet is compared with the photo.
    scene.view_settings.view_transform = "Standard"


def _on_background(picture: Image.Image) -> Image.Image:
    page = Image.new("RGBA", picture.size, (*BACKGROUND, 255))
    page.alpha_composite(picture.convert("RGBA"))
    return page.convert("RGB")
