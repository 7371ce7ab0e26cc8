# SPDX-License-Identifier: GPL-3.0-or-later
"""Each way of cutting out, and each way in which it can fail."""

from pathlib import Path

import numpy as np
import pytest
from image_to_3d.inference.cutout import CutoutMethod, CutoutSettings, cut_out
from image_to_3d.inference.errors import CutoutError, PhotoError
from image_to_3d.inference.monitor import Monitor
from image_to_3d.inference.photo import Photo, load_photo
from image_to_3d.inference.runtime import Runtime, RuntimeSettings
from PIL import Image

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture(scope="module")
def runtime():
    runtime = Runtime(RuntimeSettings(device="cpu"))
    yield runtime
    runtime.release()


class NoRuntime(Runtime):
    """For methods that must not need a network."""

    def __init__(self):
        pass

    def run(self, model, inputs, monitor):
        pytest.fail("a network was run")


def photo_of(pixels, alpha=None):
    opacity = np.full(pixels.shape[:2], 255) if alpha is None else alpha
    rgba = np.concatenate([pixels, opacity[..., None]], axis=2).astype(np.uint8)
    return Photo(rgba, bool((opacity < 128).any()), None, "thing", "0" * 64)


def disc(height, width, radius):
    y, x = np.mgrid[:height, :width]
    return np.hypot(y - height / 2, x - width / 2) < radius


def ball(height=400, width=500, radius=130):
    """A shaded ball before a plain wall: a photo in which the object is beyond doubt."""
    y, x = np.mgrid[:height, :width]
    inside = disc(height, width, radius)
    shade = np.clip(1 - np.hypot(y - height * 0.42, x - width * 0.42) / (2 * radius), 0.15, 1)
    noise = np.random.default_rng(0).normal(0, 3, (height, width, 1))
    wall = np.array([205.0, 200, 190]) - y[..., None] * 0.05
    return np.clip(
        np.where(inside[..., None], np.array([210.0, 60, 30]) * shade[..., None], wall) + noise, 0, 255
    ), inside


def cut(photo, runtime, method=CutoutMethod.AUTOMATIC, mask_path=None):
    monitor = Monitor()
    mask = cut_out(photo, CutoutSettings(method, mask_path), runtime, monitor)
    assert mask.dtype == np.float32
    assert mask.shape == photo.pixels.shape[:2]
    assert mask.min() >= 0
    assert mask.max() <= 1
    return mask, monitor.warnings


def intersection_over_union(mask, truth):
    return np.minimum(mask, truth).sum() / np.maximum(mask, truth).sum()


def test_network_finds_the_object_to_the_pixel(runtime):
    pixels, truth = ball()
    mask, warnings = cut(photo_of(pixels), runtime)
    assert intersection_over_union(mask, truth) > 0.97
    assert warnings == []


