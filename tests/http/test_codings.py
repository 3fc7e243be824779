"""What a file is called decides nothing: labels that are no coding are ignored, gzip is decoded, the content decides."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tracemalloc
import zipfile
import zlib

import pytest
from support.fake_transports import FILE, KEY, LABEL, transport_to
from support.raw_server import Exchange, RawServer, framed

from multicart_async import AsyncMultiCart, RetryPolicy
from multicart_async.errors import (
    DownloadError,
    IncompleteDownloadError,
    IntegrityError,
    InvalidResponseError,
    MultiCartError,
    PermissionDeniedError,
)
from multicart_async.events import FileStarted
from multicart_async.models import DownloadLinks, Run

RECORDS = [{"asin": "B0DJQQ38TG", "price": 1299}] * 50
PAGE = json.dumps(RECORDS).encode()
CSV = b"asin,title\r\nB0DJQQ38TG,Laptop\r\n"
ENVELOPE = b'{"code": 403, "data": "Not yours", "status": 0}'
FOLDER = "/api/v1/results/101/88/"
NAME = "AU_88_Results_Page_1.json"
FRAMINGS = ["length", "chunked", "close-delimited"]
NO_CODINGS = ["utf-8", "binary", "none", "aws-chunked", "", "UTF-8", "identity", "foo", "8bit, none"]
UNKNOWN = ["br", "zstd", "deflate", "compress", "gzip, gzip", "gzip, br", "x-compress", "identity, br"]


def _archive() -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("AU_88_Results_Page_1.json", PAGE)
    return target.getvalue()


ZIP = _archive()


def answering(data: bytes):
    """Send that, and end."""

    async def handler(exchange: Exchange) -> None:
        await exchange.send(data)

    return handler


async def streamed(data: bytes, name: str = NAME) -> bytes:
    """What `AsyncMultiCart.stream` gives."""
    async with (
        RawServer(answering(data)) as server,
        AsyncMultiCart(KEY, base_url=server.url) as client,
        client.stream(FOLDER + name) as stream,
    ):
        return b"".join([piece async for piece in stream])


def run_of(name: str) -> Run:
    """A run with that file."""
    links = DownloadLinks(all_pages=FOLDER + name) if name.endswith(".zip") else DownloadLinks(pages=(FOLDER + name,))
    return Run(id=88, collection=101, is_download_generated=True, download_links=links)


async def downloaded(data: bytes, folder, name: str = NAME, **client) -> bytes:
    """What a download leaves in the folder."""
    async with (
        RawServer(answering(data)) as server,
        AsyncMultiCart(KEY, base_url=server.url, retry=RetryPolicy(attempts=2), **client) as made,
    ):
        files = await made.runs.download(run_of(name), folder, files="zip" if name.endswith(".zip") else "pages")
    (file,) = files.files
    content = file.path.read_bytes()
    assert (file.size, file.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    return content


async def records(data: bytes) -> list[object]:
    """The records of the page."""
    async with (
        RawServer(answering(data)) as server,
        AsyncMultiCart(KEY, base_url=server.url, retry=RetryPolicy(attempts=2)) as client,
    ):
        return [record async for record in client.runs.records(run_of(NAME))]


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("label", NO_CODINGS)
async def test_a_word_that_is_no_coding_is_ignored(tmp_path, label, framing) -> None:
    """Downloads, records and streams take the file."""
    data = framed(PAGE, framing, f"Content-Encoding: {label}")

    assert await downloaded(data, tmp_path) == PAGE
    assert await records(data) == RECORDS
    assert await streamed(data) == PAGE


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("kind", ["text/html", "TEXT/HTML; charset=utf-8", "image/png"])
async def test_a_page_that_is_called_html_is_a_page(tmp_path, kind, framing) -> None:
    """Its content proves what it is."""
    data = framed(PAGE, framing, f"Content-Type: {kind}")

    assert await downloaded(data, tmp_path) == PAGE
    assert await records(data) == RECORDS
    assert await streamed(data) == PAGE


@pytest.mark.parametrize("framing", ["length", "chunked"])
async def test_html_is_no_page(tmp_path, framing) -> None:
    """Whatever it is called, and coded too."""
    html = b"<!DOCTYPE html><html></html>"
    for data in (
        framed(html, framing, "Content-Type: application/json"),
        framed(html, framing, "Content-Type: text/html"),
        framed(gzip.compress(html), framing, "Content-Encoding: gzip"),
    ):
        with pytest.raises(IntegrityError, match="HTML"):
            await downloaded(data, tmp_path)
        with pytest.raises(InvalidResponseError):
            await records(data)
        with pytest.raises(IntegrityError, match="HTML"):
            await streamed(data)


async def test_a_file_that_proves_nothing_may_not_be_called_html() -> None:
    """A CSV can be any text, so the label is all there is."""
    with pytest.raises(IntegrityError, match="HTML"):
        await streamed(framed(b"Sign in, please", "length", "Content-Type: text/html"), "category_asins.csv")


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("label", ["gzip", "GZIP", "x-gzip", "aws-chunked, gzip", "gzip\r\nContent-Encoding: utf-8"])
async def test_gzip_is_decoded(tmp_path, label, framing) -> None:
    """For downloads, records and streams; what is kept, and its checksum, are of the file itself."""
    data = framed(gzip.compress(PAGE), framing, f"Content-Encoding: {label}")

    assert await downloaded(data, tmp_path) == PAGE
    assert await records(data) == RECORDS
    assert await streamed(data) == PAGE


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize(("name", "content"), [("AU_88_Results_All_Pages.zip", ZIP), ("category_asins.csv", CSV)])
async def test_gzip_of_other_kinds_is_decoded(name, content, framing) -> None:
    """Its own end proves that of a file whose content proves none."""
    assert await streamed(framed(gzip.compress(content), framing, "Content-Encoding: gzip"), name) == content


@pytest.mark.parametrize("framing", ["length", "chunked"])
async def test_several_members_are_one_file(tmp_path, framing) -> None:
    """As servers make them that flush in between."""
    body = gzip.compress(PAGE[:100]) + gzip.compress(PAGE[100:])

    assert await downloaded(framed(body, framing, "Content-Encoding: gzip"), tmp_path) == PAGE


async def test_several_members_do_not_prove_the_end() -> None:
    """A cut between two of them looks like the end: without framing the content must prove it, and a CSV cannot."""
    head = "Content-Encoding: gzip"
    body = gzip.compress(PAGE[:100]) + gzip.compress(PAGE[100:])

    assert await streamed(framed(body, "close-delimited", head)) == PAGE
    with pytest.raises(IncompleteDownloadError, match="nothing proves"):
        await streamed(framed(gzip.compress(CSV) + gzip.compress(CSV), "close-delimited", head), "category_asins.csv")
    with pytest.raises(DownloadError):
        await streamed(framed(gzip.compress(PAGE[:100]), "close-delimited", head))


@pytest.mark.parametrize("framing", FRAMINGS)
async def test_a_label_that_a_proxy_has_left_is_ignored(tmp_path, framing) -> None:
    """It says gzip, and the bytes are the file itself."""
    data = framed(PAGE, framing, "Content-Encoding: gzip")

    assert await downloaded(data, tmp_path) == PAGE
    assert await streamed(data) == PAGE


async def test_such_a_label_proves_no_end() -> None:
    """A CSV that is not gzip after all may be cut anywhere."""
    with pytest.raises(IncompleteDownloadError, match="nothing proves"):
        await streamed(framed(CSV, "close-delimited", "Content-Encoding: gzip"), "category_asins.csv")


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("cut", [1, 2, 10, 30, -8, -1])
async def test_a_cut_gzip_is_incomplete(tmp_path, cut, framing) -> None:
    """At the server or on the way: in each framing, for each use. It is tried again."""
    data = framed(gzip.compress(PAGE)[:cut], framing, "Content-Encoding: gzip")
    for attempt in (downloaded(data, tmp_path), records(data), streamed(data), streamed(data, "category_asins.csv")):
        with pytest.raises(IncompleteDownloadError, match="in the middle of the gzip data"):
            await attempt

    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


DAMAGED = {
    "checksum": gzip.compress(PAGE)[:-8] + bytes(4) + gzip.compress(PAGE)[-4:],
    "length": gzip.compress(PAGE)[:-4] + bytes(4),
    "data": gzip.compress(PAGE)[:20] + b"\xff\xff\xff" + gzip.compress(PAGE)[23:],
    "zeros behind": gzip.compress(PAGE) + bytes(100),
    "garbage behind": gzip.compress(PAGE) + b"[]",
}


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("case", DAMAGED)
async def test_a_damaged_gzip_is_no_file(tmp_path, case, framing) -> None:
    """It came whole, and cannot be right."""
    data = framed(DAMAGED[case], framing, "Content-Encoding: gzip")
    for attempt in (downloaded(data, tmp_path), records(data), streamed(data), streamed(data, "category_asins.csv")):
        with pytest.raises(IntegrityError, match="of the gzip is damaged, or not gzip"):
            await attempt

    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.parametrize("label", UNKNOWN)
async def test_any_other_coding_is_refused(tmp_path, label) -> None:
    """It was not asked for, and cannot be decoded here; the error says which it is."""
    data = framed(zlib.compress(PAGE), "length", f"Content-Encoding: {label}")
    for attempt in (downloaded(data, tmp_path), records(data), streamed(data)):
        with pytest.raises(IntegrityError, match=f"the body has Content-Encoding '{label}'"):
            await attempt


async def test_codings_in_several_headers_are_all_seen() -> None:
    """Two labels of one coding each are a coding in a coding."""
    body = gzip.compress(gzip.compress(PAGE))
    with pytest.raises(IntegrityError, match="Content-Encoding 'gzip, br'"):
        await streamed(framed(body, "length", "Content-Encoding: gzip", "Content-Encoding: br"))


async def test_a_coded_envelope_is_what_it_says(tmp_path) -> None:
    """With HTTP 200 as with an error."""
    data = framed(gzip.compress(ENVELOPE), "length", "Content-Encoding: gzip")
    for answer in (data, data.replace(b"200 OK", b"403 Forbidden")):
        with pytest.raises(PermissionDeniedError, match="Not yours"):
            await downloaded(answer, tmp_path)


async def test_a_damaged_error_page_leaves_the_status() -> None:
    """HTTP has said it already."""
    data = framed(DAMAGED["data"], "length", "Content-Encoding: gzip").replace(b"200 OK", b"404 Gone")
    with pytest.raises(MultiCartError, match="code 404") as caught:
        await streamed(data)

    assert not isinstance(caught.value, DownloadError)


async def test_a_coded_stream_has_no_length() -> None:
    """That of the headers is of something else; chunks or a length prove the end, and gzip does it at the end."""
    packed = gzip.compress(PAGE)
    told = []
    for framing in FRAMINGS:
        data = framed(packed, framing, "Content-Encoding: gzip")
        async with (
            RawServer(answering(data)) as server,
            transport_to(server) as transport,
            transport.stream(server.url + FILE, label=LABEL) as stream,
        ):
            before = stream.self_delimited
            assert b"".join([piece async for piece in stream]) == PAGE
            told.append((stream.length, before, stream.self_delimited))

    assert told == [(None, True, True), (None, True, True), (None, False, True)]


async def test_a_cut_transfer_of_gzip_begins_again(tmp_path) -> None:
    """Its bytes are not those of the file, so nothing can be appended: the second request is for all of it."""
    packed = gzip.compress(PAGE)
    events: list[object] = []

    async def cut_first(exchange: Exchange) -> None:
        head = ("Content-Encoding: gzip", 'ETag: "v1"', "Accept-Ranges: bytes")
        data = framed(packed, "length", *head)
        await exchange.send(data[:-20] if exchange.number == 1 else data)

    async with (
        RawServer(cut_first) as server,
        AsyncMultiCart(KEY, base_url=server.url, on_event=events.append) as client,
    ):
        await client.runs.download(run_of(NAME), tmp_path)
        ranges = [request.headers.get("range") for request in server.requests]

    assert ranges == [None, None]
    assert [event.expected for event in events if isinstance(event, FileStarted)] == [None]


async def test_a_labelled_transfer_goes_on_where_it_broke(tmp_path) -> None:
    """A word that is no coding does not keep a file from that."""

    async def cut_first(exchange: Exchange) -> None:
        head = ("Content-Encoding: utf-8", 'ETag: "v1"', "Accept-Ranges: bytes")
        if exchange.number == 1:
            await exchange.send(framed(PAGE, "length", *head)[:-20])
            return
        at = int(exchange.headers["range"].removeprefix("bytes=").removesuffix("-"))
        rest = framed(PAGE[at:], "length", *head, f"Content-Range: bytes {at}-{len(PAGE) - 1}/{len(PAGE)}")
        await exchange.send(rest.replace(b"200 OK", b"206 Partial Content"))

    async with RawServer(cut_first) as server, AsyncMultiCart(KEY, base_url=server.url) as client:
        files = await client.runs.download(run_of(NAME), tmp_path)

        assert len(server.requests) == 2
    assert files.files[0].path.read_bytes() == PAGE


async def test_a_bomb_costs_no_memory() -> None:
    """64 MiB of zeros fit in 64 KB: they come piece by piece."""
    packer = zlib.compressobj(9, wbits=31)
    packed = b"".join([packer.compress(bytes(1 << 20)) for _ in range(64)]) + packer.flush()
    data = framed(packed, "length", "Content-Encoding: gzip")
    received = 0
    async with (
        RawServer(answering(data)) as server,
        transport_to(server) as transport,
        transport.stream(server.url + FILE, label=LABEL) as stream,
    ):
        tracemalloc.start()
        try:
            async for piece in stream:
                received += len(piece)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert received == 64 << 20
    assert peak < 4 << 20
