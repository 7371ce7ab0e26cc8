# SPDX-License-Identifier: GPL-3.0-or-later
"""Retopology and baking: quads, distance to the high-poly, and renders of the low-poly against the high-poly.

    python bench/retopology.py [--count 20] [--faces 5000] [--size 2048]

Each object is a random assembly of boxes, rods, pots and rings, meshed and remeshed by the product's own way (the
background Blender, its ladder of attempts). Clean quads: all faces are quads, every edge joins two faces, none is
folded, and at most one vertex in a thousand has other than three to five edges. The renders are Cycles' at 8 views
around the object over grey; PSNR is taken over the whole picture, and, as "on it", only where either of the
two objects is seen. Prints Markdown tables; exits with 1 if a target is missed: 95 % with clean quads, 30 dB.
"""

import argparse
import math
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "bench")]

from checkout import load_extension  # noqa: E402 (its folder has to be named first)

load_extension()
bpy.utils.expose_bundled_modules()

from _shapes import Part, box, colors, pot, ring, rod, signed_distance  # noqa: E402
from image_to_3d import retopology_tasks  # noqa: E402
from image_to_3d.background import BACKGROUND  # noqa: E402
from image_to_3d.compat import ensure_node_tree  # noqa: E402
from image_to_3d.console import own_stdout  # noqa: E402
from image_to_3d.inference.bake import BakeSettings, Maps, UVMesh, bake  # noqa: E402
from image_to_3d.inference.camera import Camera, Window  # noqa: E402
from image_to_3d.inference.code import Code  # noqa: E402
from image_to_3d.inference.fields import VoxelField  # noqa: E402
from image_to_3d.inference.monitor import Monitor  # noqa: E402
from image_to_3d.inference.raster import rasterize  # noqa: E402
from image_to_3d.inference.surface import SurfaceSettings, extract_surface  # noqa: E402
from image_to_3d.inference.unwrap import unwrap  # noqa: E402
from image_to_3d.jobs import JobState  # noqa: E402
from image_to_3d.retopology_tasks import RetopologyOptions, RetopologyTask  # noqa: E402
from image_to_3d.scene.background_tasks import BakeDetail  # noqa: E402
from image_to_3d.scene.detail_bake import DetailSettings  # noqa: E402
from image_to_3d.scene.low_material import MapOptions, create_low_material  # noqa: E402
from image_to_3d.scene.mesh_check import MeshCheck  # noqa: E402
from image_to_3d.scene.polygons import Polygons, fill_mesh, read_polygons  # noqa: E402
from image_to_3d.scene.remesh import Remeshed, RemeshMethod  # noqa: E402

LEAST_CLEAN, LEAST_PSNR = 0.95, 30.0
MOST_WILD = 0.001
SAMPLES = 112
"""Of the voxel field along each axis."""

COLOR_SAMPLES = 64
"""Of the field whose colours are baked: as fine as TripoSR's triplanes; Pebble's code is coarser."""

RESOLUTION = 150
"""Of the high-poly's surface: about 40 to 90 thousand quads, as Standard quality gives."""

GREY = 128.0
"""Of the background."""

VIEWS, RENDER_SIZE, RENDER_SAMPLES = 8, 256, 4


@dataclass(frozen=True)
class Row:
    """What came of one object."""

    name: str
    high_faces: int
    check: MeshCheck
    method: RemeshMethod
    attempts: int
    remesh_seconds: float
    bake_seconds: float
    psnr: float
    psnr_on_object: float

    @property
    def is_clean(self) -> bool:
        """See the module's description."""
        check = self.check
        return check.is_sound and check.quads == 1.0 and check.wild_poles <= MOST_WILD * check.vertices


def random_object(seed: int) -> list[Part]:
    """Two to six parts, one through the other or apart; half of the objects are mirrored in x."""
    rng = np.random.default_rng(seed)
    centre = np.zeros(3)
    parts = []
    for number in range(int(rng.integers(2, 7))):
        reach = rng.uniform(0.12, 0.45, 3) * (1.0 if number == 0 else 0.6)
        kind = rng.choice(["box", "rod", "pot", "ring"])
        if kind == "box":
            shape = box(centre, reach, rng.choice([0.01, 0.05]))
        elif kind == "rod":
            signs = rng.choice([-1, 1], 3)
            if (signs < 0).all():  # both ends would fall together
                signs = -signs
            shape = rod(centre - reach * signs, centre + reach, rng.uniform(0.05, 0.16))
        elif kind == "pot":
            shape = pot(centre - [0, 0, reach[2]], float(reach[0]), 2 * float(reach[2]), 0.05)
        else:
            shape = ring(centre, float(reach[0]), rng.uniform(0.04, 0.08))
        parts.append(Part(shape, tuple(rng.uniform(0.1, 0.9, 3))))
        centre = np.clip(centre + rng.uniform(-0.4, 0.4, 3), -0.45, 0.45)
    if rng.random() < 0.5:
        parts += [Part(lambda points, part=part: part.distance(points * [-1, 1, 1]), part.color) for part in parts]
    return parts


