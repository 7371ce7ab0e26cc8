# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole road of Pebble's training, by its own commands: objects, pack, training, export, and back again."""

import json
import sys
from types import SimpleNamespace

import numpy as np
import onnxruntime
import pytest
import torch

from training import export, pack, restore, train
from training.data import __main__ as data

#: Shapes of which enough are for training to fill a batch, and at least one for validation.
SHAPES, VIEWS = 26, 6


def command(module, *arguments):
    """Run a module as ``python -m`` does."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [module.__name__, *map(str, arguments)])
        return module.main()


@pytest.fixture(scope="module")
def road(tmp_path_factory):
    """Folders and files of one tiny training, from nothing to a restored checkpoint."""
    if sys.platform != "linux":
        pytest.skip("the training's pictures are drawn with EGL")
    folder = tmp_path_factory.mktemp("road")
    made = SimpleNamespace(
        data=folder / "dataset", run=folder / "pebble", graph=folder / "pebble.onnx", restored=folder / "start.pt"
    )
    made.asked = ("--out", made.data, "--sources", "shapes", "--shapes", SHAPES, "--views", VIEWS)
    assert command(data, *made.asked) == 0
    command(pack, "--data", made.data)
    made.train = ("--data", made.data, "--out", made.run, "--report", 1)
    command(train, *made.train, "--minutes", 0.01)
    command(export, "--checkpoint", made.run / "checkpoint.pt", "--out", made.graph)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(restore, "CALIBRATION_BATCHES", 2)
        command(restore, "--graph", made.graph, "--data", made.data, "--out", made.restored)
    return made


def lines(road):
    return [json.loads(line) for line in (road.run / "curves.jsonl").read_text().splitlines()]


def test_each_shape_is_made_once_and_packed_once(road):
    objects = {path: path.stat().st_mtime_ns for path in (road.data / "objects").rglob("*.npz")}
    assert SHAPES - 4 <= len(objects) <= SHAPES  # a few are flat
    index = pack.read_index(road.data / "packed")
    assert {entry["name"] for entry in index} <= {path.stem for path in objects}
    assert command(data, *road.asked) == 0
    assert pack.pack(road.data) == 0
    assert {path: path.stat().st_mtime_ns for path in (road.data / "objects").rglob("*.npz")} == objects
    assert pack.read_index(road.data / "packed") == index


def test_what_is_packed_is_what_was_made(road):
    arrays = pack.open_arrays(road.data / "packed")
    for entry in pack.read_index(road.data / "packed"):
        with np.load(road.data / "objects" / entry["source"] / f"{entry['name']}.npz") as stored:
            for name in ("photo", "mask", "albedo"):
                np.testing.assert_array_equal(arrays[name][entry["row"] : entry["row"] + VIEWS], stored[name])
            np.testing.assert_array_equal(arrays["signed"][entry["number"]], stored["signed"])


def test_a_run_tells_where_it_begins_and_goes_on_where_it_stopped(road):
    told = lines(road)
    before, last = told[0], told[-1]
    assert before["step"] == 0
    assert last["step"] >= 1
    assert all(np.isfinite(value) for value in last["validation"].values())
    assert last["validation"]["front_distance"] != before["validation"]["front_distance"]
    command(train, *road.train, "--minutes", 0.01, "--report", 50)
    *others, resumed = lines(road)
    assert others == told
    assert resumed["step"] == last["step"] + 1
    assert resumed["front"] > last["front"] / 5  # a mean of the one step since, not of the fifty asked for


def test_a_run_is_judged_by_the_objects_it_began_with(road, tmp_path):
    known = train.Dataset(road.data / "packed", "train")
    everything = [entry["name"] for entry in known.objects]
    train.settle_validation(known, tmp_path / "all.json")
    assert [entry["name"] for entry in known.objects] == everything
    (tmp_path / "earlier.json").write_text(json.dumps(everything[:3]))
    train.settle_validation(known, tmp_path / "earlier.json")
    assert [entry["name"] for entry in known.objects] == everything[:3]


def test_the_exported_file_restored_is_the_same_network(road):
    arrays = pack.open_arrays(road.data / "packed")
    photo = torch.from_numpy(arrays["photo"][:2].copy()).permute(0, 3, 1, 2).float()
    mask = torch.from_numpy(arrays["mask"][:2].copy())[:, None].float() / 255
    with torch.inference_mode():
        restored = export.load(road.restored)(photo, mask)
    session = onnxruntime.InferenceSession(road.graph, providers=["CPUExecutionProvider"])
    for number in range(2):
        inputs = {"photo": photo[number : number + 1].numpy(), "mask": mask[number : number + 1].numpy()}
        for name, value in zip(export.OUTPUTS, session.run(list(export.OUTPUTS), inputs), strict=True):
            np.testing.assert_allclose(getattr(restored, name)[number : number + 1].numpy(), value, atol=0.01)


def test_too_few_objects_for_a_batch_are_refused_with_a_sentence(road):
    few = train.Dataset(road.data / "packed", "validation")
    assert 0 < len(few.objects) < train.BATCH
    with pytest.raises(SystemExit, match="at least 16"):
        next(train.prefetched(train.batches(few, train.BATCH, 0)))
