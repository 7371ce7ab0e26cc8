# SPDX-License-Identifier: GPL-3.0-or-later
"""Holes before a plain backdrop are cut out of a coarse mask; what only looks like it stays."""

from pathlib import Path

import numpy as np
import pytest
from image_to_3d.inference.cutout import CutoutMethod, CutoutSettings, cut_out
from image_to_3d.inference.enclosed import cut_enclosed_background
from image_to_3d.inference.monitor import Monitor
from image_to_3d.inference.photo import load_photo
from image_to_3d.inference.runtime import Runtime, RuntimeSettings
from PIL import Image

PHOTOS = Path(__file__).resolve().parents[2] / "examples" / "photos"
SIZE = 400
GREY, WHITE, RED = (150, 160, 165), (255, 255, 255), (190, 40, 30)


def distances():
    """(SIZE, SIZE) from the middle, pixels."""
    y, x = np.mgrid[:SIZE, :SIZE]
    return np.hypot(y - SIZE / 2, x - SIZE / 2)


def backdrop(color, noise=3.0):
    """Light that falls off to one side, and grain."""
    rng = np.random.default_rng(0)
    fall = np.linspace(0, 12, SIZE)[:, None]
    return np.array(color, float) - fall[..., None] + rng.normal(0, noise, (SIZE, SIZE, 3))


def ring(color, filling=None):
    """A red ring whose middle shows the backdrop, or something else: the photo, and the middle (SIZE, SIZE)."""
    picture, away = backdrop(color), distances()
    middle = away < 90
    if filling is not None:
        picture[middle] = filling(picture)[middle]
    picture[(away < 130) & ~middle] = RED
    return np.clip(picture, 0, 255).astype(np.uint8), middle


def coarse_mask(value=1.0):
    """What the network says of the ring: its middle is filled."""
    mask = (distances() < 130).astype(np.float32)
    mask[distances() < 90] = value
    return np.asarray(Image.fromarray(mask).resize((320, 320), Image.Resampling.BILINEAR))


def kept(photo, middle, value=1.0):
    """The share of the middle that is still taken for the object."""
    cut = cut_enclosed_background(photo, coarse_mask(value))
    size = Image.fromarray(cut).resize((SIZE, SIZE), Image.Resampling.BILINEAR)
    result = np.asarray(size)
    assert (result[(distances() > 95) & (distances() < 125)] > 0.9).all(), "the ring itself stays"
    return float((result[middle] > 0.5).mean())


def test_the_backdrop_seen_through_a_ring_is_cut_out():
    assert kept(*ring(GREY)) < 0.05


@pytest.mark.parametrize(
    "filling",
    [
        lambda picture: picture - 20,
        lambda picture: picture + np.array([14.0, -10, 0]),
        lambda picture: np.full_like(picture, 235.0),
    ],
    ids=["darker", "another hue", "white"],
)
def test_a_disc_of_another_colour_stays(filling):
    assert kept(*ring(GREY, filling)) > 0.99


def test_a_dent_that_turns_into_the_backdrops_colour_stays():
    """A red bowl whose inside grows paler towards its middle has no edge where it meets the backdrop's colour."""
    away = distances()[..., None]
    share = np.clip((away - 60) / 70, 0, 1)
    photo = backdrop(GREY)
    shaded = photo * (1 - share) + np.array(RED, float) * share
    photo = np.where(away < 130, shaded, photo)
    assert kept(np.clip(photo, 0, 255).astype(np.uint8), distances() < 60) > 0.99


def test_a_white_plate_on_white_keeps_its_middle():
    """Overexposed, plate and table are the same white; only a dark rim lies between them."""
    picture = np.full((SIZE, SIZE, 3), 255, np.uint8)
    away = distances()
    picture[(away < 130) & (away > 122)] = 90
    coarse = np.asarray(Image.fromarray((away < 130).astype(np.float32)).resize((320, 320)))
    assert cut_enclosed_background(picture, coarse) is coarse


def test_before_white_the_network_has_to_doubt_too():
    photo, middle = ring(WHITE)
    assert kept(photo, middle) > 0.99
    assert kept(photo, middle, value=0.8) < 0.05


def test_nothing_is_cut_before_a_backdrop_that_is_not_plain():
    photo, _middle = ring(GREY)
    rows, columns = np.mgrid[:SIZE, :SIZE] // 20
    tiles = np.where(((rows + columns) % 2 == 0)[..., None], photo, photo // 2)
    photo = np.where((distances() < 130)[..., None], photo, tiles)
    coarse = coarse_mask()
    assert cut_enclosed_background(photo, coarse) is coarse


@pytest.fixture(scope="module")
def runtime():
    runtime = Runtime(RuntimeSettings(device="cpu"))
    yield runtime
    runtime.release()


@pytest.mark.parametrize("box", [None, (0.02, 0.2, 0.99, 0.99)], ids=["whole photo", "box"])
def test_surgical_scissors_have_open_rings(runtime, box):
    photo = load_photo(PHOTOS / "surgical_scissors.jpg", Monitor())
    mask = cut_out(photo, CutoutSettings(CutoutMethod.NETWORK, box=box), runtime, Monitor())
    height, width = mask.shape
    for x, y in ((0.17, 0.43), (0.16, 0.82)):
        assert mask[round(y * height), round(x * width)] < 0.1
    assert (mask > 0.5).mean() > 0.04, "the scissors are there"


def test_the_panel_of_a_scale_is_no_hole(runtime):
    photo = load_photo(PHOTOS / "scale.jpg", Monitor())
    mask = cut_out(photo, CutoutSettings(CutoutMethod.NETWORK), runtime, Monitor())
    height, width = mask.shape
    panel = mask[round(0.55 * height) : round(0.68 * height), round(0.35 * width) : round(0.47 * width)]
    assert panel.min() > 0.9
