"""`.ci/house.py` reports each violation of the house rules in a small project, and nothing in a good one."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest
from support.documents import ROOT

import multicart_async

HOUSE = ROOT / ".ci/house.py"
PATH = "/schedules/get_schedules/"
GOOD = {
    "Makefile": "test:\n",
    "README.md": "# A project\n",
    "pyproject.toml": "[project]\n",
    ".ci/run": "#!/bin/sh\n",
    "docs/architecture.md": "# Architecture\n",
    "tests/test_client.py": '"""Tests."""\n',
    "tests/data/endpoints.json": json.dumps([{"path": PATH}]),
    "multicart_async/__init__.py": '"""A package."""\n',
    "multicart_async/client.py": '"""A client."""\n\n\ndef call():\n    """Call."""\n\n\nclass Client:\n    """A client."""\n',
    "multicart_async/resources/collections.py": f'"""A group."""\n\nLIST = "{PATH}"\n',
    "multicart_async/sandbox/server.py": '"""A sandbox."""\n\nimport asyncio\n\nasyncio.create_task(None)\n',
    "multicart_async/_core/tasks.py": '"""Tasks."""\n\n\ndef spawn():\n    return 1\n',
}
OVERLOAD = '''

@overload
def call(value: int) -> int:
    """Call."""


def call(value):
    """Call."""
'''
OUTSIDE = (Path("..") / "shared").as_posix()  # not as one string, because this file is checked, too
CLIENT, PRIVATE = "multicart_async/client.py", "multicart_async/_core/tasks.py"


def body(lines: int) -> str:
    """Return the source of a function with so many lines of code."""
    return "\n\ndef long():\n" + "    x = 1\n" * lines


# what is appended to which file of the good project, and what is reported there
BAD = {
    "a long file": (PRIVATE, "#\n" * 395, "400 lines; one subject per file, fewer than 400"),
    "a vague name": ("multicart_async/_core/_utils.py", "", "a name that says nothing"),
    "a marker": (PRIVATE, "# TODO: later\n", "line 6: unfinished: # TODO: later"),
    "a bare except": (PRIVATE, "\n\ntry:\n    x = 1\nexcept:\n    x = 2\n", "line 10: bare except"),
    "a long function": (PRIVATE, body(46), "line 8: long has 46 lines of code"),
    "keyword arguments": (PRIVATE, "\n\ndef call(**options):\n    return 1\n", "line 8: call takes **options"),
    "no docstring of a function": (CLIENT, "\n\ndef bare():\n    return 1\n", "line 12: bare has no docstring"),
    "no docstring of a class": (CLIENT, "\n\nclass Bare:\n    x = 1\n", "line 12: Bare has no docstring"),
    "no docstring of a method": (CLIENT, "\n    def bare(self):\n        return 1\n", "line 11: bare has no docstring"),
    "a docstring of an overload": (CLIENT, OVERLOAD, "line 13: call is an overload with docstring"),
    "a loose task": (PRIVATE, "asyncio.create_task(x)\n", "line 6: unstructured concurrency: asyncio.create_task(x)"),
    "a gathering": (PRIVATE, "asyncio.gather(x)\n", "line 6: unstructured concurrency: asyncio.gather(x)"),
    "a private module at the root": ("multicart_async/_tasks.py", "", "a private module at the root of the package"),
    "an undocumented path": (
        "multicart_async/resources/collections.py",
        'GET = "/schedules/get"\n',
        "/schedules/get is not a documented path (trailing slash?)",
    ),
    "a path that stands twice": (
        "multicart_async/resources/runs.py",
        f'LIST = "{PATH}"\n',
        f"{PATH} stands in collections.py too",
    ),
    "a word of dialect in a source": (PRIVATE, "# Whoever calls\n", "line 6: plain English: # Whoever calls"),
    "a word of dialect in a document": ("README.md", "For somebody.\n", "line 2: plain English: For somebody."),
    "a file outside the repository": (
        "tests/test_client.py",
        f"open({OUTSIDE!r})\n",
        f"line 2: outside the repository: open({OUTSIDE!r})",
    ),
    "a path of one machine": (".ci/run", "cd /home/me\n", "line 2: a path of one machine: cd /home/me"),
}


@pytest.fixture
def house() -> Any:
    """The script as a module."""
    spec = spec_from_file_location("house", HOUSE)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A small project that keeps to all rules."""
    for name, text in GOOD.items():
        add(tmp_path / name, text)
    return tmp_path


def add(path: Path, text: str) -> None:
    """Append to a file, which is created if it is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(text)


def findings(house: Any, project: Path) -> list[tuple[str, str]]:
    """Return what the script reports."""
    found = house.check(project, project / "multicart_async")
    return [(path.relative_to(project).as_posix(), what) for path, what in found]


def test_a_good_project_has_no_findings(house: Any, project: Path) -> None:
    """A project that keeps to the rules gives no finding; the sandbox may have tasks, private modules no docstrings."""
    assert findings(house, project) == []


@pytest.mark.parametrize(("name", "text", "finding"), BAD.values(), ids=BAD)
def test_a_violation_is_reported(house: Any, project: Path, name: str, text: str, finding: str) -> None:
    """Each kind of violation is reported once, with its file, and its line where there is one."""
    add(project / name, text)

    assert findings(house, project) == [(name, finding)]


@pytest.mark.parametrize(
    ("name", "text"),
    [(PRIVATE, "#\n" * 394), (PRIVATE, body(45)), (PRIVATE, "\n\ndef _call(**options):\n    return 1\n")],
    ids=["lines of a file", "lines of a function", "keyword arguments of a private function"],
)
def test_what_is_within_the_rules_is_not_reported(house: Any, project: Path, name: str, text: str) -> None:
    """A file of 399 lines, a function of 45 and keyword arguments of a private function are allowed."""
    add(project / name, text)

    assert findings(house, project) == []


def test_too_many_entries_at_the_root_are_reported(house: Any, project: Path) -> None:
    """A package with more than 18 files and folders at its root is reported as a whole."""
    for number in range(14):
        add(project / f"multicart_async/module{number}.py", '"""A module."""\n')

    assert findings(house, project) == [
        ("multicart_async", "19 entries, at most 18: modules belong into folders"),
    ]


@pytest.mark.parametrize("name", [None, "_tasks.py"], ids=["good", "bad"])
def test_the_exit_status_says_if_there_are_findings(project: Path, name: str | None) -> None:
    """The command prints a line for each finding and ends with status 1, or prints nothing and ends with 0."""
    if name:
        add(project / "multicart_async" / name, "")
    ended = subprocess.run([sys.executable, HOUSE, project], capture_output=True, text=True, check=False)

    line = "multicart_async/_tasks.py: a private module at the root of the package\n"
    assert (ended.returncode, ended.stdout) == ((1, line) if name else (0, ""))


def test_the_package_is_typed() -> None:
    """``py.typed`` tells type checkers that the package has annotations."""
    assert (Path(multicart_async.__file__).parent / "py.typed").is_file()
