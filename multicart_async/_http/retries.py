"""The retry loop for calls, transfers and records, with a Retry-After gate for the whole client."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from multicart_async._core.clock import Clock
from multicart_async._core.lifetime import ClientLifetime
from multicart_async._core.log import log_retry
from multicart_async._http.pacing import RequestPacer
from multicart_async._http.retry_rules import retry_delay
from multicart_async.config import RetryPolicy
from multicart_async.errors import APIConnectionError, APIError, MultiCartError

if TYPE_CHECKING:  # events are rare here; their classes are made when the first is emitted
    from multicart_async.events import Emit, Event

__all__ = ["Retrier", "ignore_event"]

T = TypeVar("T")


def ignore_event(_: Event, /) -> None:
    """Discard an event: the default listener."""


class Retrier:
    """Retry operations according to the policy; apply Retry-After and `Limits.requests_per_second` to the whole client."""

    def __init__(
        self,
        policy: RetryPolicy = RetryPolicy(),
        *,
        emit: Emit = ignore_event,
        lifetime: ClientLifetime | None = None,
        clock: Clock = Clock(),
        requests_per_second: float | None = None,
    ) -> None:
        self._policy = policy
        self.max_attempts = policy.attempts
        self._emit = emit
        self._lifetime = lifetime or ClientLifetime()
        self._clock = clock
        self._not_before = float("-inf")
        rate = requests_per_second
        self._pacer = None if rate is None else RequestPacer(rate, clock)

    async def run(
        self,
        path: str,
        work: Callable[[int], Awaitable[T]],
        is_retryable: Callable[[BaseException], bool],
        *,
        emit_events: bool = True,
    ) -> T:
        """Return the result of *work*, which gets the number of the attempt, from 1; raise the error of the last attempt.

        With ``emit_events=False`` no `Retrying` is emitted, because *work* counts differently and emits its own.
        *work* must call `wait_for_rate_limit` before it sends, after it has waited in any queue of its own.
        """
        number = 1
        while True:
            try:
                return await work(number)
            except MultiCartError as error:
                self.record_failure(path, error, number)
                if number >= self.max_attempts or not is_retryable(error) or self.asks_too_long(error):
                    raise
                failed = error
            await self.backoff(failed, number)
            number += 1
            if emit_events:
                log_retry(path, number, failed)
                self._report(path, number, failed)
            del failed

    def _report(self, path: str, number: int, failed: MultiCartError) -> None:
        from multicart_async.events import Retrying  # noqa: PLC0415

        self._emit(Retrying(path=path, attempt=number, error=failed))

    async def wait_for_rate_limit(self) -> None:
        """Wait until the next request may be sent: for its turn, and until a pause requested by the service is over."""
        if self._pacer is not None:
            with self._lifetime.track():
                await self._pacer.turn(lambda: self._not_before)
            return
        while (left := self._not_before - self._clock.now()) > 0:
            with self._lifetime.track():
                await self._clock.sleep(left)

    async def backoff(self, error: MultiCartError, number: int) -> None:
        """Sleep between attempt *number*, which failed with *error*, and the next one.

        It does not sleep if the service asked for a pause, which is kept elsewhere, nor after a first attempt on a
        connection from the pool, which may have died while it was idle.
        """
        stale = number == 1 and isinstance(error, APIConnectionError) and error.reused
        if not stale and not self._wait_asked_for(error):
            await self._rest(number)

    async def _rest(self, number: int) -> None:
        policy = self._policy
        grown = policy.wait_initial * 2.0 ** min(number - 1, 32)
        with self._lifetime.track():
            await self._clock.sleep(min(policy.wait_max, grown + random.uniform(0, policy.wait_jitter)))

    def record_failure(self, path: str, error: MultiCartError, number: int) -> None:
        """Record that attempt *number* failed with *error*; a pause that it asks for applies to the whole client."""
        if isinstance(error, APIError | APIConnectionError):
            error.attempts = number
        pause = self._wait_asked_for(error)
        if pause:
            until = self._clock.now() + pause
            if until > self._not_before:
                from multicart_async.events import RateLimited  # noqa: PLC0415

                self._not_before = until
                self._emit(RateLimited(path=path, seconds=pause))

    def asks_too_long(self, error: BaseException) -> bool:
        """Return whether *error* asks for a pause above ``RetryPolicy.retry_after_max``, which is not waited for."""
        return (retry_delay(error) or 0.0) > self._policy.retry_after_max

    def _wait_asked_for(self, error: BaseException) -> float:
        return 0.0 if self.asks_too_long(error) else retry_delay(error) or 0.0
