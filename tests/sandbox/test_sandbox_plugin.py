"""The pytest plugin."""

from __future__ import annotations

import importlib
import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from multicart_async.sandbox import Sandbox, pytest_plugin

ROOT = Path(__file__).parents[2]
multicart_sandbox = pytest_plugin.multicart_sandbox


async def test_the_sandbox_fixture_is_a_running_sandbox(multicart_sandbox: Any) -> None:
    """Ready, with instant runs."""
    assert multicart_sandbox.url.startswith("http://127.0.0.1:")
    assert multicart_sandbox._options.scrape_seconds_per_item == 0


async def test_the_client_fixture_opens_and_closes_a_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it yields is open; afterwards it is closed."""
    seen: list[str] = []

    class Client:
        async def __aenter__(self) -> Any:
            seen.append("open")
            return self

        async def __aexit__(self, *error: object) -> None:
            seen.append("closed")

    monkeypatch.setattr(Sandbox, "client", lambda _self: Client())
    async with Sandbox() as sandbox:
        fixture = pytest_plugin._client(sandbox)
        assert isinstance(await anext(fixture), Client)
        assert [item async for item in fixture] == []
    assert seen == ["open", "closed"]


def test_without_pytest_asyncio_the_fixtures_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """The plugin loads, and only a test that uses it fails."""
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "pytest_asyncio" else real(name))
    spec = importlib.util.spec_from_file_location("plugin_alone", pytest_plugin.__file__)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with pytest.raises(pytest.UsageError, match="pytest-asyncio"):
        module._missing()
    assert module.multicart_sandbox.name == "multicart_sandbox"


def test_importing_the_plugin_is_cheap() -> None:
    """Beside what the package itself imports, no server is loaded before a test wants one."""
    code = (
        "import sys, types; package = types.ModuleType('multicart_async'); "
        "package.__path__ = ['multicart_async']; sys.modules['multicart_async'] = package; "
        "import multicart_async.sandbox.pytest_plugin; "
        "print([name for name in ('aiohttp', 'sqlite3', 'multicart_async.sandbox.server') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
