# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the command line from a clone, with the bpy module: ``python tools/image_to_3d.py PHOTO... --output DIR``."""

import importlib
import sys

from checkout import PACKAGE, load_extension


def main() -> int:
    """The command line's exit code, or a sentence where bpy is missing."""
    try:
        load_extension()
    except ImportError as missing:
        sys.stderr.write(f"{missing}\n")
        return 2
    return importlib.import_module(f"{PACKAGE}.cli").main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
