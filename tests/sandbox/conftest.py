"""Sandboxes for tests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio
from support.sandbox_api import Api, served


@pytest_asyncio.fixture
async def api() -> AsyncIterator[Api]:
    """A sandbox with a manual clock: one second per item, runs listed after two seconds, two items of 1 KiB per page."""
    timing = {"clock": "manual", "scrape_seconds_per_item": 1, "row_delay": 2}
    async with served(**timing, items_per_page=2, record_bytes=1024) as made:
        yield made
