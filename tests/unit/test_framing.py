# SPDX-License-Identifier: GPL-3.0-or-later
"""What the network and the projection get to see."""

import dataclasses
import math

import numpy as np
import pytest
from image_to_3d.inference.errors import CutoutError
from image_to_3d.inference.framing import FramingSettings, frame, spread
from image_to_3d.inference.photo import Photo
from PIL import Image

SETTINGS = FramingSettings(64, 0.8, (0.5, 0.25, 0.75))
RED, BLUE = np.array([200, 40, 30]), np.array([20, 40, 220])


def photo_of(pixels, has_alpha=False, focal=None):
    if pixels.shape[2] == 3:
        pixels = np.concatenate([pixels, np.full((*pixels.shape[:2], 1), 255, np.uint8)], axis=2)
    return Photo(pixels.astype(np.uint8), has_alpha, focal, "name", "0" * 64)


def soft_disc(size, radius, x, y, softness=3.0):
    """A disc with an antialiased edge, 0..1."""
    rows, columns = np.mgrid[:size, :size] + 0.5
    return np.clip((radius - np.hypot(rows - y, columns - x)) / softness + 0.5, 0, 1).astype(np.float32)


def mixture(mask):
    return np.round(RED * mask[..., None] + BLUE * (1 - mask[..., None])).astype(np.uint8)


def test_the_window_frames_the_object():
    mask = np.zeros((300, 400), np.float32)
    mask[50:150, 90:130] = 1
    framed = frame(photo_of(np.zeros((300, 400, 3))), mask, SETTINGS)
    assert framed.window.half_size == 100 / 0.8 / 2
    assert abs(framed.window.centre_x - 110) <= 0.5
    assert abs(framed.window.centre_y - 100) <= 0.5
    assert (framed.window.photo_width, framed.window.photo_height) == (400, 300)
    rows, columns = np.nonzero(framed.mask > 0.5)
    assert abs((rows.max() - rows.min() + 1) / 64 - 0.8) < 0.03
    assert abs(rows.mean() - 31.5) < 0.6
    assert abs(columns.mean() - 31.5) < 0.6


def test_the_window_maps_the_cutout_to_the_photo_exactly():
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (200, 260, 3), np.uint8)
    mask = np.zeros((200, 260), np.float32)
    mask[0:120, 13:100] = 1  # reaches the photo's edge, so that the window goes beyond it
    framed = frame(photo_of(pixels), mask, SETTINGS)
    side = len(framed.cutout)
    rows, columns = np.nonzero(framed.cutout[..., 3] == 255)
    assert len(rows) == mask.sum()
    window_points = np.stack([(columns + 0.5) / side * 2 - 1, 1 - (rows + 0.5) / side * 2], axis=1)
    places = framed.window.to_photo(window_points)
    np.testing.assert_allclose(places % 1, 0.5)
    x, y = np.floor(places).astype(int).T
    np.testing.assert_array_equal(framed.cutout[rows, columns, :3], pixels[y, x])


def test_background_colour_and_range():
    mask = soft_disc(200, 50, 100, 100)
    framed = frame(photo_of(mixture(mask)), mask, SETTINGS)
    assert framed.image.dtype == np.float32
    assert framed.image.shape == (64, 64, 3)
    np.testing.assert_allclose(framed.image[0, 0], SETTINGS.background, atol=1 / 255)
    np.testing.assert_allclose(framed.image[32, 32], RED / 255, atol=1 / 255)
    assert framed.image.min() >= 0
    assert framed.image.max() <= 1


def test_antialiasing_keeps_fine_stripes_grey():
    pixels = np.zeros((1024, 1024, 3), np.uint8)
    pixels[:, ::2] = 255
    mask = np.zeros((1024, 1024), np.float32)
    mask[100:900, 100:900] = 1
    image = frame(photo_of(pixels), mask, SETTINGS).image
    np.testing.assert_allclose(image[16:48, 16:48], 0.5, atol=0.02)


@pytest.mark.parametrize("radius", [40, 300])
def test_no_background_colour_is_left_anywhere(radius):
    """Blue must be gone: at the outline, where the photo mixes it in, and under the transparent pixels."""
    size = 3 * radius
    mask = soft_disc(size, radius, size / 2, size / 2)
    cutout = frame(photo_of(mixture(mask)), mask, SETTINGS).cutout
    outline = (cutout[..., 3] > 0) & (cutout[..., 3] < 255)
    assert outline.sum() > 100
    np.testing.assert_allclose(cutout[..., :3], np.broadcast_to(RED, cutout[..., :3].shape), atol=10)


