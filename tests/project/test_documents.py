"""What the documents say is so: their code runs, their commands, names and links are there."""

from __future__ import annotations

import ast
import asyncio
import builtins
import inspect
import os
import re
import shutil
import subprocess
import sys
import textwrap
import tomllib
from collections.abc import AsyncIterator, Awaitable, Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, cast

import attrs
import pytest
import pytest_asyncio
from support.documents import (
    EXAMPLES,
    ROOT,
    Block,
    anchors,
    blocks,
    docstrings,
    documents,
    lacking_tests,
    links,
    targets,
)
from support.group_classes import GROUP_NAMES
from support.object_stores import MOTO

from multicart_async import AsyncMultiCart, Limits, RetryPolicy, Timeouts, errors, events
from multicart_async.sandbox import Sandbox
from multicart_async.sandbox.__main__ import parser

DOCUMENTS = documents()
TEXTS = {**DOCUMENTS, "docstrings": "\n\n".join(docstrings())}
BLOCKS = tuple(blocks(TEXTS))
HEAVY = re.compile(
    r"^(import (duckdb|pandas|polars)|from (aiohttp_socks|distributed|opentelemetry)\b.* import .+)$", re.MULTILINE
)
STORED = re.compile(r"\bs3://|\bS3Store\b")  # needs a bucket
UNITS = {"": 1, " MiB": 2**20, " GiB": 2**30}
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
        environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{EXAMPLES}"}
        yield Place(sandbox, tmp_path, environment)


