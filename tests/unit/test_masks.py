# SPDX-License-Identifier: GPL-3.0-or-later
"""Parts and outlines of masks."""

import numpy as np
from image_to_3d.inference.masks import keep_sizeable_parts, label_parts, refine
from PIL import Image


def flood_labels(inside):
    """The slow, obvious way: flood each part from its first pixel."""
    labels = np.zeros(inside.shape, int)
    count = 0
    for start in zip(*np.nonzero(inside), strict=True):
        if labels[start]:
            continue
        count += 1
        stack = [start]
        while stack:
            y, x = stack.pop()
            if not (0 <= y < inside.shape[0] and 0 <= x < inside.shape[1]) or not inside[y, x] or labels[y, x]:
                continue
            labels[y, x] = count
            stack += [(y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
    return labels


def test_parts_are_those_of_a_flood_fill():
    rng = np.random.default_rng(3)
    for density in (0.0, 0.1, 0.3, 0.5, 0.9, 1.0):
        inside = rng.random((40, 57)) < density
        labels, expected = label_parts(inside), flood_labels(inside)
        assert labels.max() == expected.max()
        pairs = np.unique(np.stack([labels.ravel(), expected.ravel()]), axis=1)
        assert pairs.shape[1] == len(np.unique(expected))


def test_a_spiral_is_one_part():
    inside = np.zeros((61, 61), bool)
    y, x, steps, direction = 30, 30, 1, 0
    while steps < 58:
        for _ in range(2):
            dy, dx = ((0, 1), (1, 0), (0, -1), (-1, 0))[direction % 4]
            for _ in range(steps):
                y, x = y + dy, x + dx
                if 0 <= y < 61 and 0 <= x < 61:
                    inside[y, x] = True
            direction += 1
        steps += 2
    assert label_parts(inside).max() == 1


def test_dust_goes_and_real_parts_stay():
    mask = np.zeros((1500, 1000), np.float32)
    mask[200:900, 200:600] = 1  # the object
    mask[1000:1100, 300:400] = 0.8  # a second part, 3 % of it
    mask[50:60, 900:905] = 1  # dust
    kept = keep_sizeable_parts(mask)
    expected = mask.copy()
    expected[50:60, 900:905] = 0
    np.testing.assert_array_equal(kept, expected)
    assert keep_sizeable_parts(kept) is kept


def test_an_empty_mask_stays_empty():
    empty = np.zeros((30, 30), np.float32)
    np.testing.assert_array_equal(keep_sizeable_parts(empty), empty)
    np.testing.assert_array_equal(refine(np.zeros((90, 90, 3), np.uint8), empty), np.zeros((90, 90)))


def disc(height, width):
    y, x = np.mgrid[:height, :width]
    return (np.hypot(y - height * 0.45, x - width * 0.55) < 0.3 * height).astype(np.float32)


def test_refinement_follows_the_photos_edges():
    rng = np.random.default_rng(0)
    truth = disc(900, 1200)
    photo = np.where(truth[..., None] > 0, [180.0, 60, 40], [90.0, 110, 130]) + rng.normal(0, 4, (900, 1200, 3))
    photo = np.clip(photo, 0, 255).astype(np.uint8)
    coarse = np.asarray(
        Image.fromarray(truth).resize((320, 320), Image.Resampling.BOX).resize((40, 40)).resize((320, 320))
    )
    enlarged = np.clip(np.asarray(Image.fromarray(coarse).resize((1200, 900), Image.Resampling.BICUBIC)), 0, 1)
    refined = refine(photo, coarse)
    assert refined.dtype == np.float32
    assert refined.shape == truth.shape
    assert refined.min() >= 0
    assert refined.max() <= 1
    assert np.abs(refined - truth).mean() < 0.4 * np.abs(enlarged - truth).mean()


def test_refinement_keeps_the_mask_where_the_photo_has_no_edge():
    truth = disc(320, 320)
    photo = np.full((640, 640, 3), 127, np.uint8)
    refined = refine(photo, truth)
    enlarged = np.asarray(Image.fromarray(truth).resize((640, 640), Image.Resampling.BICUBIC))
    assert np.mean((refined > 0.5) != (enlarged > 0.5)) < 0.004


def test_refinement_of_tiny_and_long_photos():
    for size in ((32, 32), (32, 700), (2000, 40)):
        refined = refine(np.full((*size, 3), 50, np.uint8), np.ones((320, 320), np.float32))
        np.testing.assert_allclose(refined, np.ones(size), atol=1e-3)