def test_the_outline_is_freed_towards_what_was_seen():
    """A green rim on a red disc stays green: the guess from inside alone would paint it red."""
    mask = soft_disc(240, 90, 120, 120, softness=4)
    inner = soft_disc(240, 84, 120, 120, softness=1)[..., None]
    own = np.array([30, 200, 40]) * (1 - inner) + RED * inner
    pixels = np.round(own * mask[..., None] + BLUE * (1 - mask[..., None])).astype(np.uint8)
    cutout = frame(photo_of(pixels), mask, SETTINGS).cutout
    rim = cutout[(cutout[..., 3] > 120) & (cutout[..., 3] < 255)]
    assert len(rim) > 300
    assert np.median(rim[:, 1]) > 150
    assert np.median(rim[:, 2]) < 80


def test_transparent_black_never_shows():
    """The classic fault: colours under transparent pixels are black and bleed into the outline."""
    mask = soft_disc(200, 60, 90, 110)
    pixels = np.zeros((200, 200, 4), np.uint8)
    pixels[mask > 0, :3] = RED
    pixels[..., 3] = np.round(mask * 255)
    framed = frame(photo_of(pixels, has_alpha=True), mask, FramingSettings(96, 0.8, (1, 1, 1)))
    np.testing.assert_allclose(framed.cutout[..., :3], np.broadcast_to(RED, framed.cutout[..., :3].shape), atol=3)
    darkest = framed.image.reshape(-1, 3).min(axis=0) * 255
    np.testing.assert_array_less(RED - 12, darkest)


def test_thin_objects_keep_their_colour():
    mask = np.zeros((600, 600), np.float32)
    mask[300:301, 50:550] = 1
    pixels = np.broadcast_to(BLUE, (600, 600, 3)).copy()
    pixels[300] = RED
    cutout = frame(photo_of(pixels), mask, SETTINGS).cutout
    np.testing.assert_allclose(cutout[cutout[..., 3] == 255][:, :3], np.broadcast_to(RED, (500, 3)))
    np.testing.assert_allclose(cutout[0, 0, :3], RED, atol=10)


def test_large_photos_are_limited():
    mask = np.zeros((2400, 2400), np.float32)
    mask[100:2300, 100:2300] = 1
    pixels = np.full((2400, 2400, 3), 77, np.uint8)
    framed = frame(photo_of(pixels), mask, SETTINGS)
    assert framed.cutout.shape == (2048, 2048, 4)
    assert framed.window.half_size == 1375
    assert (framed.cutout[..., :3] == 77).all()


def test_focal_length_in_half_windows():
    """A 50 mm lens on film sees 43.27 mm across the diagonal; half the window is to the focal length as on film."""
    mask = np.zeros((300, 400), np.float32)
    mask[100:180, 100:180] = 1
    photo = photo_of(np.zeros((300, 400, 3)), focal=50.0)
    framed = frame(photo, mask, SETTINGS)
    millimetres_per_pixel = math.hypot(36, 24) / 500
    assert framed.focal == pytest.approx(50 / (millimetres_per_pixel * framed.window.half_size))
    assert frame(dataclasses.replace(photo, focal_35mm=None), mask, SETTINGS).focal is None


def test_the_smallest_object_of_the_smallest_photo():
    mask = np.zeros((32, 32), np.float32)
    mask[31, 0] = 1
    pixels = np.broadcast_to(RED, (32, 32, 3))
    framed = frame(photo_of(pixels), mask, SETTINGS)
    assert framed.image.shape == (64, 64, 3)
    assert (framed.cutout[..., :3] == RED).all()
    assert framed.cutout[..., 3].sum() == 255


def test_an_empty_mask_is_an_error():
    with pytest.raises(CutoutError):
        frame(photo_of(np.zeros((50, 50, 3))), np.zeros((50, 50), np.float32), SETTINGS)


def test_spreading_keeps_known_pixels_and_stays_between_them():
    rng = np.random.default_rng(1)
    colours = rng.random((37, 50, 3)).astype(np.float32)
    weights = (rng.random((37, 50)) < 0.05).astype(np.float32)
    filled = spread(colours, weights)
    known = weights == 1
    np.testing.assert_allclose(filled[known], colours[known], atol=1e-6)
    assert filled.min() >= colours[known].min() - 1e-5
    assert filled.max() <= colours[known].max() + 1e-5


def test_spreading_prefers_what_is_near():
    colours = np.zeros((64, 64, 1), np.float32)
    weights = np.zeros((64, 64), np.float32)
    colours[:, 40:], weights[:, 40:] = 1, 1
    weights[:, :8] = 1
    filled = spread(colours, weights)[32, :, 0]
    assert (np.diff(filled[8:40]) > -1e-3).all()
    assert filled[10] < 0.35
    assert filled[37] > 0.65


def test_equal_photos_give_equal_pictures():
    mask = soft_disc(128, 40, 64, 64)
    first, second = (frame(photo_of(mixture(mask)), mask, SETTINGS) for _ in range(2))
    np.testing.assert_array_equal(first.cutout, second.cutout)
    np.testing.assert_array_equal(first.image, second.image)
    assert Image.fromarray(first.cutout).mode == "RGBA"
