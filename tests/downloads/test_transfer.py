"""`FileTransfer`: the whole file, or an error that says why not."""

from __future__ import annotations

import hashlib
import json

import pytest
from support.download_kit import (
    BASE,
    fetch,
    files_below,
    open_below,
    page_bytes,
    sized_page,
    url,
    wanted_page,
    wanted_zip,
    zip_bytes,
)
from support.fake_sinks import OwnPutSink, PlainSink
from support.fakes import FakeClock, FakeFile, FakeTransport

from multicart_async._downloads.context import DownloadContext
from multicart_async._downloads.file_request import FileRequest
from multicart_async._downloads.formats.json_document import DocumentCheck
from multicart_async._downloads.links import parse_link
from multicart_async._downloads.verifier import StreamVerifier
from multicart_async._http.retries import Retrier
from multicart_async.config import RetryPolicy
from multicart_async.errors import (
    APIConnectionError,
    APIError,
    AuthenticationError,
    IncompleteDownloadError,
    IntegrityError,
    InvalidResponseError,
    NotFoundError,
    PermissionDeniedError,
    ServerError,
    StalledDownloadError,
)
from multicart_async.sinks import DirectorySink

PAGE = page_bytes(20)
ARCHIVE = zip_bytes([PAGE, page_bytes(5)])
NAME = "101/88/page-0001.json"
LABEL = "results/101/88/page 1"
KINDS = {"page": (wanted_page, PAGE), "zip": (wanted_zip, ARCHIVE)}


def downloader(*files: FakeFile | Exception, link: str | None = None, attempts: int = 3) -> DownloadContext:
    """A downloader whose file comes as scripted."""
    clock = FakeClock()
    policy = RetryPolicy(attempts=attempts)
    transport = FakeTransport(files={link or url(1): files, url(None): files})
    return DownloadContext(transport, retrier=Retrier(policy, clock=clock.clock), clock=clock.clock)


def framed(content: bytes, framing: str) -> FakeFile:
    """The content as it comes with a length, in chunks, or up to the end of the connection."""
    if framing == "length":
        return FakeFile.whole(content)
    return FakeFile([content], headers={"transfer-encoding": "chunked"} if framing == "chunked" else {})


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
@pytest.mark.parametrize("kind", KINDS)
async def test_a_good_file_is_put_in_place(tmp_path, kind, framing) -> None:
    """What is there is what came; the answer tells its size and SHA-256."""
    make, content = KINDS[kind]

    fetched = await fetch(downloader(framed(content, framing)), make(), DirectorySink(tmp_path))

    assert files_below(tmp_path) == {f"101/88/{fetched.name}": content}
    assert (len(content), hashlib.sha256(content).hexdigest()) == (fetched.size, fetched.sha256)


@pytest.mark.parametrize("size", [1 << 16, (1 << 16) + 1, 1 << 20, (1 << 20) + 1, 5 << 20])
@pytest.mark.parametrize("framing", ["length", "close"])
async def test_size_does_not_matter(tmp_path, size, framing) -> None:
    """Files around the bounds of what is hashed on the loop and what is written at once."""
    content = sized_page(size)
    pieces = [content[start : start + 60_001] for start in range(0, size, 60_001)]
    headers = {"content-length": str(size)} if framing == "length" else {}

    fetched = await fetch(downloader(FakeFile(pieces, headers=headers)), wanted_page(), DirectorySink(tmp_path))

    assert files_below(tmp_path) == {NAME: content}
    assert hashlib.sha256(content).hexdigest() == fetched.sha256


PASSING = [
    APIConnectionError(LABEL, "no answer"),
    FakeFile([PAGE[:50], IncompleteDownloadError(LABEL, "cut")], headers={"content-length": str(len(PAGE))}),
    FakeFile([PAGE[:50], StalledDownloadError(LABEL, "silence")], headers={"content-length": str(len(PAGE))}),
    FakeFile([PAGE[:50]]),  # up to the end of the connection, which came too early
    FakeFile([]),
    FakeFile([b"busy"], status=503),
    FakeFile([b"gateway"], status=502),
    FakeFile([b""], status=429, headers={"retry-after": "3"}),
    FakeFile.whole(b'{"code": 500, "data": "Something went wrong.", "status": 0}'),
]


@pytest.mark.parametrize("fault", PASSING, ids=lambda fault: repr(fault)[:60])
async def test_what_passes_is_tried_again_from_the_start(tmp_path, fault) -> None:
    """Two failures, then the file; without ranges each request is for all of it."""
    owner = downloader(fault, fault, FakeFile.whole(PAGE))

    await fetch(owner, wanted_page(), DirectorySink(tmp_path))

    assert files_below(tmp_path) == {NAME: PAGE}
    assert [(url(1), {})] * 3 == owner.transport.opened


