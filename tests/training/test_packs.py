# SPDX-License-Identifier: GPL-3.0-or-later
"""Packed meshes: parts, colours, textures and corners come out as they went in; flat colours get a surface."""

import io

import numpy as np
import pytest
from PIL import Image

from training.data import packs
from training.data.assemblies import LATER_KINDS, assemble


@pytest.fixture
def packed(tmp_path):
    """A bent strip of 24 triangles: eight of one colour, eight textured, eight with a colour for each corner."""
    x = np.linspace(-1, 1, 13)
    rows = np.stack([x, x**2 / 2, np.zeros(13)], 1)
    vertices = np.concatenate([rows, rows + np.array([0, 0, 0.8])])
    faces = [[i, i + 1, i + 14] for i in range(12)] + [[i, i + 14, i + 13] for i in range(12)]
    picture = io.BytesIO()
    Image.fromarray(np.full((8, 8, 3), (200, 40, 90), np.uint8)).save(picture, "WEBP", lossless=True)
    path = tmp_path / "maker" / "strip.npz"
    path.parent.mkdir()
    np.savez(
        path,
        v=np.round((vertices + 1) * 32767.5).astype(np.uint16),
        f=np.array(faces, np.uint16),
        p=np.repeat([0, 1, 2], 8).astype(np.uint8),
        part_kind=np.array([0, 1, 2], np.uint8),
        part_color=np.array([[255, 0, 0], [1, 2, 3], [4, 5, 6]], np.uint8),
        uv=np.full((8, 3, 2), 65535, np.uint16),
        uv_low=np.full((3, 2), 0.5, np.float32),
        uv_size=np.full((3, 2), 2.0, np.float32),
        c=np.arange(72, dtype=np.uint8).reshape(8, 3, 3),
        t1=np.frombuffer(picture.getvalue(), np.uint8),
        category=np.array("strips"),
        name=np.array("strip"),
        source=np.array("maker"),
    )
    return path


def test_a_folder_of_folders_is_read_but_for_what_nobody_can_see_the_end_of(packed):
    (packed.parent / "wineglass_tall.npz").touch()
    assert packs.files(packed.parent.parent) == [packed]


def test_each_kind_of_part_comes_out_as_it_went_in(packed, monkeypatch):
    monkeypatch.setattr(packs, "PLAIN", 1.0)
    model = packs.load(packed, "a strip")
    assert (model.name, model.source, model.category) == ("a strip", "objects", "strips")
    flat, textured, coloured = model.parts
    assert [len(part.corners) for part in model.parts] == [8, 8, 8]
    np.testing.assert_array_equal(flat.colors, np.broadcast_to([1.0, 0, 0], (8, 3, 3)))
    assert flat.texture is None
    np.testing.assert_allclose(textured.uv, 2.5)
    np.testing.assert_array_equal(textured.texture, np.broadcast_to(np.array([200, 40, 90], np.uint8), (8, 8, 3)))
    np.testing.assert_allclose(coloured.colors, np.arange(72).reshape(8, 3, 3) / 255, atol=1e-6)
    assert np.ptp(model.corners[..., 0]) == pytest.approx(2, abs=1e-3)


def test_flat_colours_get_a_surface_in_about_their_colour(packed, monkeypatch):
    monkeypatch.setattr(packs, "PLAIN", 0.0)
    monkeypatch.setattr(packs, "COVERINGS", {packs.woven: 1})
    first, again = (packs.load(packed, "a strip").parts[0] for _ in range(2))
    np.testing.assert_array_equal(first.texture, again.texture)
    assert first.texture.std((0, 1))[0] > 3
    assert first.texture[..., 0].mean() > 180
    assert first.texture[..., 1:].mean() < 20
    assert np.isfinite(first.uv).all()


@pytest.mark.parametrize("kind", LATER_KINDS, ids=lambda kind: kind.__name__)
def test_every_later_kind_makes_whole_objects(kind):
    for seed in range(3):
        model = assemble(kind, np.random.default_rng([seed, 3]), seed, "belongings")
        assert np.isfinite(model.corners).all()
        low, high = model.corners.min((0, 1)), model.corners.max((0, 1))
        assert (high - low).max() == pytest.approx(2, abs=1e-4)
        assert (high - low).min() > 0.15
        assert len({part.texture.tobytes() if part.texture is not None else b"" for part in model.parts}) > 1
