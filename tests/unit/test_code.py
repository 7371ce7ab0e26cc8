# SPDX-License-Identifier: GPL-3.0-or-later
"""A code survives being stored, is small, deterministic, and never unpickled."""

import io
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from image_to_3d.inference.camera import Camera, Window
from image_to_3d.inference.code import Code
from image_to_3d.inference.errors import ModelError


@pytest.fixture
def code() -> Code:
    random = np.random.default_rng(1)
    photo = np.zeros((64, 64, 4), np.uint8)
    photo[16:48, 16:48] = (200, 120, 40, 255)
    return Code(
        system="pebble",
        version="1",
        arrays={
            "volume": random.normal(size=(4, 5, 6)).astype(np.float16),
            "mask": np.arange(9, dtype=np.uint8),
            "number": np.array(0.25, np.float32),
        },
        camera=Camera.looking_at_origin(0.3, 2.5, 3.0),
        window=Window(10.5, 20.25, 30.0, 640, 480),
        photo=photo,
        provenance={"photo_name": "cup", "photo_sha256": "00"},
    )


def test_everything_comes_back(code: Code) -> None:
    again = Code.from_bytes(code.to_bytes())
    assert (again.system, again.version, again.window) == (code.system, code.version, code.window)
    assert dict(again.provenance) == dict(code.provenance)
    assert again.arrays.keys() == code.arrays.keys()
    for name, array in code.arrays.items():
        assert (again.arrays[name].dtype, again.arrays[name].shape) == (array.dtype, array.shape)
        np.testing.assert_array_equal(again.arrays[name], array)
    np.testing.assert_allclose(again.camera.rotation, code.camera.rotation)
    np.testing.assert_array_equal(again.photo[..., 3], code.photo[..., 3])
    difference = again.photo[20:44, 20:44].astype(int) - code.photo[20:44, 20:44].astype(int)
    assert np.abs(difference).max() <= 3, "the photo's colours must survive within WebP's quality"


def test_equal_codes_are_equal_bytes(code: Code) -> None:
    assert code.to_bytes() == replace(code).to_bytes()


def test_a_stored_code_keeps_its_bytes_but_a_changed_copy_does_not(code: Code) -> None:
    random = np.random.default_rng(2)
    data = replace(code, photo=random.integers(0, 255, (64, 64, 4), dtype=np.uint8)).to_bytes()
    again = Code.from_bytes(data)
    assert again.to_bytes() == data, "a noisy photo must not be compressed a second time"
    assert Code.from_bytes(replace(again, version="2").to_bytes()).version == "2"


@pytest.mark.parametrize("damage", ["truncated", "not a zip", "empty"])
def test_damage_is_one_sentence_with_a_hint(code: Code, damage: str) -> None:
    data = code.to_bytes()
    broken = {"truncated": data[: len(data) // 2], "not a zip": b"x" * 100, "empty": b""}[damage]
    with pytest.raises(ModelError, match="stored code is damaged") as caught:
        Code.from_bytes(broken)
    assert caught.value.hint


def test_a_pickled_array_is_refused(code: Code) -> None:
    member = io.BytesIO()
    np.save(member, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    buffer = io.BytesIO(code.to_bytes())
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr("evil.npy", member.getvalue())
    with pytest.raises(ModelError, match="damaged"):
        Code.from_bytes(buffer.getvalue())


def test_a_later_format_says_so(code: Code) -> None:
    source = zipfile.ZipFile(io.BytesIO(code.to_bytes()))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in source.namelist():
            data = source.read(name)
            archive.writestr(name, data.replace(b'"format": 1', b'"format": 9') if name == "header.json" else data)
    with pytest.raises(ModelError, match="format 9"):
        Code.from_bytes(buffer.getvalue())
