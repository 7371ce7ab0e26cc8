# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure Pebble as the field measures: ``python -m training.evaluate --data build/dataset --scans FOLDER``.

Runs the exported file through the product's own field, on held-out objects and, apart, on scans that
no training source contains. Prediction and truth are scaled so that the truth's longest side is 2,
and aligned by ICP with scale from the camera's pose. Beside Pebble stands the inflated silhouette, so
that a number means something. Writes a table and a sheet of pictures.
"""

import argparse
import json
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from PIL import Image
from scipy import ndimage
from scipy.spatial import cKDTree
from skimage import measure
from torch.nn import functional

from inference.camera import Window
from inference.code import Code
from inference.systems import pebble

from .data import meshes, solid
from .data.__main__ import make_object
from .data.meshes import Model, Part, corner_normals
from .data.render import Camera, Look, Renderer
from .data.views import MAPS, RENDERED
from .network import inflate

#: Points compared on each surface, and cells along the box when the field is meshed.
POINTS, MESH_RESOLUTION = 10_000, 112
#: Points with which the alignment is found; all points are moved by it.
ALIGNED_POINTS = 2_500
THRESHOLDS = (0.1, 0.05)
ICP_ROUNDS = 20
VIEW = 2
VIEWS_FOR_SCANS = 3


@dataclass
class Mesh:
    """Triangles, (n, 3) float32 vertices and (m, 3) faces."""

    vertices: np.ndarray
    faces: np.ndarray

    def sample(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Area-weighted points."""
        part = Part(self.vertices[self.faces], np.empty(0), np.empty(0))
        return meshes.sample_surface(Model("", "", "", [part]), count, rng)


def truth_mesh(arrays: dict[str, np.ndarray], view: int) -> Mesh:
    """The truth's solid in camera axes, in half-sizes, centred on the crop's middle plane."""
    grid = arrays["signed"].astype(np.float32)
    vertices, faces, _, _ = measure.marching_cubes(np.pad(grid, 1, constant_values=-127.0), 0)
    points = (vertices - 0.5) * solid.CELL - solid.EXTENT
    camera = arrays["camera"][view]
    local = (points - camera[:3]) @ camera[3:12].reshape(3, 3).T
    middle = camera[13]
    return Mesh(((local + np.array([0, 0, middle])) / (middle * camera[12])).astype(np.float32), faces)


def code_of(outputs: dict[str, np.ndarray], mask: np.ndarray, camera: np.ndarray) -> Code:
    """A code from network outputs, with the true field of view: shape is judged here, not the lens."""
    arrays, elevation, _ = pebble.read_prediction(outputs, mask)
    size = mask.shape[0]
    photo = np.dstack([np.zeros((size, size, 3), np.uint8), mask])
    placed = pebble.fit_camera(arrays, 1 / float(camera[12]), elevation)
    window = Window(size / 2, size / 2, size / 2, size, size)
    return Code("pebble", pebble.SYSTEM.card.version, arrays, placed, window, photo, {})


def field_mesh(code: Code) -> Mesh | None:
    """Mesh of the code's field in the object frame."""
    field = pebble.PebbleField(code)
    side = (field.upper - field.lower).max() / MESH_RESOLUTION
    axes = [
        np.arange(low - 2 * side, high + 2 * side, side) for low, high in zip(field.lower, field.upper, strict=True)
    ]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), -1).astype(np.float32)
    values = field.values(grid.reshape(-1, 3)).reshape(grid.shape[:3])
    if not (values > 0).any():
        return None
    values = np.pad(values, 1, constant_values=-0.05)
    spaces, _ = ndimage.label(values <= 0)
    # Closed hollows have no surface in the product either: nobody can see them.
    values = np.where((values <= 0) & (spaces != spaces[0, 0, 0]), 0.01, values)
    vertices, faces, _, _ = measure.marching_cubes(values, 0)
    origin = np.array([axis[0] for axis in axes])
    return Mesh(((vertices - 1) * side + origin).astype(np.float32), faces[:, ::-1])


def to_crop(mesh: Mesh, code: Code) -> Mesh:
    """Object frame to the truth's frame: camera axes, half-sizes."""
    distance = np.linalg.norm(code.camera.position)
    local = code.camera.to_camera(mesh.vertices) + np.array([0, 0, distance])
    return Mesh((local / (distance / code.camera.focal)).astype(np.float32), mesh.faces)


def align(moving: np.ndarray, fixed: np.ndarray) -> np.ndarray:
    """ICP with scale (Umeyama's fit to nearest neighbours both ways); returns all moved points."""
    some, target_points = moving[:ALIGNED_POINTS], fixed[:ALIGNED_POINTS]
    tree = cKDTree(target_points)
    for _ in range(ICP_ROUNDS):
        forward = tree.query(some)[1]
        backward = cKDTree(some).query(target_points)[1]
        source = np.concatenate([some, some[backward]])
        target = np.concatenate([target_points[forward], target_points])
        a, b = source - source.mean(0), target - target.mean(0)
        u, sigma, vt = np.linalg.svd(b.T @ a / len(a))
        sign = np.diag([1, 1, np.sign(np.linalg.det(u @ vt))])
        turn = u @ sign @ vt * ((sigma * np.diag(sign)).sum() / (a * a).sum(1).mean())
        some = (some - source.mean(0)) @ turn.T + target.mean(0)
        moving = (moving - source.mean(0)) @ turn.T + target.mean(0)
    return moving