def field_of(parts: list[Part], samples: int = SAMPLES) -> VoxelField:
    """The object as a network's output would be: a grid of values, positive inside, and colours."""
    axis = np.linspace(-1.0, 1.0, samples)
    points = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3).astype(np.float32)
    shape = (samples,) * 3
    values = signed_distance(parts, points).reshape(shape)
    paint = colors(parts, points).reshape(*shape, 3)
    return VoxelField(values.astype(np.float32), paint.astype(np.float32), np.full(3, -1), 2.0 / (samples - 1), 0.0)


def add_object(name: str, polygons: Polygons) -> bpy.types.Object:
    """Into the present scene."""
    mesh = bpy.data.meshes.new(name)
    fill_mesh(mesh, polygons)
    made = bpy.data.objects.new(name, mesh)
    bpy.context.scene.collection.objects.link(made)
    return made


def waited(job: Any) -> Any:  # noqa: ANN401 - any job, and its result
    """The result of a job; raises its error."""
    if job.wait() is not JobState.DONE:
        raise SystemExit(f"{job.error}\n{job.diagnostics}")
    return job.result


def measure(seed: int, faces: int, size: int, *, keep_sharp: bool) -> tuple[Row, Remeshed]:
    """One object: remesh, bake normals, render both."""
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    surface = extract_surface(field_of(random_object(seed)), SurfaceSettings(RESOLUTION), Monitor())
    high = add_object("high", Polygons.of_faces(surface.vertices, surface.faces))
    bpy.context.view_layer.update()
    started = time.perf_counter()
    task = RetopologyTask(
        high, RetopologyOptions(faces=faces, keep_sharp=keep_sharp), bpy.context.evaluated_depsgraph_get()
    )
    ladder = task.begin(None)
    remeshed: Remeshed = waited(ladder)
    remesh_seconds = time.perf_counter() - started
    low = add_object("low", remeshed.polygons)
    started = time.perf_counter()
    pair = [read_polygons(item.data, with_shading=True) for item in (high, low)]
    detail = waited(BACKGROUND.start(BakeDetail(*pair, DetailSettings(texture_size=size, occlusion_samples=0))))
    bake_seconds = time.perf_counter() - started
    grey = np.full((4, 4, 3), 200, np.uint8)
    maps = _plain_maps(grey)
    high.data.materials.append(create_low_material("high", maps, None, MapOptions()))
    low.data.materials.append(create_low_material("low", maps, detail, MapOptions(bits=16)))
    psnr, psnr_on_object = render_psnr(high, low)
    row = Row(
        f"object {seed}",
        len(surface.faces),
        remeshed.check,
        remeshed.method,
        ladder.attempts,
        remesh_seconds,
        bake_seconds,
        psnr,
        psnr_on_object,
    )
    return row, remeshed


def _plain_maps(color: NDArray[np.uint8]) -> Maps:
    return Maps(color, 1.0, 0.0, 1.0)


def render_psnr(high: bpy.types.Object, low: bpy.types.Object) -> tuple[float, float]:
    """Means over the views, in decibels: of the whole picture, and where either object is seen."""
    scene = bpy.context.scene
    camera = _set_up(scene)
    radius = max(math.hypot(*corner) for corner in high.bound_box)
    values = []
    with tempfile.TemporaryDirectory() as folder:
        for view in range(VIEWS):
            turn = 2 * math.pi * view / VIEWS
            height = math.radians(25 if view % 2 else -15)
            place = np.array([math.sin(turn) * math.cos(height), -math.cos(turn) * math.cos(height), math.sin(height)])
            camera.location = place * radius * 3.6
            camera.rotation_euler = camera.location.to_track_quat("Z", "Y").to_euler()
            pictures = []
            for shown, hidden in ((high, low), (low, high)):
                shown.hide_render, hidden.hide_render = False, True
                scene.render.filepath = str(Path(folder) / "view.png")
                bpy.ops.render.render(write_still=True)
                pictures.append(np.asarray(Image.open(scene.render.filepath)).astype(np.float64))
            one, other = pictures
            seen = (one[..., 3] > 0) | (other[..., 3] > 0)
            blended = [GREY + (picture[..., :3] - GREY) * picture[..., 3:] / 255.0 for picture in pictures]
            errors = (blended[0] - blended[1]) ** 2
            values.append([_decibels(float(errors.mean())), _decibels(float(errors[seen].mean()))])
    whole, on_object = np.mean(values, axis=0)
    return float(whole), float(on_object)


