# SPDX-License-Identifier: GPL-3.0-or-later
"""Compact records: what is read differs from what was written by no more than is said, and views stand alone."""

import json

import numpy as np
import pytest

from training.data import compact, shards
from training.data.grid import TRUNCATION
from training.samples import SOFTNESS


def thing(views=3, name="a thing"):
    """Arrays as ``make_object`` gives them: a ball with a hole, before smooth pictures."""
    rng = np.random.default_rng(5)
    axis = (np.arange(96) + 0.5) / 48 - 1
    radius = np.sqrt(axis[:, None] ** 2 + axis**2)
    seen = (radius < 0.8) & (radius > 0.1)
    half = np.sqrt(np.maximum(0.64 - radius**2, 0))
    depths = np.stack([np.where(seen, [-half * k, half + 0.3 * k], np.nan) for k in range(views)])
    mask = (np.clip((0.8 - radius) * 20, 0, 1) * 255).astype(np.uint8).repeat(2, 0).repeat(2, 1)
    smooth = np.linspace(20, 220, 192)[:, None, None] * np.array([1.0, 0.8, 0.5])
    photo = np.broadcast_to(smooth, (views, 192, 192, 3)).astype(np.uint8)
    grid = np.meshgrid(axis, axis, axis, indexing="ij")
    distance = 0.7 - np.linalg.norm(grid, axis=0)
    return {
        "photo": photo,
        "mask": np.broadcast_to(mask, (views, 192, 192)),
        "depths": depths.astype(np.float16),
        "albedo": np.broadcast_to(photo[:, None, ::2, ::2], (views, 2, 96, 96, 3)),
        "camera": rng.normal(size=(views, 16)).astype(np.float32),
        "signed": np.round(np.clip(distance / TRUNCATION, -1, 1) * 127).astype(np.int8),
        "name": np.array(name),
        "source": np.array("test"),
        "category": np.array("balls"),
        "fingerprint": np.array("0123456789abcdef"),
        "split": np.array("train"),
        "version": np.array(3),
    }


def occupancy(signed):
    return 1 / (1 + np.exp(-signed.astype(float) * TRUNCATION / 127 / SOFTNESS))


def test_what_is_read_is_what_was_written_within_the_steps():
    arrays = thing()
    record = compact.Record(compact.encode(arrays, "a.views"))
    assert record.views == 3
    assert record.told == {"file": "a.views"} | {name: arrays[name].item() for name in compact.TOLD}
    for number in range(3):
        view = record.view(number)
        expected = {name: arrays[name][number] for name in view}
        assert {name: (a.shape, a.dtype) for name, a in view.items()} == {
            name: (a.shape, a.dtype) for name, a in expected.items()
        }
        np.testing.assert_array_equal(np.isnan(view["depths"]), np.isnan(expected["depths"]))
        np.testing.assert_allclose(view["depths"], expected["depths"], atol=compact.DEPTH_STEP / 2 + 0.0005)
        np.testing.assert_allclose(view["mask"].astype(int), expected["mask"], atol=8.5)
        np.testing.assert_array_equal(view["camera"], expected["camera"])
        assert np.abs(view["photo"].astype(int) - expected["photo"]).mean() < 2
        seen = np.isfinite(expected["depths"][0])
        assert np.abs(view["albedo"].astype(int) - expected["albedo"])[:, seen].mean() < 4


def test_the_solid_keeps_its_surface_and_what_is_learned_from_it():
    arrays = thing()
    signed = compact.Record(compact.encode(arrays, "a.views")).signed()
    near = np.abs(arrays["signed"]) < 0.9 * compact.FAR_LEVEL * compact.SOLID_STEP * 127 / TRUNCATION
    error = np.abs(signed.astype(int) - arrays["signed"])[near]
    assert error.max() <= compact.SOLID_STEP / 2 * 127 / TRUNCATION + 1
    assert np.abs(occupancy(signed) - occupancy(arrays["signed"])).max() < 0.09


def test_it_takes_a_twentieth_of_the_space():
    arrays = thing()
    whole = sum(arrays[name].nbytes for name in (*compact.VIEW_PARTS, "signed"))
    assert len(compact.encode(arrays, "a.views")) < whole / 20


def test_other_bytes_are_refused():
    with pytest.raises(ValueError, match="not a stored object"):
        compact.Record(b"PK" + bytes(40))


def test_shards_hold_the_records_in_their_order_and_no_more_than_asked_for(tmp_path):
    records = [compact.encode(thing(1, f"thing {number}"), "a.views") for number in range(7)]
    size = len(records[0]) + 4
    (tmp_path / "009.shard").write_bytes(b"of an earlier export")
    count, written = shards.write(iter(records), tmp_path, 2 * size + 10, 5 * size + 10)
    assert (count, written) == (5, 5 * size)
    files = sorted(tmp_path.glob("*.shard"))
    assert [path.stat().st_size for path in files] == [2 * size, 2 * size, size]
    assert list(shards.read(tmp_path)) == records[:5]
    files[1].write_bytes(files[1].read_bytes()[:-3])
    names = [compact.Record(record).told["name"] for record in shards.read(tmp_path)]
    assert names == ["thing 0", "thing 1", "thing 2", "thing 4"]


def test_a_header_is_plain_json():
    stored = compact.encode(thing(1), "a.views")
    start = len(compact.MAGIC) + 4
    length = int.from_bytes(stored[start - 4 : start], "little")
    assert json.loads(stored[start : start + length])["name"] == "a thing"
