# SPDX-License-Identifier: GPL-3.0-or-later
"""The zip, installed into an empty user folder of a bare Blender, works from there with what it brought along."""

import json
import os
import subprocess
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def facts(package, bare_python, tmp_path_factory):
    """Install and run once, in a process of its own; the tests look at what it reports."""
    folder = tmp_path_factory.mktemp("installed")
    photo = ROOT / "examples" / "coffee.jpg"
    command = [bare_python, ROOT / "tests/package/installed_run.py", package, photo, folder / "report.json"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environment |= {"BLENDER_USER_RESOURCES": str(folder / "user"), "TMPDIR": str(folder / "temporary")}
    (folder / "temporary").mkdir()
    finished = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=False)
    report = folder / "report.json"
    assert report.is_file(), finished.stdout + finished.stderr
    return json.loads(report.read_text(encoding="utf-8")) | {"temporary": folder / "temporary"}


def test_reconstructs_a_real_photo(facts):
    assert facts["faces"] > 500
    assert facts["longest_side"] == pytest.approx(0.5, abs=1e-3)
    assert facts["textures"]
    assert facts["packed"]


def test_runs_on_the_wheels_that_it_brought(facts):
    assert facts["runtime_before"] is None
    for module in ("runtime", "pillow", "client"):
        assert Path(facts[module]).is_relative_to(facts["user_folder"]), facts[module]


def test_talks_to_the_hub_with_what_it_brought(facts):
    assert "The hub no longer has 'model.ckpt' of stabilityai/TripoSR" in facts["refusal"]


def test_writes_nothing_beside_its_own_code(facts, package):
    with zipfile.ZipFile(package) as archive:
        shipped = {name for name in archive.namelist() if not name.endswith("/")}
    assert set(facts["written_beside_the_code"]) <= shipped


def test_leaves_when_disabled(facts):
    assert facts["operator_after_disabling"] is False


def test_leaves_no_temporary_folder_behind(facts):
    assert [path.name for path in facts["temporary"].iterdir() if "image_to_3d" in path.name] == []
