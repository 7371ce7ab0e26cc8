# SPDX-License-Identifier: GPL-3.0-or-later
"""Systems whose weights come from their authors: frames, cameras, preparation of photos, codes.

The networks' own weights are not here. A stand-in for the runtime answers for the encoder with a triplane of known
surface; the decoders are the real graphs.
"""

import dataclasses
import math
import sys
from pathlib import Path

import numpy as np
import pytest
from image_to_3d.inference import pipeline
from image_to_3d.inference.bake import BakeSettings
from image_to_3d.inference.camera import Window
from image_to_3d.inference.code import Code
from image_to_3d.inference.errors import ModelError, PhotoError
from image_to_3d.inference.framing import frame
from image_to_3d.inference.monitor import Monitor
from image_to_3d.inference.network import Network
from image_to_3d.inference.photo import load_photo
from image_to_3d.inference.pipeline import Settings
from image_to_3d.inference.priors.choose import ShapeChoice
from image_to_3d.inference.runtime import Runtime, RuntimeSettings
from image_to_3d.inference.surface import SurfaceSettings, extract_surface
from image_to_3d.inference.systems import MultiViewSystem, get_system, system_ids
from image_to_3d.inference.systems.openlrm import resize_aligned
from image_to_3d.inference.views import COUNT
from PIL import Image

sys.path.insert(0, str(Path(__file__).parent))

from checkpoint_files import write_safetensors
from known_triplanes import (
    LEFT_COLOR,
    RIGHT_COLOR,
    code_arrays,
    known_instantmesh,
    known_openlrm,
    known_triposr,
)

pytest.importorskip("openvdb", reason="Blender's OpenVDB module is not installed")


KNOWN = [known_triposr, known_openlrm, known_instantmesh]


class StandIn(Runtime):
    """Runs decoders, and answers for the encoder; remembers what the encoder was given."""

    def __init__(self, models_folder, planes=None):
        super().__init__(RuntimeSettings(device="cpu", threads=1, models_folder=models_folder))
        self.planes = planes
        self.seen = {}

    def run(self, network, inputs, monitor, constants=None):
        if isinstance(network, Network):
            self.seen = inputs
            return {"planes": self.planes}
        return super().run(network, inputs, monitor, constants)


@pytest.fixture
def installed(tmp_path):
    """Makes a runtime with a known system's decoder installed."""

    def install(known):
        system = get_system(known.system)
        prefix = "lrm_generator." if known.system.startswith("instantmesh") else ""
        folder = tmp_path / "models" / known.system
        folder.mkdir(parents=True)
        file = write_safetensors(folder / "file", {prefix + name: value for name, value in known.weights.items()})
        runtime = StandIn(tmp_path / "models", known.planes)
        runtime.store.require = lambda card: file if card is system.card else None
        return system, runtime

    return install


def known_code(known, system):
    arrays = code_arrays(known.planes, known.weights)
    window = Window(50, 50, 50, 100, 100)
    camera = getattr(system, "camera", None) or get_system("triposr").camera
    return Code(known.system, system.card.version, arrays, camera, window, np.zeros((8, 8, 4), np.uint8), {})


@pytest.fixture
def photo_path(tmp_path):
    """A grey disk on transparent ground, off the picture's centre."""
    y, x = np.mgrid[:300, :400]
    pixels = np.zeros((300, 400, 4), np.uint8)
    pixels[np.hypot(x - 230, y - 130) < 100] = (40, 180, 60, 255)
    path = tmp_path / "disk.png"
    Image.fromarray(pixels).save(path)
    return path


@pytest.mark.parametrize("make", KNOWN)
def test_the_photos_side_faces_the_front_and_up_is_up(make):
    known = make()
    system, runtime = get_system(known.system), Runtime(RuntimeSettings(device="cpu"))
    code = known_code(known, system)
    surface = extract_surface(system.field(code, runtime), SurfaceSettings(resolution=72), Monitor())
    assert surface.report.components == 1
    assert surface.report.watertight
    x, y, z = (surface.vertices * known.half_size).T
    # To about a texel. The chimney is on the right, +X; the nose in front, -Y.
    np.testing.assert_allclose([x.min(), x.max()], [-0.3, 0.3], atol=0.035)
    np.testing.assert_allclose([y.min(), y.max()], [-0.7, 0.4], atol=0.035)
    np.testing.assert_allclose([z.min(), z.max()], [-0.5, 0.6], atol=0.035)
    assert np.abs(x[y < -0.5]).max() < 0.13
    assert np.abs(z[y < -0.5]).max() < 0.13
    assert x[z > 0.4].min() > 0.07


