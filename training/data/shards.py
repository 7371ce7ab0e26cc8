# SPDX-License-Identifier: GPL-3.0-or-later
"""A data set in a few files, from which a later round of training, or one on another machine, starts.

A shard is a row of records (``compact``), each behind its length (4 bytes, little-endian).
"""

import zlib
from collections.abc import Iterator
from pathlib import Path

from .compact import LENGTH, SUFFIX, Record

#: Bytes of one shard, at most.
SHARD_BYTES = 15_000_000


def write(records: Iterator[bytes], folder: Path, shard_bytes: int, total_bytes: int) -> tuple[int, int]:
    """Write records into files of at most ``shard_bytes``, until the next would exceed ``total_bytes``.

    Returns how many records and how many bytes were written. Shards of an earlier export are replaced.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.shard"):
        old.unlink()
    count = written = room = shards = 0
    for record in records:
        size = LENGTH.size + len(record)
        if written + size > total_bytes:
            break
        if size > room:
            shards, room = shards + 1, shard_bytes
        with (folder / f"{shards - 1:03d}.shard").open("ab") as file:
            file.write(LENGTH.pack(len(record)) + record)
        count, written, room = count + 1, written + size, room - size
    return count, written


def read(folder: Path) -> Iterator[bytes]:
    """The records of an export, in order; one that was cut short at a file's end is left out."""
    for path in sorted(folder.glob("*.shard")):
        with path.open("rb") as file:
            while len(start := file.read(LENGTH.size)) == LENGTH.size:
                (length,) = LENGTH.unpack(start)
                if len(record := file.read(length)) == length:
                    yield record


def gather(folder: Path, out: Path) -> int:
    """Write the objects of an export into the data set ``out``, except those it has; returns how many were new."""
    count = 0
    for stored in read(folder):
        told = Record(stored).told
        path = out / "objects" / told["source"] / told["file"]
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_suffix(".part")
            part.write_bytes(stored)
            part.rename(path)
            count += 1
    return count


def export(out: Path, folder: Path, total_bytes: int) -> tuple[int, int]:
    """Write what is trained with of the data set ``out`` as shards; returns how many objects and bytes.

    Validation objects come first, then originals, then reshaped copies, each in an order that mixes the sources: what
    does not fit is what is missed least.
    """

    def rank(path: Path) -> tuple[int, int]:
        kind = 2 if "~" in path.stem else int(Record(path.read_bytes()).told["split"] == "train")
        return kind, zlib.crc32(path.stem.encode())

    paths = sorted((out / "objects").glob(f"*/*{SUFFIX}"), key=rank)
    return write((path.read_bytes() for path in paths), folder, SHARD_BYTES, total_bytes)
