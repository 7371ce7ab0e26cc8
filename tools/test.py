# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole test suite, in tiers: lint, unit, export, training, blender, package, window.

    with_python.sh test.py [TIER ...] [--python 3.11|3.13] [-- PYTEST ARGUMENT ...]

Each tier runs in every Python that it concerns and that this machine has. What cannot run is named, with the reason, at
the end. Exit code 0 only if nothing failed and something ran.
"""

import argparse
import os
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from environments import BLENDERS, ROOT, EnvironmentProblem, available_pythons, environment_python, torch_python

REPORTS = ROOT / "build" / "reports"
TEST_PACKAGE = ROOT / "build" / "test-package"
# Mypy's verdict depends on numpy's annotations, and numpy 1.26 is the oldest that Blender brings.
TYPED_WITH = "3.11"
TIERS = ["lint", "unit", "export", "training", "blender", "package", "window"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """One line of the summary."""

    name: str
    state: str  # passed, FAILED, SKIPPED
    detail: str


class Suite:
    """Runs tiers and collects their outcomes."""

    def __init__(self, versions: list[str], pytest_arguments: list[str]) -> None:
        self.versions = versions
        self.pytest_arguments = pytest_arguments
        self.outcomes: list[Outcome] = []

    def lint(self) -> None:
        """Ruff, mypy and codespell, in one environment."""
        for version, python in self._environments("lint", self._newest_first()[-1:]):
            tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
            self._run_command(f"ruff check ({version})", [python, "-m", "ruff", "check", "--quiet", "."])
            self._run_command(f"ruff format ({version})", [python, "-m", "ruff", "format", "--check", "--quiet", "."])
            if version == TYPED_WITH:
                self._run_mypy(version, python)
            else:
                self._note(Outcome("mypy", "SKIPPED", f"the annotations are checked with Python {TYPED_WITH}"))
            if tracked.returncode == 0:
                files = tracked.stdout.splitlines()
                self._run_command(f"codespell ({version})", [python, "-m", "codespell_lib", *files])

    def typing(self) -> None:
        """Mypy alone, for the commit hook."""
        for version, python in self._environments("typing", [TYPED_WITH]):
            self._run_mypy(version, python)

    def unit(self) -> None:
        """The engine and the jobs, with Blender hidden."""
        for version, python in self._environments("unit", self.versions):
            self._run_pytest("unit", version, python, {"IMAGE_TO_3D_WITHOUT_BLENDER": "1"})

    def export(self) -> None:
        """The definitions in PyTorch: graphs made anew, and a network of full size compared with its authors' code."""
        self._with_torch("export", {"IMAGE_TO_3D_WITHOUT_BLENDER": "1"})

    def training(self) -> None:
        """What makes and teaches the bundled network."""
        self._with_torch("training", {})

    def blender(self) -> None:
        """The extension inside Blender as a Python module."""
        for version, python in self._environments("blender", self.versions):
            self._run_pytest("blender", version, python, {})

    def package(self) -> None:
        """The built zip: contents, validation, installation, a run from the installed copy."""
        for version, python in self._environments("package", self.versions):
            if self._package_is_built(python):
                self._run_pytest("package", version, python, {"IMAGE_TO_3D_PACKAGE": str(TEST_PACKAGE)})

    def window(self) -> None:
        """A real Blender with its window, mouse and keyboard."""
        for version, python in self._environments("window", self._newest_first()[:1]):
            if self._package_is_built(python):
                self._run_pytest("gui", version, python, {"IMAGE_TO_3D_PACKAGE": str(TEST_PACKAGE)})

    def _with_torch(self, tier: str, variables: dict[str, str]) -> None:
        print(f"\n=== {tier}: PyTorch ===", flush=True)
        try:
            python = torch_python(tier)
        except EnvironmentProblem as problem:
            self._note(Outcome(tier, "SKIPPED", str(problem)))
        else:
            self._run_pytest(tier, "torch", python, variables)

    def _environments(self, tier: str, versions: list[str]) -> Iterator[tuple[str, Path]]:
        for version in versions:
            print(f"\n=== {tier}: Python {version}, {BLENDERS[version]} ===", flush=True)
            try:
                python = environment_python(version)
            except EnvironmentProblem as problem:
                state = "FAILED" if version in available_pythons() else "SKIPPED"
                self._note(Outcome(f"{tier} ({version})", state, str(problem)))
            else:
                yield version, python

    def _newest_first(self) -> list[str]:
        """The versions that can run here, or all where none can, so that the lack of both is noticed."""
        return sorted(set(self.versions) & set(available_pythons()), reverse=True) or self.versions

    def _run_mypy(self, version: str, python: Path) -> None:
        """Mypy wants to find the package under its name, which the clone's folder need not have."""
        link = ROOT / "build" / "typing" / "image_to_3d"
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.is_symlink():
            link.symlink_to(ROOT, target_is_directory=True)
        self._run_command(f"mypy ({version})", [python, "-m", "mypy"])

    def _package_is_built(self, python: Path) -> bool:
        if list(TEST_PACKAGE.glob("*.zip")) and any(outcome.name == "build" for outcome in self.outcomes):
            return True
        command = [python, "tools/package.py", "--test-build", "--platform", host_platform(), "--output", TEST_PACKAGE]
        return self._run_command("build", command)

    def _run_command(self, name: str, command: list[str | Path]) -> bool:
        print(f"--- {name}", flush=True)
        passed = subprocess.run(command, cwd=ROOT, check=False).returncode == 0
        self._note(Outcome(name, "passed" if passed else "FAILED", ""))
        return passed

    def _run_pytest(self, folder: str, version: str, python: Path, variables: dict[str, str]) -> None:
        report = REPORTS / f"{folder}-{version}.xml"
        report.unlink(missing_ok=True)
        command = [python, "-m", "pytest", f"tests/{folder}", f"--junitxml={report}", *self.pytest_arguments]
        code = subprocess.run(command, cwd=ROOT, env=os.environ | variables, check=False).returncode
        self._note(_outcome_of(f"{folder} ({version})", code, report))

    def _note(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)
        if outcome.state != "passed":
            print(f"!!! {outcome.name} {outcome.state}: {outcome.detail}", flush=True)


