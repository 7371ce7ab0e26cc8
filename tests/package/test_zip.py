# SPDX-License-Identifier: GPL-3.0-or-later
"""What is in the zip, and that the builder refuses what must not be."""

import dataclasses
import importlib.util
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CLIENT = {
    "huggingface-hub",
    "httpx2",
    "httpcore2",
    "h11",
    "truststore",
    "idna",
    "tqdm",
    "filelock",
    "typing-extensions",
}
"""What downloading needs besides PyYAML."""

SHIPPED_ROOTS = {"inference", "jobs", "operators", "panels", "scene", "translations", "wheels"}


@pytest.fixture(scope="module")
def tools():
    """The build scripts as modules."""
    sys.path.insert(0, str(ROOT / "tools"))
    try:
        spec = importlib.util.spec_from_file_location("package_tool", ROOT / "tools/package.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        yield module
    finally:
        sys.path.remove(str(ROOT / "tools"))


@pytest.fixture(scope="module")
def names(package):
    with zipfile.ZipFile(package) as archive:
        return archive.namelist()


@pytest.fixture(scope="module")
def manifest(package):
    with zipfile.ZipFile(package) as archive:
        return tomllib.loads(archive.read("blender_manifest.toml").decode())


def test_holds_the_extension_and_nothing_of_the_workshop(names):
    folders = {name.split("/")[0] for name in names if "/" in name}
    assert folders <= SHIPPED_ROOTS
    assert {"__init__.py", "blender_manifest.toml", "LICENSE"} <= set(names)
    assert {name for name in names if "/" not in name and not name.endswith(".py")} == {
        "LICENSE",
        "blender_manifest.toml",
    }


def test_holds_the_bundled_networks_with_their_licence(names):
    graphs = {name for name in names if name.startswith("inference/graphs/")}
    assert "inference/graphs/pebble.onnx" in graphs
    assert "inference/graphs/u2netp.onnx" in graphs
    assert any("u2netp" in name.lower() and "licen" in name.lower() for name in graphs)


def test_manifest_names_exactly_the_wheels_that_are_there(names, manifest):
    carried = {f"./{name}" for name in names if name.endswith(".whl")}
    assert carried == set(manifest["wheels"])


def test_both_pythons_of_blender_are_served_and_numpy_is_blenders(manifest):
    files = [Path(name).name for name in manifest["wheels"]]
    for package in ("onnxruntime", "pillow", "pyyaml"):
        for python in ("cp311", "cp313"):
            assert any(file.startswith(f"{package}-") and f"-{python}-" in file for file in files)
    assert not any(file.startswith("numpy") for file in files)


def test_repository_manifest_stays_free_of_wheels():
    assert "wheels" not in tomllib.loads((ROOT / "blender_manifest.toml").read_text(encoding="utf-8"))


def served(wheels, platform):
    """Package and Python ("" for any) of what goes into a platform's zip."""
    chosen = [wheel for wheel in wheels if wheel.serves(platform)]
    return {(wheel.requirement.split("==")[0], "" if wheel.is_pure else wheel.tags[0]) for wheel in chosen}


def test_every_declared_platform_has_its_wheels(tools):
    declared = tomllib.loads((ROOT / "blender_manifest.toml").read_text(encoding="utf-8"))["platforms"]
    wheels = tools.locked_wheels()
    assert {wheel.platform for wheel in wheels} == {*declared, "all"}
    pure = {(name, "") for name in CLIENT}
    for platform in declared:
        compiled = {(name, python) for name in ("onnxruntime", "pillow", "pyyaml") for python in ("3.11", "3.13")}
        if platform == "windows-arm64":
            compiled.remove(("pyyaml", "3.11"))  # there is none: tools/wheels.toml says what follows
        assert served(wheels, platform) == compiled | pure


def test_a_single_platforms_wheels_include_those_for_all(tools):
    wheels = tools.locked_wheels(platforms=("macos-arm64",))
    assert {wheel.platform for wheel in wheels} == {"macos-arm64", "all"}


def test_wheels_are_filed_under_the_platform_in_their_name(tools):
    marks = {"linux-x64": "manylinux", "windows-x64": "win_amd64", "windows-arm64": "win_arm64", "macos-arm64": "macos"}
    for wheel in [*tools.locked_wheels(test_build=True), *tools.locked_wheels(gpu=True)]:
        assert wheel.is_pure == (wheel.platform == "all"), wheel.file
        assert marks.get(wheel.platform, "any") in wheel.tags[2][0], wheel.file


def test_gpu_flavour_replaces_the_runtime(tools):
    requirements = {wheel.requirement.split("==")[0] for wheel in tools.locked_wheels(gpu=True)}
    assert requirements == {"onnxruntime-gpu", "pillow", "pyyaml", *CLIENT}
    assert {wheel.platform for wheel in tools.locked_wheels(gpu=True)} == {"linux-x64", "windows-x64", "all"}


@pytest.mark.parametrize(
    "stray", ["wheels/notes.txt", "wheels/onnxruntime-1.20.1-cp311-cp311-win_amd64.whl"], ids=["note", "other platform"]
)
def test_a_stray_file_among_the_wheels_is_refused(tools, package, tmp_path, stray):
    copy = tmp_path / package.name
    copy.write_bytes(package.read_bytes())
    with zipfile.ZipFile(copy, "a") as archive:
        archive.writestr(stray, b"")
    wheels = tools.locked_wheels(test_build=True, platforms=("linux-x64",))
    with pytest.raises(tools.PackageProblem, match="wheels/"):
        tools.check(copy, wheels)


def test_a_wheel_with_another_hash_is_not_taken(tools, tmp_path, monkeypatch):
    fetching = sys.modules[tools.fetch.__module__]
    wheel = tools.locked_wheels(platforms=("linux-x64",))[0]
    monkeypatch.setattr(fetching, "WHEELS", tmp_path)
    (tmp_path / wheel.file).write_bytes(b"something else")
    monkeypatch.setattr(fetching, "_download", lambda wheel: None)
    with pytest.raises(tools.WheelProblem):
        tools.fetch([dataclasses.replace(wheel)])
