# SPDX-License-Identifier: GPL-3.0-or-later
"""Bake infinigen objects to coloured meshes (runs in its own environment).

Usage: ``python infinigen_bake.py OUT_DIR FIRST_SEED SEED_COUNT [--seconds 40] [--only VaseFactory_0002 ...]``

Needs ``bpy==4.2.0`` and ``infinigen==1.15.5`` (see ``training/DATA.md``), and nothing of this
repository, because that environment pins an old numpy. Each object becomes one Z-up PLY with an
sRGB albedo per vertex. An object that exists already, or that failed before (an empty ``.skip``
file), is passed over, so the script may be killed and started again at any time.
"""

import argparse
import contextlib
import importlib
import signal
import zlib
from pathlib import Path

import bpy
from infinigen.core.util.math import FixedSeed

FACTORIES = Path(__file__).with_name("infinigen_factories.txt")
#: Vertex range of a baked mesh: enough to carry a pattern, few enough to bake in about a second.
MIN_VERTICES, MAX_VERTICES = 6000, 14000
#: Generators that can build unbounded geometry are stopped after this many seconds.
DEFAULT_SECONDS = 40


class TooSlow(Exception):
    """Raised by the alarm signal when one object takes too long."""


class Unsuitable(Exception):
    """The object cannot be used, for instance because it is made of glass."""


def _on_alarm(*_: object) -> None:
    raise TooSlow


def seed_of(factory: str, index: int) -> int:
    """Give each factory its own seed range, else all factories share one seed's palette."""
    return zlib.crc32(factory.encode()) % 100_000 * 1000 + index


def spawn(factory: str, seed: int) -> None:
    """Build one object in an emptied scene."""
    module, name = factory.rsplit(".", 1)
    cls = getattr(importlib.import_module("infinigen.assets.objects." + module), name)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    with FixedSeed(seed):
        maker = cls(seed)
        asset = maker.spawn_asset(seed)
        # Some factories have nothing to finalise, and raise different things then.
        with contextlib.suppress(Exception):
            maker.finalize_assets(asset)


def join_meshes() -> "bpy.types.Object":
    """Apply all modifiers and join what is visible into one object."""
    layer = bpy.context.view_layer.objects
    parts = [o for o in bpy.data.objects if o.type == "MESH" and not o.hide_render and o.name in layer]
    if not parts:
        raise Unsuitable("no mesh")
    bpy.ops.object.select_all(action="DESELECT")
    for part in parts:
        part.select_set(True)
    layer.active = parts[0]
    bpy.ops.object.convert(target="MESH")
    if len(parts) > 1:
        bpy.ops.object.join()
    return layer.active


def fit_resolution(obj: "bpy.types.Object") -> None:
    """Decimate or subdivide until the vertex count can carry the baked colours."""
    mesh = obj.data
    triangles = sum(len(p.vertices) - 2 for p in mesh.polygons)
    if triangles > 2 * MAX_VERTICES:
        modifier = obj.modifiers.new("decimate", "DECIMATE")
        modifier.ratio = 2 * MAX_VERTICES / triangles
        bpy.ops.object.modifier_apply(modifier=modifier.name)
    while 0 < len(mesh.vertices) < MIN_VERTICES and len(mesh.polygons) < 40_000:
        bpy.ops.object.mode_set(mode="EDIT")
        bpy.ops.mesh.select_all(action="SELECT")
        bpy.ops.mesh.subdivide(number_cuts=1)
        bpy.ops.object.mode_set(mode="OBJECT")


def bake_albedo(obj: "bpy.types.Object") -> None:
    """Bake the diffuse colour of all materials into one vertex colour layer."""
    mesh = obj.data
    layer = mesh.color_attributes.new("Col", "FLOAT_COLOR", "POINT")
    mesh.color_attributes.active_color = layer
    for material in mesh.materials:
        for node in material.node_tree.nodes if material and material.use_nodes else ():
            if node.type == "BSDF_PRINCIPLED":
                # A metal or transmitting surface has no diffuse colour: it would bake black.
                for name in ("Metallic", "Transmission Weight"):
                    for link in list(node.inputs[name].links):
                        material.node_tree.links.remove(link)
                    node.inputs[name].default_value = 0
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.samples = 1
    scene.render.threads_mode, scene.render.threads = "FIXED", 1
    bake = scene.render.bake
    bake.target = "VERTEX_COLORS"
    bake.use_pass_direct = bake.use_pass_indirect = False
    bake.use_pass_color = True
    bpy.ops.object.bake(type="DIFFUSE")


def make(factory: str, seed: int, path: Path) -> None:
    """Generate, bake and write one object."""
    spawn(factory, seed)
    obj = join_meshes()
    names = [m.name.lower() for m in obj.data.materials if m]
    if any(word in name for name in names for word in ("glass", "water")):
        raise Unsuitable("glass")
    fit_resolution(obj)
    bake_albedo(obj)
    temporary = path.with_name(path.stem + ".part.ply")
    bpy.ops.wm.ply_export(
        filepath=str(temporary),
        export_colors="SRGB",
        export_selected_objects=True,
        export_uv=False,
        export_normals=False,
        export_attributes=False,
        export_triangulated_mesh=True,
        up_axis="Z",
        forward_axis="Y",
    )
    temporary.rename(path)


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("first", type=int, help="the first seed")
    parser.add_argument("count", type=int, help="number of seeds")
    parser.add_argument("--seconds", type=int, default=DEFAULT_SECONDS, help="an object may take")
    parser.add_argument("--only", nargs="*", help="names of the objects that are wanted; without it, all")
    return parser.parse_args()


def main() -> None:
    """Run from the command line."""
    args = parse_arguments()
    args.out.mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGALRM, _on_alarm)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    factories = [line.strip() for line in FACTORIES.read_text().splitlines() if line.strip()]
    for index in range(args.first, args.first + args.count):
        for factory in factories:
            path = args.out / f"{factory.rsplit('.', 1)[1]}_{index:04d}.ply"
            skip = path.with_suffix(".skip")
            is_wanted = args.only is None or path.stem in args.only
            if not is_wanted or path.exists() or skip.exists():
                continue
            skip.touch()  # stays behind if Blender itself crashes on this object
            signal.alarm(args.seconds)
            try:
                make(factory, seed_of(factory, index), path)
                skip.unlink()
                print("made", path.name, flush=True)
            except Exception as error:  # noqa: BLE001 - one bad object must not end the run
                print("skipped", path.name, repr(error)[:160], flush=True)
            except KeyboardInterrupt:  # stopped, not failed: the next run tries this object again
                skip.unlink(missing_ok=True)
                raise
            finally:
                signal.alarm(0)


if __name__ == "__main__":
    main()
