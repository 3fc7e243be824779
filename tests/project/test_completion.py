"""What editors and ``help()`` show: completion and hover by jedi, which IPython and Jupyter ask."""

from __future__ import annotations

import ast
import inspect
import pydoc
from itertools import pairwise
from pathlib import Path
from typing import Any

import jedi
import pytest
from support.group_classes import group_classes

from multicart_async import AsyncMultiCart
from multicart_async.resources._groups import Groups
from multicart_async.resources.runs.runs import Runs

ROOT = Path(__file__).resolve().parents[2]
GROUPS = {
    "account": "Account",
    "asins": "Asins",
    "billing": "Billing",
    "catalogue": "Catalogue",
    "categories": "Categories",
    "collections": "Collections",
    "outputs": "Outputs",
    "runs": "Runs",
    "settings": "ServiceSettings",
    "skus": "Skus",
    "zipcodes": "Zipcodes",
}
BEGIN = "from multicart_async import AsyncMultiCart\nasync def main():\n    async with AsyncMultiCart() as client:\n        "


def script(line: str) -> tuple[jedi.Script, int, int]:
    """A program that ends with *line*, and the place of its end."""
    code = BEGIN + line
    place = jedi.Script(code, path=str(ROOT / "program.py"), project=jedi.Project(str(ROOT)))
    return place, code.count("\n") + 1, len(line) + 8


def completed(line: str) -> dict[str, Any]:
    """The public names that follow *line*."""
    program, row, column = script(line)
    return {found.name: found for found in program.complete(row, column) if not found.name.startswith("_")}


def attribute_lines() -> dict[str, str]:
    """The docstring below each annotation of the client."""
    (body,) = [part.body for part in ast.parse(inspect.getsource(Groups)).body if isinstance(part, ast.ClassDef)]
    return {
        first.target.id: str(ast.literal_eval(second.value))
        for first, second in pairwise(body)
        if isinstance(first, ast.AnnAssign) and isinstance(first.target, ast.Name) and isinstance(second, ast.Expr)
    }


def test_the_groups_complete_with_their_types() -> None:
    """All eleven, from the name that the top of the package exports."""
    found = completed("client.")

    types = {name: [kind.name for kind in found[name].infer()] for name in GROUPS}
    assert types == {name: [kind] for name, kind in GROUPS.items()}


@pytest.mark.parametrize("name", GROUPS)
def test_the_methods_of_a_group_complete(name: str) -> None:
    """Each group leads to its own methods."""
    kind = group_classes()[name]
    methods = {method for method in vars(kind) if not method.startswith("_")}

    assert methods == {*completed(f"client.{name}.")}


@pytest.mark.parametrize("method", ["run_many", "records", "start_and_wait", "wait_many"])
def test_hover_shows_the_whole_docstring(method: str) -> None:
    """Overloads have none of their own, so that of the implementation is shown."""
    program, row, column = script(f"client.runs.{method}")
    (shown,) = program.help(row, column)

    assert inspect.getdoc(getattr(Runs, method)) in shown.docstring()
    assert f"{method}(" in shown.docstring()


def test_help_lists_the_groups() -> None:
    """One line for each, the same below the attribute itself."""
    lines = attribute_lines()
    page = pydoc.plain(pydoc.render_doc(AsyncMultiCart))

    assert [*lines] == [*GROUPS]
    for name, line in lines.items():
        assert f"{name}: {line}" in page
