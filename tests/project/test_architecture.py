"""`docs/architecture.md` names parts of the package that exist."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

import multicart_async

PACKAGE = Path(multicart_async.__file__).parent
PAGE = Path(__file__).parents[2] / "docs" / "architecture.md"
NAMED = re.compile(r"`([A-Z]\w*(?:\.\w+)?|[a-z]\w*_\w+)`")  # a class, a method with its class, or a function
NOT_OURS = frozenset({"None", "schedule_id", "zipcode_id", "on_event"})


@cache
def defined() -> set[str]:
    """Modules, classes, functions and methods of the package, methods with their class."""
    names = {"multicart_async"}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        names |= {*parts, ".".join(parts)}
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                names.add(node.name)
            if isinstance(node, ast.ClassDef):
                names |= {f"{node.name}.{member}" for member in members(node)}
    return names


def members(node: ast.ClassDef) -> set[str]:
    """Methods and annotated attributes of a class."""
    methods = {item.name for item in node.body if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef)}
    attributes = {item.target for item in node.body if isinstance(item, ast.AnnAssign)}
    return methods | {target.id for target in attributes if isinstance(target, ast.Name)}


def named() -> list[str]:
    """What the page writes as code and could be a name of ours."""
    found = dict.fromkeys(NAMED.findall(PAGE.read_text("utf-8")))
    return [name for name in found if name not in NOT_OURS]


def test_the_page_names_parts() -> None:
    """An empty list would make the test below say nothing."""
    assert len(named()) > 30


@pytest.mark.parametrize("name", named())
def test_a_named_part_exists(name: str) -> None:
    """A module, class, function or method that the page names is in the package."""
    assert name in defined()
