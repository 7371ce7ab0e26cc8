# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads where the tensors of a safetensors file lie.

The format (https://github.com/huggingface/safetensors#format): eight bytes with the header's length, little-endian; the
header, a JSON object; the tensors' bytes, little-endian and in row-major order, one after the other without gaps.
"""

import json
import mmap
import struct
from typing import Any

from .tensor_layout import (
    LARGEST_DESCRIPTION,
    LONGEST_NAME,
    MOST_TENSORS,
    STORED_TYPES,
    Refused,
    TensorLayout,
    checked_sizes,
    element_count,
    quote,
)

TYPES = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U8": "uint8",
    "BOOL": "bool",
}

LENGTH = struct.Struct("<Q")


def is_safetensors(data: mmap.mmap | bytes) -> bool:
    """Whether a file looks like safetensors: a length, and a JSON object after it."""
    return len(data) > LENGTH.size and data[LENGTH.size : LENGTH.size + 1] == b"{"


def read_safetensors(data: mmap.mmap | bytes) -> dict[str, TensorLayout]:
    """The layout of each tensor, by name, in the file's order.

    Raises:
        Refused: the header is damaged or too long, or offsets overlap, leave gaps or point out of the file.
    """
    if len(data) < LENGTH.size:
        raise Refused("the file is shorter than its header")
    (length,) = LENGTH.unpack(data[: LENGTH.size])
    if length > LARGEST_DESCRIPTION:
        raise Refused(f"its header claims {length} bytes, more than any list of tensors needs")
    start = LENGTH.size + length
    if start > len(data):
        raise Refused("the file ends within its header")
    tensors = _parse_header(data[LENGTH.size : start])
    layouts = {name: _layout(name, entry, start) for name, entry in tensors.items() if name != "__metadata__"}
    _check_order(layouts, start, len(data))
    return layouts


def _parse_header(header: bytes) -> dict[str, Any]:
    try:
        tensors = json.loads(header.decode("utf-8"), object_pairs_hook=_unique)
    except RecursionError as error:
        raise Refused("its header is nested too deeply") from error
    except Refused:
        raise
    except ValueError as error:
        raise Refused("its header is not valid JSON") from error
    if not isinstance(tensors, dict):
        raise Refused("its header is not a JSON object")
    if len(tensors) > MOST_TENSORS:
        raise Refused(f"it lists {len(tensors)} tensors, more than {MOST_TENSORS}")
    return tensors


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name, value in pairs:
        if name in result:
            raise Refused(f"the name {quote(name)} occurs twice in its header")
        result[name] = value
    return result


def _layout(name: str, entry: object, start: int) -> TensorLayout:
    """One tensor's entry, checked as far as it goes without the others; ``start`` is where the tensors' bytes begin."""
    shown = quote(name)
    if len(name) > LONGEST_NAME:
        raise Refused(f"the name of the tensor {shown} is too long")
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise Refused(f"the entry of the tensor {shown} is incomplete")
    dtype = TYPES.get(entry["dtype"]) if isinstance(entry["dtype"], str) else None
    if dtype is None:
        raise Refused(f"the tensor {shown} is stored as {quote(entry['dtype'])}, which is not supported")
    shape = checked_sizes(entry["shape"], f"the shape of {shown}")
    offsets = checked_sizes(entry["data_offsets"], f"the place of {shown}")
    if len(offsets) != 2 or offsets[1] - offsets[0] != element_count(shape) * STORED_TYPES[dtype]:
        raise Refused(f"the tensor {shown} does not fit the bytes it claims")
    return TensorLayout(shape, dtype, start + offsets[0])


def _check_order(layouts: dict[str, TensorLayout], start: int, end: int) -> None:
    """The tensors fill the file from ``start`` to ``end``, each byte once."""
    place = start
    by_offset = sorted(layouts.items(), key=lambda item: (item[1].offset, element_count(item[1].shape)))
    for name, layout in by_offset:
        if layout.offset != place:
            problem = "overlaps another one" if layout.offset < place else "leaves a gap before it"
            raise Refused(f"the tensor {quote(name)} {problem}")
        place += element_count(layout.shape) * STORED_TYPES[layout.dtype]
    if place != end:
        raise Refused("the file is cut off" if place > end else "the file is longer than its tensors")