def compare(predicted: Mesh | None, truth: Mesh, rng: np.random.Generator) -> dict[str, float]:
    """Chamfer distance and F-scores after alignment; a missing surface scores worst."""
    if predicted is None:
        return {"chamfer": 2.0, **{f"f@{t}": 0.0 for t in THRESHOLDS}}
    fixed, moving = truth.sample(POINTS, rng), predicted.sample(POINTS, rng)
    scale = 2 / np.ptp(truth.vertices, axis=0).max()
    fixed, moving = fixed * scale, moving * scale
    moving = align(moving, fixed)
    forward, backward = cKDTree(fixed).query(moving)[0], cKDTree(moving).query(fixed)[0]
    result = {"chamfer": float(forward.mean() + backward.mean())}
    for threshold in THRESHOLDS:
        precision, recall = float((forward < threshold).mean()), float((backward < threshold).mean())
        result[f"f@{threshold}"] = 2 * precision * recall / max(precision + recall, 1e-9)
    return result


def silhouette_agreement(code: Code, mask: np.ndarray) -> float:
    """Intersection over union of the field's silhouette in the input view with the mask, at 96 pixels."""
    field = pebble.PebbleField(code)
    mask = np.asarray(Image.fromarray(mask).resize((MAPS, MAPS), Image.Resampling.BOX))
    size = MAPS
    axis = (np.arange(size) + 0.5) / size * 2 - 1
    window = np.stack([a.ravel() for a in np.meshgrid(axis, -axis)], -1)
    distance = np.linalg.norm(code.camera.position)
    half = distance / code.camera.focal
    covered = np.zeros(len(window), bool)
    for w in np.linspace(-1.3, 1.3, 131):
        points = code.camera.unproject(window, np.full(len(window), distance + w * half))
        covered |= field.values(points.astype(np.float32)) > 0
    true = (mask > 127).ravel()
    return float((covered & true).sum() / max((covered | true).sum(), 1))