def _decibels(error: float) -> float:
    return 10 * math.log10(255.0**2 / max(error, 1e-9))


def _set_up(scene: bpy.types.Scene) -> bpy.types.Object:
    """Three suns without shadows or bounces: free of noise, and every bump shows."""
    scene.render.engine = "CYCLES"
    scene.cycles.samples, scene.cycles.max_bounces, scene.cycles.use_denoising = RENDER_SAMPLES, 0, False
    scene.render.use_persistent_data = True
    scene.render.film_transparent = True
    scene.render.resolution_x = scene.render.resolution_y = RENDER_SIZE
    scene.view_settings.view_transform = "Standard"
    scene.render.image_settings.color_mode = "RGBA"
    for angles, strength in (((0.6, 0.2, 0.5), 2.0), ((1.2, 0.0, -2.0), 1.0), ((2.6, 0.3, 1.5), 0.6)):
        sun = bpy.data.objects.new("sun", bpy.data.lights.new("sun", "SUN"))
        sun.rotation_euler, sun.data.energy, sun.data.use_shadow = angles, strength, False
        scene.collection.objects.link(sun)
    camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    camera.data.lens = 100.0
    scene.collection.objects.link(camera)
    scene.camera = camera
    return camera


def compare_colors(seed: int, low: Polygons, size: int) -> tuple[float, float, float]:
    """Seconds of the field's bake and of Cycles' colour bake to one low-poly mesh, and the PSNR between them."""
    field = field_of(random_object(seed), COLOR_SAMPLES)
    photo = np.zeros((64, 64, 4), np.uint8)
    code = Code("bench", "1", {}, Camera.looking_at_origin(0.2, 2.7, 3.4), Window(32, 32, 32, 64, 64), photo, {})
    mesh = UVMesh(low.vertices, low.triangles, low.uvs[low.triangle_corners])
    times = []
    for _ in range(2):
        started = time.perf_counter()
        ours = bake(code, field, mesh, BakeSettings(size, photo_strength=0.0), Monitor())
        times.append(time.perf_counter() - started)
    surface = extract_surface(field, SurfaceSettings(RESOLUTION), Monitor())
    high = Polygons.of_faces(surface.vertices, surface.faces)
    high = replace(high, uvs=unwrap(surface.vertices, surface.faces, Monitor()).reshape(-1, 2))
    textured = bake(
        code,
        field,
        UVMesh(high.vertices, high.triangles, high.uvs[high.triangle_corners]),
        BakeSettings(size, photo_strength=0.0),
        Monitor(),
    )
    theirs, seconds, covered = _cycles_colors(high, low, textured, size)
    error = np.mean((ours.base_color[covered].astype(float) - theirs[covered]) ** 2)
    return min(times), seconds, _decibels(float(error))


def _cycles_colors(
    high: Polygons, low: Polygons, maps: Maps, size: int
) -> tuple[NDArray[np.float32], float, NDArray[np.bool_]]:
    """What Cycles bakes (s, s, 3) 0..255, seconds, and which texels it covered."""
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    source, target = add_object("source", high), add_object("target", low)
    source.data.materials.append(create_low_material("source", maps, None, MapOptions()))
    material = bpy.data.materials.new("target")
    target.data.materials.append(material)
    image = bpy.data.images.new("colors", size, size, alpha=True)
    image.generated_color = (0, 0, 0, 0)
    tree = ensure_node_tree(material)
    node = tree.nodes.new("ShaderNodeTexImage")
    node.image = image
    tree.nodes.active = node
    for item in (source, target):
        item.select_set(True)
    bpy.context.view_layer.objects.active = target
    bpy.context.scene.render.engine = "CYCLES"
    bpy.context.scene.cycles.samples = 1
    extent = float(np.ptp(high.vertices, axis=0).max())
    started = time.perf_counter()
    bpy.ops.object.bake(
        type="DIFFUSE",
        pass_filter={"COLOR"},
        use_selected_to_active=True,
        cage_extrusion=0.01 * extent,
        max_ray_distance=0.02 * extent,
        margin=round(8 * size / 1024),
    )
    seconds = time.perf_counter() - started
    pixels = np.empty(size * size * 4, np.float32)
    image.pixels.foreach_get(pixels)
    pixels = pixels.reshape(size, size, 4)
    return pixels[..., :3] * 255.0, seconds, _covered(low, size)


