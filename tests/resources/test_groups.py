"""The groups of a client are made when they are first used, and look as if they had always been there."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest

from multicart_async import AsyncMultiCart
from multicart_async.resources._groups import GROUPS, Groups


def test_a_group_is_made_once() -> None:
    """Groups that use each other use the same one."""
    client: Any = AsyncMultiCart("key")

    assert not set(GROUPS) & set(vars(client))
    assert client.runs is client.runs
    assert client.asins._zipcodes is client.zipcodes


def test_all_groups_are_listed() -> None:
    """Those of the table are those that type checkers know, and those that an interactive interpreter offers."""
    assert {name for name in Groups.__annotations__ if not name.startswith("_")} == set(GROUPS)
    assert set(GROUPS) <= set(dir(AsyncMultiCart("key")))
    for name, kind in Groups.__annotations__.items():
        assert name.startswith("_") or kind == GROUPS[name][1]


def test_another_name_is_no_group() -> None:
    """The error is Python's own."""
    client: Any = AsyncMultiCart("key")

    with pytest.raises(AttributeError, match="'AsyncMultiCart' object has no attribute 'run'"):
        client.run()


def test_a_client_is_freed_at_once() -> None:
    """Nothing that it has made refers to it: the warning of an open session comes where the client is dropped."""
    client = AsyncMultiCart("key")
    _ = client.runs, client.categories, client.billing, client._context.downloads
    dropped = weakref.ref(client)
    gc.disable()
    try:
        del client, _
        assert dropped() is None
    finally:
        gc.enable()
