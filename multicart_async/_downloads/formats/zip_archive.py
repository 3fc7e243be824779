"""Check a ZIP archive as it passes: every byte is accounted for, every member is unpacked and checksummed.

`zipfile` reads an archive from its end and accepts much that is not the promised file: the second half of another
archive behind the first half of this one, the same archive twice, HTML before it. Here the bytes are read from the
front, and each must belong to exactly one record or member.
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

_MOST_ENTRIES = 100_000
_MOST_NAMES = 16 * 2**20  # characters: all names are in memory until the directory has repeated them
_PAGE = re.compile(r".*(_[0-9]+_Results_Page_[0-9]+\.json)", re.DOTALL)


class ArchiveCheck:
    """Check that this is a whole ZIP archive, and the one with these pages.

    *pages* are the service's names of the run's pages; without any, every sound archive is accepted. With them
    there must be as many members, and a member that is named like a page must be one of them. Other names are accepted:
    the names of members are not documented. All members together may unpack to *unpacked_bytes*.
    """

    def __init__(self, pages: Sequence[str] = (), *, unpacked_bytes: int = Limits().unpacked_bytes) -> None:
        self._pages = {_page(name) for name in pages}  # those that are still to come
        self._expected = len(pages)
        self._headers: dict[int, tuple[MemberHeader, bool]] = {}  # by start; true if a descriptor follows
        self._names: set[str] = set()
        self._names_size = self._members = 0
        self._whole = False
        self._reader = PieceReader()
        self._limit = UnpackLimit(unpacked_bytes)
        self._steps = self._archive()
        next(self._steps)

    def feed(self, piece: bytes) -> None:
        """Check the next bytes. Raises `ContentError` as soon as they cannot belong to a good archive."""
        if piece:
            try:
                self._steps.send(piece)
            except StopIteration:
                raise ContentError("the archive was found to be damaged before these bytes") from None

    def finish(self) -> None:
        """Check the end of the file. Raises `ContentError` if the archive goes on there, or lacks one of the pages."""
        if not self._whole:
            raise ContentError("the archive is cut off" if self._reader.started else "the file is empty")
        if self._expected and self._members != self._expected:
            raise ContentError(f"the archive has {self._members} members, and the run has {self._expected} pages")

    # The archive: members, directory, end records. Each generator consumes its bytes; the signature comes first.

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
            raise ContentError("the archive's directory lacks some of its members")
        end = self._reader.position - len(signature)
        yield from self._end_records(EndRecord(entries, end - start, start), end, zip64=signature == ZIP64_END)
        self._limit.check_all(self._reader.position)
        self._whole = True
        yield from self._reader.peek(1)
        self._whole = False
        raise ContentError("there are bytes behind the end of the archive")

    def _signature(self, *allowed: bytes) -> Reading[bytes]:
        signature = yield from self._reader.read_exact(4)
        if signature not in allowed:
            raise ContentError(
                "there are bytes in the archive that belong to no member, or some are missing"
                if self._reader.position > len(signature)
                else "the file does not start like a ZIP archive"
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

    # Members: a local header, the data, sometimes a descriptor.

    def _member(self) -> Reading[None]:
        start = self._reader.position - len(LOCAL)
        header = parse_local_header((yield from self._record(LOCAL)))
        self._register(header)
        found = yield from unpack(self._reader, header, self._limit)
        if not header.matches(found):
            raise ContentError("a member's data does not have the size or checksum that its header names")
        if header.name.endswith(b"/") and found.size:
            raise ContentError("a folder in the archive holds data")
        window = yield from self._reader.peek(LONGEST_DESCRIPTOR + len(LOCAL))
        described = descriptor_size(bytes(window[: LONGEST_DESCRIPTOR + len(LOCAL)]), found)
        if header.streamed and not described:
            raise ContentError("a member's data does not have the size or checksum that its descriptor names")
        self._reader.skip(described)
        self._headers[start] = found, described > 0

    def _register(self, header: MemberHeader) -> None:
        if len(self._headers) >= _MOST_ENTRIES:
            raise ContentError(f"the archive has more than {_MOST_ENTRIES} members")
        name = validate_name(header)
        folded = name.casefold()
        self._names_size += len(folded)
        if folded in self._names:
            raise ContentError("two members of the archive have the same name")
        if self._names_size > _MOST_NAMES:
            raise ContentError("the names in the archive are too long")
        self._names.add(folded)
        if name.endswith("/"):
            return
        self._members += 1
        base = name.rpartition("/")[2]
        if self._expected and _page(base) not in self._pages and _PAGE.fullmatch(base):
            raise ContentError("the archive has a page of another run, or one page twice")
        self._pages.discard(_page(base))

    def _directory_entry(self) -> Reading[None]:
        listed, start = parse_central_header((yield from self._record(CENTRAL)))
        header, described = self._headers.pop(start, (None, False))
        if header is None or header != listed:
            raise ContentError("the archive's directory does not agree with its members")
        if described and not (header.streamed or listed.streamed):
            raise ContentError(
                "there is a descriptor behind a member that neither its header nor the directory speaks of"
            )


def _page(name: str) -> str:
    """Return the part of a name that shows run and page; the collection's name may have changed meanwhile."""
    found = _PAGE.fullmatch(name)
    return found[1] if found else name