@pytest.fixture
def bucket(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The bucket ``my-bucket`` of an object store, and an environment that names the store and its credentials."""
    with MOTO.start(tmp_path_factory.mktemp("store")) as server:
        options = server.make_bucket("my-bucket", server.url).options()
        for name, value in (options | {"endpoint_url": options["endpoint"]}).items():
            monkeypatch.setenv(f"AWS_{name.upper()}", value)
        yield


def chosen(*, program: bool) -> Any:
    """The complete programs, or the pieces of code, each a test of its own."""
    kind = [block for block in BLOCKS if block.is_program == program and not block.is_test]
    assert kind
    marked = [pytest.param(block, marks=[pytest.mark.heavy] if HEAVY.search(block.code) else []) for block in kind]
    return pytest.mark.parametrize("block", marked, ids=str)


@chosen(program=True)
@pytest.mark.heavy
async def test_a_complete_program_runs(block: Block, place: Place) -> None:
    """As a file of its own, with warnings as errors; it says something. The account has a collection with a run."""
    place.sandbox.add_collections(1, runs=1, items=10)
    (place.folder / "program.py").write_text(block.code)

    assert await place.run(sys.executable, "-W", "error", "program.py")


@pytest.mark.parametrize("mode", ["strict", "auto"])
async def test_the_tests_in_documents_pass(mode: str, place: Place) -> None:
    """In an empty project, under pytest as it comes: those that name their mode, and those that want the other one."""
    tests = [block for block in BLOCKS if block.is_test and ("mark.asyncio" in block.code) == (mode == "strict")]
    for block in tests:
        (place.folder / f"test_{re.sub(r'[^a-z0-9]', '_', str(block).lower())}.py").write_text(block.code)
    (place.folder / "pytest.ini").write_text("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    place.environment["PYTHONPATH"] += (
        f"{os.pathsep}{ROOT / 'tests'}"  # for the test of an endpoint, which uses our fakes
    )
    for name in ("MULTICART_BASE_URL", "MULTICART_API_KEY"):
        del place.environment[name]

    options = (*PLUGIN, "-o", f"asyncio_mode={mode}", "-rA", "-p", "no:cacheprovider")
    told = await place.run(sys.executable, "-m", "pytest", *options)

    assert len(tests) == len(set(re.findall(r"^PASSED (\w+\.py)", told, re.MULTILINE))) > 0, told


@chosen(program=False)
async def test_a_piece_of_code_runs(block: Block, place: Place, request: pytest.FixtureRequest) -> None:
    """With an open client, a collection with items and a finished run of it under the names that the text gives them."""
    if STORED.search(block.code):
        request.getfixturevalue("bucket")
    (collection_id,) = place.sandbox.add_collections(1, runs=1, items=10)
    code = compile(block.code, str(block), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    async with AsyncMultiCart() as client:
        run = await client.runs.latest(collection_id)
        names = {"__name__": "block", "client": client, "collection_id": collection_id, "run": run}
        left = eval(code, names)
        if inspect.iscoroutine(left):
            await cast("Awaitable[None]", left)


@pytest.mark.heavy
@pytest.mark.timeout(600)  # it reads aiohttp too
def test_code_has_the_right_types(tmp_path: Path) -> None:
    """Under mypy, as strict as the package: programs as they are, pieces as functions with the names of the text."""
    pieces = ["from multicart_async import AsyncMultiCart", "from multicart_async.models import Run"]
    for number, block in enumerate(block for block in BLOCKS if not block.is_test):
        if block.is_program:
            (tmp_path / f"program_{number}.py").write_text(f"# {block}\n{block.code}")
        else:
            pieces.append(
                f"async def piece_{number}(client: AsyncMultiCart, collection_id: int, run: Run) -> None:  # {block}\n"
                + textwrap.indent(block.code, "    ")
            )
    (tmp_path / "pieces.py").write_text("\n".join(pieces))

    options = ["--cache-dir", os.devnull, "--config-file", ROOT / "pyproject.toml"]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *options, "."],
        cwd=tmp_path,
        env={**os.environ, "MYPYPATH": f"{ROOT}{os.pathsep}{EXAMPLES}"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_somewhere(name: str) -> None:
    """To a file or folder of the project, and to a heading where one is named."""
    for link in links(TEXTS[name]):
        path, _, anchor = link.partition("#")
        target = (ROOT / name).parent / path if path else ROOT / name
        assert target.exists(), link
        assert not anchor or anchor in anchors(target.read_text("utf-8")), link


@pytest.mark.parametrize("name", ["SECURITY.md", "docs/guarantees.md"])
def test_the_tests_that_hold_a_promise_are_there(name: str) -> None:
    """Each promise names a test that exists."""
    rows = re.findall(r"^\| .+ \| (.*) \|$", DOCUMENTS[name].replace("| promise | test |", ""), re.MULTILINE)

    assert lacking_tests(DOCUMENTS[name]) == []
    assert len(rows) > 15
    assert [row for row in rows if "::test_" not in row] == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_commands_are_there(name: str) -> None:
    """Targets of make, examples and scripts that a document names."""
    rules = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    assert targets(TEXTS[name]) <= rules
    for script in re.findall(r"\bexamples/\w+\.py\b|\.ci/run\b", TEXTS[name]):
        assert (ROOT / script).is_file(), script


def test_the_readme_names_the_two_commands() -> None:
    """The demo and the tests, on fewer than 150 lines in all."""
    assert TEXTS["README.md"].count("\n") < 150
    assert "\nmake demo\n" in TEXTS["README.md"]
    assert "\nmake test\n" in TEXTS["README.md"]


@pytest.mark.parametrize("name", TEXTS)
def test_parts_of_the_client_are_there(name: str) -> None:
    """``client.runs``, ``client.stream``, ``runs.wait``: nothing is promised that does not exist."""
    client = AsyncMultiCart("key")
    for group, method in re.findall(r"`client\.(?!py)([a-z]+)(?:\.([a-z_]+))?\b", TEXTS[name]):
        assert hasattr(client, group), f"client.{group}"
        assert not method or hasattr(getattr(client, group), method), f"client.{group}.{method}"
    for group, method in re.findall(r"`([a-z]+)\.([a-z_]+)[`(]", TEXTS[name]):
        assert group not in GROUP_NAMES or hasattr(getattr(client, group), method), f"{group}.{method}"


@pytest.mark.parametrize("name", TEXTS)
def test_errors_that_are_named_are_there(name: str) -> None:
    """Ours, or Python's."""
    for word in re.findall(r"`(?:errors\.)?([A-Z]\w+Error)\b", TEXTS[name]):
        assert hasattr(errors, word) or hasattr(builtins, word), word


def test_every_group_is_described() -> None:
    """The table of groups has a row for each."""
    assert set(re.findall(r"^\| `client\.(\w+)` \|", TEXTS["docs/client.md"], re.MULTILINE)) == set(GROUP_NAMES)


def test_the_tree_of_errors_is_described() -> None:
    """As the module of errors draws it."""
    tree = re.search(r"^    MultiCartError .*\n(?:    .+\n)+", errors.__doc__ or "", re.MULTILINE)

    assert tree is not None
    assert f"```\n{textwrap.dedent(tree[0])}```" in TEXTS["docs/errors.md"]


def test_every_event_is_described() -> None:
    """The table of events has each, with all its fields in their order."""
    rows = re.findall(r"^\| `(\w+)` \| [^|]+ \| ([^|]+) \|$", TEXTS["docs/client.md"], re.MULTILINE)
    described = {name: re.findall(r"`([a-z_]+)`", fields) for name, fields in rows}
    kinds = [kind for kind in map(vars(events).get, events.__all__) if isinstance(kind, type)]

    assert described == {
        kind.__name__: [field.name for field in attrs.fields(kind)] for kind in kinds if kind is not events.Event
    }


@pytest.mark.parametrize("kind", [Timeouts, RetryPolicy, Limits], ids=lambda kind: kind.__name__)
def test_defaults_are_described(kind: type[attrs.AttrsInstance]) -> None:
    """The table of settings has each field, with its default; `none` is no limit."""
    row = rf"^\| `{kind.__name__}\.(\w+)` \| (none|[\d.]+)( [MG]iB)? \|"
    rows = re.findall(row, TEXTS["docs/client.md"], re.MULTILINE)
    described = {name: None if number == "none" else float(number) * UNITS[unit] for name, number, unit in rows}

    assert described == {field.name: field.default for field in attrs.fields(kind)}


def test_the_variables_of_the_sandbox_are_described() -> None:
    """Those that the command prints, without any options."""
    port = parser().get_default("port")

    assert (
        f"export MULTICART_BASE_URL=http://127.0.0.1:{port}/api/v1\nexport MULTICART_API_KEY={Sandbox.api_key}\n"
    ) in TEXTS["docs/testing.md"]


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make")
def test_the_help_of_make_is_in_columns() -> None:
    """Every description begins at the same place."""
    told = subprocess.run(
        ["make", "--no-print-directory", "help"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    places = {re.match(r"  make [a-z-]+ +", line) for line in told.splitlines()}

    assert len({place and place.end() for place in places}) == 1


def test_the_changelog_knows_the_version() -> None:
    """Its first entry is of this version, with the date of its release unless it is yet to come."""
    version = re.search(r"^## (\S+) \u2013 (\d{4}-\d\d-\d\d|unreleased)$", TEXTS["CHANGELOG.md"], re.MULTILINE)

    assert version is not None
    assert f'"{version[1]}"' in (ROOT / "multicart_async" / "_core" / "version.py").read_text()


def test_the_readme_names_what_is_tested() -> None:
    """The versions of Python that the classifiers have, and the lowest aiohttp that can be installed."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pythons = [each.rpartition(" ")[2] for each in project["classifiers"] if re.search(r":: 3\.\d+$", each)]
    (lowest,) = [each[1] for each in (re.match(r"aiohttp>=([\d.]+)", name) for name in project["dependencies"]) if each]

    assert f"| Python | {', '.join(pythons)}: all tests on each |" in TEXTS["README.md"]
    assert f"| aiohttp | {lowest}, the lowest, and the newest 3.x |" in TEXTS["README.md"]


def test_the_readme_names_every_extra() -> None:
    """In its table, as pip knows them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (table,) = re.findall(r"^\| extra \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", TEXTS["README.md"], re.MULTILINE)

    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == set(project["optional-dependencies"])
