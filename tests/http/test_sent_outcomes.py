"""What callers make of the evidence: a cancelled start, a lost one, and one that never left."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest
from aiohttp.abc import AbstractStreamWriter
from support.eventually import until
from support.fake_transports import KEY, client_tls, server_tls, transport_to
from support.raw_server import Exchange, RawServer
from support.tunnels import Tunnels

from multicart_async import AsyncMultiCart, RetryPolicy
from multicart_async._http import NetworkOptions
from multicart_async._http.aiohttp_connector import SendEvidence
from multicart_async.errors import APIConnectionError, OutcomeUnknownError
from multicart_async.sandbox import Sandbox

PATH = "/schedules/get/"
CREATE = {"notification_email": "ops@example.com"}
ONCE = RetryPolicy(attempts=1)
HANG = Exchange.hang


async def close(exchange: Exchange) -> None:
    """Say nothing, and end."""


async def cancelled(transport, condition) -> asyncio.CancelledError:
    """The error of a call that is cancelled as soon as the condition holds."""
    task = asyncio.ensure_future(transport.post(PATH, b"{}"))
    await until(condition)
    task.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await task
    return caught.value


async def test_a_cancelled_call_tells_that_it_was_sent() -> None:
    """Whoever cancels a start must know whether to look for its effect."""
    async with RawServer(HANG) as server, transport_to(server) as transport:
        error = await cancelled(transport, lambda: server.requests)

    assert error.request_sent is True


async def test_who_cancels_a_call_of_the_client_learns_of_it() -> None:
    """Neither retries nor limits keep it back."""
    async with RawServer(HANG) as server, AsyncMultiCart(KEY, base_url=server.url) as client:
        task = asyncio.ensure_future(client.collections.create("AU Laptops", **CREATE))
        await until(lambda: server.requests)
        task.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await task

    assert caught.value.request_sent is True


async def test_a_cancelled_call_over_a_borrowed_session_tells_it_too() -> None:
    """The evidence is the same."""
    async with (
        RawServer(HANG) as server,
        aiohttp.ClientSession() as session,
        transport_to(server, network=NetworkOptions(session=session)) as transport,
    ):
        error = await cancelled(transport, lambda: server.requests)

    assert error.request_sent is True


async def test_a_cancelled_call_that_had_not_begun_tells_nothing() -> None:
    """In the middle of the handshake nothing has left."""
    async with RawServer(HANG) as server, transport_to(f"https://localhost:{server.port}") as transport:
        error = await cancelled(transport, lambda: server.connections)

    assert not hasattr(error, "request_sent")


async def test_a_tunnel_that_fails_is_no_unknown_outcome() -> None:
    """A call that creates is tried as often as the policy says, and its error is a plain one."""
    async with (
        RawServer(Tunnels(1, close)) as proxy,
        AsyncMultiCart(KEY, base_url="https://service.invalid", proxy=proxy.origin) as client,
    ):
        with pytest.raises(APIConnectionError) as caught:
            await client.collections.create("AU Laptops", **CREATE)

        assert len(proxy.requests) == 5
    assert (type(caught.value), caught.value.sent) == (APIConnectionError, False)


async def test_a_lost_answer_is_an_unknown_outcome() -> None:
    """In contrast: it was sent."""
    async with RawServer(close) as server, AsyncMultiCart(KEY, base_url=server.url) as client:
        with pytest.raises(OutcomeUnknownError):
            await client.collections.create("AU Laptops", **CREATE)

        assert len(server.requests) == 1


async def test_a_start_behind_a_dead_tunnel_starts_at_the_next_call(tmp_path) -> None:
    """Reads go through a tunnel that stands; the start wants one of its own, which the proxy drops. Nothing was sent, so the
    journal notes a refusal, and the next call with it starts the run.
    """
    journal = tmp_path / "runs.journal"
    async with (
        Sandbox(instant=True, ssl_context=server_tls()) as sandbox,
        RawServer(Tunnels(port := int(sandbox.url.rpartition(":")[2].partition("/")[0]))) as proxy,
        AsyncMultiCart(
            sandbox.api_key,
            base_url=f"https://localhost:{port}/api/v1",
            proxy=proxy.origin,
            ssl_context=client_tls(),
            retry=ONCE,
        ) as client,
    ):
        (number,) = sandbox.add_collections(1)
        await client.collections.get(number)
        tunnels = proxy._handler
        tunnels.instead = close
        lost = [outcome async for outcome in client.runs.run_many([number], journal=journal)]
        tunnels.instead = None
        found = [outcome async for outcome in client.runs.run_many([number], journal=journal)]

        assert sandbox.counts["/schedules/run/result/"] == 1
    assert [(type(outcome.error), outcome.error.sent) for outcome in lost] == [(APIConnectionError, False)]
    assert [outcome.ok for outcome in found] == [True]


class Writer(AbstractStreamWriter):
    """Counts what it is given, as aiohttp's does."""

    async def write(self, chunk: bytes) -> None:
        self.output_size += len(chunk)

    async def write_eof(self, chunk: bytes = b"") -> None:
        """Nothing is held back."""

    async def drain(self) -> None:
        """Nothing is held back."""

    def enable_compression(self, encoding: str = "deflate", strategy: int | None = None) -> None:
        """It is not."""

    def enable_chunking(self) -> None:
        """It is not."""

    async def write_headers(self, status_line: str, headers: object) -> None:
        """There are none."""


@pytest.mark.parametrize("size", [0, 1, 300_000])
async def test_a_body_is_evidence_whichever_way_it_is_written(size) -> None:
    """aiohttp has an older way to write a payload, without a length."""
    evidence, writer = SendEvidence(tracked=False), Writer()
    body = evidence.body(bytes(size))
    before = evidence.begun
    await body.write(writer)

    assert (before, evidence.begun, writer.output_size) == (False, size > 0, size)
