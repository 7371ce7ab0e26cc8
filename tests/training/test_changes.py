# SPDX-License-Identifier: GPL-3.0-or-later
"""What changed between two measurements of the same objects."""

from types import SimpleNamespace

import pytest

from training.measure.changes import changes, read_earlier
from training.measure.results import write_csv


def verdict(name, **figures):
    subject = SimpleNamespace(name=name, source="shapes", category="tubes")
    return SimpleNamespace(subject=subject, figures={"pebble": figures, "inflated": {"f@0.1": 0.5}})


def rows(text):
    """The table's cells by the first one."""
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]
    return {label: cells for label, *cells in lines}


def test_what_is_written_is_read_again_as_before(tmp_path):
    verdicts = [verdict("a", **{"f@0.1": 0.75, "chamfer": 0.15}), verdict("b", **{"f@0.1": 0.25})]
    write_csv(tmp_path / "test.csv", "test", verdicts)
    write_csv(tmp_path / "scans.csv", "scans", [verdict("c", normals=20.0)])
    earlier = read_earlier([tmp_path / "test.csv", tmp_path / "scans.csv"])
    assert earlier == {"a": {"f@0.1": 0.75, "chamfer": 0.15}, "b": {"f@0.1": 0.25}, "c": {"normals": 20.0}}
    assert read_earlier([tmp_path / "test.csv"], "inflated") == {"a": {"f@0.1": 0.5}, "b": {"f@0.1": 0.5}}


def test_objects_are_compared_with_themselves():
    earlier = {name: {"f@0.1": before} for name, before in zip("abcd", (0.2, 0.4, 0.6, 0.8), strict=True)}
    now = [verdict(name, **{"f@0.1": value}) for name, value in zip("dcba", (0.9, 0.6, 0.5, 0.4), strict=True)]
    found = rows(changes([*now, verdict("new", **{"f@0.1": 0.0})], earlier))
    # Differences 0.1, 0, 0.1 and 0.2: mean 0.1, standard deviation 0.0816, half of that for four objects.
    assert found["F-score at 0.1"] == ["4", "0.500", "0.600", "+0.1000", "0.0408", "3"]


@pytest.mark.parametrize("name", ["chamfer", "visible chamfer", "normals", "elevation error"])
def test_of_distances_and_errors_less_is_better(name):
    found = rows(
        changes([verdict("a", **{name: 1.0}), verdict("b", **{name: 3.0})], {"a": {name: 2}, "b": {name: 2.5}})
    )
    assert [cells[-1] for label, cells in found.items() if label and not label.startswith("---")] == ["1"]


def test_what_only_one_measurement_knows_is_left_out():
    earlier = {"a": {"f@0.1": 0.5, "psnr": float("nan")}, "b": {"f@0.1": 0.5, "psnr": 20.0}}
    now = [verdict("a", psnr=21.0, seconds=1.0), verdict("b", psnr=22.0, seconds=1.0)]
    assert set(rows(changes(now, earlier))) == {"", "---"}
