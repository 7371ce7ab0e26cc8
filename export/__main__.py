# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the weightless graphs: ``python -m export [--only PATTERN] [--out FOLDER] [--reduced]``."""

import argparse
import fnmatch
import logging
import sys
from pathlib import Path

from .catalogue import catalogue, reduced_catalogue
from .graph import export, write
from .quantize import VARIANTS, make_variant

GRAPHS = Path(__file__).resolve().parent.parent / "inference" / "graphs"

LARGE = "_encoder"
"""Graphs whose weights are worth keeping in fewer bits; the others' are a few kilobytes."""


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="*", metavar="PATTERN", help="graphs whose names match, such as 'triposr*'")
    parser.add_argument("--out", type=Path, default=GRAPHS)
    parser.add_argument("--reduced", action="store_true", help="the small networks that tests run")
    options = parser.parse_args()
    graphs = reduced_catalogue() if options.reduced else catalogue()
    chosen = [graph for graph in graphs if fnmatch.fnmatch(graph.name, options.only)]
    if not chosen:
        print(f"no graph is called {options.only}", file=sys.stderr)
        return 1
    # It says of each operator of a package that isn't installed that it isn't there.
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    options.out.mkdir(parents=True, exist_ok=True)
    for graph in chosen:
        model, manifest = export(graph)
        write(model, manifest, options.out)
        if graph.name.endswith(LARGE) and not options.reduced:
            for variant in VARIANTS:
                write(*make_variant(model, manifest, variant), options.out)
        size = (options.out / f"{graph.name}.onnx").stat().st_size
        print(f"{graph.name}: {len(model.graph.node)} nodes, {size / 1e3:.0f} kB, {len(manifest['tensors'])} tensors")
    return 0


if __name__ == "__main__":
    sys.exit(main())