def host_platform() -> str:
    """This machine in the manifest's words."""
    system = {"darwin": "macos", "win32": "windows"}.get(sys.platform, "linux")
    arm = os.uname().machine in {"arm64", "aarch64"}
    return f"{system}-{'arm64' if arm else 'x64'}"


def _outcome_of(name: str, code: int, report: Path) -> Outcome:
    """What pytest's own report says; a tier whose tests were all skipped is skipped, not passed."""
    if not report.is_file():
        return Outcome(name, "FAILED", f"pytest ended with {code} and left no report")
    suite = ET.parse(report).getroot()
    suite = suite if suite.tag == "testsuite" else suite[0]
    total, skipped = int(suite.get("tests", 0)), int(suite.get("skipped", 0))
    reasons = sorted({element.get("message", "") for element in suite.iter("skipped")})
    detail = f"{total - skipped} ran" + (f", {skipped} skipped: {'; '.join(reasons)}" if skipped else "")
    if code != 0:
        return Outcome(name, "FAILED", detail)
    return Outcome(name, "SKIPPED" if skipped == total else "passed", detail)


def main() -> int:
    """Run the tiers that were asked for, all by default."""
    own, extra = _split(sys.argv[1:])
    parser = argparse.ArgumentParser(description="Run the tests, tier by tier.")
    parser.add_argument("tiers", nargs="*", metavar="TIER", help=f"of {', '.join(TIERS)}; default: all")
    parser.add_argument("--python", choices=sorted(BLENDERS), help="only this one")
    options = parser.parse_args(own)
    unknown = sorted(set(options.tiers) - {*TIERS, "typing"})
    if unknown:
        parser.error(f"no such tier: {', '.join(unknown)}; there are {', '.join(TIERS)}")
    REPORTS.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    suite = Suite([options.python] if options.python else list(BLENDERS), extra)
    for tier in options.tiers or TIERS:
        getattr(suite, tier)()
    print(f"\n=== Summary, {(time.monotonic() - started) / 60:.1f} minutes ===")
    for outcome in suite.outcomes:
        print(f"{outcome.state:8} {outcome.name:24} {outcome.detail}")
    states = {outcome.state for outcome in suite.outcomes}
    return 0 if "passed" in states and "FAILED" not in states else 1


def _split(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Our own arguments, and those after ``--`` for pytest."""
    if "--" not in arguments:
        return arguments, []
    place = arguments.index("--")
    return arguments[:place], arguments[place + 1 :]


if __name__ == "__main__":
    sys.exit(main())
