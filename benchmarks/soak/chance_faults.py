"""Faults that happen to a part of all requests, by chance."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from typing import Final

from multicart_async.sandbox.faults import (
    Content,
    Cut,
    Delay,
    DropAfter,
    DropBefore,
    Envelope,
    Fault,
    Faults,
    Framing,
    RetryLater,
    Stall,
    Status,
)

__all__ = ["ChanceFaults"]

START: Final = "/schedules/run/result/"
_MOST_BYTES: Final = 3_000
_FRAMINGS: Final[tuple[Framing, ...]] = ("length", "chunked", "close")
_CODES: Final = (400, 403, 404, 409, 429, 500, 503)
_BODIES: Final = (
    b"",
    b"\x00\x01\x02",
    b"<html><body>busy</body></html>",
    b'[{"asin": "B0',
    b'{"status": 0, "code": 500',
)


class ChanceFaults(Faults):
    """Gives a fault to each request with the probability *share*, while it is ``on``; nothing is planned."""

    def __init__(self, seed: int, share: float) -> None:
        super().__init__()
        self._chance = random.Random(seed)
        self._share = share
        self.on = False
        self.given: Counter[str] = Counter()
        self._makers: tuple[tuple[Callable[[], Fault], int], ...] = (
            (self._drop_before, 10),
            (self._drop_after, 10),
            (self._delay, 12),
            (self._stall, 2),
            (self._cut, 20),
            (self._status, 12),
            (self._envelope, 10),
            (self._retry_later, 3),
            (self._content, 10),
        )

    def take(self, path: str, documented: str | None) -> Fault | None:
        """Return the fault for a request, by chance."""
        if not self.on or self._chance.random() >= self._share:
            return super().take(path, documented)
        makers, weights = zip(*self._makers, strict=True)
        fault: Fault = self._chance.choices(makers, weights)[0]()
        self.given[type(fault).__name__] += 1
        return fault

    def _drop_before(self) -> Fault:
        return DropBefore(reset=self._coin())

    def _drop_after(self) -> Fault:
        return DropAfter(reset=self._coin())

    def _delay(self) -> Fault:
        seconds = self._chance.uniform(2.5, 4) if self._chance.random() < 0.2 else self._chance.uniform(0, 0.4)
        return Delay(seconds, work="before" if self._coin() else "after")

    def _stall(self) -> Fault:
        return Stall(self._chance.choice((None, 0, self._chance.randrange(_MOST_BYTES))))

    def _cut(self) -> Fault:
        framing = self._chance.choice(_FRAMINGS)
        return Cut(self._chance.randrange(_MOST_BYTES), framing=framing, reset=self._coin())

    def _status(self) -> Fault:
        return Status(self._chance.choice((502, 503, 504)), work=self._coin())

    def _envelope(self) -> Fault:
        return Envelope(self._chance.choice(_CODES))  # never after the work: that the service says is believed

    def _retry_later(self) -> Fault:
        return RetryLater(self._chance.choice((429, 503)), retry_after=self._chance.choice((None, 0, 1)))

    def _content(self) -> Fault:
        return Content(self._chance.choice(_BODIES), self._chance.choice(("application/json", "text/html")))

    def _coin(self) -> bool:
        return self._chance.random() < 0.5