@pytest.mark.parametrize("fault", PASSING, ids=lambda fault: repr(fault)[:60])
async def test_the_last_error_is_let_through_and_nothing_is_there(tmp_path, fault) -> None:
    """After as many attempts as the policy allows; the folder holds no trace."""
    owner = downloader(fault)

    with pytest.raises((APIConnectionError, IncompleteDownloadError, StalledDownloadError, APIError)) as caught:
        await fetch(owner, wanted_page(), DirectorySink(tmp_path))

    assert len(owner.transport.opened) == 3
    assert LABEL in str(caught.value)
    assert files_below(tmp_path) == {}
    assert open_below(tmp_path) == []
    assert owner.limiter.borrowed_tokens == 0


LASTING = [
    (APIConnectionError(LABEL, "the certificate is not trusted", retryable=False), APIConnectionError),
    (InvalidResponseError(LABEL, "not proper HTTP"), InvalidResponseError),
    (FakeFile([PAGE], status=206), APIError),
    (FakeFile([b""], status=204), APIError),
    (FakeFile([PAGE], status=201), APIError),
    (FakeFile([b"<h1>No</h1>"], status=400), APIError),
    (FakeFile([b'{"code": 403, "data": "Not yours", "status": 0}'], status=418), PermissionDeniedError),
    (FakeFile([IncompleteDownloadError(LABEL, "cut")], status=400), APIError),
    (FakeFile([b"x" * 70_000, b"y" * 70_000], status=400), APIError),
]


@pytest.mark.parametrize(("fault", "error"), LASTING, ids=lambda value: repr(value)[:60])
async def test_what_does_not_pass_is_asked_for_once(tmp_path, fault, error) -> None:
    """Another attempt cannot help: the error is raised at once, and nothing is there."""
    owner = downloader(fault)

    with pytest.raises(error):
        await fetch(owner, wanted_page(), DirectorySink(tmp_path))

    assert len(owner.transport.opened) == 1
    assert files_below(tmp_path) == {}


@pytest.mark.parametrize("coding", ["br", "BR", "deflate", "zstd", "gzip, gzip", "identity, br"])
@pytest.mark.parametrize("kind", KINDS)
async def test_a_coded_answer_is_refused(tmp_path, kind, coding) -> None:
    """Coded, a length proves nothing: whatever the bytes are, they are no file."""
    make, content = KINDS[kind]
    owner = downloader(FakeFile.whole(content, headers={"content-encoding": coding}))

    with pytest.raises(IntegrityError, match="Content-Encoding"):
        await fetch(owner, make(), DirectorySink(tmp_path))

    assert files_below(tmp_path) == {}


@pytest.mark.parametrize("coding", ["", "identity", " Identity ", "utf-8", "foo"])
async def test_identity_is_no_coding(tmp_path, coding) -> None:
    """A server may say that it did nothing, or a word that says nothing."""
    owner = downloader(FakeFile.whole(PAGE, headers={"content-encoding": coding}))

    await fetch(owner, wanted_page(), DirectorySink(tmp_path))

    assert files_below(tmp_path) == {NAME: PAGE}


ENVELOPE = b'{"code": 403, "data": "Not yours", "status": 0}'
INSTEAD = [
    (ENVELOPE, "application/json", PermissionDeniedError),
    (b"\xef\xbb\xbf" + ENVELOPE, "application/octet-stream", PermissionDeniedError),
    (b'{"code": 200, "data": [], "status": 1}', "application/json", IntegrityError),
    (b"<html><body>Sign in</body></html>", "text/html; charset=utf-8", IntegrityError),
    (b"<html><body>Sign in</body></html>", "application/octet-stream", IntegrityError),
    (b"", "application/octet-stream", IntegrityError),
    (b" \r\n\t ", "application/json", IntegrityError),
    (b"null", "application/json", IntegrityError),
    (b'"abc"', "application/json", IntegrityError),
    (b"12", "application/json", IntegrityError),
    (b"[1, 2", "application/octet-stream", IntegrityError),
    (b"\0" * 100, "application/octet-stream", IntegrityError),
]


@pytest.mark.parametrize(("body", "content_type", "error"), INSTEAD)
@pytest.mark.parametrize("kind", KINDS)
async def test_something_else_than_the_file_is_an_error_and_no_file(tmp_path, kind, body, content_type, error) -> None:
    """An envelope is what it says, a page for people and the rest are no result; none is asked for twice."""
    make, _ = KINDS[kind]
    owner = downloader(FakeFile.whole(body, headers={"content-type": content_type}))

    with pytest.raises(error):
        await fetch(owner, make(), DirectorySink(tmp_path))

    assert len(owner.transport.opened) == 1
    assert files_below(tmp_path) == {}


async def test_a_large_file_that_is_bad_at_its_end_is_refused(tmp_path) -> None:
    """Everything was written by then, and goes again."""
    owner = downloader(FakeFile.whole(sized_page(3 << 20)[:-1] + b" "))

    with pytest.raises(IntegrityError, match="the JSON is incomplete"):
        await fetch(owner, wanted_page(), DirectorySink(tmp_path))

    assert files_below(tmp_path) == {}


