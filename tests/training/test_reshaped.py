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


def box():
    """A coloured box whose normals are its faces' own; each face twice, since so few triangles are no object."""
    corners = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]) * [1.0, 0.6, 0.8]
    quads = np.array([[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]])
    triangles = np.tile(corners[np.concatenate([quads[:, :3], quads[:, [0, 2, 3]]])], (2, 1, 1)).astype(np.float32)
    part = meshes.Part(triangles, triangles, np.full_like(triangles, 0.4))
    part.normals = np.repeat(face_normals(part)[:, None], 3, 1).astype(np.float32)
    return meshes.Model("box", "test", "box", [part])


@pytest.mark.parametrize("seed", range(8))
def test_a_box_becomes_another_box_or_a_stump_whose_normals_stand_on_its_faces(seed):
    model = box()
    copy = reshaped.reshape(model, np.random.default_rng(seed))
    (before,), (after,) = model.parts, copy.parts
    assert np.ptp(after.corners, (0, 1)).max() == pytest.approx(2, abs=1e-5)
    assert not np.allclose(np.ptp(after.corners, (0, 1)), np.ptp(before.corners, (0, 1)), atol=0.02)
    np.testing.assert_allclose(after.normals, np.repeat(face_normals(after)[:, None], 3, 1), atol=1e-4)
    assert np.ptp(after.colors, (0, 1)).min() == pytest.approx(0, abs=1e-6)
    assert not np.allclose(after.colors, before.colors, atol=0.005)
    assert after.colors.min() > 0
    assert after.colors.max() < 1


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
