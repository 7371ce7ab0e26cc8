# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the command line from a clone, with the bpy module: ``python tools/image_to_3d.py PHOTO... --output DIR``."""

import importlib
import sys

from checkout import PACKAGE, load_extension


def main() -> int:
    """The command line's exit code; one sentence where bpy is missing."""
    try:
        load_extension()
    except ImportError as error:
        print(error, file=sys.stderr)
        return 2
    with importlib.import_module(f"{PACKAGE}.console").own_stdout():
        command_line = importlib.import_module(f"{PACKAGE}.cli")
    return command_line.main()


if __name__ == "__main__":
    sys.exit(main())
