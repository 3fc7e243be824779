"""What was started, on disk before and after each call, so that a crash is no second charge.

One JSON object to a line, appended and flushed to the disk: ``intent`` before a run is asked for, ``started`` when the
service has answered, ``refused`` when it said no, ``done`` with the run's id at the end. It holds ids and nothing else.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Final, Literal, Self, cast

import attrs

from multicart_async._threads import in_thread
from multicart_async.errors import ArgumentError, DiskError
from multicart_async.models import StartedRun
from multicart_async.sinks._temporary import sync_folder

try:
    import fcntl
except ImportError:  # pragma: no cover -- Windows: nothing keeps two processes from one journal there
    fcntl = None  # type: ignore[assignment]

__all__ = ["Journal", "Noted", "State"]

State = Literal["intent", "started", "refused", "done"]
_HEAD: Final = {"journal": "multicart_async", "version": 1}
_STATES = ("intent", "started", "refused", "done")


@attrs.frozen
class Noted:
    """The last that is known of a collection's start."""

    state: State
    started: StartedRun
    run: int | None = None


class Journal:
    """``async with Journal(path) as journal``: one process at a time; ``noted`` is what earlier ones left."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)
        self._file: BinaryIO | None = None
        self.noted: dict[int, Noted] = {}

    async def __aenter__(self) -> Self:
        await in_thread(self._open)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await in_thread(self._close)

    async def note(self, state: State, started: StartedRun, run: int | None = None) -> None:
        """On disk when this returns.

        Raises:
            DiskError: It could not be written; then nothing must be started.
        """
        self.noted[started.collection_id] = Noted(state, started, run)
        fields = {"state": state, "collection": started.collection_id, "after": started.after}
        await in_thread(self._append, fields if run is None else {**fields, "run": run})

    def is_to_start(self, collection_id: int) -> bool:
        """Whether nothing is known of a start of this collection, or that there was none."""
        noted = self.noted.get(collection_id)
        return noted is None or noted.state == "refused"

    def _open(self) -> None:
        try:
            self._file = file = self._path.open("a+b")
            try:
                self._lock(file)
                file.seek(0)
                self._take_in(file.read())
            except BaseException:
                file.close()  # and its lock goes with it
                raise
        except OSError as error:
            raise DiskError(str(self._path), f"journal: {error.strerror}", error.errno) from error

    def _lock(self, file: BinaryIO) -> None:
        if fcntl is None:  # pragma: no cover -- Windows
            return
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ArgumentError("journal", f"{self._path} is in use by another process") from error

    def _close(self) -> None:
        assert self._file is not None
        with contextlib.suppress(OSError):  # a note that is not on the disk: whoever made it was told
            self._file.close()

    def _take_in(self, content: bytes) -> None:
        lines = content.split(b"\n")
        torn = lines.pop()  # empty, or what a crash left of a note: nothing was sent after it
        if not lines and _line(_HEAD).startswith(torn):
            self._truncate(0)
            self._append(_HEAD)
            sync_folder(self._path.parent)  # the name of a new journal is to survive as its notes do
            return
        if not lines or _parsed(lines[0]) != _HEAD:
            raise ArgumentError("journal", f"{self._path} is something else than a journal of this version")
        for line in lines[1:]:
            noted = _noted(_parsed(line))
            if noted is None:
                raise ArgumentError("journal", f"{self._path} is damaged; nothing is started on its account")
            self.noted[noted.started.collection_id] = noted
        if torn:
            self._truncate(len(content) - len(torn))

    def _truncate(self, size: int) -> None:
        assert self._file is not None
        self._file.truncate(size)

    def _append(self, fields: Mapping[str, Any]) -> None:
        assert self._file is not None
        try:
            self._file.write(_line(fields))
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise DiskError(str(self._path), f"journal: {error.strerror}", error.errno) from error


def _line(fields: Mapping[str, Any]) -> bytes:
    return json.dumps(fields).encode() + b"\n"


def _parsed(line: bytes) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None


def _noted(row: Any) -> Noted | None:
    if not isinstance(row, dict):
        return None
    fields = cast("dict[str, Any]", row)
    ids = (fields.get("collection"), fields.get("after"), fields.get("run", 0))
    if fields.get("state") not in _STATES or any(type(value) is not int for value in ids):
        return None
    return Noted(fields["state"], StartedRun(fields["collection"], fields["after"]), fields.get("run"))
