"""The requests that a sandbox records are bounded, in number and in memory."""

from __future__ import annotations

import tracemalloc
from typing import Any

import aiohttp
import pytest
from support.sandbox_api import Api
from support.thinning import thinned

from multicart_async.sandbox import RecordedRequest
from multicart_async.sandbox.recording import Recording

MIB = 2**20
GET = "/schedules/get/"


def recorded(path: str = GET, *, fields: Any = None, headers: tuple[str, ...] = ()) -> RecordedRequest:
    """A recorded request."""
    return RecordedRequest(
        method="POST", target=f"/api/v1{path}", path=path, headers=headers, has_credential=True, fields=fields
    )


def large_request(kind: str, number: int) -> RecordedRequest:
    """A new request of some 64 KiB, most of it in the part that *kind* names."""
    text = f"{number:05}" * 13_107
    if kind == "small values":
        return recorded(fields={"a": [[float(number)] for _ in range(200)]})
    return {
        "body": lambda: recorded(fields={"a": text}),
        "upload": lambda: recorded(fields={"file": text.encode()}),
        "deep": lambda: recorded(fields={"a": {"b": [text]}}),
        "names": lambda: recorded(fields={text: 1}),
        "path": lambda: recorded(text),
        "headers": lambda: recorded(headers=(text,)),
    }[kind]()


@pytest.mark.parametrize(
    "kind", thinned(["body", "upload", "deep", "names", "path", "headers", "small values"], "body", "deep", "headers")
)
def test_the_memory_of_requests_is_bounded(kind: str) -> None:
    """If any part of the requests is large, the oldest requests are dropped and the latest are kept."""
    recording = Recording()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for number in range(1000):
            recording.note(large_request(kind, number), counted_as=GET)
        taken = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()

    assert 8 * MIB < taken < 17 * MIB
    assert recording.requests[-1] == large_request(kind, 999)
    assert recording.requests[-20] == large_request(kind, 980)
    assert recording.counts == {GET: 1000}


def test_ten_thousand_small_requests_are_kept() -> None:
    """The bound of memory does not affect requests of ordinary size."""
    recording = Recording()
    for number in range(10_001):
        recording.note(recorded(fields={"schedule_id": number}, headers=("host", "x-api-key")), counted_as=GET)

    assert [recording.requests[place].fields for place in (0, -1)] == [{"schedule_id": 1}, {"schedule_id": 10_000}]
    assert len(recording.requests) == 10_000


def test_the_last_request_is_always_kept() -> None:
    """The latest request is kept even if it alone exceeds the bound."""
    recording = Recording()
    recording.note(recorded(), counted_as=GET)
    large = recorded(fields={"file": bytes(20 * MIB)})
    recording.note(large, counted_as=GET)

    assert list(recording.requests) == [large]

    recording.note(recorded(), counted_as=GET)
    recording.note(recorded(fields={"file": bytes(3 * MIB)}), counted_as=GET)

    assert len(recording.requests) == 2


def test_cleared_requests_are_not_counted() -> None:
    """A test may clear the deque itself, because the sum is computed from its content."""
    recording = Recording()
    for _ in range(10):
        for number in range(200):
            recording.note(large_request("body", number), counted_as=GET)
        recording.requests.clear()
    for number in range(200):
        recording.note(large_request("body", number), counted_as=GET)

    assert len(recording.requests) == 200


def test_clear_drops_everything() -> None:
    """A recording can be cleared of requests, counts, and ignored fields."""
    recording = Recording()
    recording.note(recorded(), GET)
    recording.note_ignored(GET, ["a"])

    recording.clear()

    assert (list(recording.requests), dict(recording.counts), recording.ignored_fields) == ([], {}, [])


def test_counts_of_unknown_paths_are_bounded() -> None:
    """Documented paths are counted one by one, other paths up to a bound, and the total is complete."""
    recording = Recording()
    for number in range(10_500):
        recording.note(recorded(), counted_as=f"/{number}" + "x" * 8000)
    recording.note(recorded(), counted_as="/0" + "x" * 8000)

    assert len(recording.counts) == 10_001
    assert recording.counts["(other paths)"] == 500
    assert recording.counts["/0" + "x" * 198] == 2
    assert recording.counts.total() == 10_501


def test_names_of_ignored_fields_are_bounded() -> None:
    """Number and length of the names are bounded, and the latest names are kept."""
    recording = Recording()
    recording.note_ignored(GET, ["a"])
    recording.note_ignored(GET, [f"{number}" for number in range(20_000)])
    recording.note_ignored(GET, ["x" * 8000])

    assert len(recording.ignored_fields) == 10_000
    assert recording.ignored_fields[-2:] == [(GET, "19999"), (GET, "x" * 200)]


async def test_a_running_sandbox_bounds_its_memory(api: Api) -> None:
    """A running sandbox drops old requests of 64 KiB beyond the bound of memory."""
    for number in range(400):
        await api.call(GET, schedule_id=1, text=f"{number:04}" * 16_384)

    assert 100 < len(api.sandbox.requests) < 256
    assert str(api.sandbox.requests[-1].fields).count("0399") == 16_384
    assert api.sandbox.counts == {GET: 400}


async def test_an_upload_is_recorded_as_one_request(api: Api) -> None:
    """An uploaded file is one of the fields of its recorded request."""
    form = aiohttp.FormData({"collection_id": "1"})
    form.add_field("file", b"x" * MIB, filename="items.csv")
    async with api.session.post(f"{api.sandbox.url}/schedules/amazon/asin/create/bulk/", data=form):
        pass

    assert api.sandbox.requests[-1].size > MIB
