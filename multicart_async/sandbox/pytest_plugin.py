"""Fixtures for tests against a sandbox: ``multicart_sandbox`` and ``multicart_client``.

They are available as soon as the package is installed with its extra ``testing``. Each test gets a sandbox of its own,
whose runs are finished at the first poll. For other settings, write a fixture that starts a `Sandbox`.

Pytest imports this module in every run, even if no test uses a fixture, so what the fixtures need is imported on first
use.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from multicart_async.client import AsyncMultiCart
    from multicart_async.sandbox.server import Sandbox

__all__ = ["multicart_client", "multicart_sandbox"]

_ADVICE = (
    "the fixtures of multicart-async need pytest-asyncio, which this run of pytest has not loaded: "
    "run pip install 'multicart-async[testing]', and do not disable the plugin (no -p no:asyncio)"
)


@pytest.fixture
def multicart_sandbox(request: pytest.FixtureRequest) -> Sandbox:
    """Give the test a running sandbox of its own, with instant runs."""
    sandbox: Sandbox = _async_fixture_value(request, "_multicart_sandbox")
    return sandbox


@pytest.fixture
def multicart_client(request: pytest.FixtureRequest, multicart_sandbox: Sandbox) -> AsyncMultiCart:  # noqa: ARG001
    """Give the test an open client of ``multicart_sandbox``."""
    client: AsyncMultiCart = _async_fixture_value(request, "_multicart_client")
    return client


def _async_fixture_value(request: pytest.FixtureRequest, name: str) -> Any:
    """Return the value of a fixture of `_fixtures`, which only pytest-asyncio can set up."""
    asyncio_plugin, plugins = sys.modules.get("pytest_asyncio.plugin"), request.config.pluginmanager
    if asyncio_plugin is None or not plugins.is_registered(asyncio_plugin):
        pytest.fail(_ADVICE, pytrace=False)
    from multicart_async.sandbox import _fixtures  # noqa: PLC0415 - only tests that use a fixture need it

    if not plugins.is_registered(_fixtures):
        plugins.register(_fixtures)
    return request.getfixturevalue(name)
