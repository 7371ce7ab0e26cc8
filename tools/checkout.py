# SPDX-License-Identifier: GPL-3.0-or-later
"""Gives the clone its import name, ``image_to_3d``, whatever its folder is called."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

PACKAGE = "image_to_3d"
ROOT = Path(__file__).resolve().parent.parent


def load_extension() -> ModuleType:
    """The repository as the package ``image_to_3d``, not yet registered; raises ImportError where bpy is missing."""
    if importlib.util.find_spec("bpy") is None:
        raise ImportError("The Python module 'bpy' is not installed. Run: pip install bpy onnxruntime pillow")
    spec = importlib.util.spec_from_file_location(PACKAGE, ROOT / "__init__.py", submodule_search_locations=[str(ROOT)])
    if spec is None or spec.loader is None:
        raise ImportError(f"{ROOT} is not a clone of Image to 3D")
    package = importlib.util.module_from_spec(spec)
    sys.modules[PACKAGE] = package
    spec.loader.exec_module(package)
    return package