@pytest.mark.parametrize("make", KNOWN)
def test_colours_are_the_networks_on_the_right_side(make):
    known = make()
    system, runtime = get_system(known.system), Runtime(RuntimeSettings(device="cpu"))
    points = np.array([[0.25, -0.2, 0.1], [-0.25, 0.2, -0.3]], np.float32) / known.half_size
    colors = system.field(known_code(known, system), runtime).appearance(points).base_color
    np.testing.assert_allclose(colors, [RIGHT_COLOR, LEFT_COLOR], atol=0.003)


@pytest.mark.parametrize("make", KNOWN)
def test_fields_are_continuous_and_empty_outside_their_box(make):
    known = make()
    system, runtime = get_system(known.system), Runtime(RuntimeSettings(device="cpu"))
    field = system.field(known_code(known, system), runtime)
    jumps = []
    for count in (2001, 20001):
        line = np.zeros((count, 3), np.float32)
        line[:, 0] = np.linspace(-1.5, 1.5, count)
        values = field.values(line)
        jumps.append(np.abs(np.diff(values)).max())
        assert (values[np.abs(line[:, 0]) > 1] < field.iso_level).all()
    assert jumps[1] < 0.15 * jumps[0]  # ten times as many points, a tenth of the largest difference
    assert field.values(np.empty((0, 3), np.float32)).shape == (0,)
    assert field.iso_range[0] < field.iso_level < field.iso_range[1]


def test_values_are_the_decoders_of_bilinear_samples():
    """Against an independent evaluation in numpy, for random planes and weights, in TripoSR's frame."""
    rng = np.random.default_rng(3)
    known = known_triposr()
    planes = rng.normal(size=known.planes.shape).astype(np.float32)
    weights = {
        name: (rng.normal(size=value.shape) * (1.4 / math.sqrt(value.shape[-1]) if value.ndim > 1 else 0.1)).astype(
            np.float32
        )
        for name, value in known.weights.items()
    }
    system = get_system("triposr")
    code = dataclasses.replace(known_code(known, system), arrays=code_arrays(planes, weights))
    points = rng.uniform(-0.99, 0.99, (200, 3)).astype(np.float32)
    field = system.field(code, Runtime(RuntimeSettings(device="cpu")))
    # Object frame to TripoSR's: x towards the camera, which is at -Y.
    network = np.stack([-points[:, 1], points[:, 0], points[:, 2]], axis=1)
    features = [
        bilinear(plane.astype(np.float16).astype(np.float64), network[:, pair])
        for plane, pair in zip(planes, ([0, 1], [0, 2], [1, 2]), strict=True)
    ]
    hidden = np.concatenate(features, axis=1)
    for layer in range(10):
        hidden = hidden @ weights[f"decoder.layers.{2 * layer}.weight"].T + weights[f"decoder.layers.{2 * layer}.bias"]
        hidden = hidden / (1 + np.exp(-hidden)) if layer < 9 else hidden
    np.testing.assert_allclose(field.values(points), hidden[:, 0], atol=1e-4)
    np.testing.assert_allclose(field.appearance(points).base_color, 1 / (1 + np.exp(-hidden[:, 1:])), atol=1e-5)


def bilinear(plane, points):
    """(c, h, w) at (n, 2) points (across, up) in -1..1 whose ends are the texels' outer edges; zero outside."""
    height, width = plane.shape[1:]
    padded = np.pad(plane, ((0, 0), (1, 1), (1, 1)))
    column, row = (points[:, 0] + 1) * width / 2 + 0.5, (points[:, 1] + 1) * height / 2 + 0.5
    x, y = np.floor(column).astype(int), np.floor(row).astype(int)
    u, v = column - x, row - y
    corners = [padded[:, y, x] * (1 - u) * (1 - v), padded[:, y, x + 1] * u * (1 - v)]
    corners += [padded[:, y + 1, x] * (1 - u) * v, padded[:, y + 1, x + 1] * u * v]
    return sum(corners).T


