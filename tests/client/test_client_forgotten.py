"""A client that is never closed: one warning that names it, one log record, and its connections are closed."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import warnings
from typing import Any

import aiohttp
import pytest

from multicart_async import AsyncMultiCart
from multicart_async.sandbox import Sandbox

PROGRAM = """
import asyncio
from multicart_async import AsyncMultiCart
from multicart_async.sandbox import Sandbox

async def main():
    async with Sandbox() as sandbox:
        client = AsyncMultiCart(sandbox.api_key, base_url=sandbox.url)
        await client.collections.list()
        if {closed}:
            await client.aclose()
        del client
        await asyncio.sleep(0)

asyncio.run(main())
"""


async def test_a_forgotten_client_is_named_once(multicart_sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    """By a ResourceWarning that says what to do, and by a log record; aiohttp says nothing."""
    client = AsyncMultiCart(multicart_sandbox.api_key, base_url=multicart_sandbox.url)
    await client.collections.list()

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        del client
        gc.collect()

    message = (
        f"the AsyncMultiCart client of {multicart_sandbox.url} was never closed: use "
        "`async with AsyncMultiCart() as client:`, or call `await client.aclose()` at the end"
    )
    assert [(warning.category, str(warning.message)) for warning in caught] == [(ResourceWarning, message)]
    assert caplog.messages == [message]
    assert multicart_sandbox.api_key not in repr(caught) + caplog.text


@pytest.mark.parametrize("use", ["closed", "never used", "constructor failed", "borrowed session"])
async def test_others_are_not_named(use: str, multicart_sandbox: Sandbox) -> None:
    """A client that was closed, one without any connection, and one whose session belongs to someone else."""
    async with aiohttp.ClientSession() as session:
        arguments: dict[str, Any] = {"session": session} if use == "borrowed session" else {}
        client = AsyncMultiCart(multicart_sandbox.api_key, base_url=multicart_sandbox.url, **arguments)
        if use == "closed":
            await client.collections.list()
            await client.aclose()
        if use == "borrowed session":
            await client.collections.list()
        if use == "constructor failed":
            with pytest.raises(ValueError, match="proxy"):
                AsyncMultiCart(multicart_sandbox.api_key, base_url=multicart_sandbox.url, proxy="ftp://127.0.0.1")

        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            del client
            gc.collect()

    assert caught == []


async def test_the_connections_of_a_forgotten_client_are_closed(multicart_sandbox: Sandbox) -> None:
    """At once, so that a notebook that makes a client in each cell does not run out of descriptors."""
    client = AsyncMultiCart(multicart_sandbox.api_key, base_url=multicart_sandbox.url)
    await client.collections.list()
    (session,) = client._transport._sessions.values()
    (connections,) = session._connector._conns.values()
    protocol = connections[0][0]

    with pytest.warns(ResourceWarning, match="never closed"):
        del client, session  # nothing else refers to them, so that they end here
    await asyncio.sleep(0)

    assert protocol.transport is None


@pytest.mark.parametrize("closed", [False, True])
def test_a_program_shows_it_without_any_option(closed: bool) -> None:
    """A ResourceWarning is not shown by default, so it is logged as well, in one line."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(closed=closed)], capture_output=True, text=True, check=True, timeout=60
    )

    assert done.stderr.count("\n") == (0 if closed else 1)
    assert ("was never closed" in done.stderr) == (not closed)
