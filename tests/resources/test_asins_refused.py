"""``client.asins`` and ``client.outputs``: what is refused before anything is sent."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from support.fakes import FakeTransport
from support.groups import Groups, groups_over

from multicart_async import UNSET
from multicart_async.errors import ArgumentError

Call = Callable[[Groups], Awaitable[Any]]

BAD_IDS: list[Any] = [True, 0, -1, 1.0, "101", None, UNSET]
BAD_ITEMS: list[Any] = ["", "  ", "B1,B2", "B1 B2", "B1\tB2", None, 5, b"B1", "B\udc00"]
BAD_TEXTS: list[Any] = ["", " ", None, 4500]
BAD_FLAGS: list[Any] = [0, 1, "true", None]
BAD_COUNTS: list[Any] = [-1, True, 1.0, "1", None, UNSET]


def create(**changed: Any) -> Call:
    """A call of create with something wrong."""
    arguments = {"collection_id": 101, "asin": "B1", "domain_id": 1, "zipcode_id": 15, **changed}
    return lambda groups: groups.asins.create(arguments.pop("collection_id"), arguments.pop("asin"), **arguments)


def many(**changed: Any) -> Call:
    """A call of create_many with something wrong."""
    arguments = {"collection_id": 101, "asins": ["B1"], "domain": "amazon.com.au", "postcode": "4500", **changed}
    return lambda groups: groups.asins.create_many(arguments.pop("collection_id"), arguments.pop("asins"), **arguments)


def update(**changed: Any) -> Call:
    """A call of update with something wrong."""
    return lambda groups: groups.asins.update(changed.pop("asin_id", 5), **changed)


async def everything(rows: Any) -> None:
    """Reads a generator to its end."""
    async for _ in rows:
        pass


def each(argument: str, values: list[Any], call: Callable[..., Call]) -> list[tuple[str, Call]]:
    """One refusal for each wrong value of an argument."""
    return [(argument, call(**{argument: value})) for value in values]


REFUSED: list[tuple[str, Call]] = [
    *each("collection_id", BAD_IDS, create),
    *each("domain_id", [*BAD_IDS, "amazon.com.au"], create),
    *each("zipcode_id", [*BAD_IDS, "4500"], create),
    *each("asin", BAD_ITEMS, create),
    *each("custom_id", BAD_TEXTS, create),
    *each("include_raw_html", BAD_FLAGS, create),
    *each("output", ["json", "XML", None, True], create),
    *each("collection_id", BAD_IDS, many),
    *each("domain", [*BAD_TEXTS, 1], many),
    *each("postcode", BAD_TEXTS, many),
    *each("include_raw_html", BAD_FLAGS, many),
    *[("asins", many(asins=["B0", item])) for item in BAD_ITEMS],
    *[("asins", many(asins=asins)) for asins in ([], iter(()), "B1,B2", b"B1", None, 5)],
    ("asins", many(asins=[f"B{number}" for number in range(5_001)])),
    *each("asin_id", BAD_IDS, update),
    *each("asin", [item for item in BAD_ITEMS if item is not UNSET], update),
    *each("include_raw_html", BAD_FLAGS, update),
    *each("output", ["json", None], update),
    *each("custom_id", BAD_TEXTS, update),
    *[("asin_id", lambda groups, bad=bad: groups.asins.get(bad)) for bad in BAD_IDS],
    *[("asin_id", lambda groups, bad=bad: groups.asins.delete(bad)) for bad in BAD_IDS],
    *[("output_id", lambda groups, bad=bad: groups.outputs.get(bad)) for bad in BAD_IDS],
    *[("collection_id", lambda groups, bad=bad: groups.asins.count(bad)) for bad in BAD_IDS],
    *[("collection_id", lambda groups, bad=bad: groups.asins.import_csv(bad, b"")) for bad in BAD_IDS],
    *[("collection_id", lambda groups, bad=bad: groups.asins.wait_ingested(bad, 1)) for bad in BAD_IDS],
    *[("count", lambda groups, bad=bad: groups.asins.wait_ingested(101, bad)) for bad in [*BAD_COUNTS, 5_001]],
    *[("collection_id", lambda groups, bad=bad: groups.asins.list(bad)) for bad in BAD_IDS],
    *[("skip", lambda groups, bad=bad: groups.asins.list(101, skip=bad)) for bad in BAD_COUNTS],
    *[("limit", lambda groups, bad=bad: groups.asins.list(101, limit=bad)) for bad in [*BAD_COUNTS, 0]],
    *[("collection_id", lambda groups, bad=bad: groups.outputs.list(bad)) for bad in BAD_IDS],
    *[("skip", lambda groups, bad=bad: groups.outputs.list(101, skip=bad)) for bad in BAD_COUNTS],
    *[("limit", lambda groups, bad=bad: groups.outputs.list(101, limit=bad)) for bad in [*BAD_COUNTS, 0]],
    *[("collection_id", lambda groups, bad=bad: everything(groups.asins.iterate(bad))) for bad in BAD_IDS],
    *[("collection_id", lambda groups, bad=bad: everything(groups.outputs.iterate(bad))) for bad in BAD_IDS],
]


@pytest.mark.parametrize(("argument", "call"), REFUSED)
async def test_a_wrong_argument_is_rejected_before_any_request(argument: str, call: Call) -> None:
    """Traps 8 and 12: names in place of ids, commas and too many items are errors that name the argument, before any request."""
    groups = groups_over(FakeTransport())
    with pytest.raises(ArgumentError, match=f"^{argument}: ") as caught:
        await call(groups)

    assert argument == caught.value.argument
    assert groups.transport.sent == []


async def test_five_thousand_items_are_not_too_many_to_wait_for() -> None:
    """The most that a collection holds is the most that can come; the refusal tells the limit."""
    groups = groups_over(FakeTransport())

    with pytest.raises(ArgumentError, match=r"5000.*got 5001"):
        await groups.asins.wait_ingested(101, 5_001)
