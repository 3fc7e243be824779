"""A file is taken where the transfer proves it; its content is parsed only where nothing else does."""

from __future__ import annotations

import json

import pytest
from support.download_kit import BASE, run_of, url
from support.fake_sinks import PlainSink
from support.fake_transports import KEY
from support.fakes import FakeFile, FakeTransport
from support.groups import groups_over
from support.raw_server import Exchange, RawServer

from multicart_async import AsyncMultiCart, Limits, RetryPolicy
from multicart_async.errors import APIError, DownloadError, IncompleteDownloadError, IntegrityError
from multicart_async.events import Retrying
from multicart_async.models import CategoryRun, DownloadLinks

FRAMINGS = ["length", "chunked", "connection"]


def framed(content: bytes, framing: str) -> FakeFile:
    """A file that comes in pieces, with this proof of its end, or with none."""
    headers = {"length": {"content-length": str(len(content))}, "chunked": {"transfer-encoding": "chunked"}}
    return FakeFile([content[at : at + 1000] for at in range(0, len(content), 1000)], headers=headers.get(framing, {}))


async def saved(content: bytes, framing: str) -> bytes:
    """What lies in the folder of a run whose page comes so."""
    sink = PlainSink()
    groups = groups_over(FakeTransport(files={url(1): framed(content, framing)}), retry=RetryPolicy(attempts=1))
    download = await groups.runs.download(run_of(1), sink)
    assert download.differences == ()
    return sink.files["101/88/page-0001.json"]


READ_BY_PYTHON = [
    b'[{"price": NaN}]',
    b'[{"price": Infinity, "list": [-Infinity, 1e999]}]',
    b"[NaN]",
    b'{"price": NaN}',
    b'[{"asin": "B0"}, null]',
    b'[1, "x", [], {}]',
    rb'[{"title": "\ud83d\u2026"}, {"title": "\ude00abc"}]',
    b'[{"title": "\xed\xa0\xbd"}]',
    b"\xef\xbb\xbf []\n",
    b'[{"n": ' + b"9" * 4000 + b"}]",
]


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("content", READ_BY_PYTHON, ids=lambda content: repr(content[:30]))
async def test_what_python_reads_is_saved_in_any_framing(content, framing) -> None:
    """One value that is not in the standard does not lose a page."""
    assert await saved(content, framing) == content


DAMAGED = [
    b'[{"a": 1},]',
    b'[{"a" 1}]',
    b'[{"a": "\xff"}]',
    b"[[1}]",
    b"[{}]\x0c[]",
    b"[" * 100_000 + b"]" * 100_000,
    b'[{"n": ' + b"9" * 5000 + b"}]",
    b'{"a": "' + b"x" * 70_000 + b'", "b": nan}',
    b'{"a": 1}{"a": 1}',
    b'{"a" 1}',
    b'{"title": "caf\xe9"}',
]


@pytest.mark.parametrize("content", DAMAGED, ids=lambda content: repr(content[:24]))
async def test_damage_inside_of_a_proved_file_is_the_services(content) -> None:
    """A length and chunks prove the same: these are the bytes that the service has. Without them it may be cut."""
    assert await saved(content, "length") == content
    assert await saved(content, "chunked") == content
    with pytest.raises(DownloadError, match=r"page 1: (invalid JSON|unsupported JSON|record 1 is nested too deeply)"):
        await saved(content, "connection")


NO_PAGE = {
    b"": IntegrityError,
    b" \n": IntegrityError,
    b"[": IntegrityError,
    b"[1}": IntegrityError,
    b'[{"a": 1}] x': IntegrityError,
    b"null": IntegrityError,
    b"NaN": IntegrityError,
    b"<html>[]</html>": IntegrityError,
    b'{"code": 500, "data": "a "quoted" word", "status": 0}': IntegrityError,
    b'{"code": 500, "data": "no", "status": 0}': APIError,
    b'{"code": 500, "data": "Acc\xe8s", "status": 0}': APIError,
    b'{"code": 500, "data": NaN, "status": 0}': APIError,
    b'{"code":500,"data":"' + b"x" * 70_000 + b'","status":0}': APIError,
}


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("content", NO_PAGE, ids=lambda content: repr(content[:30]))
async def test_what_cannot_be_a_page_is_refused_in_any_framing(content, framing) -> None:
    """Empty, HTML, brackets that do not match, or an answer of the service: nothing is saved."""
    kind = (
        IncompleteDownloadError if framing == "connection" and NO_PAGE[content] is IntegrityError else NO_PAGE[content]
    )
    sink = PlainSink()
    groups = groups_over(FakeTransport(files={url(1): framed(content, framing)}), retry=RetryPolicy(attempts=1))

    with pytest.raises(kind):
        await groups.runs.download(run_of(1), sink)
    assert sink.files == {}


async def test_a_record_above_the_limit_is_not_asked_for_again() -> None:
    """Where the content has to prove the end, the limit holds, and another transfer would not help."""
    sink = PlainSink()
    groups = groups_over(FakeTransport(files={url(1): framed(b'[{"a": "' + b"x" * 5000 + b'"}]', "connection")}))
    groups.downloader.limits = Limits(record_bytes=1000)

    with pytest.raises(
        IntegrityError, match=r"record 1 takes more than 1,000 bytes of JSON: raise Limits.record_bytes"
    ):
        await groups.runs.download(run_of(1), sink)
    assert [event for event in groups.events if isinstance(event, Retrying)] == []


@pytest.mark.parametrize("framing", ["length", "chunked"])
async def test_a_category_with_odd_values_is_saved(framing) -> None:
    """Its JSON, a CSV of what there is, and a manifest."""
    place = f"{BASE}/results/7/3/category_asins.json"
    links = DownloadLinks(pages=(place,), all_pages="")
    run = CategoryRun(id=3, collection=7, is_download_generated=True, stage="done", download_links=links)
    sink, content = PlainSink(), b'[{"asin": "B0", "price_cents": NaN}, null]'
    groups = groups_over(FakeTransport(files={place: framed(content, framing)}))

    download = await groups.categories.download(run, sink)

    assert [file.name for file in download.files] == ["category_asins.json", "category_asins.csv"]
    assert sink.files["7/3/category_asins.csv"].splitlines()[1:] == [b"B0,,,,,,,NaN,"]
    assert len(download.differences) == 1
    assert sink.files["7/3/category_asins.json"] == content


@pytest.mark.parametrize("head", [b"Content-Length: 16\r\n", b"Transfer-Encoding: chunked\r\n", b""], ids=FRAMINGS)
async def test_the_wire_decides_nothing_about_a_value(head, tmp_path) -> None:
    """Over a socket too: downloads, raw bytes and records all take a page with NaN, in each framing."""
    body = b'[{"price": NaN}]'

    async def answer(exchange: Exchange) -> None:
        content = b"10\r\n" + body + b"\r\n0\r\n\r\n" if b"chunked" in head else body
        await exchange.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n" + head + b"\r\n" + content)

    async with RawServer(answer) as server, AsyncMultiCart(KEY, base_url=server.url) as client:
        run = run_of(1, base=server.url)
        download = await client.runs.download(run, tmp_path)
        async with client.stream(run.download_links.pages[0]) as stream:
            raw = b"".join([piece async for piece in stream])
        records = [record async for record in client.runs.records(run)]

    assert download.files[0].path.read_bytes() == body
    assert raw == body
    assert repr(records) == repr(json.loads(body))
