"""The asynchronous fixtures behind those of `pytest_plugin`, registered when the first of them is used."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from multicart_async.client import AsyncMultiCart
from multicart_async.sandbox.server import Sandbox


@pytest_asyncio.fixture
async def _multicart_sandbox() -> AsyncIterator[Sandbox]:
    """Run a sandbox with instant runs until the end of the test."""
    async with Sandbox(instant=True) as sandbox:
        yield sandbox


@pytest_asyncio.fixture
async def _multicart_client(multicart_sandbox: Sandbox) -> AsyncIterator[AsyncMultiCart]:
    """Keep a client open until the end of the test.

    Its sandbox is the one that the fixture ``multicart_sandbox`` returns, which a user may have overridden.
    """
    async with multicart_sandbox.client() as client:
        yield client
