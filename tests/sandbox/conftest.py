"""Sandboxes for tests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio
from support.sandbox_api import Api, served


@pytest_asyncio.fixture
async def api() -> AsyncIterator[Api]:
    """A sandbox whose time is moved by hand: one second per item, rows after two seconds, two items per page."""
    async with served(clock="manual", scrape_seconds_per_item=1, row_delay=2, items_per_page=2) as made:
        yield made
