"""A ZIP archive, checked as it passes: every byte is accounted for, every member is unpacked and summed.

`zipfile` reads an archive from its end and accepts much that is not the promised file: the second half of another
archive behind the first half of this one, the same archive twice, HTML before it. Here the bytes are read from the
front, and each must belong to exactly one record or member.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import attrs

from multicart_async._content import Defect
from multicart_async._content.zip_data import Data, data_of
from multicart_async._content.zip_records import (
    CENTRAL,
    DESCRIPTOR_WINDOW,
    END,
    FIXED_SIZE,
    LOCAL,
    LOCATOR,
    WIDE_END,
    End,
    Entry,
    central_record,
    descriptor_size,
    end_record,
    local_record,
    name_of,
    variable_size,
    wide_end_record,
    wide_end_start,
)

__all__ = ["ArchiveCheck"]

_MOST_ENTRIES = 100_000
_MOST_NAMES = 16 * 2**20  # bytes: all names are in memory until the directory has repeated them
_PAGE = re.compile(r".*(_[0-9]+_Results_Page_[0-9]+\.json)", re.DOTALL)

_FOLLOWS = {
    b"": (LOCAL, WIDE_END, END),
    LOCAL: (LOCAL, CENTRAL),
    CENTRAL: (CENTRAL, WIDE_END, END),
    WIDE_END: (LOCATOR,),
    LOCATOR: (END,),
}


class ArchiveCheck:
    """Is this a whole ZIP archive, and the one with these pages?

    *pages* are the service's names of the run's pages; without any, every sound archive will do. With them there must
    be as many members, and a member that is named like a page must be one of them. Other names are let pass: the
    service does not say what it calls the members.
    """

    def __init__(self, pages: Sequence[str] = ()) -> None:
        self._pages = {_page(name) for name in pages}  # those that were not found yet
        self._expected = len(pages)
        self._entries: dict[int, Entry] = {}
        self._names: set[str] = set()
        self._names_size = self._members = self._rows = 0
        self._position = 0  # where the record or member starts that is being read
        self._directory = self._directory_end = 0
        self._wide: End | None = None
        self._last = b""
        self._whole = False
        self._held = bytearray()
        self._step: Callable[[memoryview], memoryview]
        self._handlers: dict[bytes, Callable[[bytes], None]] = {
            LOCAL: self._local,
            CENTRAL: self._central,
            WIDE_END: self._wide_end,
            LOCATOR: self._locator,
            END: self._end,
        }
        self._expect(4, self._signed)

    def feed(self, piece: bytes) -> None:
        """Look at the next bytes. Raises `Defect` as soon as they cannot belong to a good archive."""
        view = memoryview(piece)
        while view:
            view = self._step(view)

    def finish(self) -> None:
        """The file ended here. Raises `Defect` unless its end record did too, and the members are the pages."""
        if not self._whole:
            raise Defect("the archive is cut off" if self._position or self._held else "the file is empty")
        if self._expected and self._members != self._expected:
            raise Defect(f"the archive has {self._members} members, and the run has {self._expected} pages")

    # Records: a signature, a fixed part, a variable part.

    def _expect(self, size: int, then: Callable[[bytes], None]) -> None:
        """Go on with *then* as soon as *size* bytes of the record are there; what is held counts."""
        self._wanted, self._then = size, then
        self._step = self._collect
        if len(self._held) >= size:
            then(bytes(self._held[:size]))

    def _collect(self, view: memoryview) -> memoryview:
        missing = self._wanted - len(self._held)
        self._held += view[:missing]
        if len(self._held) == self._wanted:
            self._then(bytes(self._held))
        return view[missing:]

    def _signed(self, signature: bytes) -> None:
        if signature not in _FOLLOWS[self._last]:
            raise Defect(
                "there are bytes in the archive that belong to no member, or some are missing"
                if self._last
                else "the file does not start like a ZIP archive"
            )
        self._expect(FIXED_SIZE[signature], self._measured)

    def _measured(self, record: bytes) -> None:
        self._expect(len(record) + variable_size(record), self._complete)

    def _complete(self, record: bytes) -> None:
        self._last = record[:4]
        del self._held[: len(record)]
        self._handlers[self._last](record)

    # Members: a local header, the data, sometimes a descriptor.

    def _local(self, record: bytes) -> None:
        entry = local_record(record)
        if len(self._entries) >= _MOST_ENTRIES:
            raise Defect(f"the archive has more than {_MOST_ENTRIES} members")
        self._register(entry)
        start, data = self._position, data_of(entry)
        self._position += len(record)

        def unpack(view: memoryview) -> memoryview:
            rest = data.feed(view)
            if data.ended:
                self._unpacked(start, entry, data)
            return rest

        self._step = unpack
        if data.ended:
            self._unpacked(start, entry, data)

    def _register(self, entry: Entry) -> None:
        name = name_of(entry)
        folded = name.casefold()
        self._names_size += len(folded)
        if folded in self._names:
            raise Defect("two members of the archive have the same name")
        if self._names_size > _MOST_NAMES:
            raise Defect("the names in the archive are too long")
        self._names.add(folded)
        if name.endswith("/"):
            return
        self._members += 1
        base = name.rpartition("/")[2]
        if self._expected and _page(base) not in self._pages and _PAGE.fullmatch(base):
            raise Defect("the archive has a page of another run, or one page twice")
        self._pages.discard(_page(base))

    def _unpacked(self, start: int, entry: Entry, data: Data) -> None:
        self._position += data.packed
        found = attrs.evolve(entry, crc=data.crc, packed=data.packed, size=data.size)
        unknown = entry.streamed and not (entry.crc or entry.packed or entry.size)
        if entry != found and not unknown:
            raise Defect("a member's data does not have the size or checksum that its header names")
        self._entries[start] = found
        if entry.streamed:
            self._expect(DESCRIPTOR_WINDOW, lambda window: self._described(window, found))
        else:
            self._expect(4, self._signed)

    def _described(self, window: bytes, entry: Entry) -> None:
        size = descriptor_size(window, entry.crc, entry.packed, entry.size)
        if not size:
            raise Defect("a member's data does not have the size or checksum that its descriptor names")
        self._position += size
        del self._held[:size]
        self._expect(4, self._signed)

    # The directory and the end records.

    def _central(self, record: bytes) -> None:
        if not self._rows:
            self._directory = self._position
        entry, start = central_record(record)
        if self._entries.pop(start, None) != entry:
            raise Defect("the archive's directory does not agree with its members")
        self._rows += 1
        self._advance(record)

    def _wide_end(self, record: bytes) -> None:
        self._wide = wide_end_record(record)
        self._close_directory()
        self._check_end(self._wide)
        self._advance(record)

    def _locator(self, record: bytes) -> None:
        if wide_end_start(record) != self._directory_end:
            raise Defect("the archive's ZIP64 end record is not where it should be")
        self._advance(record)

    def _end(self, record: bytes) -> None:
        if self._wide is None:
            self._close_directory()
        self._check_end(end_record(record, self._wide))
        self._step, self._whole = self._after_the_end, True

    def _close_directory(self) -> None:
        if self._entries:
            raise Defect("the archive's directory lacks some of its members")
        self._directory_end = self._position
        if not self._rows:
            self._directory = self._position

    def _check_end(self, end: End) -> None:
        if end != End(self._rows, self._directory_end - self._directory, self._directory):
            raise Defect("the archive's end record does not agree with its directory")

    def _advance(self, record: bytes) -> None:
        self._position += len(record)
        self._expect(4, self._signed)

    def _after_the_end(self, view: memoryview) -> memoryview:
        self._whole = False
        raise Defect(f"there are bytes behind the end of the archive: {len(view)} or more")


def _page(name: str) -> str:
    """Which run and page a name tells; without the collection's name, which may have changed meanwhile."""
    found = _PAGE.fullmatch(name)
    return found[1] if found else name
