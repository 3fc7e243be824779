"""What an import loads, and what it leaves for later."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def loaded_by(statement: str) -> set[str]:
    """The modules that are there after *statement* in a new interpreter, with warnings as errors."""
    found = subprocess.run(
        [sys.executable, "-W", "error", "-c", f"{statement}\nimport sys\nprint(*sys.modules, sep='\\n')"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert 0 == found.returncode, found.stderr
    return set(found.stdout.split())


@pytest.fixture(scope="module")
def loaded() -> set[str]:
    """What ``import multicart_async`` loads."""
    return loaded_by("import multicart_async")


def test_an_import_loads_the_client(loaded: set[str]) -> None:
    """The tests below look at the right thing."""
    assert {"multicart_async.client", "aiohttp"} <= loaded


LATER = ["sqlite3", "pytest", "zipfile", "aiohttp.web", "multicart_async.sandbox", "multicart_async.testing"]


@pytest.mark.parametrize("name", LATER)
def test_an_import_leaves_for_later_what_most_programs_never_need(name: str, loaded: set[str]) -> None:
    """Parsers, databases, test tools and the sandbox are loaded where they are used."""
    assert name not in loaded


def test_an_import_configures_no_logging() -> None:
    """That is the program's business."""
    loaded_by("import logging, multicart_async\nassert not logging.root.handlers")


def test_the_plugin_for_pytest_leaves_the_sandbox_for_later() -> None:
    """Pytest loads it in every run of everybody who has the package installed."""
    loaded = loaded_by("import multicart_async.sandbox.pytest_plugin")

    assert not {"aiohttp.web", "sqlite3", "multicart_async.sandbox.server"} & loaded
