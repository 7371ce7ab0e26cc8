# SPDX-License-Identifier: GPL-3.0-or-later
"""Checkpoint files made byte by byte, so that tests can make wrong ones too."""

import json
import pickle
import struct
import zipfile
from pathlib import Path

import numpy as np

FIXTURES = Path(__file__).parent / "checkpoints"

GENERATOR = np.random.default_rng(5)
LINEAR = FIXTURES / "linear.onnx"
LINEAR_WEIGHTS = {
    "layer.bias": GENERATOR.standard_normal(512, np.float32),
    "layer.weight": GENERATOR.standard_normal((512, 1024), np.float32) / 32,
    "norm.weight": 1 + GENERATOR.standard_normal(512, np.float32) / 8,
    "table": GENERATOR.standard_normal((512, 4), np.float32) / 32,
}
"""What the graph ``linear.onnx`` needs; its official checkpoint has the prefix ``generator.``."""

TYPES = {"float32": "F32", "float16": "F16", "float64": "F64", "int64": "I64", "int32": "I32", "bool": "BOOL"}


def safetensors_bytes(header, data=b""):
    """A safetensors file of any header: an object, or its bytes."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def write_safetensors(path, arrays):
    """Named arrays as a proper safetensors file."""
    header, data = {}, b""
    for name, array in arrays.items():
        content = np.ascontiguousarray(array).tobytes()
        header[name] = {
            "dtype": TYPES[array.dtype.name],
            "shape": list(array.shape),
            "data_offsets": [len(data), len(data) + len(content)],
        }
        data += content
    path.write_bytes(safetensors_bytes(header, data))
    return path


def write_linear(path, prefix="generator.", **changes):
    """A checkpoint for ``linear.onnx``; a change to None leaves the tensor out."""
    weights = LINEAR_WEIGHTS | {name.replace("_", "."): array for name, array in changes.items()}
    return write_safetensors(path, {prefix + name: array for name, array in weights.items() if array is not None})


def write_torch(path, program, storages=None, extra=None, compression=zipfile.ZIP_STORED):
    """A torch checkpoint of any pickle program and storages (bytes by key)."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("archive/data.pkl", program)
        for key, content in (storages or {}).items():
            archive.writestr(f"archive/data/{key}", content)
        for name, content in (extra or {}).items():
            archive.writestr(name, content)
    return path


def unicode(text):
    """The instruction that pushes a word."""
    return b"X" + struct.pack("<I", len(text.encode())) + text.encode()


def number(value):
    """The instruction that pushes a number."""
    return b"\x8a" + bytes([9]) + int(value).to_bytes(9, "little", signed=True)


def tensor_program(count=4, offset=0, shape=(4,), strides=(1,), storage="FloatStorage", key="0"):
    """Instructions that describe one tensor, as torch writes them."""
    sizes, steps = (b"(" + b"".join(map(number, values)) + b"t" for values in (shape, strides))
    persistent = b"(" + unicode("storage") + f"ctorch\n{storage}\n".encode() + unicode(key) + unicode("cpu")
    persistent += number(count) + b"tQ"
    hooks = b"ccollections\nOrderedDict\n)R"
    return (
        b"ctorch._utils\n_rebuild_tensor_v2\n(" + persistent + number(offset) + sizes + steps + b"\x89" + hooks + b"tR"
    )


def program(body):
    """A whole program: ``{"weight": body}``."""
    return b"\x80\x02}" + unicode("weight") + body + b"s."


class Call:
    """Pickles to a call, as an attacker would write it."""

    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


def hostile_program(function, *arguments, protocol=2):
    """What ``pickle`` makes of a call inside a dictionary."""
    return pickle.dumps({"weight": Call(function, *arguments)}, protocol)
