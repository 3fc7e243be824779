"""House rules that no tool knows: short files, short functions, no tunnels."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import multicart_async

PACKAGE = Path(multicart_async.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
Function = ast.FunctionDef | ast.AsyncFunctionDef

every_file = pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PACKAGE).as_posix())


def functions(path: Path) -> list[Function]:
    """All functions of a file, inner ones too."""
    return [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, Function)]


def length(function: Function) -> int:
    """Lines of code: without its docstring, and without parameters, which have a line each."""
    code = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return code[-1].end_lineno - code[0].lineno + 1 if code else 0


def test_the_walk_finds_the_files() -> None:
    """An empty list would make the tests below say nothing."""
    assert len(FILES) > 50


@every_file
def test_a_file_has_one_subject_and_fewer_than_400_lines(path: Path) -> None:
    """What is longer has two."""
    assert len(path.read_text("utf-8").splitlines()) < 400


@every_file
def test_a_function_fits_on_a_screen(path: Path) -> None:
    """No more than 45 lines of code."""
    assert {node.name: length(node) for node in functions(path) if length(node) > 45} == {}


@every_file
def test_a_public_function_has_no_tunnel(path: Path) -> None:
    """``**kwargs`` drops unknown names silently, and tells no editor what there is."""
    assert [node.name for node in functions(path) if node.args.kwarg and not node.name.startswith("_")] == []


@every_file
def test_a_module_has_a_telling_name(path: Path) -> None:
    """These say nothing, and collect everything."""
    assert path.stem.strip("_") not in {"utils", "util", "helpers", "helper", "common", "misc", "const", "base_utils"}


def test_the_package_is_typed() -> None:
    """``py.typed`` tells type checkers that its annotations count."""
    assert (PACKAGE / "py.typed").is_file()
