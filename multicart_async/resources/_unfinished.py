"""What a call that is cancelled, or whose client is closed, leaves behind at the service: paid work, and how to find it."""

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
    """Return whether the request of a call that was cut short may have reached the service.

    The transport marks the `asyncio.CancelledError` of a request that had begun. A client that closes leaves no such mark.
    """
    return isinstance(error, ClientClosedError) or bool(getattr(error, "request_sent", False))


@contextmanager
def noting(note: str, *, sent: bool = False) -> Generator[None, None, None]:
    """Add *note* to what cuts the block short: always where it was *sent* before, else where it may have been."""
    try:
        yield
    except CUT_SHORT as error:
        if sent or was_sent(error):
            error.__dict__["request_sent"] = True
            error.add_note(note)
        raise


class Unfinished:
    """What a call for many has begun and not yet handed to its caller. It is told when the call is cut short."""

    def __init__(self, advice: str) -> None:
        self._advice = advice
        self._begun: dict[object, None] = {}

    def add(self, begun: object) -> None:
        """Remember *begun*, which the service works on, or may."""
        self._begun[begun] = None

    def discard(self, begun: object) -> None:
        """Forget *begun*: the caller has what became of it."""
        self._begun.pop(begun, None)

    @contextmanager
    def noting(self) -> Generator[None, None, None]:
        """Name what is unfinished in a note of what cuts the block short; in the log where the caller just stops."""
        try:
            yield
        except CUT_SHORT as error:
            if self._begun:
                error.add_note(self._text())
            raise
        except GeneratorExit:
            if self._begun:
                LOGGER.warning("a loop over outcomes was left early; %s", self._text())
            raise

    def _text(self) -> str:
        names = [repr(begun) for begun in list(self._begun)[:_NAMED]]
        more = f" and {len(self._begun) - _NAMED} more" if len(self._begun) > _NAMED else ""
        return f"started and charged, or possibly so: {', '.join(names)}{more}; {self._advice}"
