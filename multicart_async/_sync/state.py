"""The state file of a collection in a mirror: what the collection was like when its newest run was in place."""

from __future__ import annotations

from typing import Final

import attrs

from multicart_async._downloads.manifest import dump_checksummed, load_checksummed
from multicart_async.errors import DownloadError
from multicart_async.models import Collection
from multicart_async.sinks import DirectorySink, Sink
from multicart_async.sinks._protocol import put_bytes

__all__ = ["STATE_FILE", "SyncState", "load_state", "render_state", "save_state"]

STATE_FILE: Final = "collection.json"
_MAX_BYTES: Final = 64 << 10


@attrs.frozen
class SyncState:
    """The state of a collection when its newest run was in place. ``run`` is ``None`` if it had no finished run."""

    updated_at: str
    schedule_status: str | None
    run: int | None

    @classmethod
    def from_collection(cls, collection: Collection, run: int | None) -> SyncState | None:
        """Return the state of *collection*; ``None`` if it has no date, or a run is in progress."""
        if collection.updated_at is None or collection.is_processing:
            return None  # the collection need not change when the run ends
        return cls(collection.updated_at.isoformat(), collection.schedule_status, run)

    def matches(self, collection: Collection) -> bool:
        """Return whether nothing can have happened since: the same date and status, and no run in progress."""
        return SyncState.from_collection(collection, self.run) == self


def render_state(state: SyncState) -> bytes:
    """Return *state* as JSON with a checksum in its last line."""
    return dump_checksummed(attrs.asdict(state))


async def save_state(sink: Sink, collection: Collection, run: int | None) -> None:
    """Store the state of *collection*, whose newest finished run is *run*, unless it may change unnoticed."""
    state = SyncState.from_collection(collection, run)
    if state is not None:
        await put_bytes(sink, f"{collection.id}/{STATE_FILE}", render_state(state))


async def load_state(sink: Sink, collection_id: int) -> SyncState | None:
    """Return the stored state of a collection; ``None`` if there is none that can be read and trusted."""
    name = f"{collection_id}/{STATE_FILE}"
    try:
        if isinstance(sink, DirectorySink):
            return _parse_state(await sink.read_at_most(name, _MAX_BYTES))
        return _parse_state(await sink.read(name))
    except DownloadError:  # a link, a pipe, or a file that may not be read
        return None


def _parse_state(payload: bytes | None) -> SyncState | None:
    """Parse a state file; return ``None`` if it cannot be trusted."""
    content = None if payload is None else load_checksummed(payload)
    if not isinstance(content, dict):
        return None
    updated_at, status, run = (content.get(name) for name in ("updated_at", "schedule_status", "run"))
    good = isinstance(updated_at, str) and isinstance(status, str | None) and isinstance(run, int | None)
    return SyncState(updated_at, status, run) if good else None  # type: ignore[arg-type]
