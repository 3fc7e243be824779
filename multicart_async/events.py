"""What a client tells while it works: small frozen values for ``on_event``.

Their `repr` is safe to print: it escapes what a terminal would act upon. Attributes hold what came.

They are told on the event loop, in order, and must be taken quickly. An exception from ``on_event`` ends the call that
told the event, cleanly. Bytes add up: ``FileProgress.received`` starts again from 0 after a ``FileRestarted``.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs

from multicart_async._core.text import shorten

__all__ = [
    "Emit",
    "Event",
    "FileCompleted",
    "FileFailed",
    "FileProgress",
    "FileRestarted",
    "FileStarted",
    "RateLimited",
    "RecordsSkipped",
    "Retrying",
    "RunDownloaded",
    "RunProgress",
]


def _kept(text: str | None) -> str | None:
    return shorten(text) if isinstance(text, str) else text


@attrs.frozen(kw_only=True)
class Event:
    """The root of all events."""


@attrs.frozen(kw_only=True)
class Retrying(Event):
    """A call or transfer is tried again. ``attempt`` is the one that begins now, 2 for the first repetition."""

    path: str
    attempt: int
    error: Exception


@attrs.frozen(kw_only=True)
class RateLimited(Event):
    """The service asked for a pause: the whole client sends nothing for ``seconds``."""

    path: str
    seconds: float


@attrs.frozen(kw_only=True)
class RunProgress(Event):
    """What is known of a run or category scrape that is waited for has changed. ``run_id`` is ``None`` until its row appears.

    A ``status`` of more than 500 characters lacks its middle.
    """

    collection_id: int
    run_id: int | None
    status: str | None = attrs.field(converter=_kept)
    waited: float
    finished: bool


@attrs.frozen(kw_only=True)
class FileStarted(Event):
    """The first byte of a file is about to come. ``expected`` is its size in bytes, where the service says it."""

    name: str
    expected: int | None


@attrs.frozen(kw_only=True)
class FileProgress(Event):
    """``received`` bytes of a file are here, of ``expected``; at most about ten times a second for one file."""

    name: str
    received: int
    expected: int | None


@attrs.frozen(kw_only=True)
class FileRestarted(Event):
    """A transfer broke and begins again: take ``discarded`` bytes off any sum."""

    name: str
    discarded: int
    error: Exception


@attrs.frozen(kw_only=True)
class FileCompleted(Event):
    """A file is whole, verified and in place under its final name."""

    name: str
    size: int


@attrs.frozen(kw_only=True)
class FileFailed(Event):
    """A file could not be had; take ``discarded`` bytes off any sum."""

    name: str
    discarded: int
    error: Exception


@attrs.frozen(kw_only=True)
class RunDownloaded(Event):
    """All files of a run are in place, and the manifest too."""

    collection_id: int
    run_id: int
    files: int
    size: int


@attrs.frozen(kw_only=True)
class RecordsSkipped(Event):
    """``records(on_invalid="skip")`` skipped ``count`` values of a page: not objects, or not fitting ``into``.

    Emitted once for a page, when it has been read or is left; ``page`` is its file name.
    """

    collection_id: int
    run_id: int
    page: str
    count: int


Emit = Callable[[Event], None]
"""A function that takes each event."""