PERCENT = f"{BASE}/results/101/88/50%25_88_Results_Page_1.json"


async def test_an_ambiguous_percent_is_reread_once_after_a_404() -> None:
    """After a 404 an ambiguous percent sign is read the other way once; then the file is not found."""
    link = parse_link(PERCENT, base=BASE)
    assert link.alternate_url is not None
    asked = FileRequest(link, "101/88", "page-0001.json", wanted_page().check)
    missing = FakeFile([b""], status=404)
    good, sink = FakeTransport(files={link.url: missing, link.alternate_url: FakeFile.whole(PAGE)}), PlainSink()
    bad = FakeTransport(files={link.url: missing, link.alternate_url: missing})

    await fetch(DownloadContext(good), asked, sink)
    with pytest.raises(NotFoundError):
        await fetch(DownloadContext(bad), asked, sink)

    assert sink.files == {NAME: PAGE}
    assert [link.url, link.alternate_url] == [place for place, _ in good.opened] == [place for place, _ in bad.opened]


@pytest.mark.parametrize("status", [401, 403, 404, 410])
@pytest.mark.parametrize("envelope", [True, False])
async def test_a_stale_link_is_made_fresh_once(status, envelope) -> None:
    """A link that is refused is replaced by a fresh one, which is asked for once."""
    no = json.dumps({"code": status, "data": "no", "status": 0}).encode() if envelope else b"<h1>no</h1>"
    stale = FakeFile.whole(no) if envelope else FakeFile([no], status=status)
    asked: list[str] = []

    async def refresh(wanted: FileRequest):
        asked.append(wanted.path)
        return parse_link(url(1) + "?sig=2", base=BASE)

    good = FakeTransport(files={url(1): stale, url(1) + "?sig=2": FakeFile.whole(PAGE)})
    bad = FakeTransport(files={url(1): stale, url(1) + "?sig=2": stale})
    sink = PlainSink()
    await fetch(DownloadContext(good), wanted_page(), sink, refresh)
    with pytest.raises(APIError) as caught:
        await fetch(DownloadContext(bad), wanted_page(), sink, refresh)

    assert status == caught.value.code
    assert sink.files == {NAME: PAGE}
    assert asked == [NAME, NAME]
    assert [len(good.opened), len(bad.opened)] == [2, 2]


async def test_without_anybody_to_ask_a_stale_link_is_the_error() -> None:
    """There is no second request."""
    transport = FakeTransport(files={url(1): FakeFile([b"no"], status=401)})

    with pytest.raises(AuthenticationError):
        await fetch(DownloadContext(transport), wanted_page(), PlainSink())

    assert len(transport.opened) == 1


async def test_a_pause_that_the_service_asks_for_is_kept() -> None:
    """Retry-After of a 503 holds the next attempt back, by the clock that was given."""
    clock = FakeClock()
    busy = FakeFile([b""], status=503, headers={"retry-after": "7"})
    transport = FakeTransport(files={url(1): [busy, FakeFile.whole(PAGE)]})
    owner = DownloadContext(transport, retrier=Retrier(clock=clock.clock))

    await fetch(owner, wanted_page(), PlainSink())

    assert clock.slept == [7.0]


async def test_what_the_check_lets_pass_is_measured() -> None:
    """The SHA-256 is that of all bytes, in the pieces in which they came."""
    content = b"[1, 2]\n"
    meter = StreamVerifier(LABEL, FakeFile.whole(content), DocumentCheck(full=False))

    await meter.update(content[:3])
    await meter.update(content[3:])

    assert hashlib.sha256(content).hexdigest() == await meter.finish()


async def test_a_server_error_names_its_attempts() -> None:
    """The last error knows that it was not the first."""
    with pytest.raises(ServerError, match="after 3 attempts"):
        await fetch(downloader(FakeFile([b""], status=500)), wanted_page(), PlainSink())


@pytest.mark.parametrize("size", [100, 3 << 20])
@pytest.mark.parametrize("make", [PlainSink, DirectorySink])
async def test_a_bad_file_is_refused_by_every_sink(tmp_path, make, size) -> None:
    """Whether the proof is given before the end, or in the thread that would put it in place."""
    sink = make(tmp_path) if make is DirectorySink else make()

    with pytest.raises(IntegrityError, match="the JSON is incomplete"):
        await fetch(downloader(FakeFile.whole(sized_page(size)[:-1] + b" ")), wanted_page(), sink)

    assert None is await sink.read(NAME)


async def test_a_folder_of_somebodys_own_gets_proved_files(tmp_path) -> None:
    """Who puts his own ``put`` in the place of ours is not passed by, and sees the end of good files alone."""
    sink = OwnPutSink(tmp_path)

    with pytest.raises(IntegrityError):
        await fetch(downloader(FakeFile.whole(b"[1, 2")), wanted_page(), sink)
    await fetch(downloader(FakeFile.whole(PAGE)), wanted_page(), sink)

    assert sink.seen == [NAME, NAME, "whole"]
