# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the command line from a clone, with the bpy module: ``python tools/image_to_3d.py PHOTO... --output DIR``."""

import importlib.util
import sys
from pathlib import Path

PACKAGE = "image_to_3d"
ROOT = Path(__file__).resolve().parent.parent


def load_package() -> None:
    """Give the clone its import name, whatever its folder is called."""
    spec = importlib.util.spec_from_file_location(PACKAGE, ROOT / "__init__.py", submodule_search_locations=[str(ROOT)])
    package = importlib.util.module_from_spec(spec)
    sys.modules[PACKAGE] = package
    spec.loader.exec_module(package)


def main() -> int:
    """The command line's exit code, or a sentence where bpy is missing."""
    if importlib.util.find_spec("bpy") is None:
        sys.stderr.write("The Python module 'bpy' is not installed. Run: pip install bpy onnxruntime pillow\n")
        return 2
    load_package()
    cli = importlib.import_module(f"{PACKAGE}.cli")
    return cli.main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
