"""A client of a sandbox whose waits take no time."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from multicart_async import AsyncMultiCart, Limits, RetryPolicy
from multicart_async._core.clock import Clock
from multicart_async.sandbox import Sandbox
from support.fakes import FakeClock

__all__ = ["CREDITS", "START", "impatient", "set_clock", "starts"]

START = "/schedules/run/result/"
CREDITS = "/users/credits/"


@asynccontextmanager
async def impatient(
    sandbox: Sandbox, *, limits: Limits | None = None, attempts: int = 1
) -> AsyncIterator[AsyncMultiCart]:
    """The client as it is, but with a clock that moves when somebody sleeps on it."""
    async with sandbox.client(limits=limits, retry=RetryPolicy(attempts=attempts)) as client:
        set_clock(client, FakeClock().clock)
        yield client


def set_clock(client: AsyncMultiCart, clock: Clock) -> None:
    """Give the waits of a client another clock."""
    assert client._context.clock is client.runs._starter._clock
    object.__setattr__(client._context, "clock", clock)
    client.runs._starter._clock = clock


def starts(sandbox: Sandbox) -> Counter[int]:
    """How often each collection was started over the network."""
    return Counter(request.fields["collection_id"] for request in sandbox.requests if request.path == START)
