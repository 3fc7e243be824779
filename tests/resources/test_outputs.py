"""``client.outputs``: records as the service keeps them."""

from __future__ import annotations

from typing import Any

import pytest
from support.fakes import FakeTransport, ok, refused
from support.groups import groups_over
from support.wire_rows import ByPath, lost, pages_of

from multicart_async.errors import InvalidResponseError, NotFoundError

LIST = "/schedules/amazon/asin/output/list/"
GET = "/schedules/amazon/asin/output/"


def row(number: int, **fields: object) -> dict[str, Any]:
    """A row of the list."""
    return {"id": number, "user": 42, "collection": 101, "output_json_count": 3, **fields}


async def test_list_sends_a_page_with_its_bounds() -> None:
    """Both are always sent: the service's defaults are not documented for all lists."""
    groups = groups_over(FakeTransport(ok([row(88)]), ok([])))
    (found,) = await groups.outputs.list(101)
    assert await groups.outputs.list(101, skip=7, limit=1) == ()

    assert (found.id, found.user, found.output_json_count, found.output_json) == (88, 42, 3, None)
    wanted = [{"collection_id": 101, "skip": 0, "limit": 100}, {"collection_id": 101, "skip": 7, "limit": 1}]
    assert [(LIST, fields) for fields in wanted] == groups.transport.sent


async def test_iterate_gives_every_row_until_an_empty_page() -> None:
    """Behind a full page the next one begins with its last row; where that is all, an empty one shows the end."""
    groups = groups_over(ByPath({LIST: pages_of([row(number) for number in range(1, 101)])}))

    assert list(range(1, 101)) == [found.id async for found in groups.outputs.iterate(101)]
    assert [fields["skip"] for _, fields in groups.transport.sent] == [0, 99, 100]


async def test_iterate_that_is_left_early_asks_for_no_more() -> None:
    """Pages are asked for when they are needed."""
    groups = groups_over(FakeTransport(ok([row(number) for number in range(1, 101)])))
    rows = groups.outputs.iterate(101)

    assert (await anext(rows)).id == 1
    await rows.aclose()
    assert len(groups.transport.sent) == 1


@pytest.mark.parametrize("content", [{"asin": "B1"}, [{"asin": "B1"}, {"asin": "B2"}], None, []])
async def test_get_gives_the_record_as_it_is(content: Any) -> None:
    """An object or an array of them: the example is one object although its count is 3."""
    groups = groups_over(FakeTransport(ok(row(88, output_json=content))))

    assert content == (await groups.outputs.get(88)).output_json
    assert groups.transport.sent == [(GET, {"asin_id": 88})]


async def test_get_refuses_another_record_than_was_asked_for() -> None:
    """An ASIN's id may be answered with a "wrong record": better an error than somebody else's data."""
    groups = groups_over(FakeTransport(*[ok(row(91, output_json={}))] * 2))

    with pytest.raises(InvalidResponseError, match="expected id 88, got 91"):
        await groups.outputs.get(88)


async def test_get_of_what_is_not_there_is_an_error() -> None:
    """A read is tried again after a lost answer, and "not found" is then still no success."""
    groups = groups_over(FakeTransport(lost(), refused(404)))

    with pytest.raises(NotFoundError):
        await groups.outputs.get(88)
    assert len(groups.transport.sent) == 2
