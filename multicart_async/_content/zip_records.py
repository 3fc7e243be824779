"""The records of a ZIP archive, from their bytes, as APPNOTE.TXT lays them out."""

from __future__ import annotations

import re
import struct
import unicodedata

import attrs

from multicart_async._content import Defect

__all__ = [
    "CENTRAL",
    "DEFLATED",
    "DESCRIPTOR",
    "DESCRIPTOR_WINDOW",
    "END",
    "FIXED_SIZE",
    "LOCAL",
    "LOCATOR",
    "WIDE_END",
    "End",
    "Entry",
    "central_record",
    "descriptor_size",
    "end_record",
    "local_record",
    "name_of",
    "variable_size",
    "wide_end_record",
    "wide_end_start",
]

LOCAL = b"PK\x03\x04"
CENTRAL = b"PK\x01\x02"
WIDE_END = b"PK\x06\x06"
LOCATOR = b"PK\x06\x07"
END = b"PK\x05\x06"
DESCRIPTOR = b"PK\x07\x08"

_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_WIDE_END = struct.Struct("<4sQ2H2L4Q")
_LOCATOR = struct.Struct("<4sLQL")
_END = struct.Struct("<4s4H2LH")

FIXED_SIZE = {LOCAL: 30, CENTRAL: 46, WIDE_END: 56, LOCATOR: 20, END: 22}

DEFLATED = 8
_METHODS = (0, DEFLATED)
_STREAMED = 0x0008
_UTF8 = 0x0800
_UNREADABLE = 0x0001 | 0x0020 | 0x0040 | 0x2000  # encrypted, a patch, strongly encrypted, masked headers
_RELEVANT = _STREAMED | _UTF8  # the others tell how hard a packer tried
_NEWEST = 63  # zipfile refuses what needs a newer reader
_LONGEST_NAME = 1024
_WIDE_ID = 0x0001
_FULL_16 = 0xFFFF
_FULL_32 = 0xFFFF_FFFF

# The four shapes of a data descriptor; what follows tells which one it is.
_DESCRIPTORS = (
    (DESCRIPTOR, struct.Struct("<LLL")),
    (DESCRIPTOR, struct.Struct("<LQQ")),
    (b"", struct.Struct("<LLL")),
    (b"", struct.Struct("<LQQ")),
)
DESCRIPTOR_WINDOW = 28  # the longest descriptor and the signature behind it

_SEPARATOR = re.compile(r"[/\\]")
_DRIVE = re.compile(r"[A-Za-z]:/")


@attrs.frozen
class Entry:
    """What one member says of itself, in its local header or in the directory."""

    name: bytes
    flags: int
    method: int
    crc: int
    packed: int
    size: int

    @property
    def streamed(self) -> bool:
        """The sizes follow the data."""
        return bool(self.flags & _STREAMED)


@attrs.frozen
class End:
    """What an end record says of the directory; a field may be full, and then stands in the ZIP64 record alone."""

    entries: int
    size: int
    start: int


def variable_size(record: bytes) -> int:
    """How many bytes of name, extra fields and comment follow the fixed part of *record*."""
    if record.startswith(LOCAL):
        return sum(struct.unpack_from("<2H", record, 26))
    if record.startswith(CENTRAL):
        return sum(struct.unpack_from("<3H", record, 28))
    return 0


def local_record(record: bytes) -> Entry:
    """The local header before a member's data."""
    _, needed, flags, method, _, _, crc, packed, size, name_size, _ = _LOCAL.unpack_from(record)
    name, extra = record[30 : 30 + name_size], record[30 + name_size :]
    size, packed = _widened(extra, (size, packed))
    return _entry(name, needed, flags, method, crc, packed, size)


def central_record(record: bytes) -> tuple[Entry, int]:
    """A row of the directory, and where it says that its local header starts."""
    fields = _CENTRAL.unpack_from(record)
    _, _, needed, flags, method, _, _, crc, packed, size, name_size, extra_size, _, disk, _, _, start = fields
    if disk:
        raise Defect("the archive is one of several disks")
    name, extra = record[46 : 46 + name_size], record[46 + name_size : 46 + name_size + extra_size]
    size, packed, start = _widened(extra, (size, packed, start))
    return _entry(name, needed, flags, method, crc, packed, size), start