def test_network_on_a_real_photo(runtime):
    photo = load_photo(EXAMPLES / "coffee.jpg", Monitor())
    mask, _ = cut(photo, runtime)
    height, width = mask.shape
    assert 0.3 < mask.mean() < 0.6
    assert mask[height // 2, width // 2] > 0.9
    assert mask[:, -5:].max() < 0.1


def test_network_on_an_upright_and_a_turned_photo_agrees(runtime):
    pixels, _ = ball()
    mask, _ = cut(photo_of(pixels), runtime)
    turned, _ = cut(photo_of(np.rot90(pixels)), runtime)
    assert intersection_over_union(turned, np.rot90(mask)) > 0.97


@pytest.mark.parametrize("kind", ["grey", "black", "noise", "ramp"])
def test_no_object_is_found_where_there_is_none(runtime, kind):
    pixels = {
        "grey": np.full((300, 300, 3), 128),
        "black": np.zeros((300, 300, 3)),
        "noise": np.random.default_rng(0).integers(0, 256, (300, 300, 3)),
        "ramp": np.broadcast_to(np.linspace(60, 200, 300)[:, None, None], (300, 300, 3)),
    }[kind]
    with pytest.raises(CutoutError, match="No object was found in 'thing'"):
        cut(photo_of(pixels), runtime)


def test_an_object_at_the_edge_is_warned_about(runtime):
    pixels, _ = ball()
    _, warnings = cut(photo_of(pixels[100:, 80:-80]), runtime)
    assert len(warnings) == 1
    assert "edge" in warnings[0]


def test_network_ignores_colours_that_the_alpha_hides(runtime):
    pixels, truth = ball()
    rng = np.random.default_rng(0)
    pixels = np.where(truth[..., None], pixels, rng.integers(0, 256, pixels.shape))
    mask, _ = cut(photo_of(pixels, truth * 255), runtime, CutoutMethod.NETWORK)
    assert intersection_over_union(mask, truth) > 0.95
    assert mask[~truth].max() == 0


def test_the_photos_own_alpha_is_kept_exactly():
    alpha = np.zeros((200, 300), np.uint8)
    alpha[40:160, 50:250] = 255
    alpha[40:160, 250:255] = 128
    mask, warnings = cut(photo_of(np.zeros((200, 300, 3)), alpha), NoRuntime())
    np.testing.assert_array_equal(mask, alpha.astype(np.float32) / 255)
    assert warnings == []


def test_stray_opaque_pixels_are_dropped():
    alpha = disc(300, 300, 80) * 255
    alpha[3:6, 3:6] = 255
    mask, _ = cut(photo_of(np.zeros((300, 300, 3)), alpha), NoRuntime())
    assert mask[:10, :10].max() == 0
    assert mask.sum() == disc(300, 300, 80).sum()


def test_a_small_object_is_warned_about():
    photo = photo_of(np.zeros((300, 300, 3)), disc(300, 300, 40) * 255)
    _, warnings = cut(photo, NoRuntime())
    assert len(warnings) == 1
    assert "only 79 pixels" in warnings[0]


def test_fully_transparent_photo():
    for method in (CutoutMethod.AUTOMATIC, CutoutMethod.ALPHA, CutoutMethod.NONE):
        with pytest.raises(CutoutError, match="'thing' is fully transparent"):
            cut(photo_of(np.zeros((100, 100, 3)), np.zeros((100, 100))), NoRuntime(), method)


def test_alpha_of_a_photo_without_any():
    with pytest.raises(CutoutError, match="no transparent background"):
        cut(photo_of(np.zeros((100, 100, 3))), NoRuntime(), CutoutMethod.ALPHA)


def test_none_takes_the_whole_frame():
    mask, _ = cut(photo_of(np.zeros((100, 120, 3))), NoRuntime(), CutoutMethod.NONE)
    np.testing.assert_array_equal(mask, np.ones((100, 120)))


def test_none_still_respects_the_photos_alpha():
    alpha = disc(200, 200, 70) * 255
    mask, _ = cut(photo_of(np.zeros((200, 200, 3)), alpha), NoRuntime(), CutoutMethod.NONE)
    np.testing.assert_array_equal(mask, alpha / 255)


@pytest.mark.parametrize("kind", ["grey", "alpha", "smaller"])
def test_the_artists_mask(tmp_path, kind):
    truth = disc(300, 400, 100)
    grey = Image.fromarray((truth * 255).astype(np.uint8))
    if kind == "alpha":
        image = Image.new("RGBA", grey.size, (10, 20, 30, 0))
        image.putalpha(grey)
    else:
        image = grey.resize((200, 150)) if kind == "smaller" else grey
    image.save(tmp_path / "mask.png")
    for method in (CutoutMethod.MASK, CutoutMethod.AUTOMATIC):
        mask, _ = cut(photo_of(np.zeros((300, 400, 3))), NoRuntime(), method, tmp_path / "mask.png")
        assert intersection_over_union(mask, truth) > (0.97 if kind == "smaller" else 0.9999)


def test_a_mask_of_another_shape(tmp_path):
    Image.new("L", (400, 400), 255).save(tmp_path / "square.png")
    with pytest.raises(CutoutError, match=r"square\.png.*400 x 400.*400 x 300"):
        cut(photo_of(np.zeros((300, 400, 3))), NoRuntime(), CutoutMethod.MASK, tmp_path / "square.png")


@pytest.mark.parametrize(("grey", "message"), [(0, "leaves nothing"), (255, "covers all")])
def test_a_mask_that_is_all_black_or_white(tmp_path, grey, message):
    Image.new("L", (400, 300), grey).save(tmp_path / "mask.png")
    with pytest.raises(CutoutError, match=message) as caught:
        cut(photo_of(np.zeros((300, 400, 3))), NoRuntime(), CutoutMethod.MASK, tmp_path / "mask.png")
    assert "white" in caught.value.hint


def test_a_mask_that_is_not_there(tmp_path):
    photo = photo_of(np.zeros((300, 400, 3)))
    with pytest.raises(CutoutError, match="No mask"):
        cut(photo, NoRuntime(), CutoutMethod.MASK)
    with pytest.raises(PhotoError, match=r"gone\.png"):
        cut(photo, NoRuntime(), CutoutMethod.MASK, tmp_path / "gone.png")


def two_balls():
    """Two balls side by side before a plain wall; the right one is the larger."""
    pixels, inside = ball(400, 500, 130)
    left, left_inside = ball(400, 300, 90)
    return np.concatenate([left, pixels], axis=1), left_inside, inside


def test_a_box_chooses_one_object_among_several(runtime):
    pixels, left_inside, _inside = two_balls()
    box = (0.02, 0.15, 300 / 800, 0.85)
    mask = cut_out(photo_of(pixels), CutoutSettings(CutoutMethod.NETWORK, box=box), runtime, Monitor())
    truth = np.concatenate([left_inside, np.zeros((400, 500), bool)], axis=1)
    assert ((mask > 0.5) & truth).sum() / ((mask > 0.5) | truth).sum() > 0.93
    assert mask[:, 300:].max() == 0


def test_a_box_limits_every_method():
    pixels, inside = ball()
    photo = photo_of(pixels, np.where(inside, 255, 0))
    mask = cut_out(photo, CutoutSettings(CutoutMethod.ALPHA, box=(0, 0, 0.5, 1)), NoRuntime(), Monitor())
    assert (mask[:, :250] > 0.5).sum() == pytest.approx(inside.sum() / 2, rel=0.02)
    assert mask[:, 250:].max() == 0


def test_a_box_does_not_hide_that_the_object_is_cut_off_or_small(runtime):
    pixels, _inside = ball()
    monitor = Monitor()
    photo = photo_of(pixels[100:, 80:-80])
    cut_out(photo, CutoutSettings(CutoutMethod.NETWORK, box=(0, 0, 1, 1)), runtime, monitor)
    assert ["edge" in warning for warning in monitor.warnings] == [True]
    monitor = Monitor()
    small = photo_of(np.zeros((300, 300, 3)), disc(300, 300, 40) * 255)
    cut_out(small, CutoutSettings(CutoutMethod.ALPHA, box=(0, 0, 1, 1)), NoRuntime(), monitor)
    assert ["only 79 pixels" in warning for warning in monitor.warnings] == [True]


@pytest.mark.parametrize("box", [(0.5, 0, 0.5, 1), (0, 0.9, 1, 0.1), (-0.1, 0, 1, 1)])
def test_a_box_must_hold_something(box):
    pixels, _inside = ball()
    with pytest.raises(CutoutError, match="box round the object is empty"):
        cut_out(photo_of(pixels), CutoutSettings(CutoutMethod.NETWORK, box=box), NoRuntime(), Monitor())
