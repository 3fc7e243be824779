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
    assert found.returncode == 0, found.stderr
    return set(found.stdout.split())


@pytest.fixture(scope="module")
def nothing() -> set[str]:
    """What an interpreter loads by itself."""
    return loaded_by("")


@pytest.fixture(scope="module")
def loaded() -> set[str]:
    """What the import of the client loads."""
    return loaded_by("from multicart_async import AsyncMultiCart")


def test_an_import_loads_nearly_nothing(nothing: set[str]) -> None:
    """Besides itself, the package loads only a few modules that are built into Python; not even typing."""
    found = loaded_by("import multicart_async") - nothing

    assert {name for name in found if name.startswith("multicart_async")} == {
        "multicart_async",
        "multicart_async._core",
        "multicart_async._core.lazy",
    }
    assert len(found) <= 9, found
    assert not found & {"aiohttp", "attr", "attrs", "anyio", "asyncio", "yarl", "cattrs", "typing"}


@pytest.mark.parametrize("name", ["errors", "__version__", "UNSET"])
def test_a_light_name_loads_no_library(name: str) -> None:
    """The errors and the version can be imported without the HTTP library."""
    found = loaded_by(f"import multicart_async\nmulticart_async.{name}")

    assert not found & {"aiohttp", "anyio", "asyncio", "yarl", "cattrs", "multicart_async.client"}


def test_an_import_of_the_client_loads_it(loaded: set[str]) -> None:
    """The tests below look at the right thing."""
    assert {"multicart_async.client", "aiohttp"} <= loaded


LATER = [
    "sqlite3",
    "pytest",
    "zipfile",
    "html",
    "cattrs",
    "aiohttp.web",
    "multicart_async.sandbox",
    "multicart_async.events",
    "multicart_async.sinks",
    "multicart_async._downloads",
    "multicart_async._sync",
    "multicart_async.models.reports",
    "multicart_async.resources.billing",
    "multicart_async.resources.categories",
    "multicart_async.resources.runs._pipeline",
]


@pytest.mark.parametrize("name", LATER)
def test_a_client_leaves_for_later_what_few_programs_need(name: str, loaded: set[str]) -> None:
    """Parsers, databases, test tools and the sandbox are loaded where they are used."""
    assert name not in loaded


def test_a_client_loads_few_modules_of_its_own(loaded: set[str]) -> None:
    """Each takes time at every start of every program; most of them are those of `runs`, which most programs need."""
    own = {name for name in loaded if name.partition(".")[0] == "multicart_async"}

    assert len(own) <= 87, sorted(own)


def test_a_poll_loads_nothing_more() -> None:
    """A first call in a running event loop does not block it with imports."""
    code = (
        "import sys\n"
        "from multicart_async import AsyncMultiCart\n"
        "client, before = AsyncMultiCart('key'), {*sys.modules}\n"
        "client.runs.list, client.collections.list, client.asins.list, client.account.credits\n"
        "assert {*sys.modules} == before, {*sys.modules} - before"
    )

    assert loaded_by(code)


def test_an_import_configures_no_logging() -> None:
    """That is the program's business."""
    loaded_by("import logging\nfrom multicart_async import AsyncMultiCart\nassert not logging.root.handlers")


def test_the_plugin_for_pytest_loads_nothing_else(nothing: set[str]) -> None:
    """The plugin loads no other module, because pytest imports it in every run."""
    found = loaded_by("import pytest, multicart_async.sandbox.pytest_plugin") - loaded_by("import pytest") - nothing

    assert {name for name in found if not name.startswith("multicart_async")} == set()
