# SPDX-License-Identifier: GPL-3.0-or-later
"""Parts of an outline that are a few pixels thin survive sampling, and nothing else of it changes."""

import math

import numpy as np
import pytest
from image_to_3d.inference.camera import Window
from image_to_3d.inference.code import Code
from image_to_3d.inference.monitor import Monitor
from image_to_3d.inference.surface import SurfaceSettings, extract_surface
from image_to_3d.inference.systems import pebble, silhouette
from image_to_3d.inference.systems.silhouette import with_thin_parts

openvdb = pytest.importorskip("openvdb", reason="Blender's OpenVDB module is not installed")

LENGTH = 0.84
"""Of the rod from the picture's middle, in half pictures."""


def coverage(inside, size):
    """(size, size) uint8 alpha of a shape given as a function of pixel coordinates from the middle."""
    fine = (np.arange(size * 4) + 0.5) / 4 - size / 2
    x, y = np.meshgrid(fine, fine)
    return (inside(x, y).reshape(size, 4, size, 4).mean(axis=(1, 3)) * 255).round().astype(np.uint8)


def rod(degrees, width, size, has_disc):
    """Alpha of a rod, its thickness in pixels, alone or from the middle of a disc outwards."""
    sine, cosine = math.sin(math.radians(degrees)), math.cos(math.radians(degrees))

    def inside(x, y):
        along, across = x * cosine + y * sine, y * cosine - x * sine
        start = 0 if has_disc else -LENGTH * size / 2
        bar = (along > start) & (along < LENGTH * size / 2) & (np.abs(across) < width / 2)
        return bar | (has_disc & (np.hypot(x, y) < 0.17 * size))

    return coverage(inside, size)


def surface_of(alpha):
    """The surface of a slab with this outline, and how far it reaches from the window's middle, half windows."""
    maps = (pebble.MAPS, pebble.MAPS)
    outputs = {
        "depths": np.stack([np.full(maps, -0.1), np.full(maps, 0.1)])[None].astype(np.float32),
        "solid": np.full((1, pebble.BINS, *maps), 4, np.float32),
        "albedo": np.full((1, 6, *maps), 0.5, np.float32),
        "camera": np.array([[0.3, np.log(2 * np.arctan(1 / 4))]], np.float32),
    }
    arrays, elevation, field_of_view = pebble.read_prediction(outputs, alpha)
    camera = pebble.fit_camera(arrays, 1 / np.tan(field_of_view / 2), elevation)
    size = len(alpha)
    photo = np.dstack([np.full((size, size, 3), 128, np.uint8), alpha])
    window = Window(size / 2, size / 2, size / 2, size, size)
    code = Code("pebble", pebble.SYSTEM.card.version, arrays, camera, window, photo, {})
    surface = extract_surface(pebble.PebbleField(code), SurfaceSettings(floater_share=0), Monitor())
    window_points, _ = camera.project(surface.vertices)
    return surface, float(np.linalg.norm(window_points, axis=1).max())


@pytest.mark.parametrize("degrees", [0, 17, 45])
@pytest.mark.parametrize(
    ("width", "size", "has_disc"),
    [(2, 400, True), (3, 400, True), (2, 400, False), (2, 1000, True)],
    ids=["2 pixels", "3 pixels", "alone", "large photo"],
)
def test_a_thin_rod_stays_one_watertight_part_to_its_end(degrees, width, size, has_disc):
    surface, reach = surface_of(rod(degrees, width, size, has_disc))
    assert surface.report.components == 1
    assert surface.report.watertight
    assert surface.report.non_manifold_edges == 0
    assert reach == pytest.approx(LENGTH, abs=0.02)


@pytest.mark.parametrize(
    "inside",
    [
        lambda x, y: np.hypot(x, y) < 120,
        lambda x, y: np.maximum(np.abs(x), np.abs(y)) < 100,
        lambda x, y: (np.abs(x) < 4) & (np.abs(y) < 150),
        lambda x, y: np.hypot(x, y) < 120 + 1.5 * np.sin(40 * np.arctan2(y, x)),
    ],
    ids=["disc", "square", "rod 8 pixels wide", "ragged disc"],
)
def test_what_is_not_thin_keeps_its_outline(inside):
    shape = coverage(inside, 384).astype(np.float32) / 255
    distance = np.zeros_like(shape)
    assert with_thin_parts(distance, shape) is distance


def test_haze_that_a_poor_cut_leaves_is_no_part(monkeypatch):
    shape = coverage(lambda x, y: np.hypot(x, y - 60) < 90, 384).astype(np.float32) / 255
    rows, columns = np.mgrid[:80, :140]
    haze = (0.3 + 0.0008 * (rows + columns)).astype(np.float32)
    haze[10:70:15] = haze[11:71:15] = 0.6
    shape[20:100, 120:260] = haze
    distance = np.zeros_like(shape)
    assert with_thin_parts(distance, shape) is distance
    monkeypatch.setattr(silhouette, "MOST_HAZE", 1.0)
    assert with_thin_parts(distance, shape) is not distance, "by its form alone it would pass for thin parts"
