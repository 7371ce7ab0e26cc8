# SPDX-License-Identifier: GPL-3.0-or-later
"""Fetches what the training set is made from: a Debian package, and an environment with infinigen."""

import hashlib
import subprocess
import sys
from pathlib import Path

from .sweethome import PACKAGE

PACKAGE_VERSION = "1.8-1"
#: infinigen's own pins drag in packages without wheels, so it goes in by itself, after what it needs.
INFINIGEN = "infinigen==1.15.5"
INFINIGEN_NEEDS = (
    "bpy==4.2.0 numpy==1.26.4 gin-config==0.5.0 imageio matplotlib networkx==3.6.1 opencv-python-headless==4.10.0.84 "
    "pandas psutil scikit-image==0.24.0 scikit-learn==1.5.2 scipy shapely tqdm trimesh==3.23.5 submitit geomdl "
    "python-fcl rtree OpenEXR coacd"
)


class SourceProblem(Exception):
    """A source cannot be fetched; the message is one sentence that says what to do."""


def furniture(folder: Path) -> Path:
    """The file of Debian's ``sweethome3d-furniture``, downloaded into ``folder`` if it is not there.

    Raises SourceProblem.
    """
    found = sorted(folder.glob(f"{PACKAGE}_{PACKAGE_VERSION}_*.deb"))
    if not found:
        folder.mkdir(parents=True, exist_ok=True)
        advice = f"fetch it from https://packages.debian.org/{PACKAGE} and name it with --sweethome"
        _run(["apt-get", "download", f"{PACKAGE}={PACKAGE_VERSION}"], f"apt-get finds no {PACKAGE}; {advice}", folder)
        found = sorted(folder.glob(f"{PACKAGE}_{PACKAGE_VERSION}_*.deb"))
    return found[0]


def infinigen_python(folder: Path) -> Path:
    """Python of the environment with infinigen, which is made in ``folder`` if it is not there (2.2 GB).

    An interrupted installation is taken up again: the stamp is written last. Raises SourceProblem.
    """
    python, stamp = folder / "bin" / "python", folder / "ready"
    wanted = hashlib.sha256(f"{INFINIGEN_NEEDS} {INFINIGEN}".encode()).hexdigest()
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        return python
    print("Making the environment with infinigen, once (2.2 GB) ...", flush=True)
    _run([sys.executable, "-m", "venv", str(folder)], f"No environment can be made in {folder}")
    pip = [str(python), "-m", "pip", "install", "--quiet", "--no-input"]
    needs = [*pip, "--only-binary", ":all:", *INFINIGEN_NEEDS.split()]
    _run(needs, "What infinigen needs cannot be installed; it has wheels for Python 3.11 on Linux x64")
    _run([*pip, "--no-deps", INFINIGEN], f"{INFINIGEN} cannot be installed")
    stamp.write_text(wanted, encoding="utf-8")
    return python


def _run(command: list[str], problem: str, folder: Path | None = None) -> None:
    try:
        finished = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise SourceProblem(f"{problem} ({command[0]} is not installed)") from None
    if finished.returncode != 0:
        lines = (finished.stderr or finished.stdout).strip().splitlines()
        raise SourceProblem(f"{problem} ({lines[-1] if lines else 'no reason given'})")