def _entry(name: bytes, needed: int, flags: int, method: int, crc: int, packed: int, size: int) -> Entry:
    if flags & _UNREADABLE:
        raise Defect("a member of the archive is encrypted or a patch")
    if method not in _METHODS or needed & 0xFF > _NEWEST:
        raise Defect("a member of the archive is neither stored nor deflated")
    if len(name) > _LONGEST_NAME:
        raise Defect(f"a member of the archive has a name of more than {_LONGEST_NAME} bytes")
    return Entry(name, flags & _RELEVANT, method, crc, packed, size)


def _widened(extra: bytes, values: tuple[int, ...]) -> tuple[int, ...]:
    """*values* with each full one replaced by its 64-bit reading, in the order in which ZIP64 keeps them."""
    wide = _wide_field(extra)
    result: list[int] = []
    for value in values:
        if value == _FULL_32:
            if len(wide) < 8:
                raise Defect("a size in the archive needs ZIP64 and has none")
            value, wide = int.from_bytes(wide[:8], "little"), wide[8:]  # noqa: PLW2901
        result.append(value)
    return tuple(result)


def _wide_field(extra: bytes) -> bytes:
    at, found = 0, b""
    while at + 4 <= len(extra):
        kind, size = struct.unpack_from("<2H", extra, at)
        if at + 4 + size > len(extra):
            raise Defect("an extra field in the archive is longer than its header")
        if kind == _WIDE_ID:
            found = found or extra[at + 4 : at + 4 + size]
        at += 4 + size
    return found


def name_of(entry: Entry) -> str:
    """The member's name. Raises `Defect` for one that no honest archive holds."""
    try:
        name = entry.name.decode("utf-8" if entry.flags & _UTF8 else "cp437")
    except UnicodeDecodeError as error:
        raise Defect("a member's name is not the UTF-8 that it claims to be") from error
    if not name:
        raise Defect("a member of the archive has no name")
    if any(unicodedata.category(character) == "Cc" for character in name):
        raise Defect("a member's name holds a control character")
    parts = _SEPARATOR.split(name)  # a backslash may be part of a collection's name, and a slash to some programs
    if parts[0] == "" or _DRIVE.match(name) or ".." in parts:
        raise Defect("a member's name leads out of the archive")
    if name.endswith("/") and entry.size:
        raise Defect("a folder in the archive holds data")
    return name


def descriptor_size(window: memoryview | bytes, crc: int, packed: int, size: int, *, signed: bool = False) -> int:
    """The length of the data descriptor at the start of *window* (`DESCRIPTOR_WINDOW` bytes), 0 if it is none.

    Only one that carries exactly these values and has another record behind it counts.
    """
    for signature, numbers in _DESCRIPTORS[: 2 if signed else 4]:
        end = len(signature) + numbers.size
        if (
            window[: len(signature)] == signature
            and window[end : end + 4] in (LOCAL, CENTRAL)
            and numbers.unpack_from(window, len(signature)) == (crc, packed, size)
        ):
            return end
    return 0


def wide_end_record(record: bytes) -> End:
    """The ZIP64 end record."""
    _, size, _, _, disk, start_disk, entries_here, entries, directory, start = _WIDE_END.unpack(record)
    if size != FIXED_SIZE[WIDE_END] - 12:
        raise Defect("the ZIP64 end record has a wrong length")
    if disk or start_disk or entries_here != entries:
        raise Defect("the archive is one of several disks")
    return End(entries, directory, start)


def wide_end_start(record: bytes) -> int:
    """Where the locator says that the ZIP64 end record starts."""
    _, disk, start, disks = _LOCATOR.unpack(record)
    if disk or disks != 1:
        raise Defect("the archive is one of several disks")
    return int(start)


def end_record(record: bytes, wide: End | None) -> End:
    """The last record of all, with what is full in it taken from the ZIP64 end record *wide*."""
    _, disk, start_disk, entries_here, entries, size, start, comment = _END.unpack(record)
    if comment:
        raise Defect("the archive ends in a comment, or there are bytes behind it")
    if disk or start_disk or entries_here != entries:
        raise Defect("the archive is one of several disks")
    if wide is None:
        return End(entries, size, start)
    return End(
        wide.entries if entries == _FULL_16 else entries,
        wide.size if size == _FULL_32 else size,
        wide.start if start == _FULL_32 else start,
    )