class Judge:
    """Runs the exported network and the baseline on views of objects."""

    def __init__(self, network: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # the machine is busy with other things
        self.session = onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])
        self.names = [output.name for output in self.session.get_outputs()]

    def predict(self, arrays: dict[str, np.ndarray], view: int) -> dict[str, np.ndarray]:
        """Network outputs for a stored view."""
        photo = np.moveaxis(arrays["photo"][view].astype(np.float32), -1, 0)[None]
        mask = arrays["mask"][view].astype(np.float32)[None, None] / 255

        def run(inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
            return dict(zip(self.names, self.session.run(self.names, inputs), strict=True))

        return pebble.predict(run, np.ascontiguousarray(photo), mask)

    def baseline(self, arrays: dict[str, np.ndarray], view: int, like: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The inflated silhouette, in the shape of network outputs."""
        mask = torch.from_numpy(arrays["mask"][view].astype(np.float32)[None, None] / 255)
        half = inflate(functional.avg_pool2d(mask, 2)).numpy()
        return {**like, "depths": np.concatenate([-half, half], 1), "solid": np.full_like(like["solid"], 4.0)}

    def judge(self, arrays: dict[str, np.ndarray], view: int) -> tuple[dict[str, dict[str, float]], Code]:
        """Figures of Pebble and of the baseline for one view, and Pebble's code."""
        outputs = self.predict(arrays, view)
        camera, mask = arrays["camera"][view], arrays["mask"][view]
        truth = truth_mesh(arrays, view)
        found, kept = {}, None
        for name, values in (("pebble", outputs), ("inflated", self.baseline(arrays, view, outputs))):
            code = code_of(values, mask, camera)
            mesh = field_mesh(code)
            rng = np.random.default_rng(1)
            found[name] = compare(None if mesh is None else to_crop(mesh, code), truth, rng)
            kept = kept or code
        found["pebble"]["silhouette"] = silhouette_agreement(kept, mask)
        angle, fov = outputs["camera"][0]
        found["pebble"]["elevation error"] = float(np.degrees(abs(angle - camera[14])))
        found["pebble"]["fov error"] = float(np.degrees(abs(np.exp(fov) - camera[15])))
        return found, kept


STUDIO = Look(
    {
        "key_direction": (-0.45, -0.6, 0.66), "key_color": (0.75, 0.75, 0.75), "fill_direction": (0.7, 0.5, 0.5),
        "fill_color": (0.35, 0.35, 0.35), "sky": (0.4, 0.4, 0.42), "ground": (0.2, 0.2, 0.2), "gloss": 0.1,
        "shininess": 20.0, "pattern": 0.0,
    }
)  # fmt: skip


def turntable(renderer: Renderer, mesh: Mesh, colors: np.ndarray | None, size: int = RENDERED) -> np.ndarray:
    """Pictures from the photo's side, its right, the back and above, side by side. (size, 4 size, 3)."""
    corners = mesh.vertices[mesh.faces]
    shades = np.full(corners.shape, 0.62, np.float32) if colors is None else colors[mesh.faces]
    renderer.load(Model("", "", "", [Part(corners, corner_normals(corners), shades.astype(np.float32))]))
    pictures = []
    for azimuth, elevation in ((0, 10), (90, 10), (180, 10), (30, 65)):
        a, e = np.radians([azimuth, elevation])
        backwards = np.array([np.cos(e) * np.sin(a), -np.cos(e) * np.cos(a), np.sin(e)])
        right = np.array([np.cos(a), np.sin(a), 0.0])
        camera = Camera(backwards * 6, np.stack([right, np.cross(backwards, right), backwards]), 0.22)
        layer = renderer.draw(camera, STUDIO, size)
        pictures.append(np.where(layer.depth[..., None] > 0, layer.shaded, 255).astype(np.uint8))
    return np.concatenate(pictures, 1)


def sheet_row(renderer: Renderer, code: Code, photo: np.ndarray) -> np.ndarray:
    """The input beside grey and coloured turntables."""
    mesh = field_mesh(code)
    small = np.asarray(Image.fromarray(photo).resize((MAPS * 2, MAPS * 2)))
    if mesh is None:
        return np.concatenate([small, np.zeros((MAPS * 2, MAPS * 16, 3), np.uint8)], 1)
    colors = pebble.PebbleField(code).appearance(mesh.vertices).base_color
    rows = [small]
    for shades in (None, colors):
        picture = Image.fromarray(turntable(renderer, mesh, shades))
        rows.append(np.asarray(picture.resize((MAPS * 8, MAPS * 2), Image.Resampling.BOX)))
    return np.concatenate(rows, 1)


def held_out(data: Path, split: str, count: int) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
    """Objects of a split, in an order that mixes the sources."""
    paths = sorted((data / "objects").glob("*/*.npz"), key=lambda p: zlib.crc32(p.stem.encode()))
    for path in paths:
        with np.load(path) as stored:
            if str(stored["split"]) == split:
                yield str(stored["source"]), {name: stored[name] for name in stored.files}
                count -= 1
        if count == 0:
            return


def scans(folder: Path, names: Path | None, renderer: Renderer) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
    """Rendered views of the GLB files of a folder, or of those whose names a text file lists."""
    wanted = set(names.read_text().split()) if names else None
    for path in sorted(folder.glob("*.glb")):
        if wanted is not None and path.stem not in wanted:
            continue
        try:
            model = meshes.load(path, "scans", path.stem, y_up=True)
            yield "scans", make_object(renderer, model, VIEWS_FOR_SCANS)
        except meshes.Rejected as error:
            print("left out", path.stem, error)


def run(judge: Judge, renderer: Renderer, objects: Iterable, sheet: Path, pictures: int) -> dict[str, dict[str, float]]:
    """Judge all objects, write the sheet, return means and medians."""
    found: list[dict[str, dict[str, float]]] = []
    rows = []
    for source, arrays in objects:
        result, code = judge.judge(arrays, VIEW)
        found.append(result)
        print(
            source, str(arrays["name"]), json.dumps({k: round(v, 3) for k, v in result["pebble"].items()}), flush=True
        )
        if len(rows) < pictures:
            rows.append(sheet_row(renderer, code, arrays["photo"][VIEW]))
    if rows:
        Image.fromarray(np.concatenate(rows)).save(sheet)
    table = {"objects": {"count": len(found)}}
    for name in ("pebble", "inflated"):
        for key in found[0][name] if found else ():
            values = [result[name][key] for result in found]
            table.setdefault(name, {})[key] = round(float(np.mean(values)), 4)
            table[name][f"{key} median"] = round(float(np.median(values)), 4)
    return table


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("build/dataset"))
    parser.add_argument("--network", type=Path, default=pebble.SYSTEM.card.graphs[0])
    parser.add_argument("--scans", type=Path, help="folder of GLB scans")
    parser.add_argument("--scan-names", type=Path, help="text file that lists the scans to use")
    parser.add_argument("--split", default="test")
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--pictures", type=int, default=24)
    parser.add_argument("--out", type=Path, default=Path("build/evaluation"))
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    judge, renderer = Judge(args.network), Renderer(RENDERED, MAPS)
    tables = {}
    if args.count:
        objects = held_out(args.data, args.split, args.count)
        tables["held out"] = run(judge, renderer, objects, args.out / "held_out.png", args.pictures)
    if args.scans:
        tables["scans"] = run(
            judge, renderer, scans(args.scans, args.scan_names, renderer), args.out / "scans.png", args.pictures
        )
    (args.out / "figures.json").write_text(json.dumps(tables, indent=1))
    print(json.dumps(tables, indent=1))


if __name__ == "__main__":
    main()
