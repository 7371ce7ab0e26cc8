# SPDX-License-Identifier: GPL-3.0-or-later
"""Several photos of one object: each where it sees best, in one exposure, kept with the code and let go again."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from image_to_3d.inference.bake import BakeSettings, UVMesh, bake
from image_to_3d.inference.blending import GAIN_LIMIT, Look, blended, gain
from image_to_3d.inference.camera import Camera, Window
from image_to_3d.inference.code import Code, FurtherPhoto
from image_to_3d.inference.monitor import Monitor
from image_to_3d.inference.unwrap import unwrap
from image_to_3d.inference.view_matching import Side, Start

sys.path.insert(0, str(Path(__file__).parent))

from meshes import bumpy_ball, triangulated
from test_bake import ColoredField, code_of, photo_of, texel_points

RED, BLUE = np.array([200, 40, 30]), np.array([30, 60, 200])
SIZE = 384
WINDOW = Window(SIZE / 2, SIZE / 2, SIZE / 2, SIZE, SIZE)


def further(color, side=Side.BACK, sha256="b" * 64):
    rotation = Start.at(side, 0.0).rotation
    camera = Camera(rotation @ np.array([0.0, 0.0, 3.0]), rotation, 2.5)
    pixels = photo_of(color, size=SIZE)
    return FurtherPhoto(pixels, camera, WINDOW, 0.98, {"photo_name": "back.png", "photo_sha256": sha256})


@pytest.fixture(scope="module")
def ball():
    vertices, faces = bumpy_ball(24)
    return UVMesh(vertices, *triangulated(faces, unwrap(vertices, faces, Monitor())))


def texture(code, ball, **settings):
    """The texels of the ball and where they lie: colours (n, 3) int, places (n, 3)."""
    maps = bake(code, ColoredField(), ball, BakeSettings(SIZE, **settings), Monitor())
    rows, columns, _, places = texel_points(ball, SIZE)
    return maps.base_color[rows, columns].astype(int), places


def test_each_side_shows_its_own_photo(ball):
    colors, places = texture(code_of(photo_of(RED, size=SIZE)).with_photos((further(BLUE),)), ball)
    assert np.abs(colors[places[:, 1] < -0.4] - RED).max() <= 4
    assert np.abs(colors[places[:, 1] > 0.4] - BLUE).max() <= 4
    assert np.abs(colors[places[:, 1] < -0.3] - RED).mean() <= 1
    assert np.abs(colors[places[:, 1] > 0.3] - BLUE).mean() <= 1


def test_no_photos_strength_means_none_of_the_photos(ball):
    code = code_of(photo_of(RED, size=SIZE))
    with_photos, _ = texture(code.with_photos((further(BLUE),)), ball, photo_strength=0.0)
    np.testing.assert_array_equal(with_photos, texture(code, ball, photo_strength=0.0)[0])


def test_taking_the_photo_away_brings_the_former_texture_back(ball):
    code = code_of(photo_of(RED, size=SIZE))
    several = code.with_photos((further(BLUE),))
    assert (texture(several, ball)[0] != texture(code, ball)[0]).any()
    np.testing.assert_array_equal(texture(several.with_photos(()), ball)[0], texture(code, ball)[0])


def test_another_exposure_and_white_balance_is_evened_out_where_both_photos_see(ball):
    grey = np.array([120, 120, 120])
    warm = np.array([150, 126, 102])
    colors, places = texture(code_of(photo_of(grey, size=SIZE)).with_photos((further(warm, Side.RIGHT),)), ball)
    seen_by_second_alone = (places[:, 0] > 0.2) & (places[:, 1] > 0.3)
    assert np.abs(colors[seen_by_second_alone] - grey).max() <= 8


def test_the_squarest_view_decides_almost_alone():
    points, facing = np.arange(3), np.array([0.9, 0.72, 0.5], np.float32)
    ones = np.ones(3, np.float32)
    red = Look(points, np.tile(RED.astype(np.float32), (3, 1)), ones, facing)
    blue = Look(points, np.tile(BLUE.astype(np.float32), (3, 1)), ones, facing[::-1])
    look = blended(4, [red, blue])
    np.testing.assert_array_equal(look.points, points)
    np.testing.assert_allclose(look.weights, 1.0)
    assert np.abs(look.colors[0] - RED).max() < 1
    np.testing.assert_allclose(look.colors[1], (RED + BLUE) / 2, atol=0.1)
    assert np.abs(look.colors[2] - BLUE).max() < 1


def test_what_one_photo_leaves_open_another_fills():
    faint = Look(np.array([0]), np.full((1, 3), 100, np.float32), np.array([0.5], np.float32), np.array([0.3]))
    assert blended(1, [faint, faint]).weights == pytest.approx([0.75])
    assert len(blended(1, [faint]).points) == 1
    nothing = Look(np.empty(0, int), np.empty((0, 3)), np.empty(0), np.empty(0))
    assert len(blended(1, [nothing, nothing]).points) == 0


def test_gains_are_bounded_and_need_a_shared_region():
    points, ones = np.arange(20_000), np.ones(20_000, np.float32)
    dark = Look(points, np.full((20_000, 3), 40, np.float32), ones, ones)
    light = Look(points, np.full((20_000, 3), 220, np.float32), ones, ones)
    np.testing.assert_allclose(gain(20_000, dark, light), 1 / GAIN_LIMIT)
    apart = replace_points(light, points + 20_000)
    np.testing.assert_array_equal(gain(40_000, dark, apart), 1.0)


def replace_points(look, points):
    return Look(points, look.colors, look.weights, look.facing)


def test_a_code_keeps_its_photos_and_gives_back_its_bytes_without_them():
    random = np.random.default_rng(3)
    first = Code.from_bytes(code_of(random.integers(0, 255, (64, 64, 4), dtype=np.uint8)).to_bytes())
    noisy = replace(further(BLUE), pixels=random.integers(0, 255, (48, 48, 4), dtype=np.uint8))
    several = Code.from_bytes(first.with_photos((further(RED, sha256="a" * 64), noisy)).to_bytes())
    assert [photo.sha256 for photo in several.photos] == ["a" * 64, "b" * 64]
    assert [photo.name for photo in several.photos] == ["back.png", "back.png"]
    assert several.photos[1].window == WINDOW
    assert several.photos[1].agreement == 0.98
    np.testing.assert_allclose(several.photos[1].camera.position, noisy.camera.position)
    again = Code.from_bytes(several.with_photos(several.photos).to_bytes())
    assert again.to_bytes() == several.to_bytes(), "photos must not be compressed a second time"
    moved = several.photos[1].placed(Camera.looking_at_origin(0.1, 2.0, 3.0), 0.5)
    assert moved.encoded() == several.photos[1].encoded()
    assert several.with_photos(()).to_bytes() == first.to_bytes()
    assert b"photos" not in first.to_bytes()
