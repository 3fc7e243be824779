"""Fixtures for the tests of the command."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.command_kit import BackgroundSandbox, Commands, background_sandbox


@pytest.fixture(scope="session")
def shop() -> Iterator[BackgroundSandbox]:
    """A sandbox with five finished collections, 101 to 105, for tests that only read, or that start runs."""
    with background_sandbox(5) as served:
        yield served


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Commands:
    """The command, without a credential, with its settings in a folder of the test."""
    for name in ("NO_COLOR", "CI", "MULTICART_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return Commands(monkeypatch, capsys)


@pytest.fixture
def multicart(plain: Commands, shop: BackgroundSandbox) -> Commands:
    """The command, with the sandbox `shop`."""
    return plain.at(shop)
