# SPDX-License-Identifier: GPL-3.0-or-later
"""Fills wheels/ with exactly the files that wheels.toml names, through pip, each checked against its SHA-256.

python tools/fetch_wheels.py [--gpu] [--test-build] [--platform linux-x64 ...]
"""

import argparse
import hashlib
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = Path(__file__).resolve().parent / "wheels.toml"
WHEELS = ROOT / "wheels"
EVERY_PLATFORM = "all"


class WheelProblem(Exception):
    """A wheel cannot be had or is not the one that was pinned."""


@dataclass(frozen=True, slots=True)
class Wheel:
    """One row of the lock; everything else about a wheel is in its file name (PEP 427).

    Attributes:
        platform: of the package it goes into, or ``EVERY_PLATFORM``.
        flavour: see ``wheels.toml``.
        file: its name.
        sha256: hexadecimal.
    """

    platform: str
    flavour: str
    file: str
    sha256: str

    @property
    def requirement(self) -> str:
        """What pip calls it, for example ``onnxruntime-gpu==1.20.2``."""
        name, version = self.file.split("-")[:2]
        return f"{name.replace('_', '-')}=={version}"

    @property
    def is_pure(self) -> bool:
        """Python alone, for every system."""
        return self.file.endswith("-none-any.whl")

    def serves(self, platform: str) -> bool:
        """Whether it goes into this platform's package."""
        return self.platform in (platform, EVERY_PLATFORM)

    @property
    def tags(self) -> tuple[str, str, tuple[str, ...]]:
        """Python version ("3.11"), ABI ("cp311") and platform tags."""
        python, abi, platforms = self.file.removesuffix(".whl").split("-")[-3:]
        return f"{python[2]}.{python[3:]}", abi, tuple(platforms.split("."))


def locked_wheels(*, gpu: bool = False, test_build: bool = False, platforms: tuple[str, ...] = ()) -> list[Wheel]:
    """The wheels of one flavour, for all platforms or only some; the GPU flavour has no Mac and no Windows on ARM."""
    with LOCK.open("rb") as file:
        wheels = [Wheel(**row) for row in tomllib.load(file)["wheel"]]
    if gpu:
        chosen = {wheel.platform for wheel in wheels if wheel.flavour == "gpu"}
        wheels = [wheel for wheel in wheels if any(wheel.serves(platform) for platform in chosen)]
    flavours = {"any", "gpu" if gpu else "cpu"} | ({"test"} if test_build else set())
    wheels = [wheel for wheel in wheels if wheel.flavour in flavours]
    return [wheel for wheel in wheels if not platforms or any(wheel.serves(platform) for platform in platforms)]


def fetch(wheels: list[Wheel]) -> list[Path]:
    """The wheels' paths under wheels/; those already there with the right hash are not downloaded again.

    Raises WheelProblem.
    """
    WHEELS.mkdir(exist_ok=True)
    for wheel in wheels:
        if not _is_intact(wheel):
            print(f"Downloading {wheel.file}", flush=True)
            _download(wheel)
            if not _is_intact(wheel):
                raise WheelProblem(f"pip brought something other than {wheel.file}; look into {WHEELS}")
    return [WHEELS / wheel.file for wheel in wheels]


def _is_intact(wheel: Wheel) -> bool:
    path = WHEELS / wheel.file
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == wheel.sha256


def _download(wheel: Wheel) -> None:
    python, abi, platforms = wheel.tags
    with tempfile.TemporaryDirectory() as folder:
        requirements = Path(folder) / "requirements.txt"
        requirements.write_text(f"{wheel.requirement} --hash=sha256:{wheel.sha256}\n", encoding="utf-8")
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input"]
        command += ["--no-deps", "--only-binary=:all:", "--require-hashes"]
        if not wheel.is_pure:
            command += ["--implementation=cp", f"--python-version={python}", f"--abi={abi}"]
            command += [f"--platform={platform}" for platform in platforms]
        command += ["--dest", str(WHEELS), "--requirement", str(requirements)]
        finished = subprocess.run(command, capture_output=True, text=True, check=False)
    if finished.returncode != 0:
        lines = finished.stderr.strip().splitlines()
        raise WheelProblem(f"{wheel.file} cannot be downloaded: {lines[-1] if lines else 'pip gave no reason'}")


def main() -> int:
    """Fetch one flavour; exit code 1 and one sentence where that fails."""
    parser = argparse.ArgumentParser(description="Download the pinned wheels into wheels/.")
    parser.add_argument("--gpu", action="store_true", help="ONNX Runtime's CUDA build instead of the ordinary one")
    parser.add_argument("--test-build", action="store_true", help="also the Python of Debian's Blender")
    parser.add_argument("--platform", action="append", default=[], help="only this platform; may be repeated")
    options = parser.parse_args()
    wheels = locked_wheels(gpu=options.gpu, test_build=options.test_build, platforms=tuple(options.platform))
    try:
        paths = fetch(wheels)
    except WheelProblem as problem:
        print(problem, file=sys.stderr)
        return 1
    print(f"{len(paths)} wheels, {sum(path.stat().st_size for path in paths) / 1e6:.0f} MB, in {WHEELS}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
