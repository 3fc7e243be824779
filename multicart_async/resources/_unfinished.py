"""Report the paid work that a cancelled call, or one whose client is closed, leaves at the service."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final, TypeAlias

from multicart_async._core.log import LOGGER
from multicart_async.errors import ClientClosedError

__all__ = ["CUT_SHORT", "CutShort", "Unfinished", "noting", "was_sent"]

CutShort: TypeAlias = asyncio.CancelledError | ClientClosedError
CUT_SHORT: Final = (asyncio.CancelledError, ClientClosedError)
_NAMED = 20  # in one note


def was_sent(error: CutShort) -> bool:
    """Return whether the request of an interrupted call may have reached the service.

    The transport marks the `asyncio.CancelledError` of a request that had started. Closing a client leaves no such
    mark.
    """
    return isinstance(error, ClientClosedError) or bool(getattr(error, "request_sent", False))


@contextmanager
def noting(note: str, *, sent: bool = False) -> Generator[None, None, None]:
    """Add *note* to an interruption of the block: always if *sent* before it, else if the request may have been."""
    try:
        yield
    except CUT_SHORT as error:
        if sent or was_sent(error):
            error.__dict__["request_sent"] = True
            error.add_note(note)
        raise


class Unfinished:
    """The work that a call for many has started and not yet returned. It is reported when the call is interrupted."""

    def __init__(self, advice: str) -> None:
        self._advice = advice
        self._started: dict[object, None] = {}

    def add(self, started: object) -> None:
        """Remember *started*, which the service is working on, or may be."""
        self._started[started] = None

    def discard(self, started: object) -> None:
        """Forget *started*: the caller has its outcome."""
        self._started.pop(started, None)

    @contextmanager
    def noting(self) -> Generator[None, None, None]:
        """Name the unfinished work in a note of the interruption, or in the log if the caller leaves its loop."""
        try:
            yield
        except CUT_SHORT as error:
            if self._started:
                error.add_note(self._text())
                error.__dict__["unfinished"] = tuple(self._started)  # the note does not name all
            raise
        except GeneratorExit:
            if self._started:
                LOGGER.warning("a loop over outcomes was left early; %s", self._text())
            raise

    def _text(self) -> str:
        names = [repr(started) for started in list(self._started)[:_NAMED]]
        more = f" and {len(self._started) - _NAMED} more" if len(self._started) > _NAMED else ""
        return f"started and charged, or possibly so: {', '.join(names)}{more}; {self._advice}"
