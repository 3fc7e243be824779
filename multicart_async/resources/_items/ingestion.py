"""Wait until a collection has the items that were added to it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from multicart_async.errors import WaitTimeoutError
from multicart_async.resources._polling import PollResult, PollTimer, poll_until_done

__all__ = ["wait_for_count"]


async def wait_for_count(
    count_now: Callable[[], Awaitable[int]], count: int, what: str, collection_id: int, timer: PollTimer
) -> int:
    """Poll *count_now* until it returns at least *count*, and return its last result; *what* appears in the error.

    Raises:
        WaitTimeoutError: The deadline of *timer* has passed; ``last`` is the last number seen.
    """

    async def poll() -> PollResult[int]:
        number = await count_now()
        return PollResult(number, number, finished=number >= count)

    def timed_out(last: int | None) -> WaitTimeoutError:
        number = "an unknown number" if last is None else last
        reason = f"expected {count} {what} in collection {collection_id}, got {number}; wait again or check its items"
        return WaitTimeoutError(reason, started=collection_id, last=last)

    return await poll_until_done(poll, timer, timed_out)
