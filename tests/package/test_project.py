# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests about the project itself: rules of the architecture and promises that no single module can keep."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TRACKED = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
SOURCES = sorted(name for name in TRACKED if name.endswith(".py") and (ROOT / name).is_file())
LONGEST_FUNCTION = 80
LARGEST_FILE = 1_000_000

# Which of our packages each may import; modules of the root (cli, engine, ...) count as Blender's side.
ALLOWED = {
    "inference": {"inference"},
    "jobs": {"jobs", "inference"},
    "scene": {"scene", "inference", "compat"},
}


def parse(name):
    return ast.parse((ROOT / name).read_text(encoding="utf-8"), filename=name)


def imported_packages(name):
    """Top-level packages of ours, and third-party modules, that a source file imports."""
    own, other = set(), set()
    depth_of_file = len(Path(name).parts) - 1
    for node in ast.walk(parse(name)):
        if isinstance(node, ast.Import):
            other.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            other.add((node.module or "").partition(".")[0])
        elif isinstance(node, ast.ImportFrom):
            parts = [*Path(name).parts[: depth_of_file - node.level + 1], *(node.module or "").split(".")]
            parts = [part for part in parts if part]
            own.update([parts[0]] if parts else [alias.name for alias in node.names])
    return own, other


@pytest.mark.parametrize("package", sorted(ALLOWED))
def test_imports_run_one_way(package):
    for name in SOURCES:
        if name.startswith(f"{package}/"):
            own, _ = imported_packages(name)
            assert own <= ALLOWED[package], f"{name} imports {own - ALLOWED[package]}"


@pytest.mark.parametrize("package", ["inference", "jobs"])
def test_engine_and_jobs_never_name_blender(package):
    for name in SOURCES:
        if name.startswith(f"{package}/"):
            _, other = imported_packages(name)
            assert not other & {"bpy", "bmesh", "mathutils", "bpy_extras", "gpu", "torch"}, name


def test_only_scene_and_tests_create_data_blocks():
    creates = re.compile(r"bpy\.data\.(meshes|objects|materials|cameras|collections)\.new\b")
    for name in SOURCES:
        if not name.startswith(("scene/", "tests/", "tools/", "bench/", "training/")):
            assert not creates.search((ROOT / name).read_text(encoding="utf-8")), name


@pytest.mark.parametrize("package", ["inference", "jobs"])
def test_every_module_imports_with_blender_blocked(package):
    modules = [
        "image_to_3d." + name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        for name in SOURCES
        if name.startswith(f"{package}/")
    ]
    program = (
        "import importlib, sys; sys.path.insert(0, sys.argv[1]); import conftest\n"
        "for name in sys.argv[2:]: importlib.import_module(name)\n"
        "assert 'bpy' not in sys.modules"
    )
    command = [sys.executable, "-c", program, str(ROOT / "tests"), *modules]
    finished = subprocess.run(
        command, env={"IMAGE_TO_3D_WITHOUT_BLENDER": "1"}, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stderr


def test_every_source_has_an_spdx_line():
    missing = [
        name
        for name in TRACKED
        if name.endswith((".py", ".sh", ".toml")) or name in {"Makefile", ".ci/run"}
        if (ROOT / name).is_file()
        if "# SPDX-License-Identifier: GPL-3.0-or-later" not in (ROOT / name).read_text(encoding="utf-8")[:200]
    ]
    assert missing == []


def test_no_function_is_longer_than_a_screen_or_two():
    too_long = [
        f"{name}:{node.lineno} {node.name}: {node.end_lineno - node.lineno + 1} lines"
        for name in SOURCES
        for node in ast.walk(parse(name))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno - node.lineno + 1 > LONGEST_FUNCTION
    ]
    assert too_long == []


def test_large_files_are_only_those_that_the_commit_guard_allows():
    guard = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8").partition("- id: large-files")[2]
    allowed = re.compile(re.search(r"exclude: (\S+)", guard).group(1))
    too_large = [
        name
        for name in TRACKED
        if (ROOT / name).is_file() and (ROOT / name).stat().st_size > LARGEST_FILE
        if not allowed.match(name)
    ]
    assert too_large == []


def test_manifest_version_is_the_changelogs_newest():
    manifest = tomllib.loads((ROOT / "blender_manifest.toml").read_text(encoding="utf-8"))
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = re.search(r"^## \[(\d+\.\d+\.\d+)\]", changelog, re.MULTILINE)
    assert newest is not None
    assert newest.group(1) == manifest["version"]


def test_only_the_hub_module_connects_to_anything():
    network = {"socket", "ssl", "http", "urllib", "requests", "ftplib", "smtplib", "xmlrpc"}
    network |= {"huggingface_hub", "httpx", "httpx2", "urllib3", "aiohttp"}
    for name in SOURCES:
        if not name.startswith(("tests/", "tools/", "bench/", "training/", "export/")) and name != "inference/hub.py":
            _, other = imported_packages(name)
            assert not other & network, name
    source = (ROOT / "inference/hub.py").read_text(encoding="utf-8")
    assert "http_get" in source, "it is the module that this test spares"


def test_the_manifest_says_why_it_wants_the_network():
    permissions = tomllib.loads((ROOT / "blender_manifest.toml").read_text(encoding="utf-8"))["permissions"]
    assert set(permissions) == {"files", "network", "clipboard"}
    for reason in permissions.values():
        assert len(reason) <= 64, "the Extensions Platform's limit"
        assert reason[-1].isalnum()


def test_operators_and_properties_have_tooltips():
    bpy = pytest.importorskip("bpy")
    import image_to_3d

    image_to_3d.register()
    try:
        names = dir(bpy.ops.image_to_3d)
        assert "reconstruct" in names
        for name in names:
            operator = getattr(bpy.ops.image_to_3d, name).get_rna_type()
            assert operator.description, name
            assert not operator.description.endswith("."), name
            for item in operator.properties:
                assert item.identifier == "rna_type" or item.description, f"{name}, {item.identifier}"
        for item in bpy.types.Scene.bl_rna.properties["image_to_3d"].fixed_type.properties:
            assert item.identifier in {"rna_type", "name"} or item.description, item.identifier
    finally:
        image_to_3d.unregister()
