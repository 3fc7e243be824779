"""Large answers: the same values and errors as small ones, and others have their turn meanwhile."""

from __future__ import annotations

import json

import anyio.lowlevel
import pytest
from support.fakes import FakeTransport, ok

from multicart_async._core.redaction import MASK, Redacted
from multicart_async._core.redactor import Redactor
from multicart_async._http import Response
from multicart_async._http.caller import ApiCaller
from multicart_async._http.codec import decode_incrementally
from multicart_async._http.endpoint import Endpoint
from multicart_async._http.retries import Retrier
from multicart_async.config import Limits, RetryPolicy
from multicart_async.errors import APIError, InvalidResponseError, ResponseTooLargeError
from multicart_async.models import AddResult, Collection, Run
from multicart_async.resources._items.batches import send_batches

KEY = "c4n4ry.0123456789"
LIST = Endpoint("/p/", tuple[Collection, ...], safety="safe")
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
        rows = await ApiCaller(FakeTransport(ok(ROWS))).call(LIST)
        group.cancel_scope.cancel()

    assert [row["id"] for row in ROWS] == [row.id for row in rows]
    assert rows[-1].extra == {"colour": 4_999}
    assert turns > 20


async def test_a_wrong_row_far_behind_is_named_by_its_number() -> None:
    """Its number in the whole answer."""
    rows = [*ROWS[:4_000], {"id": "4000", "name": "x"}, *ROWS[4_001:]]

    with pytest.raises(InvalidResponseError, match=r"data\[4000\]\.id"):
        await ApiCaller(FakeTransport(ok(rows))).call(LIST)


@pytest.mark.parametrize("data", [{"a": "x" * 300_000}, "x" * 300_000, [["x" * 300_000]]])
async def test_a_large_answer_of_another_shape_is_refused(data) -> None:
    """Where rows were expected."""
    with pytest.raises(InvalidResponseError, match="not the documented shape"):
        await ApiCaller(FakeTransport(ok(data))).call(LIST)


async def test_a_large_answer_may_be_no_list() -> None:
    """One row with much in it."""
    row = {"id": 1, "collection": 2, "is_download_generated": False, "more": ["x"] * 100_000}

    run = await ApiCaller(FakeTransport(ok(row))).call(Endpoint("/p/", Run, safety="safe"))

    assert run.extra == {"more": ["x"] * 100_000}


@pytest.mark.parametrize(
    "payload", [b"\xff" * 300_000, b"[" * 300_000, b"<html>" * 60_000, b'{"code": ' + b" " * 300_000]
)
async def test_a_large_answer_that_is_no_json_is_refused(payload) -> None:
    """With its beginning in the error, as always."""
    with pytest.raises(InvalidResponseError, match="expected an envelope"):
        await ApiCaller(FakeTransport(Response(200, payload))).call(LIST)


async def test_a_large_refusal_is_one() -> None:
    """``status`` decides, whatever the size."""
    payload = json.dumps({"code": 404, "data": "x" * 300_000, "status": 0}).encode()

    with pytest.raises(APIError):
        await ApiCaller(FakeTransport(Response(200, payload))).call(LIST)


@pytest.mark.parametrize("data", ["[" + "{}," * 200_000 + "{}]", "[" + ("[" * 900 + "]" * 900 + ",") * 400 + "1]"])
async def test_an_answer_that_takes_very_much_memory_is_refused(data) -> None:
    """Before it is read: objects without anything in them take forty times what they have as JSON."""
    payload = f'{{"code":200,"status":1,"data":{data}}}'.encode()
    caller = ApiCaller(FakeTransport(Response(200, payload)), limits=Limits(response_bytes=1 << 20))

    with pytest.raises(
        ResponseTooLargeError, match=r"at most 8,388,608 bytes of memory .* raise Limits.response_bytes"
    ):
        await caller.call(LIST)


async def test_a_large_row_of_short_fields_is_no_large_value() -> None:
    """Rows as the service sends them fit, if the answer does."""
    rows = [{"id": number, "collection": 1, "is_download_generated": False, "name": None} for number in range(9_000)]
    payload = json.dumps({"code": 200, "status": 1, "data": rows}, separators=(",", ":")).encode()
    caller = ApiCaller(FakeTransport(Response(200, payload)), limits=Limits(response_bytes=len(payload)))

    assert len(await caller.call(Endpoint("/p/", tuple[Run, ...], safety="safe"))) == 9_000


def test_rows_that_were_read_are_freed_step_by_step() -> None:
    """All at once, half a million would hold the loop for a third of a second."""
    rows = [{"id": number, "name": "n"} for number in range(1_000)]
    steps = decode_incrementally(rows, tuple[Collection, ...], "/p/")

    next(steps)

    assert rows[:250] == [None] * 250
    assert rows[250] == {"id": 250, "name": "n"}


async def test_all_of_many_rejected_items_are_named() -> None:
    """Each is looked through for secrets by itself, and others have their turn in between."""
    rows = [{"asin": f"B{number:09d}", "error": f"a+b {KEY}", "domain": "amazon.com.au"} for number in range(5_000)]
    answer = ok({"success_count": 0, "error_rows": rows})
    call = ApiCaller(FakeTransport(answer), redactor=Redactor([Redacted(KEY)]))

    added = await send_batches(call, Endpoint("/p/", AddResult, safety="unsafe"), [{}])

    assert [row.item for row in added.error_rows] == [row["asin"] for row in rows]
    assert {row.error for row in added.error_rows} == {f"a+b {MASK}"}


@pytest.mark.parametrize(("status", "http_status"), [(0, 200), (1, 500)])
async def test_a_large_refusal_has_its_rows_as_received(status: int, http_status: int) -> None:
    """They are no models, although rows are converted while the response is read."""
    payload = json.dumps({"code": 404, "data": ROWS, "status": status}).encode()

    with pytest.raises(APIError) as caught:
        await ApiCaller(FakeTransport(Response(http_status, payload)), retrier=Retrier(RetryPolicy(attempts=1))).call(
            LIST
        )

    assert "Collection(" not in str(caught.value)
    assert '{"id": 0, "name": ' in str(caught.value.detail)


async def test_unusual_rows_are_read_in_steps_too() -> None:
    """A long list has some of them anywhere."""
    rows: list[dict[str, object]] = [dict(row) for row in ROWS]
    for number in range(0, len(rows), 700):
        rows[number] |= {"created_at": "yesterday"}
    read = await ApiCaller(FakeTransport(ok(rows))).call(LIST)

    assert [row.extra.get("created_at") for row in read[:1_401:700]] == ["yesterday"] * 3
    assert [row.id for row in read] == [row["id"] for row in ROWS]
