"""A sandbox and a client for stories."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from multicart_async import AsyncMultiCart
from multicart_async.sandbox import Sandbox


@pytest_asyncio.fixture
async def sandbox(multicart_sandbox: Sandbox) -> AsyncIterator[Sandbox]:
    """Its runs and postcodes are ready as soon as somebody looks; no story may send a field that nobody documents."""
    yield multicart_sandbox
    assert multicart_sandbox.ignored_fields == []


@pytest_asyncio.fixture
async def client(sandbox: Sandbox) -> AsyncIterator[AsyncMultiCart]:
    """A client of that sandbox."""
    async with sandbox.client() as client:
        yield client