def test_triposrs_camera_is_the_one_its_authors_render_with():
    # get_spherical_cameras at azimuth 0, in the network's frame: 1.9 away on +x, right +y, up +z, 40 degrees.
    camera = get_system("triposr").camera
    x, y, z = np.array([[0.0, 0.0, 0.0], [0.1, 0.3, 0.2]]).T
    window, depth = camera.project(np.stack([y, -x, z], axis=1) / 0.87)
    np.testing.assert_allclose(depth * 0.87, [1.9, 1.8])
    scale = 1 / (1.8 * math.tan(math.radians(20)))
    np.testing.assert_allclose(window, [[0, 0], [0.3 * scale, 0.2 * scale]], atol=1e-9)


def test_openlrms_camera_is_the_one_its_network_is_told(photo_path, installed):
    system, runtime = installed(known_openlrm())
    photo = load_photo(photo_path, Monitor())
    system.encode(frame(photo, photo.pixels[..., 3] / np.float32(255), system.card.framing), runtime, Monitor())
    told = runtime.seen["camera"][0]
    pose, (focal_x, focal_y, centre_x, centre_y) = told[:12].reshape(3, 4), told[12:]
    np.testing.assert_allclose(pose[:, :3], system.camera.rotation, atol=1e-7)
    np.testing.assert_allclose(pose[:, 3], system.camera.position, atol=1e-7)
    assert (focal_x, focal_y, centre_x, centre_y) == (0.75, 0.75, 0.5, 0.5)
    assert system.camera.focal == 1.5
    assert runtime.seen["image"].shape == (1, 3, 224, 224)


