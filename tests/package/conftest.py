# SPDX-License-Identifier: GPL-3.0-or-later
"""The package under test, and a Blender that holds nothing of ours but what the package brings."""

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# ONNX Runtime and Pillow must come out of the zip; what ONNX Runtime's metadata asks for must not be needed.
HIDDEN = ("onnxruntime", "PIL", "pillow", "flatbuffers", "google", "protobuf", "packaging", "sympy", "coloredlogs")


@pytest.fixture(scope="session")
def package(tmp_path_factory):
    """The zip for this machine: the one the test runner built, else one built now."""
    folder = os.environ.get("IMAGE_TO_3D_PACKAGE")
    if folder is None:
        folder = tmp_path_factory.mktemp("package")
        command = [sys.executable, ROOT / "tools/package.py", "--platform=linux-x64", f"--output={folder}"]
        subprocess.run(command, check=True)
    packages = list(Path(folder).glob("*.zip"))
    assert len(packages) == 1, f"one package expected in {folder}: {packages}"
    return packages[0]


@pytest.fixture(scope="session")
def bare_python(tmp_path_factory):
    """A Python with bpy and its requirements, but neither ONNX Runtime nor Pillow: as bare as Blender's own."""
    pytest.importorskip("bpy")
    installed = Path(sysconfig.get_path("purelib"))
    folder = tmp_path_factory.mktemp("bare") / "venv"
    venv.create(folder, symlinks=True, with_pip=False)
    target = next(folder.glob("lib/python3*/site-packages"))
    for entry in installed.iterdir():
        if not entry.name.startswith(HIDDEN) and not (target / entry.name).exists():
            (target / entry.name).symlink_to(entry)
    python = folder / "bin" / "python"
    probe = "import importlib.util as u, sys; sys.exit(any(u.find_spec(name) for name in ('onnxruntime', 'PIL')))"
    assert subprocess.run([python, "-c", probe], check=False).returncode == 0
    return python
