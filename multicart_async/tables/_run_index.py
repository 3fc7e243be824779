"""The records of one run by their keys, in bounded memory."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from tempfile import SpooledTemporaryFile, gettempdir
from types import TracebackType
from typing import Any, Final, Self

from multicart_async._core.short_repr import short_repr
from multicart_async._core.threads import run_in_thread
from multicart_async.errors import ArgumentError, DiskError, InvalidResponseError
from multicart_async.tables._comparison import Comparison, key_text
from multicart_async.tables._field_path import has_field
from multicart_async.tables._records import MirrorRecord
from multicart_async.tables._source import SourcePage

__all__ = ["RunIndex"]

_IN_MEMORY: Final = 1 << 25  # bytes; with raw HTML a run may have gigabytes
_SHOWN_NAMES: Final = 10


class RunIndex:
    """Where the record of each key is in a temporary file, in the order of the run.

    Use it in an ``async with`` block. Reading and writing blocks: do it in threads.
    """

    def __init__(self, run_id: int, comparison: Comparison) -> None:
        self.run_id = run_id
        self.missing = {*comparison.names}  # the fields that no record has
        self._names: dict[str, None] = {}  # of all top-level fields, in their order
        self._comparison = comparison
        self._places: dict[str, tuple[int, int]] = {}
        self._file = SpooledTemporaryFile[bytes](max_size=_IN_MEMORY)
        self._size = 0
        self._repeated: list[Any] = []  # the first key that came twice

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await run_in_thread(self._file.close)  # a large file is deleted

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def add(self, page: SourcePage, records: Iterable[MirrorRecord[dict[str, Any]]]) -> None:
        """Add the *records* of *page*.

        Raises:
            InvalidResponseError: A record is nested too deeply.
            DiskError: The temporary file cannot be written.
        """
        for record in records:
            try:
                with _disk_errors():
                    self._add(record.value)
            except RecursionError as error:
                raise InvalidResponseError(page.path, f"record {record.number}: it is nested too deeply") from error

    def _add(self, record: dict[str, Any]) -> None:
        self._names.update(dict.fromkeys(record))
        if self.missing:
            self.missing = {name for name in self.missing if not has_field(record, name)}
        key = key_text(self._comparison.key_of(record))
        if key in self._places:
            self._repeated = self._repeated or [self._comparison.key_of(record)]
            return
        content = json.dumps(record).encode()
        self._file.write(content)
        self._places[key] = self._size, len(content)
        self._size += len(content)

    def check_key(self) -> None:
        """Raise `ArgumentError` if no record has a field of the key, or two have the same one; call it at the end."""
        for name in self._comparison.key:
            if self._places and name in self.missing:
                reason = f"no record of run {self.run_id} has {short_repr(name)}; they have: {self.shown_names()}"
                raise ArgumentError("key", reason)
        if self._repeated:
            reason = f"expected one record for each key, got {short_repr(self._repeated[0])} twice in run {self.run_id}"
            example = short_repr((*self._comparison.key, "postcode"))
            raise ArgumentError("key", f"{reason}; pass more fields, such as key={example}")

    def __contains__(self, key: str) -> bool:
        return key in self._places

    def __getitem__(self, key: str) -> bytes:
        """Return the record with that key, as JSON.

        Raises:
            DiskError: The temporary file cannot be read.
        """
        place, size = self._places[key]
        with _disk_errors():
            self._file.seek(place)
            return self._file.read(size)

    def shown_names(self) -> str:
        """Return the names of the first fields, for a message."""
        shown = ", ".join(short_repr(name)[1:-1] for name in islice(self._names, _SHOWN_NAMES))
        return f"{shown}, …" if len(self._names) > _SHOWN_NAMES else shown


@contextmanager
def _disk_errors() -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise DiskError(gettempdir(), error.strerror or str(error), error.errno) from error
