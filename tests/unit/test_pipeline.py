# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole flow on an analytic system: an egg that every photo turns into."""

import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pytest
from image_to_3d import options
from image_to_3d.inference import pipeline
from image_to_3d.inference.bake import BakeSettings, UVMesh
from image_to_3d.inference.camera import Camera
from image_to_3d.inference.code import Code
from image_to_3d.inference.cutout import CutoutMethod, CutoutSettings
from image_to_3d.inference.errors import Cancelled, CutoutError, ModelError, PhotoError, SettingsError, SymmetryError
from image_to_3d.inference.fields import Appearance
from image_to_3d.inference.framing import FramingSettings
from image_to_3d.inference.monitor import Monitor, Stage
from image_to_3d.inference.pipeline import Settings
from image_to_3d.inference.priors.choose import ShapeChoice
from image_to_3d.inference.surface import SurfaceSettings
from image_to_3d.inference.symmetry import MirrorPlane
from image_to_3d.inference.symmetry_search import MirrorChoice
from image_to_3d.inference.systems import SystemCard
from PIL import Image

pytest.importorskip("openvdb", reason="Blender's OpenVDB module is not installed")

AXES = np.array([0.5, 0.6, 0.8], np.float32)
BACK = np.array([0.1, 0.3, 0.9], np.float32)
GOLD = (220, 170, 30)
DRAFT = Settings(
    surface=SurfaceSettings(resolution=48), bake=BakeSettings(texture_size=256), shape=ShapeChoice.AS_PREDICTED
)


class EggField:
    """An ellipsoid of one colour."""

    iso_level = 0.0
    iso_range = (-0.1, 0.1)
    lower, upper = -AXES - 0.05, AXES + 0.05
    detail = 0.1

    def values(self, points):
        return ((1 - np.linalg.norm(points / AXES, axis=1)) * AXES.min()).astype(np.float32)

    def appearance(self, points):
        return Appearance(np.broadcast_to(BACK, points.shape).astype(np.float32), roughness=0.4)


class EggSystem:
    card = SystemCard(
        id="egg",
        name="Egg",
        version="3",
        description="Always an egg",
        good_for="tests",
        gives="surface, base colour, roughness",
        licence="CC0-1.0",
        licence_url="",
        who_may_use="Everyone",
        source="this test",
        checkpoint=None,
        graphs=(Path("egg.onnx"),),
        memory_bytes=0,
        framing=FramingSettings(64, 0.8),
    )

    def __init__(self):
        self.framed = None

    def encode(self, framed, runtime, monitor):
        self.framed = framed
        camera = Camera.looking_at_origin(math.radians(10), 4.0, 5.0)
        return Code("egg", "3", {"nothing": np.zeros(4, np.float16)}, camera, framed.window, framed.cutout, {})

    def field(self, code, runtime):
        return EggField()


class RecordingMonitor(Monitor):
    def __init__(self, cancel_in=None):
        super().__init__()
        self.stages = []
        self.cancel_in = cancel_in

    def on_progress(self, stage, fraction):
        if stage not in self.stages:
            self.stages.append(stage)

    def is_cancelled(self):
        return self.cancel_in is not None and self.cancel_in in self.stages


@pytest.fixture
def system(monkeypatch):
    system = EggSystem()

    def get_system(system_id):
        if system_id == "egg":
            return system
        raise ModelError(f"There is no {system_id}.", "Lay an egg.")

    monkeypatch.setattr(pipeline, "get_system", get_system)
    monkeypatch.setattr(pipeline, "system_ids", lambda: ("egg",))
    return system


@pytest.fixture
def settings(system):
    return dataclasses.replace(DRAFT, system="egg")


@pytest.fixture
def photo_path(tmp_path):
    """A golden egg on transparent ground."""
    y, x = np.mgrid[:400, :300]
    inside = np.hypot((x - 150) / 80, (y - 190) / 130) < 1
    pixels = np.zeros((400, 300, 4), np.uint8)
    pixels[inside] = (*GOLD, 255)
    path = tmp_path / "golden egg.png"
    Image.fromarray(pixels).save(path)
    return path


def reconstruct(path, settings, monitor=None):
    """No network is needed: the photo has alpha, and the system is analytic."""
    return pipeline.reconstruct(path, settings, None, monitor or Monitor())


def test_from_photo_to_textured_surface(system, settings, photo_path):
    monitor = RecordingMonitor()
    result = reconstruct(photo_path, settings, monitor)
    assert result.name == "golden egg"
    assert monitor.stages == list(Stage)
    assert list(result.seconds) == [stage.value for stage in Stage]
    assert all(seconds >= 0 for seconds in result.seconds.values())
    assert result.warnings == ()

    np.testing.assert_allclose(np.abs(result.surface.vertices).max(axis=0), AXES, atol=0.01)
    assert result.surface.report.watertight
    assert result.uvs.shape == (len(result.surface.faces), 4, 2)
    assert result.uvs.min() >= 0
    assert result.uvs.max() <= 1
    assert result.maps.base_color.shape == (256, 256, 3)
    assert result.maps.roughness == pytest.approx(0.4)
    assert result.code.photo is system.framed.cutout


