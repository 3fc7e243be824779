"""docs/command.md is made from the tree of commands, and the examples in it work."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import shlex
from collections.abc import Callable
from itertools import groupby
from pathlib import Path
from types import ModuleType

import attrs
import pytest
from support.command_kit import BackgroundSandbox, Commands, Result, background_sandbox
from support.documents import ROOT
from support.interrupting import interrupt_when
from support.table_kit import write_run

from multicart_async import AsyncMultiCart
from multicart_async.cli._exit_status import statuses
from multicart_async.sandbox import Sandbox

PAGE = ROOT / "docs" / "command.md"
RENEW = ".venv/bin/python .ci/command_page.py"


def generator() -> ModuleType:
    """The script that renews the page."""
    spec = importlib.util.spec_from_file_location("command_page", ROOT / ".ci" / "command_page.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MADE = generator()
EXAMPLES: dict[str, str] = {path.removeprefix("multicart "): leaf.example for path, leaf in MADE.leaves()}


def test_the_page_is_that_of_the_commands() -> None:
    """What is made is equal to what the tree gives now."""
    text = PAGE.read_text("utf-8")

    assert text == MADE.render(text), f"docs/command.md is not that of the commands; renew it: {RENEW}"


def test_the_lines_of_the_page_are_short() -> None:
    """Also those that are made."""
    lines = [line for line in PAGE.read_text("utf-8").splitlines() if "flock" not in line]  # cron takes no other

    assert [line for line in lines if len(line) > 132] == []


def test_every_exit_status_has_a_meaning() -> None:
    """The page explains each status that an error has."""
    assert set(statuses().values()) <= set(MADE.MEANINGS)


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_command_has_one_example(name: str, plain: Commands) -> None:
    """It calls the command itself, and the help ends with it."""
    shown = plain(*name.split(), "--help")

    assert EXAMPLES[name].startswith(f"multicart {name}")
    assert shown.status == 0
    assert " ".join(shown.out.split()).endswith(f"Example: {EXAMPLES[name]}")


URL = "https://www.amazon.com.au/s?rh=n%3A4851693051"
Prepare = Callable[[BackgroundSandbox, Commands], object]


@attrs.frozen
class Scene:
    """What an example finds: collections with a run each, and what *prepare* has done; *serves*: it goes on until ^C."""

    collections: int = 3
    items: int = 10
    prepare: Prepare | None = None
    stdin: str = ""
    serves: bool = False


def a_newer_run(served: BackgroundSandbox, multicart: Commands) -> None:
    """Collection 101 has another run, the next one of the account."""
    served.do(lambda sandbox: sandbox.start_run(101))


def a_category(served: BackgroundSandbox, multicart: Commands) -> None:
    """Collection 101 is a category."""
    multicart("category", "submit", URL, "--domain", "amazon.com.au", "--postcode", "4500")


def officeworks(served: BackgroundSandbox, multicart: Commands) -> None:
    """Collection 101 is one of Officeworks."""
    settings = ("--request-type", "officeworks.com.au", "--notification-email", "ops@example.com")
    multicart("collections", "create", "Paper", *settings)
    served.do(lambda sandbox: sandbox.add_zipcode("0800", domain="officeworks.com.au"))


def listed_asins(served: BackgroundSandbox, multicart: Commands) -> None:
    """ASINs have ids, from 5 on: the sandbox makes them when they are listed."""
    multicart("asins", "list", 101)


def a_csv(served: BackgroundSandbox, multicart: Commands) -> None:
    """The file asins.csv."""
    Path("asins.csv").write_text("asin,domain,customer_postcode\nB0DJQQ38TG,amazon.com.au,4500\n")


def a_mirror(served: BackgroundSandbox, multicart: Commands) -> None:
    """The folder mirror."""

    async def sync() -> None:
        async with AsyncMultiCart() as client:
            await client.sync("mirror")

    asyncio.run(sync())


def two_runs(served: BackgroundSandbox, multicart: Commands) -> None:
    """The folder mirror, with two runs of collection 101."""
    for run_id, price in ((88, "$5"), (89, "$6")):
        write_run(Path("mirror"), 101, run_id, [[{"asin": "B0DJQQ38TG", "price": price}]])


SCENES = {
    "login": Scene(stdin=Sandbox.api_key),
    "collections import": Scene(prepare=a_csv),
    "asins remove": Scene(items=5000, prepare=listed_asins),
    "skus add": Scene(collections=0, prepare=officeworks),
    "runs wait": Scene(prepare=a_newer_run),
    "runs download": Scene(collections=1, prepare=a_newer_run),
    "runs follow": Scene(serves=True),
    "category wait": Scene(collections=0, prepare=a_category),
    "category cancel": Scene(collections=0, prepare=a_category),
    "category download": Scene(collections=0, prepare=a_category),
    "verify": Scene(prepare=a_mirror),
    "changes": Scene(prepare=two_runs),
    "export": Scene(prepare=two_runs),
    "report": Scene(prepare=a_mirror),
    "sandbox": Scene(serves=True),
}
ENVIRONMENT = {
    "MULTICART_YES": "1",  # questions have tests of their own
    "MULTICART_LOGIN_STDIN": "1",  # instead of a prompt
    **{f"MULTICART_{name}_POLL_INTERVAL": "0.01" for name in ("RUNS_WAIT", "RUNS_RUN", "RUNS_FOLLOW", "CATEGORY_RUN")},
}


def call_line(multicart: Commands, line: str, stdin: str) -> list[Result]:
    """Call the commands of a shell's line; ``|`` and ``>`` do what they do in a shell."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    results: list[Result] = []
    for is_operator, group in groupby(lexer, lambda word: word in {"|", ">", ">>"}):
        words = list(group)
        if is_operator:
            continue
        if words[0] == "multicart":
            results.append(multicart(*words[1:], stdin=stdin))
            stdin = results[-1].out
        else:
            Path(words[0]).expanduser().write_text(stdin)
    return results


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_works(name: str, plain: Commands, tmp_path: Path, monkeypatch, capsys) -> None:
    """Each command of its line ends with 0, on a sandbox and in a folder of its own; what serves until ^C with 0 or 130."""
    scene, line = SCENES.get(name, Scene()), EXAMPLES[name]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", os.fspath(tmp_path))
    for variable, value in ENVIRONMENT.items():
        monkeypatch.setenv(variable, value)
    with background_sandbox(instant=True) as served:
        served.do(lambda sandbox: sandbox.add_collections(scene.collections, items=scene.items))
        multicart = plain.at(served)
        if scene.prepare is not None:
            scene.prepare(served, multicart)
        if scene.serves:
            line += " --port 0" if name == "sandbox" else ""
            interrupt_when(lambda: bool(served.sandbox.counts) or "Ctrl-C" in capsys.readouterr().out)
        results = call_line(multicart, line, scene.stdin)

    allowed = {0, 130} if scene.serves else {0}
    assert [result for result in results if result.status not in allowed] == []
    assert len(results) == line.count("multicart ")


def test_a_scene_belongs_to_an_example() -> None:
    """None is left behind when a command goes."""
    assert set(SCENES) <= set(EXAMPLES)
