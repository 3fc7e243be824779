"""The state file of a collection in a mirror: what the collection was like when its newest run was in place."""

from __future__ import annotations

from typing import Final, get_args

import attrs

from multicart_async._downloads.folder import COLLECTION_STATE, STAGING
from multicart_async._downloads.manifest import dump_checksummed, load_checksummed
from multicart_async._downloads.plan import Files
from multicart_async.errors import DownloadError
from multicart_async.models import Collection
from multicart_async.sinks import DirectorySink, ObjectStoreSink, Sink
from multicart_async.sinks._protocol import put_bytes

__all__ = ["SyncState", "load_state", "render_state", "save_state"]

_MAX_BYTES: Final = 64 << 10


@attrs.frozen
class SyncState:
    """The state of a collection when its newest run was in place. ``run`` is ``None`` if it had no finished run.

    ``files`` are those of the run that were in place, ``None`` if that is not known.
    """

    updated_at: str
    schedule_status: str | None
    run: int | None
    files: Files | None = None

    @classmethod
    def from_collection(cls, collection: Collection, run: int | None, files: Files | None = None) -> SyncState | None:
        """Return the state of *collection*; ``None`` if it has no date, or a run is in progress."""
        if collection.updated_at is None or collection.is_processing:
            return None  # the collection need not change when the run ends
        return cls(collection.updated_at.isoformat(), collection.schedule_status, run, files)

    def matches(self, collection: Collection) -> bool:
        """Return whether nothing can have happened since: the same date and status, and no run in progress."""
        return SyncState.from_collection(collection, self.run, self.files) == self

    def includes(self, files: Files) -> bool:
        """Return whether *files* of the run were in place."""
        return self.run is None or self.files in {files, "both"}


def render_state(state: SyncState) -> bytes:
    """Return *state* as JSON with a checksum in its last line."""
    return dump_checksummed(attrs.asdict(state))


async def save_state(sink: Sink, collection: Collection, run: int | None, files: Files) -> None:
    """Store the state of *collection*, unless it may change unnoticed.

    *run* is the newest finished run, of which *files* are in place. That is stored in object stores only: there a mirror
    that was copied from a folder, perhaps not to its end, must not look complete.
    """
    state = SyncState.from_collection(collection, run, files if isinstance(sink, ObjectStoreSink) else None)
    if state is None:
        return
    name = f"{collection.id}/{COLLECTION_STATE}"
    await put_bytes(sink, name, render_state(state))
    if isinstance(sink, ObjectStoreSink) and run is not None and STAGING in await sink.list(f"{collection.id}/{run}"):
        # Another call replaces the run, and may have removed the state before this one stored it.
        await sink.delete(name)


async def load_state(sink: Sink, collection_id: int) -> SyncState | None:
    """Return the stored state of a collection; ``None`` if there is none that can be read and trusted."""
    name = f"{collection_id}/{COLLECTION_STATE}"
    try:
        if isinstance(sink, DirectorySink | ObjectStoreSink):
            return _parse_state(await sink.read_at_most(name, _MAX_BYTES))
        return _parse_state(await sink.read(name))
    except DownloadError:  # a link, a pipe, or a file that may not be read
        return None


def _parse_state(payload: bytes | None) -> SyncState | None:
    """Parse a state file; return ``None`` if it cannot be trusted."""
    content = None if payload is None else load_checksummed(payload)
    if not isinstance(content, dict):
        return None
    updated_at, status, run, files = (content.get(name) for name in ("updated_at", "schedule_status", "run", "files"))
    good = isinstance(updated_at, str) and isinstance(status, str | None) and isinstance(run, int | None)
    known = files if files in get_args(Files) else None
    return SyncState(updated_at, status, run, known) if good else None  # type: ignore[arg-type]
