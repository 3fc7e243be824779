"""A small account, and a cluster without processes, both in the environment of the driver and of the workers."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from support.fake_cluster import FakeCluster

from multicart_async.distributed import _worker
from multicart_async.sandbox import Sandbox


@pytest_asyncio.fixture
async def sandbox(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Sandbox]:
    """Two small items on a page, and runs that end at once."""
    async with Sandbox(instant=True, items_per_page=2, record_bytes=200, records="text") as running:
        monkeypatch.setenv("MULTICART_BASE_URL", running.url)
        monkeypatch.setenv("MULTICART_API_KEY", running.api_key)
        yield running


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> FakeCluster:
    """Its workers are threads of this process."""
    made = FakeCluster()
    monkeypatch.setattr(_worker, "WorkerLeases", lambda _name, _most: made.source)
    monkeypatch.setattr(_worker, "worker_name", lambda: "one")
    return made
