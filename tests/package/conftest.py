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

# ONNX Runtime, Pillow and the Hugging Face client must come out of the zip; what else their metadata asks for must not
# be needed.
HIDDEN = (
    *("onnxruntime", "PIL", "pillow", "flatbuffers", "google", "protobuf", "packaging", "sympy", "coloredlogs"),
    *("huggingface_hub", "hf_xet", "httpx", "httpcore", "h11", "anyio", "truststore", "tqdm", "filelock", "fsspec"),
    *("click", "yaml", "_yaml", "pyyaml", "PyYAML", "typing_extensions"),
)


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
    """A Python with bpy and its requirements, but none of what the zip brings: as bare as Blender's own."""
    pytest.importorskip("bpy")
    installed = Path(sysconfig.get_path("purelib"))
    folder = tmp_path_factory.mktemp("bare") / "venv"
    venv.create(folder, symlinks=True, with_pip=False)
    target = next(folder.glob("lib/python3*/site-packages"))
    for entry in installed.iterdir():
        if not entry.name.startswith(HIDDEN) and not (target / entry.name).exists():
            (target / entry.name).symlink_to(entry)
    python = folder / "bin" / "python"
    names = ("onnxruntime", "PIL", "huggingface_hub")
    probe = f"import importlib.util as u, sys; sys.exit(any(map(u.find_spec, {names})))"
    assert subprocess.run([python, "-c", probe], check=False).returncode == 0
    return python
