"""Poll until a state is reached: intervals, timeouts and failures, on a clock that tests can replace."""

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
from multicart_async._core.log import error_info, log_info, log_warning
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
FINAL_POLL_TIMEOUT = 1.0  # seconds for a poll that starts at the deadline
_MAX_POLL_TIMEOUT = 600.0  # seconds for a poll, however long the wait
_MAX_DOUBTFUL = 3  # doubtful responses in a row that are taken seriously
_MAX_RETRY_DELAY = 3600.0  # maximum seconds of a pause that the service asks for


def check_poll_policy(policy: object) -> None:
    """Raise unless *policy* is a `PollPolicy`. Call it before anything is started, which costs credits."""
    if not isinstance(policy, PollPolicy):
        raise wrong_argument("policy", "a PollPolicy", policy)


class Interval:
    """The seconds between two polls: they grow up to a bound, varied by jitter. ``seconds`` is the next, without it."""

    def __init__(self, policy: PollPolicy, spread: Callable[[], float] = random.random) -> None:
        self._policy = policy
        self._spread = spread
        self.reset()

    def reset(self) -> None:
        """Restart with the shortest interval."""
        self.seconds = self._policy.poll_interval

    def next(self) -> float:
        """Return the next interval."""
        policy, seconds = self._policy, self.seconds
        self.seconds = min(seconds * policy.growth, max(policy.max_poll_interval, seconds))
        return seconds * (1 + policy.jitter * (2 * self._spread() - 1))


class PollTimer:
    """The clock and deadline of one wait, which is a plain loop with a `return` and a `sleep`."""

    def __init__(self, policy: PollPolicy, clock: Clock = Clock(), spread: Callable[[], float] = random.random) -> None:
        check_poll_policy(policy)
        self._clock = clock
        self._interval = Interval(policy, spread)
        self._start = clock.now()
        timeout = policy.wait_timeout
        self._end = math.inf if timeout is None else self._start + timeout  # an absolute time, inf without a deadline

    @property
    def elapsed(self) -> float:
        """Seconds since the wait began."""
        return self._clock.now() - self._start

    @property
    def remaining(self) -> float:
        """Seconds until the deadline; infinity without one."""
        return max(0.0, self._end - self._clock.now())

    async def sleep(self, least: float = 0.0) -> bool:
        """Sleep until the next poll is due, at least *least* seconds, but not beyond the deadline.

        Returns whether to poll again, which is false before *least* seconds have passed.
        """
        left = self.remaining
        if left <= 0:
            return False
        await self._clock.sleep(min(max(self._interval.next(), least), left))
        return least <= left


class TickTimer:
    """When a wait for many runs requests the list: at ticks, and between them where these are far apart.

    Never during a pause that the service asked for. ``at_tick`` is whether what has begun last is a tick.
    """

    def __init__(self, policy: PollPolicy, clock: Clock) -> None:
        self._interval = Interval(policy)
        self._clock = clock
        self._next = self._next_tick = self._held = -math.inf
        self.at_tick = True

    @property
    def remaining(self) -> float:
        """Seconds until the next list, at a tick or before it; 0 when it is due."""
        return max(0.0, self._next - self._clock.now())

    @property
    def on_hold(self) -> bool:
        """Whether a pause that the service asked for has not ended yet."""
        return self._clock.now() < self._held

    def begin(self) -> bool:
        """Begin what is due, and return whether it is a tick, rather than a list between two of them."""
        self.at_tick = self._next_tick <= self._clock.now()
        return self.at_tick

    def schedule_next(self, apart: float | None = None) -> None:
        """Schedule the next tick after an interval, and a list before it unless *apart* is ``None``.

        These lists divide the time until the tick into equal parts of at least *apart* seconds, or of the interval to
        come if that is shorter, because it was restarted meanwhile; the parts are therefore less than twice as long.
        """
        now = self._clock.now()
        if self.at_tick:
            self._next_tick = max(now + self._interval.next(), self._held)
        left = self._next_tick - now
        least = 0.0 if apart is None else min(apart, self._interval.seconds)
        parts = left // least if least > 0 else 0
        self._next = max(now + left / parts, self._held) if parts > 1 else self._next_tick

    def hasten(self, *, now: bool = False) -> None:
        """Restart with the shortest interval, and with *now* make the next tick due immediately."""
        self._interval.reset()
        if now:
            self._next = self._next_tick = self._held

    def hold(self, seconds: float) -> None:
        """Pause for *seconds*."""
        self._held = max(self._held, self._clock.now() + seconds)
        self._next = max(self._next, self._held)
        self._next_tick = max(self._next_tick, self._held)


