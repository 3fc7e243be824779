"""What a call costs, in counts that do not depend on the machine."""

from __future__ import annotations

import gc
import json
import sys
import tracemalloc
from typing import Any

import pytest
from support.call_counts import counted_calls, own_frames
from support.fakes import FakeTransport, ok
from support.groups import groups_over

from multicart_async._core.credentials import Settings
from multicart_async._core.redaction import Credential
from multicart_async._http import AiohttpTransport, NetworkOptions, Response, incremental_json
from multicart_async._http.caller import ApiCaller
from multicart_async._http.endpoint import Endpoint
from multicart_async.models import Collection

RUN = {"id": 88, "collection": 101, "is_download_generated": True}


async def test_few_coroutines_wait_for_a_transport() -> None:
    """Each of them is created for each call, and resumed whenever data arrive."""
    waiting: list[str] = []

    class Transport(FakeTransport):
        async def post(self, *given: Any, **options: Any) -> Response:
            waiting.extend(own_frames())
            return await super().post(*given, **options)

    await groups_over(Transport(ok([RUN]))).runs.list(101)

    assert waiting == ["_response", "_value", "attempt", "run", "list"]


async def test_few_coroutines_wait_for_aiohttp() -> None:
    """The transport adds no more than it needs: a limit, an exchange, a request."""
    waiting: list[str] = []

    class Session:
        closed = False

        async def request(self, *_: object, **__: object) -> object:
            waiting.extend(own_frames())
            raise ConnectionError

    network = NetworkOptions(session=Session())  # type: ignore[arg-type] # only one of its methods is used
    settings = Settings("http://127.0.0.1:9", Credential("key.0123456789", "x-api-key"))
    with pytest.raises(Exception, match="could not be sent"):
        await AiohttpTransport(settings, network=network).post("/p/", b"{}")

    assert waiting == ["_request", "_exchange", "_bounded"]


async def test_a_call_needs_few_functions() -> None:
    """Only Python functions of this library are counted, those that are called again in every call."""
    groups = groups_over(FakeTransport(ok([RUN]), ok([RUN])))
    await groups.runs.list(101)  # what is made once is made now
    with counted_calls() as calls:
        await groups.runs.list(101)

    assert calls.total() <= 45, calls


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="each version of Python allocates otherwise")
async def test_a_call_needs_few_objects() -> None:
    """The bound is a fifth above what they take at the peak, in bytes: 4,945, of this library and the parser of JSON."""
    groups = groups_over(FakeTransport(*[ok([RUN])] * 6))
    for _ in range(5):
        await groups.runs.list(101)  # what is made once is made now, and free lists are filled
    gc.collect()
    tracer = sys.gettrace()
    sys.settrace(None)  # that of coverage allocates, too
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        await groups.runs.list(101)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        sys.settrace(tracer)

    assert peak - before <= 6_000


async def test_a_long_list_is_parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nearly every character is passed to the parser once; a row is not parsed to find its end."""
    parsed = 0

    class Decoder(json.JSONDecoder):
        def decode(self, text: str, *given: Any) -> Any:
            nonlocal parsed
            parsed += len(text)
            return json.JSONDecoder.decode(plain, text, *given)

        def raw_decode(self, text: str, idx: int = 0) -> Any:
            nonlocal parsed
            value, end = super().raw_decode(text, idx)
            parsed += end - idx
            return value, end

    plain = json.JSONDecoder()
    rows = [{"id": number, "name": "n" * 100, "schedule_time": None} for number in range(10_000)]
    payload = json.dumps({"code": 200, "data": rows, "status": 1}).encode()
    monkeypatch.setattr(incremental_json, "STRICT", Decoder())
    endpoint = Endpoint("/p/", tuple[Collection, ...], safety="safe")

    read = await ApiCaller(FakeTransport(Response(200, payload))).call(endpoint)

    assert len(read) == len(rows)
    assert parsed <= 1.1 * len(payload)
