"""Each request of a client in a cluster holds one lease, from before it is sent until its response has ended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from support.eventually import until
from support.fake_cluster import FakeLeases

from multicart_async import Limits
from multicart_async.distributed._client import LeasedClient
from multicart_async.errors import APIConnectionError, APIError, ClientClosedError
from multicart_async.sandbox import Sandbox
from multicart_async.sandbox.faults import Status


@pytest.fixture
def leases() -> FakeLeases:
    """There is one."""
    return FakeLeases(limit=1)


@pytest_asyncio.fixture
async def client(sandbox: Sandbox, leases: FakeLeases) -> AsyncIterator[LeasedClient]:
    """It could have eight requests at once."""
    async with LeasedClient(leases, base_url=sandbox.url, limits=Limits()) as ready:
        yield ready


async def test_calls_and_files_take_turns(sandbox: Sandbox, client: LeasedClient, leases: FakeLeases, tmp_path) -> None:
    """One at a time, although the client might have more; the lease is back after a failure, too."""
    ids = sandbox.add_collections(4, items=6)
    sandbox.faults.add("/schedules/get_schedules/", Status(400))

    runs = await asyncio.gather(*(client.runs.latest(one) for one in ids))
    await asyncio.gather(*(client.runs.download(run, tmp_path) for run in runs if run))
    with pytest.raises(APIError):
        await client.collections.list()
    assert await client.billing.public_plans()  # a GET

    assert leases.most == 1
    await until(lambda: leases.given_out == 0)


async def test_without_a_lease_nothing_is_sent(sandbox: Sandbox, client: LeasedClient, leases: FakeLeases) -> None:
    """The error says that it certainly was not, and is repeated like any other."""
    leases.fault = OSError("closed")

    with pytest.raises(APIConnectionError, match="does not grant a lease: OSError: closed") as caught:
        await client.collections.list()

    assert (caught.value.sent, caught.value.attempts, sandbox.counts) == (False, 5, {})


async def test_closing_ends_the_wait_for_a_lease(client: LeasedClient, leases: FakeLeases) -> None:
    """The lease that is granted later goes back."""
    leases.limit = 0
    call = asyncio.ensure_future(client.collections.list())
    await until(lambda: leases.requests == 1)

    await client.aclose()

    with pytest.raises(ClientClosedError):
        await call
    leases.limit, leases.given_out = 1, 1
    leases.give_back()
    assert leases.given_out == 0