def poll_timeout(left: float) -> float:
    """Return the seconds that a poll may take when *left* seconds remain until the deadline; always finite."""
    return min(max(left, FINAL_POLL_TIMEOUT), _MAX_POLL_TIMEOUT)


@attrs.frozen
class PollResult(Generic[S]):
    """The result of one poll.

    ``state`` is ``None`` while nothing is listed; ``fingerprint`` changes when there is a change to report.
    """

    state: S | None
    fingerprint: object
    finished: bool = False


class PollFailures:
    """The failed polls of one wait since the last successful one, which decide when the wait ends. No I/O.

    A transient failure (`is_transient`) never ends it. A doubtful response ends it at the third in a row: one of an
    invalid shape, "not found", or any 4xx without an envelope, as from a proxy. Any other error would recur at each
    poll; it ends the wait immediately, or at the *max_rejections*-th in a row.
    """

    def __init__(self, *, max_rejections: int = 1) -> None:
        self._max_rejections = max_rejections
        self.succeeded()

    def succeeded(self) -> None:
        """Forget earlier failures after a successful poll."""
        self.last: MultiCartError | None = None
        self._doubtful = self._rejected = 0

    @property
    def pause(self) -> float:
        """The pause in seconds that the last failure asked for."""
        asked = 0.0 if self.last is None else retry_delay(self.last) or 0.0
        return min(asked, _MAX_RETRY_DELAY)

    def is_final(self, error: MultiCartError, *, counted: bool = True) -> bool:
        """Record a failed poll, and return whether it ends the wait; never if it is not *counted*."""
        self.last = error
        if not counted:
            return False
        transient, doubtful = is_transient(error), _is_doubtful(error)
        self._doubtful = self._doubtful + 1 if doubtful else 0
        self._rejected = 0 if doubtful or transient else self._rejected + 1
        return self._doubtful >= _MAX_DOUBTFUL or self._rejected >= self._max_rejections


def _is_doubtful(error: MultiCartError) -> bool:
    """Return whether *error* may be accidental although it is not transient."""
    if is_transient(error):
        return False
    if isinstance(error, APIError):
        return isinstance(error, NotFoundError) or not error.in_envelope
    return isinstance(error, InvalidResponseError) and not isinstance(error, ResponseTooLargeError)


def as_poll_failure(what: str, error: Exception) -> MultiCartError:
    """Return *error* if it belongs to this library, or else an `APIConnectionError` caused by it.

    Another error comes from a borrowed session, so no response was received. An error that ends a call for many is
    raised.
    """
    if ends_all(error):
        raise error
    if isinstance(error, MultiCartError):
        return error
    log_warning("%s: the poll raised %s", what, type(error).__name__, extra=error_info(error, what))
    failure = APIConnectionError(what, f"the poll raised {type(error).__name__}")
    failure.__cause__ = error
    return failure


async def poll_changes(
    poll: Callable[[], Awaitable[PollResult[S]]], timer: PollTimer, timed_out: Callable[[S | None], WaitTimeoutError]
) -> AsyncGenerator[S, None]:
    """Yield each change that *poll* reports; the last value is the finished state.

    After the deadline the error is what *timed_out* makes of the last state.
    A failed poll counts against the deadline, and ends the wait only if `PollFailures` says so. A pause that the
    service asks for is observed.
    """
    last: S | None = None
    reported: object = None
    failures = PollFailures()
    while True:
        seen: PollResult[S] | None = None
        try:
            with anyio.move_on_after(poll_timeout(timer.remaining)):
                seen = await poll()
                failures.succeeded()
        except MultiCartError as error:
            if failures.is_final(error):
                error.__traceback__ = None  # its frames hold responses, which may repeat the credential
                raise
        if seen is not None and seen.state is not None:
            last = seen.state
            if seen.fingerprint != reported:
                reported = seen.fingerprint
                yield last
        if seen is not None and seen.finished:
            return
        if not await timer.sleep(failures.pause):
            raise timed_out(last) from failures.last


async def poll_until_done(
    poll: Callable[[], Awaitable[PollResult[S]]], timer: PollTimer, timed_out: Callable[[S | None], WaitTimeoutError]
) -> S:
    """Return the finished state; fails as `poll_changes` does."""
    async with aclosing(poll_changes(poll, timer, timed_out)) as states:
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
            log_info("searching for %s: %s", what, error, extra=error_info(error))
        if last:
            return None
        await timer.sleep()
