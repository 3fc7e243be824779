"""The pytest plugin: its fixtures, and its cost for runs that do not use them."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import attrs
import pytest

from multicart_async import AsyncMultiCart
from multicart_async.sandbox import Sandbox, pytest_plugin

ROOT = Path(__file__).parents[2]
OWN = {
    "multicart_async",
    "multicart_async._core",
    "multicart_async._core.lazy",
    "multicart_async.sandbox",
    "multicart_async.sandbox.pytest_plugin",
}
PLUGIN = "multicart_async" if entry_points(group="pytest11", name="multicart_async") else pytest_plugin.__name__
REPORTS = """
import sys
from pathlib import Path

def pytest_unconfigure():
    Path("loaded.txt").write_text(" ".join(sys.modules))
"""
USERS = """
import pytest

@pytest.mark.asyncio
async def test_of_a_client(multicart_sandbox, multicart_client):
    multicart_sandbox.add_collections(2)
    assert len(await multicart_client.collections.list()) == 2

def test_of_a_sandbox(multicart_sandbox):
    assert multicart_sandbox.counts.total() == 0

def test_of_their_own():
    pass
"""


@attrs.frozen
class Project:
    """A folder with the tests of a user of pytest."""

    folder: Path

    def pytest(self, *options: str, **files: str) -> subprocess.CompletedProcess[str]:
        """Run pytest in the folder with these files, warnings as errors, and no configuration of this repository."""
        for name, text in {"conftest": REPORTS, **files}.items():
            (self.folder / f"{name}.py").write_text(text)
        (self.folder / "pytest.ini").write_text("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
        own = ("-p", PLUGIN) if f"no:{PLUGIN}" not in options else ()
        return subprocess.run(
            [sys.executable, "-W", "error", "-m", "pytest", "-rA", "-p", "no:cacheprovider", *own, *options],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": f"{self.folder}{os.pathsep}{ROOT}", "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            check=False,
        )

    @property
    def loaded(self) -> set[str]:
        """The modules that were imported at the end of the last run."""
        return set((self.folder / "loaded.txt").read_text().split())


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """An empty project."""
    return Project(tmp_path)


async def test_the_sandbox_fixture_is_a_running_sandbox(multicart_sandbox: Sandbox) -> None:
    """The sandbox of the fixture serves on this computer, with instant runs."""
    assert multicart_sandbox.url.startswith("http://127.0.0.1:")
    assert multicart_sandbox._options.item_seconds == 0


async def test_the_client_fixture_is_an_open_client_of_it(
    multicart_sandbox: Sandbox, multicart_client: AsyncMultiCart
) -> None:
    """A call of the client arrives at the sandbox of the same test."""
    assert await multicart_client.collections.list() == ()
    assert multicart_sandbox.counts.total() == 1


@pytest.mark.heavy
def test_a_run_without_our_fixtures_loads_four_modules(project: Project) -> None:
    """The plugin loads only itself and the packages that contain it, because pytest imports it in every run."""
    project.pytest("--collect-only", "-p", f"no:{PLUGIN}")
    without = project.loaded
    project.pytest("--collect-only")

    assert project.loaded - without == OWN


@pytest.mark.parametrize("broken", ["aiohttp", "cattrs", "yarl"])
@pytest.mark.heavy
def test_a_broken_dependency_harms_no_run_without_fixtures(broken: str, project: Project) -> None:
    """A dependency that cannot be imported affects neither pytest nor tests without the fixtures."""
    found = project.pytest(**{broken: "raise RuntimeError('broken')", "test_own": "def test_own(): pass"})

    assert found.returncode == 0, found.stdout + found.stderr
    assert "1 passed" in found.stdout


@pytest.mark.heavy
def test_a_broken_dependency_fails_tests_with_fixtures(project: Project) -> None:
    """Tests with a fixture fail with the error of the dependency, and the others pass."""
    found = project.pytest(aiohttp="raise RuntimeError('aiohttp is broken')", test_users=USERS)

    assert "RuntimeError: aiohttp is broken" in found.stdout
    assert "1 passed, 2 errors" in found.stdout


@pytest.mark.parametrize("mode", ["strict", "auto"])
def test_the_fixtures_work_in_each_mode_of_asyncio(mode: str, project: Project) -> None:
    """Coroutine tests and plain tests get the fixtures."""
    found = project.pytest(f"--asyncio-mode={mode}", test_users=USERS)

    assert "3 passed" in found.stdout, found.stdout + found.stderr


@pytest.mark.heavy
def test_without_pytest_asyncio_the_fixtures_say_so(project: Project) -> None:
    """The error has the command of pip; pytest-asyncio is not imported, and other tests pass."""
    users = USERS.replace("@pytest.mark.asyncio\nasync ", "").replace("await ", "")
    found = project.pytest("-p", "no:asyncio", test_users=users)

    assert found.stdout.count("pip install 'multicart-async[testing]'") >= 2, found.stdout + found.stderr
    assert "1 passed, 1 warning, 2 errors" in found.stdout  # the warning: the option in pytest.ini is unknown then
    assert "pytest_asyncio" not in project.loaded


def test_a_plugin_that_is_not_loaded_is_not_used() -> None:
    """If pytest-asyncio was imported but is not loaded as a plugin, the fixtures still raise the error."""
    request: Any = SimpleNamespace(
        config=SimpleNamespace(pluginmanager=SimpleNamespace(is_registered=lambda _plugin: False))
    )

    with pytest.raises(pytest.fail.Exception, match="pip install"):
        pytest_plugin._async_fixture_value(request, "_multicart_sandbox")


@pytest.mark.heavy
def test_the_client_uses_an_overridden_sandbox(project: Project) -> None:
    """The user can override the sandbox fixture, and the client uses the user's sandbox."""
    furnished = """
import pytest
import pytest_asyncio

@pytest_asyncio.fixture
async def multicart_sandbox(multicart_sandbox):
    multicart_sandbox.add_collections(3)
    return multicart_sandbox

@pytest.mark.asyncio
async def test_own(multicart_client):
    assert len(await multicart_client.collections.list()) == 3
"""
    found = project.pytest(test_own=furnished)

    assert "1 passed" in found.stdout, found.stdout + found.stderr


@pytest.mark.heavy
def test_the_fixtures_end_after_each_test(project: Project) -> None:
    """After a test its client is closed and its sandbox stopped; the next test gets new ones."""
    kept = """
import pytest
from multicart_async import errors

kept = []

@pytest.mark.asyncio
@pytest.mark.parametrize("round", [1, 2])
async def test_own(round, multicart_client, multicart_sandbox):
    for client, sandbox in kept:
        assert sandbox is not multicart_sandbox
        with pytest.raises(errors.ClientClosedError):
            await client.collections.list()
        with pytest.raises(RuntimeError, match="not running"):
            sandbox.now()
        assert sandbox.counts.total() == 1
    kept.append((multicart_client, multicart_sandbox))
    await multicart_client.collections.list()
"""
    found = project.pytest(test_own=kept)

    assert "2 passed" in found.stdout, found.stdout + found.stderr


@pytest.mark.heavy
def test_pytest_lists_the_fixtures_with_a_sentence(project: Project) -> None:
    """``pytest --fixtures`` shows a sentence for each fixture."""
    found = project.pytest("--fixtures")

    assert "a running sandbox of its own" in found.stdout
    assert "an open client of" in found.stdout
