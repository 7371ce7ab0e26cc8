# SPDX-License-Identifier: GPL-3.0-or-later
"""The child process's entry: finds the engine, then serves jobs until its host is gone or it was idle for long enough.

Started by ``jobs/worker_process.py`` as ``python -I worker.py ...``. Inference has a process of its own because Blender
does not support Python threads, ONNX Runtime's libraries clash with Blender's on Windows, and whatever goes wrong
here (out of memory, a crash in a GPU driver) must never take the artist's unsaved scene along.
"""

import argparse
import faulthandler
import importlib
import importlib.machinery
import importlib.util
import os
import sys
from contextlib import suppress
from pathlib import Path

PACKAGE = "image_to_3d"
"""Import name of the repository's root inside this process, whatever the host calls it."""

NICENESS = 5
"""A third of the processor's weight of a normal process: enough to keep the viewport live while all cores compute,
and no loss at all when nothing else wants them. On Windows the host starts the process below normal priority."""

OUT_OF_MEMORY_SCORE = 500
"""Of 1000. When memory runs out, Linux shall end this process and not Blender."""


def main() -> None:
    """Read the arguments and serve; never returns."""
    parser = argparse.ArgumentParser(description="The worker process of the extension Image to 3D.")
    parser.add_argument("--session-folder", type=Path, required=True, help="messages, log and job folders")
    parser.add_argument("--search-path", action="append", default=[], help="folder with Python packages")
    parser.add_argument("--library-folder", action="append", default=[], help="folder with DLLs (Windows)")
    parser.add_argument("--tasks", default=f"{PACKAGE}.inference.tasks", help="module whose TASKS can be run")
    parser.add_argument("--runtime", default="{}", help="RuntimeSettings as JSON")
    parser.add_argument("--idle-seconds", type=float, default=0.0, help="end after so long without a job; 0: never")
    # Started by Blender's own program, whose arguments come first, what is meant for us stands behind a double dash.
    own = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else sys.argv[1:]
    arguments = parser.parse_args(own)

    faulthandler.enable()  # a crash in native code leaves its Python stack in the log
    _step_back()
    _find_engine(arguments.search_path, arguments.library_folder)
    service = importlib.import_module(f"{PACKAGE}.inference.service")
    service.serve(arguments.session_folder, arguments.tasks, arguments.runtime, arguments.idle_seconds)


def _find_engine(search_paths: list[str], library_folders: list[str]) -> None:
    """Make the engine and its libraries importable. The one place of the extension that edits ``sys.path``.

    In isolated mode neither ``PYTHONPATH`` nor this file's folder is on the path, so the host names every folder it
    imports from itself: those of the wheels, of NumPy and of OpenVDB. They come first, so that the worker
    uses the very libraries that the host found.

    The extension's root becomes a package without its ``__init__.py`` being run: that file needs ``bpy``.
    """
    root = Path(__file__).resolve().parent.parent
    # Without isolated mode Python puts this folder first, where our code.py would hide the standard library's.
    own_folder = Path(__file__).resolve().parent
    sys.path[:] = [*search_paths, *(entry for entry in sys.path if entry and Path(entry).resolve() != own_folder)]
    if sys.platform == "win32":
        for folder in library_folders:
            os.add_dll_directory(folder)

    spec = importlib.machinery.ModuleSpec(PACKAGE, loader=None, is_package=True)
    spec.submodule_search_locations = [str(root)]
    sys.modules[PACKAGE] = importlib.util.module_from_spec(spec)


def _step_back() -> None:
    """Let Blender go first when the processor or the memory is short."""
    if sys.platform != "win32":
        os.nice(NICENESS)
    if sys.platform == "linux":
        with suppress(OSError):  # some containers forbid it; then the kernel's own judgement has to do
            Path("/proc/self/oom_score_adj").write_text(str(OUT_OF_MEMORY_SCORE))


if __name__ == "__main__":
    main()
