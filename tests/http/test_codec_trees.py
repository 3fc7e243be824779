"""Rows within rows: whatever is in them, and however deep, an answer is decoded in one pass or refused."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import attrs
import pytest
from test_codec import wrong

from multicart_async._http.codec import decode
from multicart_async.errors import InvalidResponseError
from multicart_async.models import CatalogueTree, Model
from multicart_async.models._base import Strict


def tree(depth: int, leaf: dict[str, Any]) -> dict[str, Any]:
    """A category with *depth* categories above it, one in the other."""
    row = leaf
    for _ in range(depth):
        row = {"name": "Desks", "seoPath": "furniture/desks", "children": [row]}
    return row


@attrs.frozen(kw_only=True)
class Branch(Model):
    """A row that holds rows of its own kind, with a strict field."""

    id: Strict[int]
    children: tuple[Branch, ...] | None = ()


def branch(depth: int, leaf: Any) -> Any:
    """A leaf below *depth* rows."""
    row = leaf
    for _ in range(depth):
        row = {"id": 1, "children": [row]}
    return row


@pytest.mark.parametrize("leaf", [{"id": "x"}, {}], ids=repr)
def test_a_fault_deep_in_a_tree_is_found_in_one_pass(leaf: Any) -> None:
    """Each level is looked at a fixed number of times: two for each would be 2 ** 60, and no call would ever end."""
    text = str(wrong(branch(60, leaf), Branch))

    assert " @ data" + 15 * ".children[0]" in text
    assert text.endswith(".children[0].id")


def test_the_text_of_a_fault_is_bounded() -> None:
    """However long the path to it is: it goes into logs."""
    text = str(wrong(branch(150, {"id": "x"}), Branch))

    assert len(text) == 500
    assert text.startswith("/p/: not the documented shape: expected an integer, got a string @ data.children[0]")
    assert text.endswith(".children[0].id")


@pytest.mark.parametrize("leaf", ["x", None, 7], ids=repr)
def test_what_is_no_row_deep_in_a_tree_is_set_aside_there(leaf: Any) -> None:
    """By the field that holds it, and by no other."""
    row = decode(branch(60, leaf), Branch, "/p/")
    for _ in range(59):
        assert row.children is not None
        (row,) = row.children

    assert (row.children, row.extra) == (None, {"children": [leaf]})


def test_a_tree_that_python_cannot_hold_is_an_error_of_ours() -> None:
    """However deep it is."""
    for depth in (150, 300, 600, 3_000):
        with suppress(InvalidResponseError):
            decode({"total": 1, "categories": [tree(depth, {"name": "x", "seoPath": "x"})]}, CatalogueTree, "/p/")
        wrong(branch(depth, {"id": "x"}), Branch)
