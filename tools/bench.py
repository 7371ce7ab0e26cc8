# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs every script of bench/ and writes what they print into docs/benchmarks.md.

make bench [ARGS="surface bake"]    # only these; the file is then left alone
make bench-triposr ARGS="..."      # one that needs arguments; its section of the file is written anew
"""

import ast
import platform
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "benchmarks.md"
APART = {"triposr", "retopology"}
"""Scripts that need arguments, such as where somebody's code is; ``make bench`` leaves their sections alone."""


def processor() -> str:
    """Name and number of cores, as a reader would want to know them."""
    name = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    lines = information.read_text(encoding="utf-8").splitlines() if information.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{names[0]}, {len(names)} cores" if names else name


def title_of(script: Path) -> str:
    """The first line of its docstring."""
    docstring = ast.get_docstring(ast.parse(script.read_text(encoding="utf-8"))) or script.stem
    return docstring.splitlines()[0].rstrip(".")


def run(script: Path, arguments: list[str]) -> tuple[str, bool]:
    """The section of one script, and whether it succeeded."""
    title = title_of(script)
    print(f"=== {title}", flush=True)
    finished = subprocess.run([sys.executable, script, *arguments], stdout=subprocess.PIPE, text=True, check=False)
    # Blender and its exporters print too; the table begins at the first line that is not theirs.
    lines = [line for line in finished.stdout.splitlines() if not line.startswith(("Info:", "Warning:", "Read prefs"))]
    text = "\n".join(lines).strip()
    print(text, flush=True)
    return f"## {title}\n\n{text}\n", finished.returncode == 0


def written_sections() -> dict[str, str]:
    """The page's sections by their titles; the part before the first has the title ""."""
    parts = PAGE.read_text(encoding="utf-8").split("\n## ") if PAGE.is_file() else [""]
    return {"": parts[0]} | {part.partition("\n")[0]: f"## {part.rstrip()}\n" for part in parts[1:]}


def main() -> int:
    """Run them; exit code 1 if one missed a limit. The page is written unless one broke off without a table."""
    requirements = Path(__file__).resolve().parent / "requirements" / "bench.txt"
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "-r", requirements], check=True)
    split = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    chosen, arguments = sys.argv[1:split], sys.argv[split + 1 :]
    scripts = [path for path in sorted((ROOT / "bench").glob("*.py")) if not path.stem.startswith("_")]
    apart = [path for path in scripts if path.stem in APART]
    scripts = [path for path in scripts if path.stem in (chosen or {path.stem} - APART)]
    if not scripts:
        print(f"There is no benchmark called {' '.join(chosen)}", file=sys.stderr)
        return 1
    sections, successes = zip(*(run(script, arguments) for script in scripts), strict=True)
    if any("| ---" not in section for section in sections):
        print("A benchmark broke off: docs/benchmarks.md is left as it was", file=sys.stderr)
        return 1
    written = written_sections()
    if not chosen:
        head = f"# Benchmarks\n\nWritten by `make bench` on {processor()}, Python {platform.python_version()}.\n"
        kept = [written[title] for title in map(title_of, apart) if title in written]
        PAGE.write_text("\n".join([head, *sections, *kept]), encoding="utf-8")
        print(f"Written: {PAGE}")
    elif set(chosen) <= APART:
        written |= dict(zip(map(title_of, scripts), sections, strict=True))
        PAGE.write_text("\n".join([written.pop("").rstrip() + "\n", *written.values()]), encoding="utf-8")
        print(f"Written: {PAGE}")
    return 0 if all(successes) else 1


if __name__ == "__main__":
    sys.exit(main())
