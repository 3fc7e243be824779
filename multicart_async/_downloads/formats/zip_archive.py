"""Check a ZIP archive while it is read: account for every byte, and unpack and checksum every member.

`zipfile` reads an archive from its end and accepts files that are not the expected archive: the first half of one with
the second half of another, the same archive twice, HTML before an archive. Here the bytes are read from the beginning,
and each must belong to exactly one record or member.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from multicart_async._downloads.formats import ContentError
from multicart_async._downloads.formats.zip_headers import (
    CENTRAL,
    END,
    FIXED_SIZE,
    LOCAL,
    LOCATOR,
    LONGEST_DESCRIPTOR,
    ZIP64_END,
    EndRecord,
    MemberHeader,
    check_end_record,
    check_locator,
    check_zip64_end_record,
    descriptor_size,
    parse_central_header,
    parse_local_header,
    validate_name,
    variable_size,
)
from multicart_async._downloads.formats.zip_members import UnpackLimit, unpack
from multicart_async._downloads.formats.zip_reader import PieceReader, Reading
from multicart_async.config import Limits

__all__ = ["ArchiveCheck"]

_MAX_ENTRIES = 100_000
_MAX_NAMES = 16 * 2**20  # characters; all names are kept in memory until the directory has repeated them
_PAGE = re.compile(r".*(_[0-9]+_Results_Page_[0-9]+\.json)", re.DOTALL)


class ArchiveCheck:
    """Check that a file is a complete ZIP archive with the given pages.

    *pages* are the service's names for the pages of the run; without any, every valid archive is accepted. With them the
    number of members must match, and a member that is named like a page must be one of them. Other names are accepted,
    because the names of members are not documented. All members together may unpack to *unpacked_bytes*.
    """

    def __init__(self, pages: Sequence[str] = (), *, unpacked_bytes: int = Limits().unpacked_bytes) -> None:
        self._pages = {_page(name) for name in pages}  # those that have not been found yet
        self._expected = len(pages)
        self._headers: dict[int, tuple[MemberHeader, bool]] = {}  # by start; true if a descriptor follows
        self._names: set[str] = set()
        self._names_size = self._members = 0
        self._complete = False
        self._reader = PieceReader()
        self._limit = UnpackLimit(unpacked_bytes)
        self._parser = self._archive()
        next(self._parser)

    def feed(self, piece: bytes) -> None:
        """Check the next bytes. Raises `ContentError` as soon as they cannot belong to a valid archive."""
        if piece:
            try:
                self._parser.send(piece)
            except StopIteration:
                raise ContentError("the archive was found to be damaged before these bytes") from None

    def finish(self) -> None:
        """Check the end of the file. Raises `ContentError` if the archive is incomplete, or has not all pages."""
        if not self._complete:
            raise ContentError("the archive is incomplete" if self._reader.started else "the file is empty")
        if self._expected and self._members != self._expected:
            raise ContentError(f"expected {self._expected} members, one for each page of the run, got {self._members}")

    # An archive consists of members, directory and end records. Each method reads the bytes after a signature.

    def _archive(self) -> Reading[None]:
        signature = yield from self._signature(LOCAL, ZIP64_END, END)
        while signature == LOCAL:
            yield from self._member()
            signature = yield from self._signature(LOCAL, CENTRAL)
        start = self._reader.position - len(signature)
        entries = 0
        while signature == CENTRAL:
            yield from self._directory_entry()
            entries += 1
            signature = yield from self._signature(CENTRAL, ZIP64_END, END)
        if self._headers:
            raise ContentError("some members are missing in the archive's directory")
        end = self._reader.position - len(signature)
        yield from self._end_records(EndRecord(entries, end - start, start), end, zip64=signature == ZIP64_END)
        self._limit.check_all(self._reader.position)
        self._complete = True
        yield from self._reader.peek(1)
        self._complete = False
        raise ContentError("there are bytes after the end of the archive")

    def _signature(self, *allowed: bytes) -> Reading[bytes]:
        signature = yield from self._reader.read_exact(4)
        if signature not in allowed:
            raise ContentError(
                "some bytes of the archive belong to no member, or are missing"
                if self._reader.position > len(signature)
                else "expected a ZIP archive, got a file that does not start like one"
            )
        return signature

    def _record(self, signature: bytes) -> Reading[bytes]:
        record = signature + (yield from self._reader.read_exact(FIXED_SIZE[signature] - len(signature)))
        return record + (yield from self._reader.read_exact(variable_size(record)))

    def _end_records(self, directory: EndRecord, position: int, *, zip64: bool) -> Reading[None]:
        if zip64:
            check_zip64_end_record((yield from self._record(ZIP64_END)), directory)
            yield from self._signature(LOCATOR)
            check_locator((yield from self._record(LOCATOR)), position)
            yield from self._signature(END)
        check_end_record((yield from self._record(END)), directory, zip64=zip64)

    # A member consists of a local header, its data, and in some cases a descriptor.

    def _member(self) -> Reading[None]:
        start = self._reader.position - len(LOCAL)
        header = parse_local_header((yield from self._record(LOCAL)))
        self._register(header)
        found = yield from unpack(self._reader, header, self._limit)
        if not header.matches(found):
            raise ContentError("a member's data does not have the size or checksum stated in its header")
        if header.name.endswith(b"/") and found.size:
            raise ContentError("a folder in the archive contains data")
        window = yield from self._reader.peek(LONGEST_DESCRIPTOR + len(LOCAL))
        described = descriptor_size(bytes(window[: LONGEST_DESCRIPTOR + len(LOCAL)]), found)
        if header.streamed and not described:
            raise ContentError("a member's data does not have the size or checksum stated in its descriptor")
        self._reader.skip(described)
        self._headers[start] = found, described > 0

    def _register(self, header: MemberHeader) -> None:
        if len(self._headers) >= _MAX_ENTRIES:
            raise ContentError(f"the archive has more than {_MAX_ENTRIES} members")
        name = validate_name(header)
        folded = name.casefold()
        self._names_size += len(folded)
        if folded in self._names:
            raise ContentError("two members of the archive have the same name")
        if self._names_size > _MAX_NAMES:
            raise ContentError(f"the names in the archive have more than {_MAX_NAMES} characters in all")
        self._names.add(folded)
        if name.endswith("/"):
            return
        self._members += 1
        base = name.rpartition("/")[2]
        if self._expected and _page(base) not in self._pages and _PAGE.fullmatch(base):
            raise ContentError("the archive contains a page of another run, or a page twice")
        self._pages.discard(_page(base))

    def _directory_entry(self) -> Reading[None]:
        listed, start = parse_central_header((yield from self._record(CENTRAL)))
        header, described = self._headers.pop(start, (None, False))
        if header is None or header != listed:
            raise ContentError("the archive's directory does not match its members")
        if described and not (header.streamed or listed.streamed):
            raise ContentError(
                "a member is followed by a descriptor that neither its header nor the directory announces"
            )


def _page(name: str) -> str:
    """Return the part of a name with run and page, because the collection may have been renamed since."""
    found = _PAGE.fullmatch(name)
    return found[1] if found else name
