"""Large answers: the same values and errors as small ones, and others have their turn meanwhile."""

from __future__ import annotations

import json

import anyio.lowlevel
import pytest

from multicart_async._caller import Caller
from multicart_async._endpoint import Endpoint
from multicart_async.errors import APIError, InvalidResponseError
from multicart_async.models import Collection, Run
from multicart_async.testing import FakeTransport, ok
from multicart_async.transport import Response

LIST = Endpoint("/p/", tuple[Collection, ...], safety="read")
ROWS = [{"id": number, "name": "n" * 100, "colour": number} for number in range(5_000)]


async def test_others_have_their_turn_while_a_large_answer_is_read() -> None:
    """Rows come out as from a small answer, unknown fields too."""
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            await anyio.lowlevel.checkpoint()
            turns += 1

    async with anyio.create_task_group() as group:
        group.start_soon(others)
        rows = await Caller(FakeTransport(ok(ROWS)))(LIST)
        group.cancel_scope.cancel()

    assert [row["id"] for row in ROWS] == [row.id for row in rows]
    assert {"colour": 4_999} == rows[-1].extra
    assert turns > 20


async def test_a_wrong_row_far_behind_is_named_by_its_number() -> None:
    """Its number in the whole answer."""
    rows = [*ROWS[:4_000], {"id": "4000", "name": "x"}, *ROWS[4_001:]]

    with pytest.raises(InvalidResponseError, match=r"data\[4000\]\.id"):
        await Caller(FakeTransport(ok(rows)))(LIST)


@pytest.mark.parametrize("data", [{"a": "x" * 300_000}, "x" * 300_000, [["x" * 300_000]]])
async def test_a_large_answer_of_another_shape_is_refused(data) -> None:
    """Where rows were expected."""
    with pytest.raises(InvalidResponseError, match="not the documented shape"):
        await Caller(FakeTransport(ok(data)))(LIST)


async def test_a_large_answer_may_be_no_list() -> None:
    """One row with much in it."""
    row = {"id": 1, "collection": 2, "is_download_generated": False, "more": ["x"] * 100_000}

    run = await Caller(FakeTransport(ok(row)))(Endpoint("/p/", Run, safety="read"))

    assert {"more": ["x"] * 100_000} == run.extra


@pytest.mark.parametrize(
    "payload", [b"\xff" * 300_000, b"[" * 300_000, b"<html>" * 60_000, b'{"code": ' + b" " * 300_000]
)
async def test_a_large_answer_that_is_no_json_is_refused(payload) -> None:
    """With its beginning in the error, as always."""
    with pytest.raises(InvalidResponseError, match="no envelope"):
        await Caller(FakeTransport(Response(200, payload)))(LIST)


async def test_a_large_refusal_is_one() -> None:
    """``status`` decides, whatever the size."""
    payload = json.dumps({"code": 404, "data": "x" * 300_000, "status": 0}).encode()

    with pytest.raises(APIError):
        await Caller(FakeTransport(Response(200, payload)))(LIST)
