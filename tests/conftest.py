# SPDX-License-Identifier: GPL-3.0-or-later
"""Gives the repository its import name, ``image_to_3d``, whatever the checkout's folder is called.

With bpy (Blender as a Python wheel) the package is the extension itself, so that ``image_to_3d.register()`` exists.
Without bpy it is an empty module with the repository as its path: ``from image_to_3d.inference import ...`` works in
any Python, and nothing in ``inference/`` or ``jobs/`` can lean on Blender unnoticed. ``IMAGE_TO_3D_WITHOUT_BLENDER=1``
gives the second case where bpy is installed: the unit tier runs so.
"""

import atexit
import importlib.abc
import importlib.util
import os
import shutil
import sys
import tempfile
import types
from pathlib import Path

PACKAGE = "image_to_3d"
ROOT = Path(__file__).resolve().parent.parent


class _BlenderIsAbsent(importlib.abc.MetaPathFinder):
    """Makes ``import bpy`` fail the way it does where Blender is not installed."""

    def find_spec(self, fullname, path=None, target=None):
        if fullname.partition(".")[0] in {"bpy", "bpy_extras", "mathutils", "bmesh"}:
            raise ModuleNotFoundError(f"No module named {fullname!r} (hidden from this test run)", name=fullname)


def _reach_blenders_openvdb() -> None:
    """Blender brings OpenVDB: bpy wheels have it in a folder that only bpy adds to the path, so it is added here."""
    blender = importlib.util.find_spec("bpy")
    if blender is None or blender.origin is None or importlib.util.find_spec("openvdb") is not None:
        return
    bundled = Path(blender.origin).parent.glob("*/python/lib/python3*/site-packages")
    sys.path.extend(str(folder) for folder in bundled if folder.is_dir())


def _load_without_blender() -> types.ModuleType:
    package = types.ModuleType(PACKAGE)
    package.__path__ = [str(ROOT)]
    return package


def _load_with_blender() -> types.ModuleType:
    spec = importlib.util.spec_from_file_location(PACKAGE, ROOT / "__init__.py", submodule_search_locations=[str(ROOT)])
    if spec is None or spec.loader is None:
        raise ImportError(f"{ROOT / '__init__.py'} cannot be loaded as a package")
    package = importlib.util.module_from_spec(spec)
    sys.modules[PACKAGE] = package
    spec.loader.exec_module(package)
    return package


def _use_empty_user_folder() -> None:
    """Blender reads the variable when it starts: tests neither see nor change the user's preferences and extensions."""
    if "BLENDER_USER_RESOURCES" in os.environ:
        return
    folder = tempfile.mkdtemp(prefix="image_to_3d_tests_")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ["BLENDER_USER_RESOURCES"] = folder


def _give_import_name() -> None:
    _reach_blenders_openvdb()
    hidden = os.environ.get("IMAGE_TO_3D_WITHOUT_BLENDER") == "1"
    if hidden:
        sys.meta_path.insert(0, _BlenderIsAbsent())
    has_blender = not hidden and importlib.util.find_spec("bpy") is not None
    sys.modules[PACKAGE] = _load_with_blender() if has_blender else _load_without_blender()


_use_empty_user_folder()
_give_import_name()
