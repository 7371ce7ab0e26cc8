# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds the installable zips, one per platform, and validates each with Blender's own program.

    python tools/package.py [--gpu] [--test-build] [--platform linux-x64 ...] [--output dist]

Works on a copy of the files that git tracks, so that neither stray files nor a crash can touch the tree or the package.
Runs in an environment that has the bpy wheel: Blender's extension builder is a plain Python file in there.
"""

import argparse
import importlib.util
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from pathlib import Path

from fetch_wheels import ROOT, Wheel, WheelProblem, fetch, locked_wheels


class PackageProblem(Exception):
    """A package cannot be built or is not what it should be."""


def extension_builder() -> Path:
    """Blender's ``blender_ext.py`` inside the bpy wheel; bpy itself is not imported. Raises PackageProblem."""
    spec = importlib.util.find_spec("bpy")
    if spec is None or spec.origin is None:
        raise PackageProblem("Packages are built by Blender's own program: run this in an environment with bpy")
    found = list(Path(spec.origin).parent.glob("*/scripts/addons_core/bl_pkg/cli/blender_ext.py"))
    if not found:
        raise PackageProblem(f"The bpy wheel at {spec.origin} has no extension builder")
    return found[0]


def stage(folder: Path, wheels: list[Wheel]) -> None:
    """Copy what git tracks into ``folder``, add the wheels, and name them in the copy's manifest."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode != 0:
        raise PackageProblem("Packages are built from the files that git tracks: this folder is not a git checkout")
    for name in filter(None, listed.stdout.decode().split("\0")):
        source = ROOT / name
        if source.is_file():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
    (folder / "wheels").mkdir()
    for wheel, path in zip(wheels, fetch(wheels), strict=True):
        shutil.copyfile(path, folder / "wheels" / wheel.file)
    manifest = folder / "blender_manifest.toml"
    manifest.write_text(_manifest_with_wheels(manifest.read_text(encoding="utf-8"), wheels), encoding="utf-8")


def _manifest_with_wheels(manifest: str, wheels: list[Wheel]) -> str:
    """``manifest`` with ``platforms`` narrowed to the wheels' and ``wheels`` added, above the first table."""
    declared = tomllib.loads(manifest)["platforms"]
    platforms = [platform for platform in declared if any(wheel.platform == platform for wheel in wheels)]
    lines = ["platforms = [" + ", ".join(f'"{platform}"' for platform in platforms) + "]", "wheels = ["]
    lines += [f'  "./wheels/{wheel.file}",' for wheel in wheels] + ["]", ""]
    without_platforms = re.sub(r"^platforms = \[[^\]]*\]\n", "", manifest, count=1, flags=re.MULTILINE)
    return re.sub(r"^\[", "\n".join(lines) + "\n[", without_platforms, count=1, flags=re.MULTILINE)


def check(package: Path, wheels: list[Wheel]) -> None:
    """The zip holds its platform's wheels, each of them, nothing else in wheels/. Raises PackageProblem."""
    with zipfile.ZipFile(package) as archive:
        names = archive.namelist()
    carried = {name.removeprefix("wheels/") for name in names if name.startswith("wheels/") and not name.endswith("/")}
    platforms = [wheel.platform for wheel in wheels if package.stem.endswith(wheel.platform.replace("-", "_"))]
    if not platforms:
        raise PackageProblem(f"{package.name} is named after no platform of {', '.join({w.platform for w in wheels})}")
    wanted = {wheel.file for wheel in wheels if wheel.serves(platforms[0])}
    if carried != wanted:
        different = ", ".join(sorted(carried ^ wanted))
        raise PackageProblem(f"{package.name} has the wrong files in wheels/ (too many or missing): {different}")


def build(output: Path, wheels: list[Wheel]) -> list[Path]:
    """Stage, build, validate and check; returns the zips' paths in ``output``. Raises PackageProblem, WheelProblem."""
    builder = [sys.executable, str(extension_builder())]
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="image_to_3d_package_") as temporary:
        source, built = Path(temporary, "image_to_3d"), Path(temporary, "built")
        source.mkdir()
        built.mkdir()
        stage(source, wheels)
        _run([*builder, "build", f"--source-dir={source}", f"--output-dir={built}", "--split-platforms"])
        packages = sorted(built.glob("*.zip"))
        for package in packages:
            check(package, wheels)
            _run([*builder, "validate", str(package)])
        return [Path(shutil.copy(package, output / package.name)) for package in packages]


def _run(command: list[str]) -> None:
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    if finished.returncode != 0:
        raise PackageProblem(f"{' '.join(command[1:3])} failed:\n{finished.stdout}{finished.stderr}")


def main() -> int:
    """Build one flavour; exit code 1 and the reason where that fails."""
    parser = argparse.ArgumentParser(description="Build and validate the extension's packages.")
    parser.add_argument("--gpu", action="store_true", help="with ONNX Runtime's CUDA build (Linux and Windows)")
    parser.add_argument("--test-build", action="store_true", help="with wheels for Debian's Blender too")
    parser.add_argument("--platform", action="append", default=[], help="only this platform; may be repeated")
    parser.add_argument("--output", type=Path, help="default: dist, or dist/gpu with --gpu")
    options = parser.parse_args()
    output = options.output or ROOT / ("dist/gpu" if options.gpu else "dist")
    wheels = locked_wheels(gpu=options.gpu, test_build=options.test_build, platforms=tuple(options.platform))
    try:
        packages = build(output, wheels)
    except (PackageProblem, WheelProblem) as problem:
        print(problem, file=sys.stderr)
        return 1
    for package in packages:
        print(f"{package}  {package.stat().st_size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
