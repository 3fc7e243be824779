"""Docstrings refer to the service's documentation by full addresses, which stand where they belong."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.group_classes import group_classes

PACKAGE = Path(__file__).parents[2] / "multicart_async"
SITE = "https://multicartapi.com/"
PAGE = rf"{re.escape(SITE)}(?:api-docs|docs)/[a-z/-]+"
REFERENCE = re.compile(rf"Service documentation: {PAGE}(?:, {PAGE})*\Z")
RELATIVE = re.compile(r"(?<![\w/.-])(?:api-docs|docs)/(?!\w[\w-]*\.md\b)")  # the repository's own documents end in .md
RESOURCES = [*group_classes().values()]
METHODS = [
    method
    for cls in RESOURCES
    for name, method in inspect.getmembers(cls, inspect.isfunction)
    if not name.startswith("_") and method.__module__ == cls.__module__
]
FOLDERS = ("models", "resources", "_core")
SOURCES = [*PACKAGE.glob("*.py"), *(path for folder in FOLDERS for path in (PACKAGE / folder).rglob("*.py"))]


def docstrings(path: Path) -> Iterator[str]:
    """Every docstring of a module: its own, those of classes and functions, and those below attributes."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield inspect.cleandoc(node.value.value)


def test_every_group_of_the_client_is_examined() -> None:
    """The tests below cover all eleven groups of the client."""
    assert len(RESOURCES) == 11
    assert len(METHODS) > 60


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.__qualname__)
def test_a_method_ends_with_the_address_of_its_page(method: Callable[..., Any]) -> None:
    """The last line of each public method of a group is the full address of the page that documents its call."""
    last = (inspect.getdoc(method) or "").splitlines()[-1]
    assert REFERENCE.match(last), last


def test_no_docstring_names_a_page_by_a_relative_path() -> None:
    """A page of the service's documentation is named by its full address everywhere."""
    assert [text for path in SOURCES for text in docstrings(path) if RELATIVE.search(text)] == []


@pytest.mark.parametrize("path", ["api-docs/plans", "docs/authentication", "See docs/guides/usage."])
def test_a_relative_path_would_be_found(path: str) -> None:
    """The pattern finds relative paths, and neither full addresses nor the repository's own documents."""
    assert RELATIVE.search(path)
    assert not RELATIVE.search(f"Service documentation: {SITE}{path.removeprefix('See ')}")
    assert not RELATIVE.search("See docs/client.md.")
