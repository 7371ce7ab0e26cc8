# SPDX-License-Identifier: GPL-3.0-or-later
"""Opens checkpoints (safetensors, and the zip archives of ``torch.save``) as memory-mapped arrays.

Neither torch nor safetensors is needed, and nothing in a file is ever executed. What comes from the network or from a
stranger is checked before it is used: a file that is damaged, made to mislead or of another kind is refused with one
sentence, in bounded time and memory (``tensor_layout`` has the limits).
"""

import mmap
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from .errors import ModelError
from .safetensors_header import is_safetensors, read_safetensors
from .sentence import Sentence
from .tensor_layout import STORED_TYPES, Refused, TensorLayout, quote
from .tensor_pickle import TensorDescription, read_tensor_pickle
from .torch_archive import Member, find_members, is_zip, read_small_member

OLD_TORCH = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"
"""How files begin that torch wrote before version 1.6: a pickle of its magic number 0x1950a86a20f9469cfc6c."""

HINT = "Install the system again, or choose the file that its authors publish."


@dataclass(frozen=True)
class TensorInfo:
    """What a checkpoint says about a tensor.

    Attributes:
        shape: of the tensor.
        dtype: it is stored in, by numpy's name, or ``bfloat16``.
    """

    shape: tuple[int, ...]
    dtype: str


class Checkpoint:
    """An open checkpoint; ``open_checkpoint`` makes it. The file must not be shortened while it is open.

    Attributes:
        path: of the file.
        tensors: all tensors by name, in the file's order.
    """

    def __init__(self, path: Path, data: mmap.mmap, layouts: dict[str, TensorLayout]) -> None:
        self.path = path
        self.tensors: Mapping[str, TensorInfo] = MappingProxyType(
            {name: TensorInfo(layout.shape, layout.dtype) for name, layout in layouts.items()}
        )
        self._data: mmap.mmap | None = data
        self._layouts = layouts

    def read(self, name: str) -> NDArray[Any]:
        """A tensor, read-only.

        Returns:
            A view of the mapped file, which stays valid after ``close``; nothing is read before it is used. bfloat16,
            which numpy lacks, is widened to a float32 copy.

        Raises:
            KeyError: there is no such tensor.
            ValueError: the checkpoint is closed.
        """
        if self._data is None:
            raise ValueError(f"{self.path} is closed")
        layout = self._layouts[name]
        stored = np.dtype("uint16" if layout.dtype == "bfloat16" else layout.dtype).newbyteorder("<")
        view: NDArray[Any] = np.ndarray(layout.shape, stored, self._data, layout.offset, layout.strides)
        if layout.dtype == "bfloat16":
            view = widen(view)
        view.flags.writeable = False
        return view

    def forget(self) -> None:
        """Tell the system that the pages read so far are not needed soon: they stop counting as this process's memory.

        Reading them again takes them from the system's file cache. Does nothing where the system has no such call.
        """
        if self._data is not None and hasattr(mmap, "MADV_DONTNEED"):
            self._data.madvise(mmap.MADV_DONTNEED)

    def close(self) -> None:
        """Let go of the file; the system unmaps it with the last view."""
        self._data = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_checkpoint(path: Path) -> Checkpoint:
    """Open a checkpoint, whichever of the two formats it has; its name does not matter.

    Raises:
        ModelError: the file is missing, unreadable, damaged, hostile or of another kind.
    """
    try:
        with path.open("rb") as file:
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except FileNotFoundError as error:
        raise ModelError(Sentence("The checkpoint '{path}' is missing.", path=path), HINT) from error
    except ValueError as error:  # what mmap says about an empty file
        raise ModelError(Sentence("The checkpoint '{name}' is empty.", name=path.name), HINT) from error
    except OSError as error:
        raise ModelError(
            Sentence("The checkpoint '{path}' cannot be read ({reason}).", path=path, reason=error.strerror),
            "Check the file and its permissions.",
        ) from error
    try:
        return Checkpoint(path, data, read_layouts(data))
    except Refused as error:
        data.close()
        raise ModelError(
            Sentence("The checkpoint '{name}' cannot be used: {reason}.", name=path.name, reason=error), HINT
        ) from error


def widen(bits: NDArray[np.uint16]) -> NDArray[np.float32]:
    """bfloat16 numbers, given as their bits, as float32: they are the upper halves of those."""
    wide = bits.astype(np.uint32)
    wide <<= 16
    return wide.view(np.float32)


def read_layouts(data: mmap.mmap | bytes) -> dict[str, TensorLayout]:
    """Where each tensor of a file lies, whichever of the two formats it has.

    Raises:
        Refused: the file is damaged, hostile or of another kind.
    """
    if sys.byteorder != "little":
        raise Refused("it was written for little-endian machines, and this is none")
    if is_zip(data):
        return _read_torch(data)
    if is_safetensors(data):
        return read_safetensors(data)
    if data[: len(OLD_TORCH)] == OLD_TORCH:
        raise Refused("it has the format of torch before 1.6; save it again with a newer one")
    raise Refused("it is neither a safetensors file nor a torch checkpoint")


def _read_torch(data: mmap.mmap | bytes) -> dict[str, TensorLayout]:
    members = find_members(data)
    roots = [name.partition("/")[0] for name in members if name.count("/") == 1 and name.endswith("/data.pkl")]
    if len(roots) != 1:
        raise Refused(f"the archive holds {len(roots)} files called 'data.pkl' instead of one")
    root = roots[0]
    order = f"{root}/byteorder"
    if order in members and read_small_member(data, members, order) != b"little":
        raise Refused("its numbers are stored with the most significant byte first")
    descriptions = read_tensor_pickle(read_small_member(data, members, f"{root}/data.pkl"))
    return {name: _torch_layout(description, members, root) for name, description in descriptions.items()}


def _torch_layout(description: TensorDescription, members: dict[str, Member], root: str) -> TensorLayout:
    """From elements within a storage to bytes within the file."""
    storage = description.storage
    size = STORED_TYPES[storage.dtype]
    member = members.get(f"{root}/data/{storage.key}")
    if member is None:
        raise Refused(f"the archive lacks the numbers of the storage {quote(storage.key)}")
    if member.size != storage.count * size:
        raise Refused(f"the storage {quote(storage.key)} has {member.size} bytes instead of {storage.count * size}")
    strides = tuple(stride * size for stride in description.strides)
    return TensorLayout(description.shape, storage.dtype, member.start + description.offset * size, strides)
