"""Parse and check the records of a ZIP archive, as specified by APPNOTE.TXT."""

from __future__ import annotations

import re
import struct
import unicodedata
from collections.abc import Iterator

import attrs

from multicart_async._downloads.formats import ContentError

__all__ = [
    "CENTRAL",
    "DEFLATED",
    "END",
    "FIXED_SIZE",
    "LOCAL",
    "LOCATOR",
    "LONGEST_DESCRIPTOR",
    "ZIP64_END",
    "EndRecord",
    "MemberHeader",
    "check_end_record",
    "check_locator",
    "check_zip64_end_record",
    "descriptor_size",
    "descriptors_before",
    "parse_central_header",
    "parse_local_header",
    "validate_name",
    "variable_size",
]

LOCAL = b"PK\x03\x04"
CENTRAL = b"PK\x01\x02"
ZIP64_END = b"PK\x06\x06"
LOCATOR = b"PK\x06\x07"
END = b"PK\x05\x06"
DESCRIPTOR = b"PK\x07\x08"

_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_ZIP64_END = struct.Struct("<4sQ2H2L4Q")
_LOCATOR = struct.Struct("<4sLQL")
_END = struct.Struct("<4s4H2LH")

FIXED_SIZE = {LOCAL: 30, CENTRAL: 46, ZIP64_END: 56, LOCATOR: 20, END: 22}

DEFLATED = 8
_METHODS = (0, DEFLATED)
_STREAMED = 0x0008
_UTF8 = 0x0800
_UNREADABLE = 0x0001 | 0x0020 | 0x0040  # encrypted, a patch, strongly encrypted
_MAX_VERSION = 63  # like zipfile, which rejects members that need a newer reader
_MAX_NAME = 1024
_MAX_SECTOR = 2**20  # bytes, in the extensible part of a ZIP64 end record
_ZIP64_ID = 0x0001
_FULL = {4: 0xFFFF, 8: 0xFFFF_FFFF}  # by width in the ZIP64 field: the value that refers to that field
_UNSPECIFIED = frozenset({0, 0xFFFF_FFFF, 0xFFFF_FFFF_FFFF_FFFF})
_SEVERAL_DISKS = "expected a whole archive, got one part of several disks"

# The four forms of a data descriptor, longest first; its values and the bytes after it decide which one it is.
_DESCRIPTORS = (
    (DESCRIPTOR, struct.Struct("<LQQ")),
    (b"", struct.Struct("<LQQ")),
    (DESCRIPTOR, struct.Struct("<LLL")),
    (b"", struct.Struct("<LLL")),
)
LONGEST_DESCRIPTOR = 24

_SEPARATOR = re.compile(r"[/\\]")
_DRIVE = re.compile(r"[A-Za-z]:/")


@attrs.frozen
class MemberHeader:
    """The fields of one member, from its local header or from the directory."""

    name: bytes
    utf8: bool  # false for an ASCII name, where it makes no difference
    method: int
    crc: int
    packed: int
    size: int
    streamed: bool = attrs.field(eq=False)  # a descriptor follows the data; header and directory need not agree on it

    @property
    def stored_size(self) -> int | None:
        """The length of the data after this local header if it is stored; ``None`` if the header does not state it."""
        if not self.streamed:
            return self.packed
        return next((size for size in (self.packed, self.size) if size not in _UNSPECIFIED), None)

    def matches(self, found: MemberHeader) -> bool:
        """Compare the fields of this local header with those *found* in the data; a streamed one may omit any of them."""
        pairs = ((self.crc, found.crc), (self.packed, found.packed), (self.size, found.size))
        return all(stated == actual or (self.streamed and stated in _UNSPECIFIED) for stated, actual in pairs)


@attrs.frozen
class EndRecord:
    """The fields of an end record that describe the directory."""

    entries: int
    size: int
    start: int


def variable_size(record: bytes) -> int:
    """Return the length of the variable part of *record*: name, extra fields, comment."""
    if record.startswith(LOCAL):
        return sum(struct.unpack_from("<2H", record, 26))
    if record.startswith(CENTRAL):
        return sum(struct.unpack_from("<3H", record, 28))
    if record.startswith(END):
        return int(_END.unpack_from(record)[-1])
    if record.startswith(ZIP64_END):
        sector = int(_ZIP64_END.unpack_from(record)[1]) - (FIXED_SIZE[ZIP64_END] - 12)
        if not 0 <= sector <= _MAX_SECTOR:
            raise ContentError("the ZIP64 end record has a wrong length")
        return sector
    return 0


def parse_local_header(record: bytes) -> MemberHeader:
    """Parse the local header in front of a member's data."""
    _, version, flags, method, _, _, crc, packed, size, name_size, _ = _LOCAL.unpack_from(record)
    name, extra = record[30 : 30 + name_size], record[30 + name_size :]
    size, packed = _zip64_extra(extra, (size, 8), (packed, 8))
    return _member_header(name, version, flags, method, crc, packed, size)


def parse_central_header(record: bytes) -> tuple[MemberHeader, int]:
    """Parse a header of the directory; return it and the position that it states for the local header."""
    fields = _CENTRAL.unpack_from(record)
    _, _, version, flags, method, _, _, crc, packed, size, name_size, extra_size, _, disk, _, _, start = fields
    name, extra = record[46 : 46 + name_size], record[46 + name_size : 46 + name_size + extra_size]
    size, packed, start, disk = _zip64_extra(extra, (size, 8), (packed, 8), (start, 8), (disk, 4))
    if disk:
        raise ContentError(_SEVERAL_DISKS)
    if record[-20:-16] == LOCATOR:  # where programs that read from the end look for one
        raise ContentError("an entry of the archive's directory contains a ZIP64 locator")
    return _member_header(name, version, flags, method, crc, packed, size), start


