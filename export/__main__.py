# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the weightless graphs: ``python -m export [--only NAME] [--out FOLDER]``."""

import argparse
import fnmatch
import sys
from pathlib import Path

from .catalogue import catalogue
from .graph import export, write

GRAPHS = Path(__file__).resolve().parent.parent / "inference" / "graphs"


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="*", metavar="PATTERN", help="graphs whose names match, such as 'triposr*'")
    parser.add_argument("--out", type=Path, default=GRAPHS)
    options = parser.parse_args()
    chosen = [graph for graph in catalogue() if fnmatch.fnmatch(graph.name, options.only)]
    if not chosen:
        print(f"no graph is called {options.only}", file=sys.stderr)
        return 1
    options.out.mkdir(parents=True, exist_ok=True)
    for graph in chosen:
        model, manifest = export(graph)
        write(model, manifest, options.out)
        size = (options.out / f"{graph.name}.onnx").stat().st_size
        print(f"{graph.name}: {len(model.graph.node)} nodes, {size / 1e3:.0f} kB, {len(manifest['tensors'])} tensors")
    return 0


if __name__ == "__main__":
    sys.exit(main())