def test_the_photo_lands_on_the_front_and_the_field_on_the_back(settings, photo_path):
    result = reconstruct(photo_path, settings)
    centres = result.surface.vertices[result.surface.faces].mean(axis=1)
    texels = np.clip((result.uvs.mean(axis=1) * 256).astype(int), 0, 255)
    colours = result.maps.base_color[texels[:, 1], texels[:, 0]]
    front = colours[(centres[:, 1] < -0.5)]
    assert len(front) > 50
    np.testing.assert_allclose(np.median(front, axis=0), GOLD, atol=12)


def test_provenance_tells_where_the_code_came_from(settings, photo_path, tmp_path):
    mask = tmp_path / "private folder" / "mask.png"
    mask.parent.mkdir()
    Image.open(photo_path).getchannel("A").save(mask)
    with_mask = dataclasses.replace(settings, cutout=CutoutSettings(CutoutMethod.MASK, mask))
    provenance = reconstruct(photo_path, with_mask).code.provenance
    assert provenance["photo_name"] == "golden egg.png"
    assert len(provenance["photo_sha256"]) == 64
    assert (provenance["system"], provenance["system_version"]) == ("Egg", "3")
    assert provenance["weights_licence"] == "CC0-1.0"
    told = json.loads(provenance["settings"])
    assert told["surface"]["resolution"] == 48
    assert told["cutout"] == {"method": "mask", "mask_path": "mask.png", "box": None}
    assert str(tmp_path) not in json.dumps(dict(provenance))


def test_a_stored_code_gives_the_same_surface_and_maps_again(settings, photo_path):
    first = reconstruct(photo_path, settings)
    code = Code.from_bytes(first.code.to_bytes())
    surface = pipeline.extract_again(code, settings, None, Monitor())
    np.testing.assert_array_equal(surface.vertices, first.surface.vertices)
    np.testing.assert_array_equal(surface.faces, first.surface.faces)
    mesh = pipeline._triangulated(surface, first.uvs)
    maps = pipeline.bake_again(code, mesh, settings, None, Monitor())
    difference = np.abs(maps.base_color.astype(int) - first.maps.base_color)
    assert difference.mean() < 1.5  # the stored photo is lossy WebP


def test_extracting_again_at_another_resolution(settings, photo_path):
    code = reconstruct(photo_path, settings).code
    finer = dataclasses.replace(settings, surface=SurfaceSettings(resolution=96))
    coarse = pipeline.extract_again(code, settings, None, Monitor())
    fine = pipeline.extract_again(code, finer, None, Monitor())
    assert 3 < len(fine.faces) / len(coarse.faces) < 5


def test_reconstructing_again_from_the_code_gives_the_first_result_or_a_changed_one(settings, photo_path):
    first = reconstruct(photo_path, settings)
    code = Code.from_bytes(first.code.to_bytes())
    same = pipeline.reconstruct_again("again", code, settings, None, Monitor())
    np.testing.assert_array_equal(same.surface.vertices, first.surface.vertices)
    np.testing.assert_array_equal(same.uvs, first.uvs)
    assert (same.name, list(same.seconds)) == ("again", [Stage.SURFACE, Stage.UNWRAP, Stage.BAKE])
    cut = dataclasses.replace(settings, surface=dataclasses.replace(settings.surface, base_cut=0.3))
    heights = [
        np.ptp(made.surface.vertices[:, 2])
        for made in (first, pipeline.reconstruct_again("", code, cut, None, Monitor()))
    ]
    assert heights[1] == pytest.approx(0.7 * heights[0], rel=0.05)


def test_symmetry_is_a_setting_and_without_it_everything_is_as_before(settings, photo_path):
    first = reconstruct(photo_path, settings)
    assert first.mirror is None
    plane = MirrorPlane((0.8, 0.6), 0.0)
    mirrored = dataclasses.replace(settings, mirror=plane)
    symmetric = pipeline.reconstruct_again("", first.code, mirrored, None, Monitor())
    assert symmetric.mirror == plane
    assert symmetric.surface.report.watertight
    assert not np.array_equal(symmetric.surface.vertices.shape, first.surface.vertices.shape)
    np.testing.assert_array_equal(
        pipeline.extract_again(first.code, mirrored, None, Monitor()).vertices, symmetric.surface.vertices
    )
    again = pipeline.reconstruct_again("", first.code, settings, None, Monitor())
    np.testing.assert_array_equal(again.surface.vertices, first.surface.vertices)
    np.testing.assert_array_equal(again.maps.base_color, first.maps.base_color)


