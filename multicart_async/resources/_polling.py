"""How to wait for something that only shows when it is asked: patience, pace, and a clock that a test can turn."""

from __future__ import annotations

import math
import random
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Generic, TypeVar

import anyio
import attrs

from multicart_async._core.clock import Clock
from multicart_async._core.failures import ends_all
from multicart_async._core.log import LOGGER, error_info
from multicart_async._core.validation import wrong_argument
from multicart_async._http.retry_rules import is_transient, retry_delay
from multicart_async.config import PollPolicy
from multicart_async.errors import (
    APIConnectionError,
    APIError,
    InvalidResponseError,
    MultiCartError,
    NotFoundError,
    ResponseTooLargeError,
    WaitTimeoutError,
)

__all__ = [
    "FINAL_POLL_TIMEOUT",
    "PollFailures",
    "PollResult",
    "PollTimer",
    "TickTimer",
    "as_poll_failure",
    "check_poll_policy",
    "poll_changes",
    "poll_timeout",
    "poll_until_done",
    "poll_until_found",
]

S = TypeVar("S")
T = TypeVar("T")
FINAL_POLL_TIMEOUT = 1.0  # seconds for a poll that begins when patience ends
_MAX_POLL_TIMEOUT = 600.0  # seconds for a poll, however long the wait
_MAX_DOUBTFUL = 3  # so many responses in a row that may be an accident are none
_MAX_RETRY_DELAY = 3600.0  # seconds that a service may ask for


def check_poll_policy(policy: object) -> None:
    """Raise unless it is one. Call it before anything is started: afterwards it is paid."""
    if not isinstance(policy, PollPolicy):
        raise wrong_argument("policy", "a PollPolicy", policy)


class Interval:
    """The seconds between two polls: they grow up to their bound, spread by jitter."""

    def __init__(self, policy: PollPolicy, spread: Callable[[], float] = random.random) -> None:
        self._policy = policy
        self._spread = spread
        self.reset()

    def reset(self) -> None:
        """Begin again with the shortest."""
        self._seconds = self._policy.poll_interval

    def next(self) -> float:
        """Return the next one."""
        policy, seconds = self._policy, self._seconds
        self._seconds = min(seconds * policy.growth, max(policy.max_poll_interval, seconds))
        return seconds * (1 + policy.jitter * (2 * self._spread() - 1))


class PollTimer:
    """The clock and the patience of one wait, which is a plain loop with a `return` and a `pause`."""

    def __init__(self, policy: PollPolicy, clock: Clock = Clock(), spread: Callable[[], float] = random.random) -> None:
        check_poll_policy(policy)
        self._clock = clock
        self._interval = Interval(policy, spread)
        self._start = clock.now()
        timeout = policy.wait_timeout
        self._end = math.inf if timeout is None else self._start + timeout  # a moment: what is left of it can be slept

    @property
    def elapsed(self) -> float:
        """Seconds since the wait began."""
        return self._clock.now() - self._start

    @property
    def remaining(self) -> float:
        """Seconds until patience ends; infinity where it does not."""
        return max(0.0, self._end - self._clock.now())

    async def sleep(self, least: float = 0.0) -> bool:
        """Sleep until the next poll is due, *least* seconds or more, or until the deadline.

        Returns whether there is to be another poll: there is none before *least* seconds have passed.
        """
        left = self.remaining
        if left <= 0:
            return False
        await self._clock.sleep(min(max(self._interval.next(), least), left))
        return least <= left


class TickTimer:
    """When a wait for many asks about all of them: at intervals, and not in a pause that the service asks for."""

    def __init__(self, policy: PollPolicy, clock: Clock) -> None:
        self._interval = Interval(policy)
        self._clock = clock
        self._next = self._held = -math.inf

    @property
    def remaining(self) -> float:
        """Seconds until the next one; 0 when it is due."""
        return max(0.0, self._next - self._clock.now())

    @property
    def on_hold(self) -> bool:
        """Whether the service wants a pause now."""
        return self._clock.now() < self._held

    def schedule_next(self) -> None:
        """Plan the next one, after an interval."""
        self._next = max(self._clock.now() + self._interval.next(), self._held)

    def hasten(self, *, now: bool = False) -> None:
        """Begin again with the shortest interval, and with the next one *now*."""
        self._interval.reset()
        if now:
            self._next = self._held

    def hold(self, seconds: float) -> None:
        """Keep a pause of so many seconds."""
        self._held = max(self._held, self._clock.now() + seconds)
        self._next = max(self._next, self._held)


