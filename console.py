# SPDX-License-Identifier: GPL-3.0-or-later
"""Who reads standard output. No bpy here: Blender as a Python module prints already when it is imported."""

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import TextIO


@contextmanager
def own_stdout() -> Iterator[TextIO]:
    """Gives the true standard output; what anybody else prints meanwhile goes to standard error.

    Blender and its exporters write both through Python and past it, so the file descriptor itself is redirected. File
    names that are no UTF-8 come out as the bytes they are.
    """
    sys.stdout.flush()
    with _redirected(2) as kept:
        # What Blender printed before may still wait in the C library's buffer; it is no result either.
        flush_stdout()
        results = os.fdopen(os.dup(kept), "w", encoding="utf-8", errors="surrogateescape")
        with results, redirect_stdout(sys.stderr):
            yield results


@contextmanager
def silent_stdout() -> Iterator[None]:
    """Whatever is printed meanwhile is lost, past Python too: Cycles reports each of its steps there."""
    flush_stdout()
    with Path(os.devnull).open("wb") as nowhere, _redirected(nowhere.fileno()):
        yield


@contextmanager
def _redirected(descriptor: int) -> Iterator[int]:
    """Standard output's file descriptor leads to another; yields a copy of the true one."""
    kept = os.dup(1)
    os.dup2(descriptor, 1)
    try:
        yield kept
    finally:
        flush_stdout()
        os.dup2(kept, 1)
        os.close(kept)


def flush_stdout() -> None:
    """Python's buffer and the C library's, in which Blender's own messages wait while standard output is a file."""
    sys.stdout.flush()
    ctypes.CDLL("ucrtbase" if sys.platform == "win32" else None).fflush(None)