def _member_header(
    name: bytes, version: int, flags: int, method: int, crc: int, packed: int, size: int
) -> MemberHeader:
    if flags & _UNREADABLE:
        raise ContentError("a member of the archive is encrypted or a patch")
    if version & 0xFF > _MAX_VERSION:
        raise ContentError(
            f"a member of the archive needs a reader for version {version & 0xFF}; expected at most {_MAX_VERSION}"
        )
    if method not in _METHODS:
        raise ContentError("expected the members of the archive to be stored or deflated, got another method")
    if len(name) > _MAX_NAME:
        raise ContentError(f"a member of the archive has a name of more than {_MAX_NAME} bytes")
    utf8 = bool(flags & _UTF8) and not name.isascii()
    return MemberHeader(name, utf8, method, crc, packed, size, bool(flags & _STREAMED))


def _zip64_extra(extra: bytes, *fields: tuple[int, int]) -> list[int]:
    """Return the value of each (value, width in bytes); a full one is replaced by the next number of the ZIP64 field."""
    zip64 = _zip64_field(extra)
    result: list[int] = []
    for value, width in fields:
        if value == _FULL[width] and zip64 is not None:
            if len(zip64) < width:
                raise ContentError("a number in the archive needs ZIP64, and its ZIP64 field is too short")
            result.append(int.from_bytes(zip64[:width], "little"))
            zip64 = zip64[width:]
        else:
            result.append(value)
    return result


def _zip64_field(extra: bytes) -> bytes | None:
    at, found = 0, None
    while at + 4 <= len(extra):
        kind, size = struct.unpack_from("<2H", extra, at)
        if at + 4 + size > len(extra):
            raise ContentError("an extra field in the archive is longer than its header")
        if kind == _ZIP64_ID and found is None:
            found = extra[at + 4 : at + 4 + size]
        at += 4 + size
    return found


def validate_name(header: MemberHeader) -> str:
    """Return the member's name. Raises `ContentError` for one that is invalid or unsafe."""
    try:
        name = header.name.decode("utf-8" if header.utf8 else "cp437")
    except UnicodeDecodeError as error:
        raise ContentError("a member's name is declared as UTF-8 but cannot be decoded") from error
    if not name:
        raise ContentError("a member of the archive has no name")
    if any(unicodedata.category(character) == "Cc" for character in name):
        raise ContentError("a member's name contains a control character")
    parts = _SEPARATOR.split(name)  # some programs treat a backslash as a slash
    if parts[0] == "" or _DRIVE.match(name) or ".." in parts:
        raise ContentError("a member's name points outside the archive")
    return name


def descriptor_size(window: bytes, found: MemberHeader) -> int:
    """Return the length of the data descriptor at the start of *window*, 0 if there is none.

    A descriptor has exactly the values of *found* and is followed by another record.
    """
    for signature, numbers in _DESCRIPTORS:
        end = len(signature) + numbers.size
        if (
            window[: len(signature)] == signature
            and window[end : end + 4] in (LOCAL, CENTRAL)
            and numbers.unpack_from(window, len(signature)) == (found.crc, found.packed, found.size)
        ):
            return end
    return 0


def descriptors_before(view: memoryview, end: int, before: int) -> Iterator[tuple[int, int]]:
    """Yield each possible start of a descriptor that ends at *end*, with the checksum in it.

    Its sizes must equal the length of all stored data before it: *before* bytes, and those in *view*.
    """
    for signature, numbers in _DESCRIPTORS:
        start = end - len(signature) - numbers.size
        if start >= 0 and bytes(view[start : start + len(signature)]) == signature:
            crc, packed, size = numbers.unpack_from(view, start + len(signature))
            if packed == size == before + start:
                yield start, crc


def check_zip64_end_record(record: bytes, directory: EndRecord) -> None:
    """Check that the ZIP64 end record matches the directory."""
    _, _, _, _, disk, start_disk, entries_here, entries, size, start = _ZIP64_END.unpack_from(record)
    if disk or start_disk or entries_here != entries:
        raise ContentError(_SEVERAL_DISKS)
    if EndRecord(entries, size, start) != directory:
        raise ContentError("the archive's ZIP64 end record does not match its directory")
    if ZIP64_END in record[4:]:  # programs that read from the end would find that one
        raise ContentError("the archive's ZIP64 end record contains another one")


def check_locator(record: bytes, zip64_end: int) -> None:
    """Check that the locator states the position of the ZIP64 end record. Windows writes 0 disks."""
    _, disk, start, disks = _LOCATOR.unpack(record)
    if disk or disks > 1:
        raise ContentError(_SEVERAL_DISKS)
    if start != zip64_end:
        raise ContentError("the archive's locator does not point to its ZIP64 end record")


def check_end_record(record: bytes, directory: EndRecord, *, zip64: bool) -> None:
    """Check that the last record matches the directory. With *zip64*, a full field refers to the ZIP64 end record."""
    _, disk, start_disk, entries_here, entries, size, start, comment = _END.unpack_from(record)

    def matches(number: int, actual: int, width: int) -> bool:
        return number == actual or (zip64 and number == _FULL[width])

    if not (matches(disk, 0, 4) and matches(start_disk, 0, 4)):
        raise ContentError(_SEVERAL_DISKS)
    count = directory.entries & 0xFFFF  # writers without ZIP64 store a larger number like this
    counts = matches(entries_here, count, 4) and matches(entries, count, 4)
    if not (counts and matches(size, directory.size, 8) and matches(start, directory.start, 8)):
        raise ContentError("the archive's end record does not match its directory")
    if comment and END in record[4:]:  # programs that read from the end would find that one
        raise ContentError("the archive's comment contains another end record")
