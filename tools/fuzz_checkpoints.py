# SPDX-License-Identifier: GPL-3.0-or-later
"""Feeds made-up files to the checkpoint readers with atheris, a fuzzer that looks for new branches; fuzz.py starts it.

A reader may answer with layouts or with ``Refused``, nothing else; every layout has to lie inside the file, no tensor
may be larger than it; and each file has to be done within seconds and 1 GB.
"""

import io
import os
import struct
import sys
import zipfile
from pathlib import Path

import atheris
import numpy as np

ROOT = Path(__file__).resolve().parent.parent

os.environ["IMAGE_TO_3D_WITHOUT_BLENDER"] = "1"
sys.path.insert(0, str(ROOT / "tests"))

import conftest  # noqa: E402, F401 (gives the clone its import name)

with atheris.instrument_imports():
    from image_to_3d.inference.checkpoints import read_layouts
    from image_to_3d.inference.tensor_layout import Refused


def file_of(data: bytes) -> bytes:
    """The file to read: the first byte says how much of its shell is given, since blind changes rarely get past one."""
    kind, rest = data[:1], data[1:]
    if kind == b"h":  # a safetensors header, whose length is then right; numbers follow a newline
        header, _, numbers = rest.partition(b"\n")
        return struct.pack("<Q", len(header)) + header + numbers
    if kind == b"p":  # a pickle, in an archive with its checksum, with two storages
        output = io.BytesIO()
        with zipfile.ZipFile(output, "w") as archive:
            archive.writestr("a/data.pkl", rest)
            archive.writestr("a/data/0", bytes(48))
            archive.writestr("a/data/1", bytes(8))
        return output.getvalue()
    return rest


def check(data: bytes) -> None:
    """Read one file; any exception but ``Refused`` is a finding."""
    file = file_of(data)
    try:
        layouts = read_layouts(file)
    except Refused as refused:
        if not str(refused).isprintable() or len(str(refused)) > 400:
            raise ValueError("a message with control characters, or an endless one") from refused
        return
    for layout in layouts.values():
        dtype = np.dtype("uint16" if layout.dtype == "bfloat16" else layout.dtype)
        # numpy refuses a view that would reach beyond the buffer.
        array = np.ndarray(layout.shape, dtype, file, layout.offset, layout.strides)
        if array.size * dtype.itemsize > len(file):
            raise ValueError("a tensor larger than its file")
        array.tobytes()


if __name__ == "__main__":
    atheris.Setup(sys.argv, check)
    atheris.Fuzz()
