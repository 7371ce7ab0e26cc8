# SPDX-License-Identifier: GPL-3.0-or-later
"""The development environments: one per Python that Blender uses, under build/, each with Blender as a Python module.

    with_python.sh environments.py [--python 3.11|3.13|training|export] SCRIPT [ARGUMENT...]

makes the environment if it is missing or its requirements changed, then runs SCRIPT (a file, or a module's name) in it.
"training" and "export" are with PyTorch and without Blender. Needs nothing but the standard library. An environment
counts as ready when its stamp holds the requirements' hash; the stamp is written last, so an interrupted installation
is simply taken up again.
"""

import argparse
import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BLENDERS = {"3.11": "Blender 4.5", "3.13": "Blender 5.2"}
REQUIREMENTS = Path(__file__).resolve().parent / "requirements"

# What the bpy wheels link to and a bare Debian or Ubuntu lacks.
LIBRARIES = "libegl1 libgl1 libgomp1 libice6 libsm6 libxfixes3 libxi6 libxkbcommon0 libxrender1 libxxf86vm1"


class EnvironmentProblem(Exception):
    """An environment cannot be made; the message is one sentence that says what to do."""


def available_pythons() -> dict[str, Path]:
    """The interpreters that ``with_python.sh`` found, by version ("3.11", "3.13")."""
    found = {version: os.environ.get(f"PYTHON_{version.replace('.', '_')}", "") for version in BLENDERS}
    return {version: Path(path) for version, path in found.items() if path}


def environment_python(version: str) -> Path:
    """The Python of the environment with Blender for ``version``, which is made first where needed.

    Raises EnvironmentProblem.
    """
    files = [REQUIREMENTS / f"python{version}.txt", REQUIREMENTS / "lint.txt", REQUIREMENTS / "common.txt"]
    hint = f"{BLENDERS[version]} has wheels for Linux x64, Windows and Mac"
    return _ready(ROOT / "build" / f"venv-{version}", version, files, hint, _check_blender_starts)


def torch_python(purpose: str) -> Path:
    """The Python of an environment with PyTorch: "training" of the bundled network, or "export" of others' networks.

    Raises EnvironmentProblem.
    """
    files = [ROOT / purpose / "requirements.txt"]
    hint = "PyTorch has wheels for most systems"
    return _ready(ROOT / "build" / f"venv-{purpose}", "3.11", files, hint, lambda _: None)


def any_environment_python() -> Path:
    """The environment with the oldest Blender this machine can have: what it saves opens in all newer ones."""
    for version in BLENDERS:
        if version in available_pythons():
            return environment_python(version)
    raise EnvironmentProblem("Neither Python 3.11 nor 3.13 is installed: start this through tools/with_python.sh")


def _ready(folder: Path, version: str, files: list[Path], hint: str, check: Callable[[Path], None]) -> Path:
    """The Python in ``folder``, made with what ``files`` require unless its stamp says that it has all of it."""
    python, stamp = folder / "bin" / "python", folder / "ready"
    wanted = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
    if python.exists() and stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        return python
    interpreter = available_pythons().get(version)
    if interpreter is None:
        raise EnvironmentProblem(f"Python {version} is not installed, and exactly that version is needed for this")
    shown = folder.relative_to(ROOT)
    print(f"Making {shown} (several hundred MB to download, once) ...", flush=True)
    _run([str(interpreter), "-m", "venv", "--upgrade-deps", str(folder)], f"{shown} cannot be made")
    required = [argument for file in files for argument in ("-r", str(file))]
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", *required]
    _run(pip, f"The packages for {shown} cannot be installed ({hint})")
    check(python)
    stamp.write_text(wanted, encoding="utf-8")
    return python


def _run(command: list[str], problem: str) -> None:
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    if finished.returncode != 0:
        lines = (finished.stderr or finished.stdout).strip().splitlines()
        raise EnvironmentProblem(f"{problem}: {lines[-1] if lines else 'no reason given'}")


def _check_blender_starts(python: Path) -> None:
    finished = subprocess.run([str(python), "-c", "import bpy"], capture_output=True, text=True, check=False)
    if finished.returncode != 0:
        reason = finished.stderr.strip().splitlines()[-1] if finished.stderr.strip() else "no reason given"
        advice = f"; on Debian or Ubuntu: apt install {LIBRARIES}" if "cannot open shared object" in reason else ""
        raise EnvironmentProblem(f"Blender's Python module does not start ({reason}){advice}")


def main() -> int:
    """Run a script in an environment; the exit code is the script's, or 1 with one sentence on standard error."""
    parser = argparse.ArgumentParser(description="Run a script in a development environment.")
    parser.add_argument(
        "--python", choices=[*BLENDERS, "training", "export"], help="which one; default: the oldest Blender"
    )
    parser.add_argument("script")
    parser.add_argument("arguments", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    try:
        if options.python in ("training", "export"):
            python = torch_python(options.python)
        else:
            python = environment_python(options.python) if options.python else any_environment_python()
    except EnvironmentProblem as problem:
        print(problem, file=sys.stderr)
        return 1
    script = [options.script] if options.script.endswith(".py") else ["-m", options.script]
    return subprocess.run([str(python), *script, *options.arguments], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
