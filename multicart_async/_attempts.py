"""One loop for everything that is tried again: stamina counts and pauses, the verdict is ours, the cool-down is shared."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

import anyio
import stamina

from multicart_async._lifeline import Lifeline
from multicart_async._retry import pause_asked_for
from multicart_async.config import RetryPolicy
from multicart_async.errors import APIConnectionError, APIError, MultiCartError
from multicart_async.events import Emit, Event, RateLimited, Retrying

__all__ = ["Attempts", "silent"]

# stamina logs each repetition as a warning. Where a program has set up no logging at all, Python would print the bare words
# "stamina.retry_scheduled" for it; whoever has set it up sees it with all that it says.
logging.getLogger("stamina").addHandler(logging.NullHandler())

T = TypeVar("T")


def silent(_: Event, /) -> None:
    """Nobody listens."""


class Attempts:
    """Tries something until it works or its verdict says no, and holds everybody back when the service asks for a pause."""

    def __init__(
        self,
        policy: RetryPolicy = RetryPolicy(),
        *,
        emit: Emit = silent,
        life: Lifeline | None = None,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
    ) -> None:
        self._policy = policy
        self.most = policy.attempts
        self._emit = emit
        self._life = life or Lifeline()
        self._now = now
        self._sleep = sleep
        self._not_before = float("-inf")

    async def run(
        self,
        path: str,
        work: Callable[[int], Awaitable[T]],
        verdict: Callable[[BaseException], bool],
        *,
        tell: bool = True,
    ) -> T:
        """What *work* returns; it is given the number of the attempt, from 1. The last error is let through.

        Unless *tell*, repetitions are not told: *work* counts otherwise and tells them itself.

        *work* itself keeps the pauses that the service asks for, by `hold`: when it has its turn, not before it queues.
        """
        try:
            return await self._try(path, work, 1)
        except MultiCartError as error:
            if not verdict(error):
                raise
            last = error
        with self._life.guard():  # of the pauses; an attempt has one of its own
            async for attempt in self._more(verdict):
                with attempt:
                    if attempt.num == 1:
                        raise last  # which was made without stamina: mostly there is no second one
                    if tell:
                        self._emit(Retrying(path=path, attempt=attempt.num, error=last))
                    try:
                        return await self._try(path, work, attempt.num)
                    except MultiCartError as error:
                        last = error
                        raise
        raise AssertionError("stamina ends with a result or an error")  # pragma: no cover -- for the type checkers

    async def _try(self, path: str, work: Callable[[int], Awaitable[T]], number: int) -> T:
        try:
            return await work(number)
        except MultiCartError as error:
            self.note(path, error, number)
            raise

    def _more(self, verdict: Callable[[BaseException], bool]) -> AsyncIterator[stamina.Attempt]:
        policy = self._policy

        def again(error: Exception) -> bool | float:
            if not verdict(error):
                return False
            # a pause that was asked for is kept by everybody, in `hold`
            return 0.0 if pause_asked_for(error, policy.retry_after_max) else True

        return aiter(
            stamina.retry_context(
                on=again,
                attempts=policy.attempts,
                timeout=None,
                wait_initial=policy.wait_initial,
                wait_max=policy.wait_max,
                wait_jitter=policy.wait_jitter,
            )
        )

    async def hold(self) -> None:
        """Wait for the end of a pause that the service asked for, if there is one."""
        while (left := self._not_before - self._now()) > 0:
            with self._life.guard():
                await self._sleep(left)

    async def breathe(self, number: int) -> None:
        """The pause before attempt *number* + 1, for who cannot be called again and goes on in the middle."""
        policy = self._policy
        grown = policy.wait_initial * 2.0 ** min(number - 1, 32)
        await self._sleep(min(policy.wait_max, grown + random.uniform(0, policy.wait_jitter)))
        await self.hold()

    def note(self, path: str, error: MultiCartError, number: int) -> None:
        """Attempt *number* failed with *error*: a pause that it asks for is everybody's."""
        if isinstance(error, APIError | APIConnectionError):
            error.attempts = number
        pause = pause_asked_for(error, self._policy.retry_after_max)
        if pause:
            until = self._now() + pause
            if until > self._not_before:
                self._not_before = until
                self._emit(RateLimited(path=path, seconds=pause))
