# SPDX-License-Identifier: GPL-3.0-or-later
"""Grain: as strong as the photo's fine detail, as directed, and none of its picture."""

import numpy as np
from image_to_3d.inference.grain import CONTRAST, NOISE, SIZE, TILE, photo_grain

RNG = np.random.default_rng(1)


def photo_of(detail):
    """(SIZE, SIZE, 4) from a picture (SIZE, SIZE) around the middle grey."""
    photo = np.full((SIZE, SIZE, 4), 255, np.uint8)
    photo[..., :3] = np.clip(np.round(128 + detail), 0, 255)[..., None]
    return photo


def streaks(strength):
    """Wood: lines along the columns."""
    rows = RNG.standard_normal(SIZE)[None] * strength
    return np.repeat(rows, SIZE, axis=0)


def test_grain_is_weaker_than_the_photos_and_runs_in_its_direction():
    tile = photo_grain(photo_of(streaks(8.0)))[0].reshape(TILE, TILE)[::2, ::2]
    assert 0.6 * CONTRAST * (8.0 - NOISE) < tile.std() < 1.1 * CONTRAST * 8.0
    down, right = (np.diff(tile, axis=axis).std() for axis in (0, 1))
    assert down < 0.2 * right


def test_what_is_written_on_the_photo_cannot_be_found_in_the_grain():
    letters = np.kron(RNG.random((16, 16)) < 0.2, np.ones((32, 32))) * -100.0
    photo = photo_of(letters + 4.0 * RNG.standard_normal((SIZE, SIZE)))
    tile = photo_grain(photo)[0].reshape(TILE, TILE)[::2, ::2]
    spectrum = np.fft.fft2(tile) * np.conj(np.fft.fft2(letters - letters.mean()))
    best = np.abs(np.fft.ifft2(spectrum)).max() / (np.linalg.norm(tile) * np.linalg.norm(letters - letters.mean()))
    assert best < 0.1


def test_a_plain_photo_has_no_grain():
    assert not photo_grain(photo_of(np.zeros((SIZE, SIZE)))).any()
    assert not photo_grain(np.zeros((64, 64, 4), np.uint8)).any()
