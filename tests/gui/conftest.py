# SPDX-License-Identifier: GPL-3.0-or-later
"""A real Blender with its window, with the built package installed. Skipped, loudly, where the machine has none."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ARTIFACTS = ROOT / "build" / "artifacts"

sys.path.insert(0, str(ROOT / "tools"))
import real_blender  # noqa: E402 (a tool, not a package; its folder has to be named first)


@pytest.fixture(scope="session")
def photo():
    """A real photo."""
    return ROOT / "examples" / "coffee.jpg"


@pytest.fixture(scope="session")
def package(tmp_path_factory):
    """The zip with wheels for the Python of Debian's Blender."""
    folder = os.environ.get("IMAGE_TO_3D_PACKAGE")
    if folder is None:
        folder = tmp_path_factory.mktemp("package")
        command = [sys.executable, ROOT / "tools/package.py", "--test-build", "--platform=linux-x64"]
        subprocess.run([*command, f"--output={folder}"], check=True)
    return next(Path(folder).glob("*.zip"))


@pytest.fixture(scope="module")
def files(photo):
    """What lies beside Blender."""
    return [photo]


@pytest.fixture(scope="module")
def blender(package, photo, files):
    """The running Blender with its own start-up scene, and the photo chosen in the sidebar."""
    try:
        root = real_blender.real_blender_root()
    except real_blender.NotPossibleHere as reason:
        pytest.skip(f"no real Blender on this machine: {reason}")
    with real_blender.window(root, package, files) as window:
        window.ask({"photo": photo.name})
        window.settle()
        yield window


@pytest.fixture
def artifacts():
    """Where screenshots are kept."""
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    return ARTIFACTS
