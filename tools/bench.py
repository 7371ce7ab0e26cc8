# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs every script of bench/ and writes what they print into docs/benchmarks.md.

make bench [ARGS="surface bake"]    # only these; the file is then left alone
"""

import ast
import platform
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "benchmarks.md"


def processor() -> str:
    """Name and number of cores, as a reader would want to know them."""
    name = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    lines = information.read_text(encoding="utf-8").splitlines() if information.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{names[0]}, {len(names)} cores" if names else name


def run(script: Path) -> tuple[str, bool]:
    """The section of one script, and whether it succeeded."""
    title = (ast.get_docstring(ast.parse(script.read_text(encoding="utf-8"))) or script.stem).splitlines()[0]
    print(f"=== {title}", flush=True)
    finished = subprocess.run([sys.executable, script], stdout=subprocess.PIPE, text=True, check=False)
    # Blender and its exporters print too; the table begins at the first line that is not theirs.
    lines = [line for line in finished.stdout.splitlines() if not line.startswith(("Info:", "Warning:", "Read prefs"))]
    text = "\n".join(lines).strip()
    print(text, flush=True)
    return f"## {title.rstrip('.')}\n\n{text}\n", finished.returncode == 0


def main() -> int:
    """Run them; exit code 1 if one missed a limit. The page is written unless one broke off without a table."""
    requirements = Path(__file__).resolve().parent / "requirements" / "bench.txt"
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "-r", requirements], check=True)
    chosen = sys.argv[1:]
    scripts = [path for path in sorted((ROOT / "bench").glob("*.py")) if not path.stem.startswith("_")]
    scripts = [path for path in scripts if not chosen or path.stem in chosen]
    sections, successes = zip(*map(run, scripts), strict=True) if scripts else ((), (False,))
    if any("| ---" not in section for section in sections):
        print("A benchmark broke off: docs/benchmarks.md is left as it was", file=sys.stderr)
        return 1
    if not chosen:
        head = f"# Benchmarks\n\nWritten by `make bench` on {processor()}, Python {platform.python_version()}.\n"
        PAGE.write_text("\n".join([head, *sections]), encoding="utf-8")
        print(f"Written: {PAGE}")
    return 0 if all(successes) else 1


if __name__ == "__main__":
    sys.exit(main())
