"""What a mirror knows of a collection: the state in which it was seen, and the run that was its newest then."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import attrs

from multicart_async._downloads.manifest import dump_checksummed, load_checksummed
from multicart_async.errors import DownloadError
from multicart_async.models import Collection
from multicart_async.sinks import DirectorySink, Sink

__all__ = ["STATE_FILE", "SyncState", "load_state", "render_state"]

STATE_FILE: Final = "collection.json"
_MAX_BYTES: Final = 64 << 10


@attrs.frozen
class SyncState:
    """The state of a collection's row when everything of it was in place. ``run`` is ``None`` where it had none."""

    updated_at: str
    schedule_status: str | None
    run: int | None

    @classmethod
    def from_collection(cls, row: Collection | None, run: int | None) -> SyncState | None:
        """Return the state of a collection; ``None`` while it is at work, and where it has no date or is not listed."""
        if row is None or row.updated_at is None or row.is_processing:
            return None  # a run is at work: the row need not change when it ends
        return cls(_text(row.updated_at), row.schedule_status, run)

    def matches(self, row: Collection) -> bool:
        """Whether nothing can have happened since: the same date, the same status, and nothing at work."""
        return SyncState.from_collection(row, self.run) == self


def render_state(marker: SyncState) -> bytes:
    """Return *marker* as JSON with a checksum in its last line."""
    return dump_checksummed(attrs.asdict(marker))


async def load_state(sink: Sink, collection: int) -> SyncState | None:
    """Return the marker of a collection in *sink*; ``None`` if there is none that can be read and trusted."""
    name = f"{collection}/{STATE_FILE}"
    try:
        if isinstance(sink, DirectorySink) and (await sink.size(name) or 0) > _MAX_BYTES:
            return None
        return _parse_state(await sink.read(name))
    except DownloadError:  # a link, a pipe, or a file that may not be read
        return None


def _parse_state(payload: bytes | None) -> SyncState | None:
    """Parse a state file; return ``None`` if it cannot be trusted: then the service is asked."""
    content = None if payload is None else load_checksummed(payload)
    if not isinstance(content, dict):
        return None
    updated_at, status, run = (content.get(name) for name in ("updated_at", "schedule_status", "run"))
    good = isinstance(updated_at, str) and isinstance(status, str | None) and isinstance(run, int | None)
    return SyncState(updated_at, status, run) if good else None  # type: ignore[arg-type]


def _text(moment: datetime) -> str:
    return moment.isoformat()
