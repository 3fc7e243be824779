"""How to wait for something that only shows when it is asked: patience, pace, and a clock that a test can turn."""

from __future__ import annotations

import math
import random
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any, Generic, Literal, TypeVar

import anyio
import attrs

from multicart_async.errors import (
    APIConnectionError,
    ArgumentError,
    ConfigurationError,
    InvalidResponseError,
    MultiCartError,
    NotFoundError,
    RateLimitError,
    ResponseTooLargeError,
    ServerError,
    WaitTimeoutError,
)

__all__ = ["GONE", "LAST_LOOK", "Clock", "Look", "Pace", "PollPolicy", "a_policy", "follow", "is_passing"]

S = TypeVar("S")
GONE = 3  # so many "not found" in a row are no hiccup
LAST_LOOK = 1.0  # seconds for a poll that begins when patience ends


_LONGEST = 1e12  # not a number and infinity are not below it either


def _seconds(_: object, field: attrs.Attribute[Any], value: object) -> None:
    if value is None and field.name == "wait_timeout":
        return
    good = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _LONGEST and value >= 0
    if not good:
        raise ConfigurationError(f"PollPolicy.{field.name}: wants seconds, 0 or more, not {value!r}")


def _at_least(least: float, most: float = math.inf) -> Callable[[Any, attrs.Attribute[Any], Any], None]:
    def check(_: object, field: attrs.Attribute[Any], value: object) -> None:
        good = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _LONGEST
        if not good or not least <= value <= most:  # type: ignore[operator]
            raise ConfigurationError(f"PollPolicy.{field.name}: {value!r} is out of range")

    return check


def _known(_owner: object, _field: attrs.Attribute[Any], value: object) -> None:
    if value not in ("warn", "raise"):
        raise ConfigurationError(f"PollPolicy.on_ambiguous: wants 'warn' or 'raise', not {value!r}")


@attrs.frozen
class PollPolicy:
    """How often to ask, and for how long, in seconds.

    The pause between two polls starts at ``poll_interval`` and grows by ``growth`` up to ``max_poll_interval``, spread
    by ``jitter`` (0.1 is plus or minus 10 %) so that many waits do not ask in step. ``wait_timeout`` is the whole wait;
    ``None`` waits for ever. ``on_ambiguous``: what to do when there is more than one new run.
    """

    poll_interval: float = attrs.field(default=5.0, validator=_seconds)
    growth: float = attrs.field(default=1.5, validator=_at_least(1.0))
    max_poll_interval: float = attrs.field(default=60.0, validator=_seconds)
    wait_timeout: float | None = attrs.field(default=3600.0, validator=_seconds)
    jitter: float = attrs.field(default=0.1, validator=_at_least(0.0, 1.0))
    on_ambiguous: Literal["warn", "raise"] = attrs.field(default="warn", validator=_known)


def a_policy(policy: object) -> None:
    """Raises unless it is one. Before anything is started: afterwards it is paid."""
    if not isinstance(policy, PollPolicy):
        raise ArgumentError("policy", f"wants a PollPolicy, not {type(policy).__name__}")


@attrs.frozen
class Clock:
    """A monotonic clock and its sleep: jumps of the wall clock have no effect."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = anyio.sleep


class Pace:
    """The clock and the patience of one wait, which is a plain loop with a `return` and a `pause`."""

    def __init__(self, policy: PollPolicy, clock: Clock = Clock(), spread: Callable[[], float] = random.random) -> None:
        a_policy(policy)
        self._policy = policy
        self._clock = clock
        self._spread = spread
        self._start = clock.now()
        timeout = policy.wait_timeout
        self._end = math.inf if timeout is None else self._start + timeout  # a moment: what is left of it can be slept
        self._interval = policy.poll_interval

    @property
    def waited(self) -> float:
        """Seconds since the wait began."""
        return self._clock.now() - self._start

    @property
    def left(self) -> float:
        """Seconds until patience ends; infinity where it does not."""
        return max(0.0, self._end - self._clock.now())

    async def pause(self) -> bool:
        """Sleep until the next poll is due, or patience ends. Tells whether there is patience left."""
        if self.left <= 0:
            return False
        due = self._interval * (1 + self._policy.jitter * (2 * self._spread() - 1))
        self._interval = min(self._interval * self._policy.growth, max(self._policy.max_poll_interval, self._interval))
        await self._clock.sleep(min(due, self.left))
        return True


@attrs.frozen
class Look(Generic[S]):
    """What one poll saw. ``mark`` changes when there is something to tell; ``value`` is ``None`` while there is no row."""

    value: S | None
    mark: object
    finished: bool = False


def _stays(error: BaseException) -> bool:
    """Whether it would come again at each look: an answer too large, a certificate that is not trusted."""
    return isinstance(error, ResponseTooLargeError) or (isinstance(error, APIConnectionError) and not error.passing)


async def follow(
    look: Callable[[], Awaitable[Look[S]]], pace: Pace, timed_out: Callable[[], WaitTimeoutError]
) -> AsyncGenerator[S, None]:
    """Each change that *look* sees; the last value is the finished one.

    A poll that fails for a passing reason counts against the deadline, not against the wait. What *look* raises of
    other kinds ends it at once, "not found" at the third in a row.
    """
    told: object = None
    gone = 0
    passing: MultiCartError | None = None
    while True:
        seen: Look[S] | None = None
        try:
            with anyio.move_on_after(max(pace.left, LAST_LOOK)):
                seen = await look()
                gone, passing = 0, None
        except NotFoundError:
            gone += 1
            if gone >= GONE:
                raise
        except MultiCartError as error:
            if not is_passing(error):
                raise
            passing = error
        if seen is not None and seen.value is not None and seen.mark != told:
            told = seen.mark
            yield seen.value
        if seen is not None and seen.finished:
            return
        if not await pace.pause():
            raise timed_out() from passing


def is_passing(error: BaseException) -> bool:
    """Whether a poll that failed with *error* says nothing about what is waited for, and the next may do better."""
    kinds = APIConnectionError | ServerError | RateLimitError | InvalidResponseError
    return isinstance(error, kinds) and not _stays(error)
