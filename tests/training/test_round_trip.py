# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole road of Pebble's training, by its own commands: objects, training, export, and back again."""

import json
import sys
from types import SimpleNamespace

import numpy as np
import onnxruntime
import pytest
import torch

from training import dataset, export, features, restore, samples, sprint, train
from training.data import __main__ as data
from training.data import compact, shards
from training.encoder import Encoder

#: Shapes of which enough are for training to fill a batch, and at least one for validation.
SHAPES, VIEWS = 26, 2


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
    made.asked = ("--out", made.data, "--sources", "shapes", "--shapes", SHAPES, "--views", VIEWS, "--traced", 0)
    assert command(data, *made.asked) == 0
    made.train = ("--data", made.data, "--out", made.run, "--report", 1)
    command(train, *made.train, "--minutes", 0.01)
    command(export, "--checkpoint", made.run / "checkpoint.pt", "--out", made.graph)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(restore, "CALIBRATION_BATCHES", 2)
        command(restore, "--graph", made.graph, "--data", made.data, "--out", made.restored)
    return made


def lines(road):
    return [json.loads(line) for line in (road.run / "curves.jsonl").read_text().splitlines()]


def opened(road, split):
    return dataset.Dataset(road.data, split, features.Features(road.data / "features"))


def test_each_shape_is_made_once_in_the_files_of_its_split(road):
    made = {path: path.stat().st_mtime_ns for path in (road.data / "objects").rglob("shape_*.*")}
    records = {path: compact.Record(path.read_bytes()) for path in made if path.suffix == compact.SUFFIX}
    wholes = {path.stem for path in made if path.suffix == ".npz"}
    assert SHAPES - 4 <= len({path.stem for path in made}) <= SHAPES
    for path, record in records.items():
        assert record.told["split"] in ("train", "validation")
        assert (path.stem in wholes) == (record.told["split"] == "validation")
        assert record.views == (VIEWS if record.told["split"] == "train" else data.HELD_OUT_VIEWS)
    assert command(data, *road.asked) == 0
    assert {path: path.stat().st_mtime_ns for path in (road.data / "objects").rglob("shape_*.*")} == made


def test_only_the_objects_that_are_named_are_made(tmp_path):
    if sys.platform != "linux":
        pytest.skip("the training's pictures are drawn with EGL")
    (tmp_path / "names.txt").write_text("shape_00004 belonging_00002\n")
    asked = ("--sources", "shapes", "belongings", "--views", 1, "--traced", 0, "--only", tmp_path / "names.txt")
    assert command(data, "--out", tmp_path, *asked) == 0
    assert {path.name.split(".")[0] for path in (tmp_path / "objects").rglob("*.*")} == {
        "shape_00004",
        "belonging_00002",
    }


def test_what_is_trained_with_is_what_is_measured_with(road):
    held_out = opened(road, "validation").objects
    assert held_out
    for record in held_out:
        with np.load((road.data / "objects" / "shapes" / record.told["file"]).with_suffix(".npz")) as stored:
            for number in range(record.views):
                view = record.view(number)
                np.testing.assert_allclose(view["depths"], stored["depths"][number], atol=0.002)
                assert np.abs(view["photo"].astype(int) - stored["photo"][number]).mean() < 4
                assert np.abs(view["mask"].astype(int) - stored["mask"][number]).max() <= 8


def test_an_export_gathered_elsewhere_is_the_same_set(road, tmp_path):
    count, written = shards.export(road.data, tmp_path / "shards", 10**9)
    assert written == sum(path.stat().st_size for path in (tmp_path / "shards").iterdir())
    assert shards.gather(tmp_path / "shards", tmp_path / "dataset") == count
    assert shards.gather(tmp_path / "shards", tmp_path / "dataset") == 0
    for path in (road.data / "objects").rglob(f"*{compact.SUFFIX}"):
        assert (tmp_path / "dataset" / path.relative_to(road.data)).read_bytes() == path.read_bytes()


