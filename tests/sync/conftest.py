"""A small account to mirror."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from multicart_async import AsyncMultiCart
from multicart_async.sandbox import Sandbox


@pytest_asyncio.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    """Two small items on a page, runs that end at once, and a clock that is turned by hand."""
    files = {"items_per_page": 2, "record_bytes": 200, "records": "text", "category_items": 3}
    async with Sandbox(instant=True, clock="manual", **files) as running:
        yield running


@pytest_asyncio.fixture
async def client(sandbox: Sandbox) -> AsyncIterator[AsyncMultiCart]:
    """A client of it."""
    async with sandbox.client() as ready:
        yield ready