def poll_timeout(left: float) -> float:
    """Return how long a poll may take when there are *left* seconds until the deadline: it has a deadline in any case."""
    return min(max(left, FINAL_POLL_TIMEOUT), _MAX_POLL_TIMEOUT)


@attrs.frozen
class PollResult(Generic[S]):
    """What one poll saw. ``mark`` changes when there is something to tell; ``value`` is ``None`` while there is no row."""

    state: S | None
    fingerprint: object
    finished: bool = False


class PollFailures:
    """The failed polls of one wait since the last good one: which of them ends the wait. No I/O.

    What is transient (`is_transient`) never does. A response that may be an accident does at the third in a row: one of
    a wrong shape, "not found", and any 4xx that HTTP alone says, as a proxy does. Any other error would come again at
    each poll; it does at once, or at the *refusals*-th in a row.
    """

    def __init__(self, *, refusals: int = 1) -> None:
        self._refusals = refusals
        self.succeeded()

    def succeeded(self) -> None:
        """Forget what was before a good poll."""
        self.last: MultiCartError | None = None
        self._doubtful = self._refused = 0

    @property
    def pause(self) -> float:
        """The seconds that the last failure has asked to wait."""
        asked = 0.0 if self.last is None else retry_delay(self.last) or 0.0
        return min(asked, _MAX_RETRY_DELAY)

    def is_final(self, error: MultiCartError) -> bool:
        """Take note of a failed poll, and return whether it ends the wait."""
        self.last = error
        transient, doubtful = is_transient(error), _is_doubtful(error)
        self._doubtful = self._doubtful + 1 if doubtful else 0
        self._refused = 0 if doubtful or transient else self._refused + 1
        return self._doubtful >= _MAX_DOUBTFUL or self._refused >= self._refusals


def _is_doubtful(error: MultiCartError) -> bool:
    """Return whether it may be an accident, though not one of those that pass by themselves."""
    if is_transient(error):
        return False
    if isinstance(error, APIError):
        return isinstance(error, NotFoundError) or not error.in_envelope
    return isinstance(error, InvalidResponseError) and not isinstance(error, ResponseTooLargeError)


def as_poll_failure(what: str, error: Exception) -> MultiCartError:
    """Return *error*, if it is of our tree. Else a borrowed session has raised it: no response came, and it is the cause.

    What ends a call for many is raised.
    """
    if ends_all(error):
        raise error
    if isinstance(error, MultiCartError):
        return error
    LOGGER.warning("%s: the poll raised %s", what, type(error).__name__, extra=error_info(error, what))
    failure = APIConnectionError(what, f"the poll raised {type(error).__name__}")
    failure.__cause__ = error
    return failure


async def poll_changes(
    look: Callable[[], Awaitable[PollResult[S]]], pace: PollTimer, timed_out: Callable[[], WaitTimeoutError]
) -> AsyncGenerator[S, None]:
    """Each change that *look* sees; the last value is the finished one.

    A poll that fails counts against the deadline, and ends the wait only where `PollFailures` says so. A pause that the
    service asks for is kept.
    """
    told: object = None
    failures = PollFailures()
    while True:
        seen: PollResult[S] | None = None
        try:
            with anyio.move_on_after(poll_timeout(pace.remaining)):
                seen = await look()
                failures.succeeded()
        except MultiCartError as error:
            if failures.is_final(error):
                error.__traceback__ = None  # its frames hold rows, whose texts may repeat the credential
                raise
        if seen is not None and seen.state is not None and seen.fingerprint != told:
            told = seen.fingerprint
            yield seen.state
        if seen is not None and seen.finished:
            return
        if not await pace.sleep(failures.pause):
            raise timed_out() from failures.last


async def poll_until_done(
    look: Callable[[], Awaitable[PollResult[S]]], timer: PollTimer, timed_out: Callable[[], WaitTimeoutError]
) -> S:
    """Return the finished state; fails as `poll_changes` does."""
    async with aclosing(poll_changes(look, timer, timed_out)) as states:
        return [state async for state in states][-1]


async def poll_until_found(
    find: Callable[[bool], Awaitable[T | None]], policy: PollPolicy, clock: Clock, what: str
) -> T | None:
    """Look for the effect of a call whose response was lost, until it is found or the timeout is over.

    *find* is called with whether it is the last poll. A poll that fails is logged: the caller has the error of the call.
    """
    timer = PollTimer(policy, clock)
    while True:
        last = timer.remaining <= 0
        try:
            with anyio.move_on_after(poll_timeout(timer.remaining)):
                found = await find(last)
                if found is not None:
                    return found
        except MultiCartError as error:
            LOGGER.info("looking for %s: %s", what, error, extra=error_info(error))
        if last:
            return None
        await timer.sleep()