def test_triposr_sees_the_photo_as_its_authors_prepare_it(photo_path, installed):
    """Their steps, in numpy and Pillow: crop, pad to a square, pad to 0.85, grey, cut off to bytes, shrink."""
    system, runtime = installed(known_triposr())
    photo = load_photo(photo_path, Monitor())
    mask = photo.pixels[..., 3] / np.float32(255)
    system.encode(frame(photo, mask, system.card.framing), runtime, Monitor())
    rows, columns = np.nonzero(mask)
    crop = photo.pixels[rows.min() : rows.max(), columns.min() : columns.max()]
    side = max(crop.shape[:2])
    whole = int(side / 0.85)
    square = np.zeros((whole, whole, 4), np.uint8)
    top, left = ((whole - side) // 2 + (side - length) // 2 for length in crop.shape[:2])
    square[top : top + crop.shape[0], left : left + crop.shape[1]] = crop
    alpha = square[..., 3:].astype(np.float32) / 255
    grey = (square[..., :3].astype(np.float32) / 255 * alpha + (1 - alpha) * 0.5) * 255
    theirs = np.asarray(Image.fromarray(grey.astype(np.uint8)).resize((512, 512), Image.Resampling.BILINEAR))
    difference = np.abs(runtime.seen["image"][0].transpose(1, 2, 0) * 255 - theirs)
    assert difference.mean() < 1.5  # a pixel of the photo, which the authors' box leaves out, is 2 here
    inside = np.zeros((512, 512), bool)
    inside[180:330, 180:330] = True
    assert difference[inside].max() <= 1
    assert difference[:20].max() <= 1


def test_openlrms_second_resize_is_torchs_bicubic_with_aligned_corners():
    # torch.nn.functional.interpolate(..., mode="bicubic", align_corners=True).clamp(0, 1) of torch 2.13
    image = ((np.arange(36) * 7) % 36).reshape(6, 6, 1).astype(np.float32) / 36
    smaller = [
        [0.0, 0.3169, 0.6553, 0.9722],
        [0.2716, 0.5761, 0.8203, 0.1883],
        [0.5617, 0.7719, 0.0525, 0.5340],
        [0.8333, 0.0946, 0.4887, 0.8056],
    ]
    np.testing.assert_allclose(resize_aligned(image, 4)[..., 0], smaller, atol=1e-4)
    larger = [0.0883, 0.1913, 0.3405, 0.4449, 0.5641, 0.7231, 0.9724, 0.8094, 0.4209]
    np.testing.assert_allclose(resize_aligned(image, 9)[1, :, 0], larger, atol=1e-4)


@pytest.mark.parametrize("make", [known_triposr, known_openlrm])
def test_from_photo_to_textured_surface_and_again_without_the_checkpoint(make, installed, photo_path, tmp_path):
    known = make()
    _, runtime = installed(known)
    settings = Settings(
        known.system,
        surface=SurfaceSettings(resolution=48),
        bake=BakeSettings(texture_size=256),
        shape=ShapeChoice.AS_PREDICTED,
    )
    made = pipeline.reconstruct(photo_path, settings, runtime, Monitor())
    assert made.surface.report.watertight
    assert made.code.provenance["weights_licence"] == get_system(known.system).card.licence
    assert len(made.code.to_bytes()) < 5_000_000

    elsewhere = Runtime(RuntimeSettings(device="cpu"))
    code = Code.from_bytes(made.code.to_bytes())
    surface = pipeline.extract_again(code, settings, elsewhere, Monitor())
    np.testing.assert_allclose(surface.vertices, made.surface.vertices, atol=1e-6)
    mesh = pipeline._triangulated(surface, made.uvs)
    maps = pipeline.bake_again(code, mesh, settings, elsewhere, Monitor())
    assert np.abs(maps.base_color.astype(int) - made.maps.base_color).mean() < 1.5  # the photo is kept as lossy WebP
    # The photo's green lies on the front; the back has the network's two colours, drawn towards the photo's.
    centres = made.surface.vertices[made.surface.faces].mean(axis=1)
    texels = np.clip((made.uvs.mean(axis=1) * 256).astype(int), 0, 255)
    colors = made.maps.base_color[texels[:, 1], texels[:, 0]]
    front = colors[centres[:, 1] < -0.5]
    np.testing.assert_allclose(np.median(front, axis=0), (40, 180, 60), atol=10)


def test_codes_keep_what_decoding_needs(installed, photo_path):
    known = known_triposr()
    system, runtime = installed(known)
    photo = load_photo(photo_path, Monitor())
    code = system.encode(frame(photo, photo.pixels[..., 3] / np.float32(255), system.card.framing), runtime, Monitor())
    assert code.arrays["planes"].dtype == np.float16
    np.testing.assert_array_equal(code.arrays["planes"], known.planes.astype(np.float16))
    for name, value in known.weights.items():
        np.testing.assert_array_equal(code.arrays[name], value)
    without = {name: value for name, value in code.arrays.items() if not name.endswith("18.weight")}
    with pytest.raises(ModelError, match=r"decoder\.layers\.18\.weight"):
        system.field(dataclasses.replace(code, arrays=without), runtime)
    with pytest.raises(ModelError, match="TripoSR 0"):
        system.field(dataclasses.replace(code, version="0"), runtime)


def test_a_network_that_went_wrong_is_told(installed, photo_path):
    known = known_triposr()
    for bad in (np.nan, 1e6):
        broken = dataclasses.replace(known, planes=np.where(known.planes == known.planes.max(), bad, known.planes))
        folder = "first" if np.isnan(bad) else "second"
        system = get_system("triposr")
        file = write_safetensors(photo_path.parent / folder, known.weights)
        runtime = StandIn(photo_path.parent, broken.planes)
        runtime.store.require = lambda _, file=file: file
        photo = load_photo(photo_path, Monitor())
        framed = frame(photo, photo.pixels[..., 3] / np.float32(255), system.card.framing)
        with pytest.raises(ModelError, match="not numbers"):
            system.encode(framed, runtime, Monitor())


def test_what_is_not_installed_is_told_before_anything_else(tmp_path):
    runtime = Runtime(RuntimeSettings(device="cpu", models_folder=tmp_path))
    with pytest.raises(ModelError, match="TripoSR"):
        pipeline.reconstruct(tmp_path / "no such photo.png", Settings("triposr"), runtime, Monitor())


@pytest.fixture
def sheet_path(tmp_path):
    """Six views, each of one colour."""
    sheet = Image.new("RGB", (640, 960))
    for number in range(COUNT):
        sheet.paste((40 * number, 0, 255), ((number % 2) * 320, (number // 2) * 320, 640, 960))
    path = tmp_path / "sheet.png"
    sheet.save(path)
    return path


def test_instantmesh_takes_a_sheet_of_six_views(installed, sheet_path):
    known = known_instantmesh()
    _, runtime = installed(known)
    settings = Settings(known.system, surface=SurfaceSettings(resolution=48), bake=BakeSettings(texture_size=256))
    made = pipeline.reconstruct(sheet_path, settings, runtime, Monitor())
    assert made.surface.report.watertight
    images, cameras = runtime.seen["images"], runtime.seen["cameras"]
    assert images.shape == (6, 3, 320, 320)
    np.testing.assert_allclose(images[:, :, 160, 160] * 255, [[40 * k, 0, 255] for k in range(6)], atol=0.5)
    # get_zero123plus_input_cameras: first view at azimuth 30, elevation 20; x and y of its right; focal for 30 degrees.
    pose = cameras[0, :12].reshape(3, 4)
    azimuth, elevation = math.radians(30), math.radians(20)
    place = [math.cos(elevation) * math.cos(azimuth), math.cos(elevation) * math.sin(azimuth), math.sin(elevation)]
    np.testing.assert_allclose(pose[:, 3], np.multiply(place, 4), atol=1e-5)
    np.testing.assert_allclose(pose[:, 2], place, atol=1e-6)
    np.testing.assert_allclose(pose[:, 0], [-math.sin(azimuth), math.cos(azimuth), 0], atol=1e-6)
    np.testing.assert_allclose(cameras[:, 12:], [[1.8660254, 1.8660254, 0.5, 0.5]] * 6, atol=1e-6)
    # No photo is projected: colours are the network's.
    right = made.surface.vertices[made.surface.faces].mean(axis=1)[:, 0] > 0.1
    texels = np.clip((made.uvs.mean(axis=1) * 256).astype(int), 0, 255)
    colors = made.maps.base_color[texels[:, 1], texels[:, 0]][right]
    np.testing.assert_allclose(np.median(colors, axis=0), np.multiply(RIGHT_COLOR, 255), atol=4)


def test_instantmesh_moves_the_field_by_the_displacement():
    known = known_instantmesh()
    system, runtime = get_system(known.system), Runtime(RuntimeSettings(device="cpu"))
    moved = {**known.weights}
    moved["synthesizer.decoder.net_deformation.6.bias"] = np.array([9, 0, 0], np.float32)  # tanh(9) = 1
    code, points = known_code(known, system), np.array([[0.2, -0.4, 0.0]], np.float32)
    there = dataclasses.replace(code, arrays=code_arrays(known.planes, moved))
    # The whole lattice moves by 1/512 along the network's x, towards the camera: what was in front is now nearer.
    shift = np.array([[0, -1 / 512 / 1.05, 0]], np.float32)
    before, after = system.field(code, runtime), system.field(there, runtime)
    np.testing.assert_allclose(after.values(points + shift), before.values(points), atol=1e-4)
    assert after.values(points)[0] != pytest.approx(before.values(points)[0], abs=1e-3)


def test_one_photo_is_not_enough_for_instantmesh(installed, photo_path):
    known = known_instantmesh()
    system, runtime = installed(known)
    with pytest.raises(PhotoError, match="sheet of six views"):
        pipeline.reconstruct(photo_path, Settings(known.system), runtime, Monitor())
    assert runtime.seen == {}
    assert isinstance(system, MultiViewSystem)
    assert not isinstance(get_system("triposr"), MultiViewSystem)


@pytest.mark.parametrize("system_id", system_ids())
def test_cards_are_complete(system_id):
    card = get_system(system_id).card
    assert card.id == system_id
    for text in (card.name, card.description, card.good_for, card.gives, card.licence, card.who_may_use, card.source):
        assert text
    assert not card.description.endswith(".")
    assert all(graph.is_file() for graph in card.graphs)
    if card.checkpoint is None:
        assert card.download_bytes == 0
    else:
        assert card.licence_url.startswith("https://")
        assert card.download_bytes > 100_000_000
        assert all(graph.with_suffix(".json").is_file() for graph in card.graphs)
        assert card.checkpoint.sha256 is not None or card.checkpoint.revision == "main"
