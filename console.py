# SPDX-License-Identifier: GPL-3.0-or-later
"""Standard output for results alone. No bpy here: Blender as a Python module prints already when it is imported."""

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import TextIO


@contextmanager
def own_stdout() -> Iterator[TextIO]:
    """Gives the true standard output; what anybody else prints meanwhile goes to standard error.

    Blender and its exporters write both through Python and past it, so the file descriptor itself is redirected.
    """
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    # What Blender printed before may still wait in the C library's buffer; it is no result either.
    flush_stdout()
    try:
        with os.fdopen(os.dup(kept), "w", encoding="utf-8") as results, redirect_stdout(sys.stderr):
            yield results
    finally:
        flush_stdout()
        os.dup2(kept, 1)
        os.close(kept)


def flush_stdout() -> None:
    """Python's buffer and the C library's, in which Blender's own messages wait while standard output is a file."""
    sys.stdout.flush()
    ctypes.CDLL("ucrtbase" if sys.platform == "win32" else None).fflush(None)
