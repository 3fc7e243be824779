"""Rows within rows: whatever is in them, and however deep, an answer is decoded in one pass or refused."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from test_codec import wrong

from multicart_async._codec import decode
from multicart_async.errors import InvalidResponseError
from multicart_async.models import CatalogueTree


def tree(depth: int, leaf: dict[str, Any]) -> dict[str, Any]:
    """A category with *depth* categories above it, one in the other."""
    row = leaf
    for _ in range(depth):
        row = {"name": "Desks", "seoPath": "furniture/desks", "children": [row]}
    return row


@pytest.mark.parametrize("leaf", [{"name": 7, "seoPath": "x"}, {"name": "x"}, "x"], ids=repr)
def test_a_fault_deep_in_a_tree_is_found_in_one_pass(leaf: Any) -> None:
    """Each level is looked at a fixed number of times: two for each would be 2 ** 60, and no call would ever end."""
    error = wrong({"total": 1, "categories": [tree(60, leaf)]}, CatalogueTree)

    assert "data.categories[0]" + 60 * ".children[0]" in str(error)


def test_a_tree_that_python_cannot_hold_is_an_error_of_ours() -> None:
    """However deep it is."""
    for depth in (150, 300, 600, 3_000):
        with suppress(InvalidResponseError):
            decode({"total": 1, "categories": [tree(depth, {"name": "x", "seoPath": "x"})]}, CatalogueTree, "/p/")
        wrong({"total": 1, "categories": [tree(depth, {"name": 7, "seoPath": "x"})]}, CatalogueTree)
