# SPDX-License-Identifier: GPL-3.0-or-later
"""How the worker is to be started."""

import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path

from ..inference.errors import WorkerError
from ..inference.monitor import StartStage
from ..inference.runtime import RuntimeSettings
from ..inference.sentence import Sentence

REQUIRED_MODULES = ("onnxruntime", "PIL", "numpy", "openvdb")
"""What the worker imports; none of it is in the standard library. Those the extension brings come first, so that their
folder wins over whatever else was installed beside Blender's own modules."""


@dataclass(frozen=True)
class Launch:
    """Everything the worker needs to know before its first job.

    Attributes:
        python: the interpreter, ``sys.executable`` inside Blender.
        python_args: its arguments, ``bpy.app.python_args`` inside Blender (isolated mode).
        search_paths: folders from which the worker imports NumPy, Pillow, ONNX Runtime and OpenVDB.
        folder: where the session's temporary folder is made; made itself if need be.
        runtime: compute device and threads.
        idle_seconds: the worker ends after so long without a job and gives its memory back; 0 keeps it for good.
        library_folders: folders with the DLLs that those modules need (Windows only).
        tasks: module, as the worker imports it, whose ``TASKS`` says what can be run.
        start_stage: what a job says that waits for the start of the process.
        separator: what stands between the worker's file and its arguments; Blender's own program wants ``--``.
    """

    python: str
    python_args: tuple[str, ...]
    search_paths: tuple[str, ...]
    folder: Path
    runtime: RuntimeSettings
    idle_seconds: float
    library_folders: tuple[str, ...] = ()
    tasks: str = "image_to_3d.inference.tasks"
    separator: tuple[str, ...] = ()
    start_stage: StartStage = StartStage.WORKER


def launch_from_interpreter(folder: Path, runtime: RuntimeSettings, idle_seconds: float = 0.0) -> Launch:
    """A launch with the running interpreter and the modules it finds, for use outside Blender's own program.

    Args:
        folder: where the session's temporary folder is made.
        runtime: compute device and threads.
        idle_seconds: see ``Launch``.

    Raises:
        WorkerError: a required module is not installed.
    """
    search_paths = dict.fromkeys(_module_folder(name) for name in REQUIRED_MODULES)  # in order, without repetitions
    return Launch(sys.executable, ("-I",), tuple(search_paths), folder, runtime, idle_seconds)


def _module_folder(name: str) -> str:
    """The folder to search for a module, found without importing it (ONNX Runtime stays out of the host)."""
    spec = importlib.util.find_spec(name)
    if spec is not None and spec.origin is not None:
        origin = Path(spec.origin)
        return str(origin.parent.parent if spec.submodule_search_locations else origin.parent)
    # The bpy wheel keeps Blender's bundled modules inside itself, as Blender keeps them beside its own Python.
    blender = importlib.util.find_spec("bpy")
    if blender is not None and blender.origin is not None:
        for found in sorted(Path(blender.origin).parent.glob(f"*/python/lib/**/site-packages/{name}*")):
            return str(found.parent)
    raise WorkerError(
        Sentence("The Python module '{name}' is not installed.", name=name),
        Sentence("Install it, e.g. with: pip install {name}.", name=name),
    )
