# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds the members of a torch checkpoint, which is a zip archive whose members are stored without compression.

Python's own ``zipfile`` is not used: it reads a central directory of any size into memory, and does not tell where a
member's bytes lie. Layout and names: PKWARE's APPNOTE 6.3.10, sections 4.3 to 4.5.
"""

import mmap
import struct
import zlib
from dataclasses import dataclass

from .tensor_layout import LARGEST_DESCRIPTION, LONGEST_NAME, MOST_TENSORS, Refused, quote

LOCAL_HEADER = struct.Struct("<4s5H3I2H")
CENTRAL_HEADER = struct.Struct("<4s6H3I5H2I")
END = struct.Struct("<4s4H2IH")
END_64_LOCATOR = struct.Struct("<4sIQI")
END_64 = struct.Struct("<4sQ2H2I4Q")
LOCAL, CENTRAL, LAST, LOCATOR_64, LAST_64 = (b"PK" + mark for mark in (b"\3\4", b"\1\2", b"\5\6", b"\6\7", b"\6\6"))

LONGEST_COMMENT = 2**16 - 1
IN_EXTRA_FIELD = 2**32 - 1
"""A size or offset with this value stands in the ZIP64 extra field instead."""

ENCRYPTED = 0x2041
"""Flag bits 0, 6 and 13: encryption of the data, strong encryption, encryption of the directory."""

STORED = 0


@dataclass(frozen=True)
class Member:
    """A stored member's bytes inside the archive.

    Attributes:
        header: offset of its local header.
        start: offset of its first byte.
        size: in bytes.
        crc: CRC-32 of the bytes, as the archive claims it.
    """

    header: int
    start: int
    size: int
    crc: int


def is_zip(data: mmap.mmap | bytes) -> bool:
    """Whether a file begins like a zip archive."""
    return data[:4] == LOCAL


def find_members(data: mmap.mmap | bytes) -> dict[str, Member]:
    """All members by name.

    Raises:
        Refused: the archive is damaged, compressed or encrypted, members overlap, or a name is no plain relative path.
    """
    start, size, count = _central_directory(data)
    directory = data[start : start + size]
    members: dict[str, Member] = {}
    place = 0
    for _ in range(count):
        name, member, place = _central_entry(data, directory, place)
        if name in members:
            raise Refused(f"the archive holds {quote(name)} twice")
        members[name] = member
    _check_places(members, start)
    return members


def read_small_member(data: mmap.mmap | bytes, members: dict[str, Member], name: str) -> bytes:
    """A member's bytes, checked against its CRC.

    Raises:
        Refused: it is missing, damaged, or larger than ``LARGEST_DESCRIPTION``.
    """
    member = members.get(name)
    if member is None:
        raise Refused(f"the archive holds no {quote(name)}")
    if member.size > LARGEST_DESCRIPTION:
        raise Refused(f"{quote(name)} has {member.size} bytes, more than any list of tensors needs")
    content = data[member.start : member.start + member.size]
    if zlib.crc32(content) != member.crc:
        raise Refused(f"{quote(name)} is damaged (its checksum is wrong)")
    return content


def _central_directory(data: mmap.mmap | bytes) -> tuple[int, int, int]:
    """Where the directory begins, its size in bytes and its number of entries."""
    tail_start = max(0, len(data) - END.size - LONGEST_COMMENT)
    tail = data[tail_start:]
    found = tail.rfind(LAST)
    if found < 0 or found + END.size > len(tail):
        raise Refused("the archive has no end: the file is cut off")
    _, disk, first_disk, here, count, size, start, comment = END.unpack_from(tail, found)
    limit = tail_start + found
    if limit + END.size + comment != len(data):
        raise Refused("something follows the archive's end")
    locator = limit - END_64_LOCATOR.size
    if locator >= 0 and data[locator : locator + 4] == LOCATOR_64:
        disk, first_disk, here, count, size, start = _end_64(data, locator)
        limit = locator
    if disk or first_disk or here != count:
        raise Refused("the archive is split over several files")
    if size > LARGEST_DESCRIPTION or count > 2 * MOST_TENSORS:
        raise Refused(f"the archive's directory claims {count} members in {size} bytes, more than any checkpoint has")
    if start + size > limit:
        raise Refused("the archive's directory lies outside the file")
    return start, size, count


def _end_64(data: mmap.mmap | bytes, locator: int) -> tuple[int, int, int, int, int, int]:
    """Disk numbers, entry counts, size and start of the directory from the ZIP64 end record."""
    _, _, place, _ = END_64_LOCATOR.unpack(data[locator : locator + END_64_LOCATOR.size])
    if place + END_64.size > locator or data[place : place + 4] != LAST_64:
        raise Refused("the archive's end is damaged")
    _, _, _, _, disk, first_disk, here, count, size, start = END_64.unpack(data[place : place + END_64.size])
    return disk, first_disk, here, count, size, start


def _central_entry(data: mmap.mmap | bytes, directory: bytes, place: int) -> tuple[str, Member, int]:
    """The entry at ``place`` of the directory: name, member, and where the next entry begins."""
    if place + CENTRAL_HEADER.size > len(directory) or directory[place : place + 4] != CENTRAL:
        raise Refused("the archive's directory is damaged")
    fields = CENTRAL_HEADER.unpack_from(directory, place)
    flags, method, crc, packed, size, name_length, extra_length, comment_length = (*fields[3:5], *fields[7:13])
    header = fields[16]
    name_end = place + CENTRAL_HEADER.size + name_length
    extra_end = name_end + extra_length
    if extra_end + comment_length > len(directory):
        raise Refused("the archive's directory is damaged")
    raw_name = directory[name_end - name_length : name_end]
    name = _checked_name(raw_name)
    size, packed, header = _wide(directory[name_end:extra_end], (size, packed, header))
    if flags & ENCRYPTED:
        raise Refused(f"the archive's member {quote(name)} is encrypted")
    if method != STORED or packed != size:
        raise Refused(f"the archive's member {quote(name)} is compressed, which torch never does")
    return name, Member(header, _data_start(data, header, raw_name), size, crc), extra_end + comment_length


def _wide(extra: bytes, values: tuple[int, int, int]) -> tuple[int, int, int]:
    """Size, packed size and offset, where they are too large for 32 bits taken from the ZIP64 extra field (id 1)."""
    place = 0
    while place + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, place)
        content = extra[place + 4 : place + 4 + length]
        place += 4 + length
        if kind != 1:
            continue
        wide = iter(struct.unpack_from(f"<{min(len(content) // 8, 3)}Q", content))
        size, packed, header = (next(wide, value) if value == IN_EXTRA_FIELD else value for value in values)
        return size, packed, header
    return values


def _checked_name(raw: bytes) -> str:
    try:
        name = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Refused(f"the archive has a member whose name {quote(raw)} is not text") from error
    parts = name.split("/")
    if any(part in ("", ".", "..") for part in parts) or "\\" in name or ":" in parts[0] or not name.isprintable():
        raise Refused(f"the archive has a member called {quote(name)}, which is no plain relative path")
    if len(name) > LONGEST_NAME:
        raise Refused(f"the archive has a member whose name {quote(name)} is too long")
    return name


def _data_start(data: mmap.mmap | bytes, header: int, raw_name: bytes) -> int:
    """Where a member's bytes begin: after its local header, whose length the directory does not tell."""
    if header + LOCAL_HEADER.size > len(data):
        raise Refused(f"the archive's member {quote(raw_name.decode('utf-8'))} lies outside the file")
    fields = LOCAL_HEADER.unpack(data[header : header + LOCAL_HEADER.size])
    name_length, extra_length = fields[9:11]
    name_start = header + LOCAL_HEADER.size
    same_name = data[name_start : name_start + name_length] == raw_name
    if fields[0] != LOCAL or not same_name or fields[3] != STORED or fields[2] & ENCRYPTED:
        raise Refused(f"the archive says two things about its member {quote(raw_name.decode('utf-8'))}")
    return name_start + name_length + extra_length


def _check_places(members: dict[str, Member], directory: int) -> None:
    """Members lie one after the other, before the directory."""
    place = 0
    for name, member in sorted(members.items(), key=lambda item: item[1].header):
        if member.header < place:
            raise Refused(f"the archive's member {quote(name)} overlaps another one")
        place = member.start + member.size
        if place > directory:
            raise Refused(f"the archive's member {quote(name)} lies outside the file")
