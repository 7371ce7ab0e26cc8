# SPDX-License-Identifier: GPL-3.0-or-later
"""Reshaped copies: other proportions, the same object, and never a relative of what is held out."""

import numpy as np
import pytest

from training.data import __main__ as data
from training.data import meshes, reshaped, split
from training.data.assemblies import random_assembly
from training.data.shapes import random_shape


def face_normals(part):
    corners = part.corners.astype(float)
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_a_copy_fills_the_same_cube_and_its_normals_still_stand_on_its_faces(seed):
    model = random_shape(seed)
    copy = reshaped.reshape(model, np.random.default_rng(seed))
    assert np.ptp(copy.corners, (0, 1)).max() == pytest.approx(2, abs=1e-5)
    assert not np.allclose(np.ptp(copy.corners, (0, 1)), np.ptp(model.corners, (0, 1)), atol=0.02)
    for before, after in zip(model.parts, copy.parts, strict=True):
        agreed = (face_normals(before)[:, None] * before.normals).sum(-1)
        agrees = (face_normals(after)[:, None] * after.normals).sum(-1)
        known = np.linalg.norm(before.normals, axis=-1) > 0.5  # faces without area have none
        np.testing.assert_allclose(np.linalg.norm(after.normals[known], axis=-1), 1, atol=1e-4)
        assert np.median(agrees) > np.median(agreed) - 0.02
        assert before.colors.shape == after.colors.shape
        assert after.colors.min() >= 0
        assert after.colors.max() <= 1


def test_the_original_stays_as_it_was():
    model = random_assembly(3)
    before = [(part.corners.copy(), part.normals.copy(), part.colors.copy()) for part in model.parts]
    reshaped.reshape(model, np.random.default_rng(0))
    for (corners, normals, colors), part in zip(before, model.parts, strict=True):
        np.testing.assert_array_equal(corners, part.corners)
        np.testing.assert_array_equal(normals, part.normals)
        np.testing.assert_array_equal(colors, part.colors)


def test_only_what_is_trained_on_is_copied_and_copies_are_trained_on():
    splits = {seed: split.split_of(meshes.fingerprint(random_shape(seed))) for seed in range(60)}
    assert set(splits.values()) == {"train", "validation", "test"}
    made = 0
    for seed, name in splits.items():
        try:
            copy = data.reshaped_copy(lambda seed=seed: random_shape(seed), 1)
        except meshes.Rejected:
            continue
        made += 1
        assert name == "train"
        assert split.split_of(meshes.fingerprint(copy)) == "train"
        assert copy.name.endswith("~1")
    assert made > 40
