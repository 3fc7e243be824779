"""Fixtures for tests against a sandbox: ``multicart_sandbox`` and ``multicart_client``.

They are there as soon as the package is installed with its extra ``testing``. Each test gets a sandbox of its own,
whose runs are finished as soon as somebody looks. For other settings write a fixture around `Sandbox`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from multicart_async.client import AsyncMultiCart
    from multicart_async.sandbox.server import Sandbox

__all__ = ["multicart_client", "multicart_sandbox"]

_ADVICE = "the fixtures of multicart-async need pytest-asyncio: pip install pytest-asyncio"


async def _sandbox() -> AsyncIterator[Sandbox]:
    """A sandbox with instant runs, gone after the test."""
    from multicart_async.sandbox.server import Sandbox  # noqa: PLC0415 - the plugin is loaded in every run of pytest

    async with Sandbox(instant=True) as sandbox:
        yield sandbox


async def _client(multicart_sandbox: Sandbox) -> AsyncIterator[AsyncMultiCart]:
    """A client of the test's sandbox, closed after the test."""
    async with multicart_sandbox.client() as client:
        yield client


def _missing() -> None:
    """Says what is missing."""
    raise pytest.UsageError(_ADVICE)


def _fixture(name: str, made: Callable[..., Any]) -> Any:
    if find_spec("pytest_asyncio") is None:
        return pytest.fixture(name=name)(_missing)
    import pytest_asyncio  # noqa: PLC0415 - may be missing

    return pytest_asyncio.fixture(name=name)(made)


multicart_sandbox = _fixture("multicart_sandbox", _sandbox)
multicart_client = _fixture("multicart_client", _client)
