"""Archives with every field under control: what other writers make, and what they might."""

from __future__ import annotations

import io
import struct
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Sequence

import attrs

from multicart_async._downloads.formats import ContentError
from multicart_async._downloads.formats.zip_archive import ArchiveCheck

STORED, DEFLATED = zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED
STREAMED, UTF8 = 0x0008, 0x0800
FULL_16, FULL_32 = 0xFFFF, 0xFFFF_FFFF
UNTOLD = {"crc": 0, "packed": 0, "size": 0}
DESCRIPTORS = {
    "signed 32": (b"PK\x07\x08", "<LLL"),
    "signed 64": (b"PK\x07\x08", "<LQQ"),
    "unsigned 32": (b"", "<LLL"),
    "unsigned 64": (b"", "<LQQ"),
}


class Pipe(io.RawIOBase):
    """A stream that cannot seek, which makes zipfile write data descriptors."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = bytearray()

    def writable(self):
        return True

    def write(self, data):
        self.bytes += data
        return len(data)


def packed(content: dict[str, bytes], method: int = DEFLATED, *, streamed: bool = False, wide: bool = False) -> bytes:
    """An archive as zipfile writes it."""
    target = Pipe() if streamed else io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, data in content.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = method
            with archive.open(info, "w", force_zip64=wide) as member:
                member.write(data)
    return bytes(target.bytes) if isinstance(target, Pipe) else target.getvalue()


def patched(data: bytes, at: int, fields: str, *values: int) -> bytes:
    """*data* with numbers written over it."""
    result = bytearray(data)
    struct.pack_into(fields, result, at, *values)
    return bytes(result)


def central(data: bytes) -> int:
    """Where the directory starts."""
    return data.index(b"PK\x01\x02")


def deflate(data: bytes, level: int = 6) -> bytes:
    """*data* as a raw deflate stream."""
    packer = zlib.compressobj(level, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


def zip64_extra(*values: int, tail: bytes = b"") -> bytes:
    """A ZIP64 extra field of 64-bit *values*, then *tail*."""
    return struct.pack(f"<HH{len(values)}Q", 1, 8 * len(values) + len(tail), *values) + tail


@attrs.frozen(kw_only=True)
class Member:
    """One member: its data, and how its header, descriptor and directory row are written.

    ``told`` replaces fields of the local header ("crc", "packed", "size"), ``row`` those of the directory.
    """

    name: bytes = b"a.json"
    data: bytes = b""
    method: int = DEFLATED
    level: int = 6
    flags: int = 0
    row_flags: int | None = None
    told: dict[str, int] = attrs.field(factory=dict)
    row: dict[str, int] = attrs.field(factory=dict)
    descriptor: str | None = None
    wide: bool = False
    wide_row: Sequence[str] = ()
    extra: bytes = b""
    row_extra: bytes = b""
    comment: bytes = b""
    packed: bytes | None = None
    summed: tuple[int, int] | None = None  # checksum and size, where the data is not in memory
    version: int = 20

    @property
    def body(self) -> bytes:
        """What lies behind the local header."""
        if self.packed is not None:
            return self.packed
        return deflate(self.data, self.level) if self.method == DEFLATED else self.data

    def fields(self, body: bytes) -> dict[str, int]:
        """What is true of the data."""
        crc, size = self.summed or (zlib.crc32(self.data), len(self.data))
        return {"crc": crc, "packed": len(body), "size": size}

    def local(self, body: bytes) -> bytes:
        """The local header."""
        fields = self.fields(body) | self.told
        extra = self.extra
        if self.wide:
            extra = zip64_extra(fields["size"], fields["packed"]) + extra
            fields |= {"packed": FULL_32, "size": FULL_32}
        numbers = (self.version, self.flags, self.method, 0, 33, *fields.values(), len(self.name), len(extra))
        return struct.pack("<4s5H3L2H", b"PK\x03\x04", *numbers) + self.name + extra

    def described(self, body: bytes) -> bytes:
        """The data descriptor, if there is one."""
        if self.descriptor is None:
            return b""
        signature, numbers = DESCRIPTORS[self.descriptor]
        return signature + struct.pack(numbers, *self.fields(body).values())

    def central(self, body: bytes, start: int) -> bytes:
        """The row of the directory."""
        fields = self.fields(body) | {"disk": 0, "start": start} | self.row
        wide = [fields[field] for field in ("size", "packed", "start") if field in self.wide_row]
        disk = struct.pack("<L", fields["disk"]) if "disk" in self.wide_row else b""
        extra = (zip64_extra(*wide, tail=disk) if self.wide_row else b"") + self.row_extra
        fields |= {field: FULL_16 if field == "disk" else FULL_32 for field in self.wide_row}
        flags = self.flags if self.row_flags is None else self.row_flags
        head = (self.version, self.version, flags, self.method, 0, 33, fields["crc"], fields["packed"], fields["size"])
        sizes = (len(self.name), len(extra), len(self.comment))
        tail = (fields["disk"], 0, 0, fields["start"])
        return struct.pack("<4s6H3L5H2L", b"PK\x01\x02", *head, *sizes, *tail) + self.name + extra + self.comment


@attrs.frozen(kw_only=True)
class Ending:
    """The end records; ``full`` names the fields of the last one that refer to ZIP64."""

    zip64: bool = False
    full: Sequence[str] = ()
    sector: bytes = b""
    disks: int = 1
    comment: bytes = b""
    last: dict[str, int] = attrs.field(factory=dict)
    wide: dict[str, int] = attrs.field(factory=dict)

    def record(self, rows: int, size: int, start: int) -> bytes:
        """All that stands behind the directory."""
        values = {"disk": 0, "start disk": 0, "here": rows, "entries": rows, "size": size, "start": start}
        wide = {"length": 44 + len(self.sector)} | values | self.wide
        last = values | {field: FULL_32 if field in {"size", "start"} else FULL_16 for field in self.full} | self.last
        last |= {"here": last["here"] & FULL_16, "entries": last["entries"] & FULL_16}
        end = struct.pack("<4s4H2LH", b"PK\x05\x06", *last.values(), len(self.comment)) + self.comment
        if not self.zip64:
            return end
        length, *numbers = wide.values()
        record = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", length, 45, 45, *numbers) + self.sector
        return record + struct.pack("<4sLQL", b"PK\x06\x07", 0, start + size, self.disks) + end


def archive(*members: Member, ending: Ending = Ending()) -> bytes:
    """An archive of *members*."""
    parts, rows = bytearray(), bytearray()
    for member in members:
        body = member.body
        rows += member.central(body, len(parts))
        parts += member.local(body) + body + member.described(body)
    return bytes(parts + rows) + ending.record(len(members), len(rows), len(parts))


def streamed(data: bytes, *, name: bytes = b"a.json", method: int = DEFLATED, descriptor: str = "signed 32") -> Member:
    """A member whose local header tells nothing."""
    return Member(name=name, data=data, method=method, flags=STREAMED, told=UNTOLD, descriptor=descriptor)


def zeros(size: int, *, name: bytes = b"zeros.json", unsized: bool = False) -> Member:
    """A member of *size* zeros, packed about 1,000 times smaller, without all of them in memory."""
    packer, crc, body = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS), 0, bytearray()
    for start in range(0, size, 2**20):
        block = bytes(min(2**20, size - start))
        crc = zlib.crc32(block, crc)
        body += packer.compress(block)
    body += packer.flush()
    member = Member(name=name, packed=bytes(body), summed=(crc, size))
    return attrs.evolve(member, told=UNTOLD, flags=STREAMED, descriptor="signed 64") if unsized else member


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    """*data* in pieces of *size*; 0 is whole."""
    size = size or len(data) or 1
    return (data[at : at + size] for at in range(0, len(data), size))


def reason(data: bytes, size: int = 0, unpacked_bytes: int = 2**38) -> str | None:
    """Why the archive is rejected, fed in pieces of *size*; None if it is accepted."""
    check = ArchiveCheck(unpacked_bytes=unpacked_bytes)
    try:
        for piece in pieces(data, size):
            check.feed(piece)
        check.finish()
    except ContentError as defect:
        return str(defect)
    return None


def good(data: bytes, size: int = 0) -> bool:
    """Whether the archive is accepted."""
    return reason(data, size) is None


def reasons(data: bytes, sizes: Sequence[int] = (0, 1, 4096), unpacked_bytes: int = 2**38) -> set[str | None]:
    """What each way to cut *data* comes to: one of them must be as good as another."""
    return {reason(data, size, unpacked_bytes) for size in sizes}


def members_of(data: bytes) -> list[tuple[str, bytes]] | None:
    """What zipfile reads from the archive, or None."""
    try:
        with warnings.catch_warnings(action="ignore"), zipfile.ZipFile(io.BytesIO(data)) as found:
            return [(info.filename, found.read(info)) for info in found.infolist()]
    except (
        zipfile.BadZipFile,
        NotImplementedError,
        RuntimeError,
        zlib.error,
        EOFError,
        OSError,
        ValueError,
        IndexError,
    ):
        return None