def _covered(low: Polygons, size: int) -> NDArray[np.bool_]:
    covered = np.zeros((size, size), bool)
    for part in rasterize(low.uvs[low.triangle_corners].astype(np.float64) * size - 0.5):
        covered[np.clip(part.y, 0, size - 1), np.clip(part.x, 0, size - 1)] = True
    return covered


def tables(rows: list[Row], color_rows: list[tuple[str, float, float, float]], size: int) -> str:
    """Markdown."""
    lines = [
        "| object | high | low | clean quads | poles | mean | largest | tries | remesh | normals | PSNR | on it |",
        "| --- | ---: | ---: | :---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for row in rows:
        check = row.check
        clean = (
            "yes" if row.is_clean else f"no ({row.method.value}, {check.folds} folds, {check.wild_poles} wild poles)"
        )
        lines.append(
            f"| {row.name} | {row.high_faces:,} | {check.faces:,} | {clean} | {check.poles} "
            f"| {check.mean_distance:.3%} | {check.largest_distance:.2%} | {row.attempts} | {row.remesh_seconds:.1f} s "
            f"| {row.bake_seconds:.1f} s | {row.psnr:.1f} dB | {row.psnr_on_object:.1f} dB |"
        )
    share = np.mean([row.is_clean for row in rows])
    lines.append(
        f"| **{len(rows)} objects** | | | **{share:.0%}** | | {np.mean([r.check.mean_distance for r in rows]):.3%} "
        f"| {max(r.check.largest_distance for r in rows):.2%} | | {np.median([r.remesh_seconds for r in rows]):.1f} s "
        f"| {np.median([r.bake_seconds for r in rows]):.1f} s | **{np.mean([r.psnr for r in rows]):.1f} dB** "
        f"| {np.mean([r.psnr_on_object for r in rows]):.1f} dB |"
    )
    lines += [
        "",
        f"Base colour to the low-poly at {size}, from the field and by Cycles (selected to active, one sample):",
        "",
        "| object | field | Cycles | ratio | PSNR between them |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for name, ours, theirs, psnr in color_rows:
        lines.append(f"| {name} | {ours:.2f} s | {theirs:.2f} s | {theirs / ours:.1f} x | {psnr:.1f} dB |")
    return "\n".join(lines)


def main() -> int:
    """Exit code 0 if the targets are met."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=20, help="objects")
    parser.add_argument("--faces", type=int, default=5000, help="of the low-poly")
    parser.add_argument("--size", type=int, default=2048, help="of the maps")
    parser.add_argument("--keep-sharp", action="store_true", help="edge loops follow sharp edges")
    parser.add_argument("--first", type=int, default=0, help="number of the first object")
    parser.add_argument("--colors", type=int, default=3, help="objects whose colours are baked both ways")
    arguments = parser.parse_args()
    retopology_tasks.ATTEMPT_SECONDS = 1200.0  # a busy computer shall change the seconds alone
    with own_stdout() as results:  # Blender tells of each picture it renders
        rows, color_rows = measure_all(arguments)
        print(tables(rows, color_rows, arguments.size), file=results)
    share, psnr = np.mean([row.is_clean for row in rows]), np.mean([row.psnr for row in rows])
    limits = {
        f"{share:.0%} with clean quads, not {LEAST_CLEAN:.0%}": share >= LEAST_CLEAN,
        f"{psnr:.1f} dB, not {LEAST_PSNR:.0f}": psnr >= LEAST_PSNR,
    }
    failures = [text for text, met in limits.items() if not met]
    for failure in failures:
        print(f"\n**Not met:** {failure}")
    return 1 if failures else 0


def measure_all(arguments: argparse.Namespace) -> tuple[list[Row], list[tuple[str, float, float, float]]]:
    """Each object, and of the first ones the colours baked both ways; progress goes to standard error."""
    rows, color_rows = [], []
    for seed in range(arguments.first, arguments.first + arguments.count):
        row, remeshed = measure(seed, arguments.faces, arguments.size, keep_sharp=arguments.keep_sharp)
        rows.append(row)
        print(
            f"{row.name}: {row.psnr:.1f} dB, {row.psnr_on_object:.1f} on it, clean: {row.is_clean}, {row.check}",
            file=sys.stderr,
            flush=True,
        )
        if seed < arguments.first + arguments.colors:
            color_rows.append((row.name, *compare_colors(seed, remeshed.polygons, arguments.size)))
            print(f"{color_rows[-1]}", file=sys.stderr, flush=True)
    BACKGROUND.shutdown()
    return rows, color_rows


if __name__ == "__main__":
    sys.exit(main())