def test_features_are_computed_once_and_are_those_of_the_encoder(road, tmp_path):
    known = opened(road, "validation").objects[:2]
    pairs = [(record, view) for record in known for view in (0, 1)]
    photos = samples.Raw.of(pairs).photo.numpy()
    kept = features.Features(tmp_path)
    first = kept.of(list("abcd"), [False, True] * 2, photos)
    again = features.Features(tmp_path).of(list("dcba"), [True, False] * 2, np.zeros_like(photos))
    expected = Encoder()(torch.from_numpy(photos).permute(0, 3, 1, 2).float())
    for one, other, right in zip(first, again, expected, strict=True):
        torch.testing.assert_close(one, other.flip(0))
        torch.testing.assert_close(one[::2].float(), right[::2], atol=0.03, rtol=0.01)
    assert (tmp_path / "features.bin").stat().st_size == 4 * features.ROW_BYTES


def test_loaded_at_once_the_views_are_the_same(road):
    kept, loaded = opened(road, "train"), dataset.LoadedDataset(road.data, "train", torch.device("cpu"), 2)
    pairs = [(record, number % VIEWS) for number, record in enumerate(kept.objects[:5])]
    same = [(next(o for o in loaded.objects if o.told == record.told), view) for record, view in pairs]
    mirrored = [False, True, True, False, True]
    one, other = kept.batch(pairs, mirrored), loaded.batch(same, mirrored)
    assert other.features == []
    for name in ("photo", "mask", "depths", "albedo", "camera"):
        torch.testing.assert_close(getattr(one, name), getattr(other, name), equal_nan=True)


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
    known = opened(road, "train")
    everything = [record.told["name"] for record in known.objects]
    dataset.settle_validation(known, tmp_path / "all.json")
    assert [record.told["name"] for record in known.objects] == everything
    (tmp_path / "earlier.json").write_text(json.dumps(everything[:3]))
    dataset.settle_validation(known, tmp_path / "earlier.json")
    assert [record.told["name"] for record in known.objects] == everything[:3]


def test_the_exported_file_restored_is_the_same_network(road):
    raw = samples.Raw.of([(record, 0) for record in opened(road, "train").objects[:2]])
    photo, mask = raw.photo.permute(0, 3, 1, 2).float(), raw.mask[:, None].float() / 255
    with torch.inference_mode():
        restored = export.load(road.restored)(photo, mask)
    session = onnxruntime.InferenceSession(road.graph, providers=["CPUExecutionProvider"])
    for number in range(2):
        inputs = {"photo": photo[number : number + 1].numpy(), "mask": mask[number : number + 1].numpy()}
        for name, value in zip(export.OUTPUTS, session.run(list(export.OUTPUTS), inputs), strict=True):
            np.testing.assert_allclose(getattr(restored, name)[number : number + 1].numpy(), value, atol=0.01)


def test_a_sprint_begins_with_the_graph_and_gives_its_weights_back_in_parts(road, tmp_path):
    shards.export(road.data, tmp_path / "shards", 10**9)
    asked = ("--graph", road.graph, "--shards", tmp_path / "shards", "--out", tmp_path / "back", "--device", "cpu")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(restore, "CALIBRATION_BATCHES", 2)
        patch.setattr(sprint, "PART_BYTES", 5_000_000)
        command(sprint, *asked, "--batch", 4, "--minutes", 0.01, "--report", 1, "--threads", 2)
    parts = sorted((tmp_path / "back").glob("*.part"))
    assert len(parts) > 1
    assert all(path.stat().st_size <= 5_000_000 for path in parts)
    told = [json.loads(line) for line in (tmp_path / "back" / "curves.jsonl").read_text().splitlines()]
    assert told[0]["step"] == 0
    assert told[-1]["samples"] == 4 * told[-1]["step"] > 0
    assert np.isfinite(told[-1]["validation"]["back_shape"])
    command(sprint, "--join", tmp_path / "back", "--out", tmp_path / "joined.pt")
    joined, begun = export.load(tmp_path / "joined.pt").decoder, restore.read(road.graph).decoder
    assert not torch.equal(joined.maps.weight, begun.maps.weight)
    torch.testing.assert_close(joined.maps.weight, begun.maps.weight, atol=0.02, rtol=0)


def test_too_few_objects_for_a_batch_are_refused_with_a_sentence(road):
    few = opened(road, "validation")
    assert 0 < len(few.objects) < train.BATCH
    with pytest.raises(SystemExit, match="at least 16"):
        next(dataset.prefetched(dataset.batches(few, train.BATCH, 0)))


def test_nothing_to_load_is_refused_with_a_sentence(tmp_path):
    with pytest.raises(SystemExit, match="no objects for train"):
        dataset.LoadedDataset(tmp_path, "train", torch.device("cpu"), 1)
