"""What `follow` has given out, in a file that survives crashes; without a file, in memory.

The file has one JSON object per line: ``begun`` once the collections were listed for the first time, and for each
collection what was delivered, of which the last line counts. When the file has outgrown what counts, it is replaced by one that
has only that.
"""

from __future__ import annotations

import os
from types import TracebackType
from typing import Any, Final, Self, cast

from multicart_async._core.log import error_info, log_warning
from multicart_async._core.threads import run_in_thread
from multicart_async._core.validation import MAX_INTEGER
from multicart_async.errors import DiskError
from multicart_async.resources._journal_file import JournalFile
from multicart_async.resources.runs._follow_delivery import DeliveredRuns

__all__ = ["FollowState"]

_HEADER: Final = {"journal": "multicart_async follow", "version": 1}
_BEGUN: Final = {"begun": True}
_IF_DAMAGED: Final = "so nothing is given out; restore it, or use a new file"
_SLACK: Final = 64 << 10  # bytes that a file may have besides twice the lines that count
_BATCH: Final = 256  # changes that are written together while the runs are read for the first time


class FollowState:
    """Use as ``async with FollowState(path) as state``, in one process at a time.

    ``begun`` says whether an earlier call has begun to follow with this file.
    """

    def __init__(self, path: str | os.PathLike[str] | None) -> None:
        self._file = None if path is None else JournalFile(path, _HEADER, argument="state", if_damaged=_IF_DAMAGED)
        self._delivered: dict[int, DeliveredRuns] = {}
        self._changed: dict[int, None] = {}
        self._unwritten_begin = False
        self._limit = 0
        self.begun = False

    async def __aenter__(self) -> Self:
        if self._file is not None:
            try:
                await run_in_thread(self._open, self._file)
            except BaseException:  # a cancellation arrives after the file was opened
                self._file.close()
                raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            await run_in_thread(self._file.close)

    @property
    def collections(self) -> set[int]:
        """The collections of which something is known."""
        return {*self._delivered}

    def delivered(self, collection_id: int) -> DeliveredRuns:
        """Return what was delivered of a collection, nothing if it is not known."""
        return self._delivered.setdefault(collection_id, DeliveredRuns())

    def begin(self) -> None:
        """Record that following has begun."""
        self._unwritten_begin = not self.begun
        self.begun = True

    def mark_changed(self, collection_id: int) -> None:
        """Record that more of a collection was delivered; `flush` writes it."""
        self._changed[collection_id] = None

    def should_flush(self, *, idle: bool) -> bool:
        """Return whether to call `flush` although nothing was given out."""
        return self._unwritten_begin or len(self._changed) >= _BATCH or (idle and bool(self._changed))

    async def flush(self) -> None:
        """Write all changes, which are on disk when this returns.

        Raises:
            DiskError: They could not be written.
        """
        lines = [_BEGUN] if self._unwritten_begin else []
        lines += [_line(collection_id, self._delivered[collection_id]) for collection_id in self._changed]
        if self._file is not None and lines:
            await run_in_thread(self._write, self._file, lines)
        self._unwritten_begin = False
        self._changed.clear()

    def _open(self, file: JournalFile) -> None:
        file.open(self._replay)
        file.remove_temporary()
        self._limit = self._size_to_replace()

    def _replay(self, line: Any) -> bool:
        if not isinstance(line, dict):
            return False
        fields = cast("dict[str, Any]", line)
        self.begun = True
        if fields == _BEGUN:
            return True
        collection_id, delivered = fields.get("collection"), DeliveredRuns.from_line(fields)
        if type(collection_id) is not int or not 0 < collection_id <= MAX_INTEGER or delivered is None:
            return False
        self._delivered[collection_id] = delivered
        return True

    def _write(self, file: JournalFile, lines: list[dict[str, Any]]) -> None:
        file.append(*lines)
        if file.size <= self._limit:
            return
        try:
            file.replace([_BEGUN, *self._live_lines()])
        except DiskError as error:  # the old file has all that counts; tried again when it has grown further
            log_warning("state: %s could not be made smaller: %s", file.path, error, extra=error_info(error))
            self._limit = 2 * file.size
        else:
            self._limit = 2 * file.size + _SLACK

    def _live_lines(self) -> list[dict[str, Any]]:
        return [_line(number, delivered) for number, delivered in self._delivered.items() if not delivered.is_empty]

    def _size_to_replace(self) -> int:
        """Return the size at which the file is replaced."""
        return 2 * sum(len(str(line)) for line in self._live_lines()) + _SLACK


def _line(collection_id: int, delivered: DeliveredRuns) -> dict[str, Any]:
    return {"collection": collection_id, **delivered.to_line()}
