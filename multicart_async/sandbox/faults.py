"""Faults on order: what the network, a proxy or the service does wrong, scripted per path.

``sandbox.faults.add("/schedules/run/result/", DropAfter())`` lets the next run start and its answer get lost.
One request meets at most one fault: the oldest that fits its path and is not used up.
"""

from __future__ import annotations

import re
from collections import deque
from fnmatch import fnmatchcase
from typing import Literal

import attrs

__all__ = [
    "Content",
    "Cut",
    "Delay",
    "DropAfter",
    "DropBefore",
    "Envelope",
    "Fault",
    "Faults",
    "RetryLater",
    "Stall",
    "Status",
]

Framing = Literal["length", "chunked", "close"]


@attrs.frozen(kw_only=True)
class DropBefore:
    """A connection that ends before anything was done; with ``reset`` by RST instead of FIN."""

    reset: bool = False


@attrs.frozen(kw_only=True)
class DropAfter:
    """A connection that ends after the work was done and committed, without an answer.

    With ``commits``, the work itself stops after so many commits: a batch deletion is left half done.
    """

    commits: int | None = attrs.field(default=None, validator=attrs.validators.optional(attrs.validators.ge(1)))
    reset: bool = False


@attrs.frozen
class Delay:
    """An answer that comes so many seconds late (real ones), the work being done before or after the wait."""

    seconds: float
    work: Literal["before", "after"] = attrs.field(kw_only=True, default="after")


@attrs.frozen
class Stall:
    """An answer that never comes, or stops after so many bytes of its body, the connection staying open.

    ``None`` sends nothing, 0 the headers alone. Ends when the sandbox closes.
    """

    after_bytes: int | None = None


@attrs.frozen
class Cut:
    """A body that ends after ``at`` bytes.

    ``framing`` is what the headers said: ``"length"`` keeps Content-Length, ``"chunked"`` lacks the last chunk, and
    ``"close"`` announced nothing, so that the cut looks like the end.
    """

    at: int
    framing: Framing = attrs.field(
        default="length", kw_only=True, validator=attrs.validators.in_(("length", "chunked", "close"))
    )
    reset: bool = attrs.field(default=False, kw_only=True)


@attrs.frozen
class Status:
    """An HTTP status with a body, as a proxy in front of the service answers; the work is done only with ``work``."""

    status: int
    body: str | bytes = attrs.field(default="<html><body><h1>Server Error</h1></body></html>")
    content_type: str = attrs.field(default="text/html", kw_only=True)
    work: bool = attrs.field(default=False, kw_only=True)


@attrs.frozen
class Envelope:
    """An envelope with status 0 under HTTP 200; the work is done only with ``work``."""

    code: int
    data: object = "Something went wrong."
    work: bool = attrs.field(default=False, kw_only=True)


@attrs.frozen
class Content:
    """Other bytes than the answer's, under HTTP 200, after the work was done."""

    body: bytes
    content_type: str = "application/octet-stream"


@attrs.frozen
class RetryLater:
    """429 or 503, with Retry-After in seconds or as a date, or without; nothing was done."""

    status: int = 429
    retry_after: int | str | None = 1


Fault = DropBefore | DropAfter | Delay | Stall | Cut | Status | Envelope | Content | RetryLater


@attrs.define
class _Planned:
    path: str | re.Pattern[str]
    fault: Fault
    left: int | None
    skip: int

    def fits(self, path: str, documented: str | None) -> bool:
        """Return whether a request for *path*, a path of the route *documented*, is meant."""
        if isinstance(self.path, re.Pattern):
            return self.path.search(path) is not None
        return self.path in {path, documented} or fnmatchcase(path, self.path)


class Faults:
    """The faults that are still to happen."""

    def __init__(self) -> None:
        self._planned: deque[_Planned] = deque()

    def add(self, path: str | re.Pattern[str], fault: Fault, *, times: int | None = 1, after: int = 0) -> None:
        """Let a fault happen to the next requests of a path.

        Args:
            path: A path below the base URL, decoded (``"/schedules/get/"``), a documented one with its braces
                (``"/results/{collection_id}/{runner_id}/{file_name}"``), a glob (``"/results/*"``), or a compiled
                regular expression to be found in the path.
            fault: What is to happen.
            times: How often; ``None`` is every time.
            after: How many fitting requests are let through before.
        """
        self._planned.append(_Planned(path, fault, times, after))

    def clear(self) -> None:
        """Forget the faults that have not happened."""
        self._planned.clear()

    @property
    def pending(self) -> int:
        """How many faults are planned and not used up: 0 when all of a test's faults have happened."""
        return len(self._planned)

    def take(self, path: str, documented: str | None) -> Fault | None:
        """The fault that a request meets; it is counted as happened."""
        for planned in self._planned:
            if not planned.fits(path, documented):
                continue
            if planned.skip:
                planned.skip -= 1
                continue
            if planned.left is not None:
                planned.left -= 1
                if planned.left <= 0:
                    self._planned.remove(planned)
            return planned.fault
        return None
