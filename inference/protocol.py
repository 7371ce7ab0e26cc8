# SPDX-License-Identifier: GPL-3.0-or-later
"""What Blender's process and the worker say to each other.

Messages are JSON objects, one a line. The host writes to the worker's stdin; the worker appends to ``messages.jsonl``
in the session folder (a file, because reading a pipe without blocking is not portable). Values are the engine's own
dataclasses: ``pack`` splits one into a JSON tree and its arrays, ``unpack`` rebuilds it from the type the reader
expects. Nothing in a message names a class or a path to open, and arrays are never unpickled.

Host to worker:

========  ==================================================================================
job       ``job`` (number), ``task`` (name), ``value`` (tree; arrays in ``task.npz``)
cancel    ``job``: stop it as soon as possible
========  ==================================================================================

Worker to host; the last message of a job is ``done``, ``error`` or ``cancelled``:

=========  =================================================================================
hello      first line of all: ``protocol``, ``python``, ``numpy``; with networks ``onnxruntime``, ``device``
status     ``job`` has been taken up
progress   ``job``, ``stage``, ``fraction``
warning    ``job``, ``sentence``
error      ``job``, ``class``, ``message``, ``hint``, ``traceback``; without ``job``: no work is possible at all
cancelled  ``job``
done       ``job``, ``value`` (tree; arrays in ``result.npz``)
=========  =================================================================================

All arrays lie in the job's folder. The host makes and removes all folders; only if it has gone, the worker does.
"""

# ruff: noqa: ANN401 - values of any type cross; what they are is decided by the reader's ``expected``

import types
import typing
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from .code import Code
from .errors import OutputError, WorkerError
from .sentence import Sentence

PROTOCOL = 2
"""Version of all of the above; both sides must have the same."""

MESSAGES_FILE = "messages.jsonl"
LOG_FILE = "log.txt"

EXIT_QUIET = 0
"""The worker's exit code when it ended of its own accord: its host is gone, it idled for long enough, or it gives
back memory that ran out."""
EXIT_NO_SPACE = 74
"""The worker could not even write a message (the number is ``EX_IOERR`` of ``sysexits.h``)."""

Tree = Any
"""What ``json`` reads and writes; an array is ``{"array": name}``, a sentence its template and values."""
Arrays = dict[str, NDArray[Any]]


def job_folder(session_folder: Path, job: int) -> Path:
    """Where the arrays of a job lie."""
    return session_folder / f"job-{job}"


def pack(value: Any) -> tuple[Tree, Arrays]:
    """Split a value into a JSON tree and its arrays.

    Takes dataclasses, arrays, codes, enumerations, paths, mappings with string keys, tuples, lists and plain values.

    Raises:
        TypeError: the value holds something else.
    """
    arrays: Arrays = {}
    return _pack(value, arrays), arrays


def _pack(value: Any, arrays: Arrays) -> Tree:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Sentence):
        return {"template": value.template, "values": _pack(value.values, arrays)}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Code):
        value = np.frombuffer(value.to_bytes(), np.uint8)
    if isinstance(value, np.ndarray):
        name = f"array_{len(arrays)}"
        arrays[name] = value
        return {"array": name}
    if is_dataclass(value):
        return {field.name: _pack(getattr(value, field.name), arrays) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _pack(item, arrays) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_pack(item, arrays) for item in value]
    raise TypeError(f"A {type(value).__name__} cannot cross between the processes.")


def unpack(expected: Any, tree: Tree, arrays: Arrays) -> Any:
    """Rebuild a value of the type ``expected`` (a class or a type hint); inverse of ``pack``.

    Raises:
        WorkerError: the tree does not describe such a value.
        ModelError: a code in it is damaged.
    """
    try:
        return _unpack(expected, tree, arrays)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise nonsense(f"{type(error).__name__}: {error}") from error


def _unpack(expected: Any, tree: Tree, arrays: Arrays) -> Any:
    origin, arguments = _origin(expected), typing.get_args(expected)
    if origin in (types.UnionType, typing.Union):
        return _unpack(_member(arguments, tree), tree, arrays)
    if origin is Any or origin is types.NoneType:
        return tree
    if origin is str and isinstance(tree, dict):
        values = tree["values"].items()
        return Sentence(
            tree["template"],
            **{name: _unpack(str, value, arrays) if isinstance(value, dict) else value for name, value in values},
        )
    if origin is np.ndarray:
        return arrays[tree["array"]]
    if origin is Code:
        return Code.from_bytes(arrays[tree["array"]].tobytes())
    if is_dataclass(origin):
        hints = typing.get_type_hints(origin)
        values = {field.name: _unpack(hints[field.name], tree[field.name], arrays) for field in fields(origin)}
        return typing.cast(Any, origin)(**values)
    if origin is tuple:
        each = arguments[:1] * len(tree) if arguments[-1] is ... else arguments
        return tuple(_unpack(item, value, arrays) for item, value in zip(each, tree, strict=True))
    if origin is list:
        return [_unpack(arguments[0], value, arrays) for value in tree]
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {key: _unpack(arguments[1], value, arrays) for key, value in tree.items()}
    return origin(tree)


def _origin(expected: Any) -> Any:
    """The class behind a type hint: ``tuple`` of ``tuple[int, ...]``, ``ndarray`` of ``NDArray[float32]``."""
    origin = typing.get_origin(expected) or expected
    # Since NumPy 2.5 NDArray is an alias made by Python 3.12's type statement, which get_origin does not look through.
    while hasattr(origin, "__value__"):
        origin = typing.get_origin(origin.__value__) or origin.__value__
    return origin


def _member(members: tuple[Any, ...], tree: Tree) -> Any:
    """Which member of a union the tree describes: none, an array, or the one other type."""
    if tree is None:
        return types.NoneType
    is_array = isinstance(tree, dict) and set(tree) == {"array"}
    for member in members:
        origin = _origin(member)
        if origin is not types.NoneType and (origin in (np.ndarray, Code)) == is_array:
            return member
    raise TypeError(f"{tree!r:.80} is none of {members}")


def save(value: Any, path: Path) -> Tree:
    """Write the arrays of a value to ``path`` (.npz) and return its tree.

    Raises:
        OutputError: the file cannot be written, e.g. because the disk is full.
    """
    tree, arrays = pack(value)
    if arrays:
        try:
            np.savez(path, **arrays)
        except OSError as error:
            raise no_space(path.parent, error) from error
    return tree


def load(expected: Any, tree: Tree, path: Path) -> Any:
    """Inverse of ``save``.

    Raises:
        WorkerError: the file or the tree is not what ``save`` writes; pickled objects are refused.
        ModelError: a code in it is damaged.
    """
    arrays: Arrays = {}
    if path.exists():
        try:
            with np.load(path, allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in archive.files}
        except (OSError, ValueError, EOFError, BadZipFile) as error:
            raise nonsense(f"{path.name}: {error}") from error
    return unpack(expected, tree, arrays)


def no_space(folder: Path, error: OSError) -> OutputError:
    """The failure to write into the temporary folder, in words."""
    return OutputError(
        Sentence(
            "Intermediate results cannot be written to '{folder}' ({reason}).",
            folder=folder,
            reason=error.strerror or error,
        ),
        "Free some disk space or choose another temporary folder in Blender's preferences (File Paths).",
    )


def nonsense(what: str) -> WorkerError:
    """The other side does not keep to the protocol."""
    return WorkerError(
        Sentence("The worker process answered something that cannot be read ({what}).", what=what),
        "Try again; if it happens again, restart Blender and reinstall the extension.",
    )
