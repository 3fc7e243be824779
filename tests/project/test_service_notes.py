"""The table of the service's traps is whole, and each row is held by tests that exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
ROWS = re.findall(
    r"^\| (\d+) \|(.*)\|(.*)\|(.*)\|$", (TESTS.parent / "docs/service-notes.md").read_text("utf-8"), re.MULTILINE
)


def test_every_trap_is_in_the_table() -> None:
    """All 43, in their order."""
    assert [int(number) for number, *_ in ROWS] == [*range(1, 44)]


@pytest.mark.parametrize(("number", "service", "library", "held"), ROWS, ids=[number for number, *_ in ROWS])
def test_a_row_is_held_by_tests(number: str, service: str, library: str, held: str) -> None:
    """It says what the service does and what the library does, and names tests that are there."""
    assert service.strip()
    assert library.strip()
    named = re.findall(r"`([\w/]+\.py)::(\w+)`", held)
    assert named
    assert held.count("`") == 2 * len(named)
    for file, test in named:
        tree = ast.parse((TESTS / file).read_text("utf-8"))
        functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
        assert test in {node.name for node in functions if node.name.startswith("test_")}
