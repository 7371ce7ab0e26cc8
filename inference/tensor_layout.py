# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a tensor lies inside a checkpoint file, and the limits that no honest checkpoint reaches.

Shared by the readers of both file formats (``safetensors_header``, ``torch_archive``, ``tensor_pickle``).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

STORED_TYPES = {
    "float64": 8,
    "float32": 4,
    "float16": 2,
    "bfloat16": 2,
    "int64": 8,
    "int32": 4,
    "int16": 2,
    "int8": 1,
    "uint8": 1,
    "bool": 1,
}
"""Types a tensor may be stored in, by numpy's names (and ``bfloat16``), with their size in bytes."""

LARGEST_DESCRIPTION = 4 * 2**20
"""Bytes that a file's own list of its tensors may have. SF3D's 1,372 tensors need 0.2 MB; what a hostile list can make
of a byte in memory is about 60 bytes."""

MOST_TENSORS = 50_000
LONGEST_NAME = 512
MOST_AXES = 8
LARGEST_AXIS = 2**40

QUOTED = 80
"""Characters of a name that are shown in a message."""


class Refused(ValueError):
    """A file is damaged, hostile or of a kind that is not supported; the message is the end of a sentence."""


@dataclass(frozen=True)
class TensorLayout:
    """A tensor's bytes inside a file.

    Attributes:
        shape: of the tensor.
        dtype: a key of ``STORED_TYPES``.
        offset: of the first element, bytes from the beginning of the file.
        strides: bytes from one element to the next along each axis; None where the elements follow each other.
    """

    shape: tuple[int, ...]
    dtype: str
    offset: int
    strides: tuple[int, ...] | None = None


def quote(text: object) -> str:
    """A name out of an untrusted file, short and without control characters; of other things only their type."""
    shown = text if isinstance(text, (str, bytes)) else type(text).__name__
    return ascii(shown) if len(shown) <= QUOTED else ascii(shown[:QUOTED]) + "..."


def checked_sizes(values: object, what: str) -> tuple[int, ...]:
    """Axis lengths or strides out of an untrusted file.

    Raises:
        Refused: they are not a short sequence of whole numbers from 0 to ``LARGEST_AXIS``.
    """
    if not isinstance(values, (list, tuple)) or len(values) > MOST_AXES:
        raise Refused(f"{what} is not a short list of numbers")
    if not all(type(value) is int and 0 <= value <= LARGEST_AXIS for value in values):
        raise Refused(f"{what} has an axis that is not a number from 0 to 2^40")
    return tuple(values)


def element_count(shape: Sequence[int]) -> int:
    """How many elements a tensor of that shape has; exact, however large."""
    return math.prod(shape)
