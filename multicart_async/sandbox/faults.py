"""Faults that a test can plan: what the network, a proxy or the service may do wrong, by path.

After ``sandbox.faults.add("/schedules/run/result/", DropAfter())`` the next run starts, but its response is lost.
A request is subject to at most one fault: the oldest one that matches its path and is not used up.
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
    """A connection that closes before the work is done; with ``reset``, by RST instead of FIN."""

    reset: bool = False


@attrs.frozen(kw_only=True)
class DropAfter:
    """A connection that closes without a response after the work is done and committed.

    With ``commits``, the work stops after that many commits, so that a batch deletion remains incomplete. With
    ``reset``, the connection closes by RST instead of FIN.
    """

    commits: int | None = attrs.field(default=None, validator=attrs.validators.optional(attrs.validators.ge(1)))
    reset: bool = False


@attrs.frozen
class Delay:
    """A response that is ``seconds`` late, in real time; ``work`` says whether the work is done before or after."""

    seconds: float
    work: Literal["before", "after"] = attrs.field(kw_only=True, default="after")


@attrs.frozen
class Stall:
    """A response that stops after ``after_bytes`` bytes of its body while the connection stays open.

    None sends nothing at all, and 0 only the headers. The connection closes when the sandbox does.
    """

    after_bytes: int | None = None


@attrs.frozen
class Cut:
    """A body that ends after ``at`` bytes.

    ``framing`` is what the headers announce: with ``"length"`` a Content-Length that is not reached, with ``"chunked"``
    chunks of which the last is missing, and with ``"close"`` nothing, so that the body appears to be complete.
    """

    at: int
    framing: Framing = attrs.field(
        default="length", kw_only=True, validator=attrs.validators.in_(("length", "chunked", "close"))
    )
    reset: bool = attrs.field(default=False, kw_only=True)


@attrs.frozen
class Status:
    """An HTTP status with a body, as from a proxy in front of the service; the work is done only with ``work``."""

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
    """Other bytes than those of the response, under HTTP 200, after the work is done."""

    body: bytes
    content_type: str = "application/octet-stream"


@attrs.frozen
class RetryLater:
    """Status 429 or 503; the work is not done. Retry-After is in seconds, a date, or absent with None."""

    status: int = 429
    retry_after: int | str | None = 1


Fault = DropBefore | DropAfter | Delay | Stall | Cut | Status | Envelope | Content | RetryLater


@attrs.define
class _Planned:
    path: str | re.Pattern[str]
    fault: Fault
    remaining: int | None
    skip: int

    def matches(self, path: str, documented: str | None) -> bool:
        """Return whether a request for *path*, a path of the route *documented*, is meant."""
        if isinstance(self.path, re.Pattern):
            return self.path.search(path) is not None
        return self.path in {path, documented} or fnmatchcase(path, self.path)


class Faults:
    """The faults that are planned and not used up."""

    def __init__(self) -> None:
        self._planned: deque[_Planned] = deque()

    def add(self, path: str | re.Pattern[str], fault: Fault, *, times: int | None = 1, after: int = 0) -> None:
        """Plan a fault for the next requests of a path.

        Args:
            path: A path below the base URL, decoded (``"/schedules/get/"``), a documented one with its braces
                (``"/results/{collection_id}/{runner_id}/{file_name}"``), a glob (``"/results/*"``), or a compiled
                regular expression that is searched for in the path.
            fault: What happens.
            times: How many requests it happens to; None is all of them.
            after: How many matching requests pass without the fault first.
        """
        self._planned.append(_Planned(path, fault, times, after))

    def clear(self) -> None:
        """Remove all planned faults."""
        self._planned.clear()

    @property
    def pending(self) -> int:
        """The number of faults that are planned and not used up: 0 after all faults of a test have happened."""
        return len(self._planned)

    def take(self, path: str, documented: str | None) -> Fault | None:
        """Return the fault for a request and count it as used; None if no planned fault matches."""
        for planned in self._planned:
            if not planned.matches(path, documented):
                continue
            if planned.skip:
                planned.skip -= 1
                continue
            if planned.remaining is not None:
                planned.remaining -= 1
                if planned.remaining <= 0:
                    self._planned.remove(planned)
            return planned.fault
        return None