def test_a_plane_is_found_or_its_absence_told(settings, photo_path):
    found = reconstruct(photo_path, dataclasses.replace(settings, symmetrise=MirrorChoice()))
    assert found.warnings == ()
    # The egg's axes are the frame's; offsets are 0.
    assert max(np.abs(found.mirror.normal)) == pytest.approx(1.0, abs=1e-3)
    assert found.mirror.offset == pytest.approx(0.0, abs=0.03)
    wanting = dataclasses.replace(settings, symmetrise=MirrorChoice(tolerance=-1.0))
    without = reconstruct(photo_path, wanting)
    assert without.mirror is None
    assert without.warnings[0].startswith("Not made symmetric. No mirror plane fits: the best one is off by")
    required = dataclasses.replace(settings, symmetrise=MirrorChoice(tolerance=-1.0, is_required=True))
    with pytest.raises(SymmetryError, match="choose the plane by hand"):
        pipeline.reconstruct_again("", without.code, required, None, Monitor())


def test_baking_again_for_the_artists_own_mesh(settings, photo_path):
    code = reconstruct(photo_path, settings).code
    corners = np.array([[-0.4, -0.45, -0.3], [0.4, -0.45, -0.3], [0.4, -0.45, 0.5], [-0.4, -0.45, 0.5]], np.float32)
    uvs = np.array([[0.1, 0.1], [0.9, 0.1], [0.9, 0.9], [0.1, 0.9]], np.float32)
    triangles = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
    maps = pipeline.bake_again(code, UVMesh(corners, triangles, uvs[triangles]), settings, None, Monitor())
    assert maps.coverage == pytest.approx(0.64, abs=0.02)


def test_each_quad_becomes_two_triangles_with_its_corners_uvs(settings, photo_path):
    result = reconstruct(photo_path, settings)
    mesh = pipeline._triangulated(result.surface, result.uvs)
    assert len(mesh.triangles) == 2 * len(result.surface.faces)
    quad, uv = result.surface.faces[5], result.uvs[5]
    for triangle, corners in zip(mesh.triangles[10:12], mesh.uvs[10:12], strict=True):
        for vertex, corner in zip(triangle, corners, strict=True):
            np.testing.assert_array_equal(corner, uv[list(quad).index(vertex)])
    assert {tuple(sorted(t)) for t in mesh.triangles[10:12]} == {
        tuple(sorted(quad[[0, 1, 2]])),
        tuple(sorted(quad[[0, 2, 3]])),
    }


@pytest.mark.parametrize("stage", list(Stage))
def test_cancelling_in_any_stage(settings, photo_path, stage):
    with pytest.raises(Cancelled):
        reconstruct(photo_path, settings, RecordingMonitor(cancel_in=stage))


def test_failures_keep_their_kind(settings, photo_path, tmp_path):
    with pytest.raises(PhotoError):
        reconstruct(tmp_path / "gone.png", settings)
    Image.new("RGBA", (100, 100)).save(tmp_path / "clear.png")
    with pytest.raises(CutoutError):
        reconstruct(tmp_path / "clear.png", settings)
    code = dataclasses.replace(reconstruct(photo_path, settings).code, system="forgotten")
    with pytest.raises(ModelError):
        pipeline.extract_again(code, settings, None, Monitor())


def test_warnings_reach_the_result(settings, tmp_path, photo_path):
    frames = [Image.open(photo_path), Image.new("RGBA", (300, 400), (255, 0, 0, 255))]
    frames[0].save(tmp_path / "moving.webp", save_all=True, append_images=frames[1:], lossless=True)
    result = reconstruct(tmp_path / "moving.webp", settings)
    assert len(result.warnings) == 1
    assert "2 pictures" in result.warnings[0]


def test_preview_shows_what_would_be_cut_out(photo_path, tmp_path):
    large = tmp_path / "large.png"
    Image.open(photo_path).resize((900, 1200)).save(large)
    preview = pipeline.preview_cutout(large, CutoutSettings(), None, Monitor())
    assert preview.shape == (512, 384, 4)
    assert preview.dtype == np.uint8
    assert preview[0, 0, 3] == 0
    np.testing.assert_allclose(preview[243, 192], (*GOLD, 255), atol=2)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"system": "nonsense"}, "nonsense"),
        ({"surface": SurfaceSettings(resolution=8)}, "resolution is 8"),
        ({"surface": SurfaceSettings(resolution=4096)}, "resolution is 4096"),
        ({"surface": SurfaceSettings(target_faces=3)}, "faces is 3"),
        ({"surface": SurfaceSettings(floater_share=1.5)}, "1.5"),
        ({"bake": BakeSettings(texture_size=100)}, "texture size is 100"),
        ({"bake": BakeSettings(texture_size=16384)}, "texture size is 16384"),
        ({"bake": BakeSettings(photo_strength=-0.1)}, "-0.1"),
        ({"bake": BakeSettings(margin=-1)}, "margin is -1"),
    ],
)
def test_settings_out_of_range_say_what_is_allowed(change, word):
    with pytest.raises(SettingsError) as caught:
        Settings(**change)
    assert word in caught.value.message
    assert caught.value.hint.startswith("Choose")


def test_every_choice_that_is_offered_is_allowed():
    for size in options.TEXTURE_SIZES:
        Settings(bake=BakeSettings(texture_size=size))
    for quality in options.QUALITIES.values():
        Settings(
            surface=SurfaceSettings(resolution=quality.resolution), bake=BakeSettings(texture_size=quality.texture_size)
        )
