"""What the documents say is so: their code runs, their commands, names and links are there."""

from __future__ import annotations

import ast
import asyncio
import builtins
import inspect
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import AsyncIterator, Awaitable
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, cast

import attrs
import pytest
import pytest_asyncio
from support.documents import ROOT, Block, anchors, blocks, docstrings, documents, links, targets

from multicart_async import AsyncMultiCart, errors
from multicart_async.sandbox import Sandbox

DOCUMENTS = documents()
TEXTS = {**DOCUMENTS, "docstrings": "\n\n".join(docstrings())}
BLOCKS = tuple(blocks(TEXTS))
PLUGIN = (
    () if entry_points(group="pytest11", name="multicart_async") else ("-p", "multicart_async.sandbox.pytest_plugin")
)


@attrs.frozen
class Place:
    """Where the code of the documents runs: a sandbox, a folder, and the environment that names both."""

    sandbox: Sandbox
    folder: Path
    environment: dict[str, str]

    async def run(self, *command: str) -> str:
        """The output of a command that must succeed; the sandbox goes on meanwhile."""
        done = await asyncio.to_thread(
            subprocess.run,
            command,
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout


@pytest_asyncio.fixture
async def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Place]:
    """An empty folder as the current one, and a sandbox as the service."""
    monkeypatch.chdir(tmp_path)
    async with Sandbox(instant=True) as sandbox:
        monkeypatch.setenv("MULTICART_BASE_URL", sandbox.url)
        monkeypatch.setenv("MULTICART_API_KEY", sandbox.api_key)
        environment = {**os.environ, "PYTHONPATH": os.fspath(ROOT)}
        yield Place(sandbox, tmp_path, environment)


def chosen(*, program: bool) -> Any:
    """The complete programs, or the pieces of code, each a test of its own."""
    kind = [block for block in BLOCKS if block.is_program == program and not block.is_test]
    assert kind
    return pytest.mark.parametrize("block", kind, ids=str)


@chosen(program=True)
async def test_a_complete_program_runs(block: Block, place: Place) -> None:
    """As a file of its own, with warnings as errors; it says something."""
    (place.folder / "program.py").write_text(block.code)

    assert await place.run(sys.executable, "-W", "error", "program.py")


@pytest.mark.parametrize("mode", ["strict", "auto"])
async def test_the_tests_in_documents_pass(mode: str, place: Place) -> None:
    """In an empty project, under pytest as it comes: those that name their mode, and those that want the other one."""
    tests = [block for block in BLOCKS if block.is_test and ("mark.asyncio" in block.code) == (mode == "strict")]
    for block in tests:
        (place.folder / f"test_{re.sub(r'[^a-z0-9]', '_', str(block).lower())}.py").write_text(block.code)
    (place.folder / "pytest.ini").write_text("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    for name in ("MULTICART_BASE_URL", "MULTICART_API_KEY"):
        del place.environment[name]

    options = (*PLUGIN, "-o", f"asyncio_mode={mode}", "-rA", "-p", "no:cacheprovider")
    told = await place.run(sys.executable, "-m", "pytest", *options)

    assert len(tests) == len(set(re.findall(r"^PASSED (\w+\.py)", told, re.MULTILINE))) > 0, told


@chosen(program=False)
async def test_a_piece_of_code_runs(block: Block, place: Place) -> None:
    """With an open client, a collection with items and a finished run of it under the names that the text gives them."""
    (collection_id,) = place.sandbox.add_collections(1, runs=1, items=10)
    code = compile(block.code, str(block), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    async with AsyncMultiCart() as client:
        run = await client.runs.latest(collection_id)
        names = {"__name__": "block", "client": client, "collection_id": collection_id, "run": run}
        left = eval(code, names)
        if inspect.iscoroutine(left):
            await cast("Awaitable[None]", left)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_somewhere(name: str) -> None:
    """To a file or folder of the project, and to a heading where one is named."""
    for link in links(TEXTS[name]):
        path, _, anchor = link.partition("#")
        target = (ROOT / name).parent / path if path else ROOT / name
        assert target.exists(), link
        assert not anchor or anchor in anchors(target.read_text("utf-8")), link


@pytest.mark.parametrize("name", DOCUMENTS)
def test_commands_are_there(name: str) -> None:
    """Targets of make, examples and scripts that a document names."""
    rules = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    assert targets(TEXTS[name]) <= rules
    for script in re.findall(r"\bexamples/\w+\.py\b|\.ci/run\b", TEXTS[name]):
        assert (ROOT / script).is_file(), script


def test_the_readme_names_the_two_commands() -> None:
    """The demo and the tests."""
    assert "\nmake demo\n" in TEXTS["README.md"]
    assert "\nmake test\n" in TEXTS["README.md"]


@pytest.mark.parametrize("name", TEXTS)
def test_parts_of_the_client_are_there(name: str) -> None:
    """``client.runs``, ``client.stream``, ``runs.wait``: nothing is promised that does not exist."""
    client = AsyncMultiCart("key")
    groups = {group for group, value in vars(client).items() if not group.startswith("_") and value is not None}
    for group, method in re.findall(r"`client\.(?!py)([a-z]+)(?:\.([a-z_]+))?\b", TEXTS[name]):
        assert hasattr(client, group), f"client.{group}"
        assert not method or hasattr(getattr(client, group), method), f"client.{group}.{method}"
    for group, method in re.findall(r"`([a-z]+)\.([a-z_]+)[`(]", TEXTS[name]):
        assert group not in groups or hasattr(getattr(client, group), method), f"{group}.{method}"


@pytest.mark.parametrize("name", TEXTS)
def test_errors_that_are_named_are_there(name: str) -> None:
    """Ours, or Python's."""
    for word in re.findall(r"`(?:errors\.)?([A-Z]\w+Error)\b", TEXTS[name]):
        assert hasattr(errors, word) or hasattr(builtins, word), word


def test_every_group_is_in_the_readme() -> None:
    """The table of groups has a row for each."""
    client = AsyncMultiCart("key")
    groups = {name for name in vars(client) if not name.startswith("_")}

    assert groups == set(re.findall(r"^\| `client\.(\w+)` \|", TEXTS["README.md"], re.MULTILINE))


def test_the_changelog_knows_the_version() -> None:
    """Its first entry is of this version, and the project's metadata takes its text from the README."""
    version = re.search(r"^## (\S+)", TEXTS["CHANGELOG.md"], re.MULTILINE)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    assert version is not None
    assert f'"{version[1]}"' in (ROOT / "multicart_async" / "_version.py").read_text()
    assert "README.md" == project["readme"]
