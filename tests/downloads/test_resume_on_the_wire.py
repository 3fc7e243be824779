"""A broken transfer that goes on in the middle, or not: thirteen kinds of server, and the file is always one version."""

from __future__ import annotations

import gzip
from collections.abc import Callable

import attrs
import pytest
from support.download_kit import files_below, run_of, sized_page, temporaries_below
from support.fake_transports import KEY
from support.raw_server import Exchange, RawServer

from multicart_async import AsyncMultiCart, RetryPolicy
from multicart_async.errors import MultiCartError

OLD = sized_page(36_001, "o")
NEW = sized_page(36_001, "n")
SIZE = len(OLD)
PACKED = gzip.compress(OLD, mtime=0)
ENVELOPE = b'{"code": 500, "data": "Something went wrong.", "status": 0}'
CUTS = [1, 1000, SIZE // 2, SIZE - 1]
AGAIN = RetryPolicy(attempts=3, wait_initial=0, wait_max=0, wait_jitter=0)


@attrs.frozen
class Answer:
    """What a server says to a request for the rest."""

    status: str
    body: bytes
    headers: dict[str, str]


def partial(body: bytes, start: int, *, tag: str | None = '"v1"', span: str | None = None, **more: str) -> Answer:
    """A 206, correct unless told otherwise."""
    headers = {"Content-Range": span or f"bytes {start}-{start + len(body) - 1}/{SIZE}", **more}
    return Answer("206 Partial Content", body, {**headers, **({"ETag": tag} if tag else {})})


def without_span(body: bytes) -> Answer:
    return Answer("206 Partial Content", body, {"ETag": '"v1"'})


def multipart(at: int) -> Answer:
    head = f"--x\r\nContent-Type: application/json\r\nContent-Range: bytes {at}-{SIZE - 1}/{SIZE}\r\n\r\n".encode()
    body = head + OLD[at:] + b"\r\n--x--\r\n"
    return Answer("206 Partial Content", body, {"ETag": '"v1"', "Content-Type": "multipart/byteranges; boundary=x"})


# What is said to a request for the rest, by kind of server; and which file it has by then.
SERVERS: dict[str, tuple[Callable[[int], Answer], bytes]] = {
    "206 correct": (lambda at: partial(OLD[at:], at), OLD),
    "200 whole file": (lambda _: Answer("200 OK", OLD, {"ETag": '"v1"'}), OLD),
    "206 of a changed file, other ETag": (lambda at: partial(NEW[at:], at, tag='"v2"'), NEW),
    "206 of a changed file, no validators": (lambda at: partial(NEW[at:], at, tag=None), NEW),
    "206 starting at another offset": (lambda at: partial(OLD[at - 1 :], at - 1), OLD),
    "206 without Content-Range": (lambda at: without_span(OLD[at:]), OLD),
    "206 shorter than asked": (lambda at: partial(OLD[at : (at + SIZE) // 2], at), OLD),
    "206 with another total": (lambda at: partial(OLD[at:], at, span=f"bytes {at}-{SIZE - 1}/{SIZE + 9}"), OLD),
    "206 with an unknown total": (lambda at: partial(OLD[at:], at, span=f"bytes {at}-{SIZE - 1}/*"), OLD),
    "multipart/byteranges": (multipart, OLD),
    "416": (lambda _: Answer("416 Range Not Satisfiable", b"", {"Content-Range": "bytes */1000"}), OLD),
    "206 + Content-Encoding gzip": (
        lambda at: partial(OLD[at:], at, **{"Content-Encoding": "gzip"}),
        OLD,
    ),
    "slice of the gzip representation": (
        lambda at: partial(PACKED[min(at, 50) :], at, **{"Content-Encoding": "gzip"}),
        OLD,
    ),
    "error envelope as 200": (lambda _: Answer("200 OK", ENVELOPE, {"ETag": '"v1"'}), OLD),
    "error envelope as 206": (lambda at: partial(ENVELOPE, at), OLD),
    "weak ETag": (lambda at: partial(NEW[at:], at, tag='W/"v1"'), NEW),
}


@attrs.define
class Breaking:
    """The first answer breaks off; a request for the rest gets what is scripted; any other one the file as it is then."""

    at: int
    rest: Callable[[int], Answer]
    now: bytes
    first: dict[str, str] = attrs.field(factory=lambda: {"ETag": '"v1"', "Accept-Ranges": "bytes"})
    before: bytes = OLD

    async def __call__(self, exchange: Exchange) -> None:
        if exchange.number == 1:
            lines = ["HTTP/1.1 200 OK", f"Content-Length: {len(self.before)}"]
            lines += [f"{name}: {value}" for name, value in self.first.items()]
            await exchange.send("\r\n".join([*lines, "", ""]).encode() + self.before[: self.at])
        elif "range" in exchange.headers:
            answer = self.rest(int(exchange.headers["range"].removeprefix("bytes=").removesuffix("-")))
            await exchange.answer(answer.body, status=answer.status, **answer.headers)
        else:
            await exchange.answer(self.now)


async def fetch(server: RawServer, dest, retry: RetryPolicy = AGAIN) -> MultiCartError | None:
    """The error of a download of the one page, or ``None``."""
    async with AsyncMultiCart(KEY, base_url=server.url, retry=retry) as client:
        try:
            await client.runs.download(run_of(1, base=server.url), dest)
        except MultiCartError as error:
            return error
    return None


@pytest.mark.parametrize("at", CUTS)
@pytest.mark.parametrize("kind", SERVERS)
async def test_the_file_is_one_version_or_not_there(tmp_path, kind, at) -> None:
    """Going on is trusted only in the one good case; in all others the next request is for the whole file."""
    rest, now = SERVERS[kind]
    async with RawServer(Breaking(at, rest, now)) as server:
        error = await fetch(server, tmp_path)

    assert error is None
    assert now == files_below(tmp_path)["101/88/page-0001.json"]
    asked = [(seen.headers.get("range"), seen.headers.get("if-range")) for seen in server.requests]
    whole = [(None, None)]
    going_on = [(f"bytes={at}-", '"v1"')]
    assert (whole + going_on if kind == "206 correct" else whole + going_on + whole) == asked
    assert temporaries_below(tmp_path) == []


@pytest.mark.parametrize("at", CUTS)
@pytest.mark.parametrize("kind", SERVERS)
async def test_attempts_in_the_middle_count(tmp_path, kind, at) -> None:
    """With two attempts there is one request after the break: the file is there only if that one went on rightly."""
    rest, now = SERVERS[kind]
    async with RawServer(Breaking(at, rest, now)) as server:
        error = await fetch(server, tmp_path, attrs.evolve(AGAIN, attempts=2))

    pages = [content for name, content in files_below(tmp_path).items() if "page" in name]
    assert (kind == "206 correct") == (error is None)
    assert ([OLD] if error is None else []) == pages
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    "first",
    [
        {},
        {"ETag": '"v1"'},
        {"Accept-Ranges": "bytes"},
        {"ETag": 'W/"v1"', "Accept-Ranges": "bytes"},
        {"ETag": "v1", "Accept-Ranges": "bytes"},
        {"ETag": '"v1"', "Accept-Ranges": "none"},
        {"Last-Modified": "Sat, 21 Nov 2026 00:00:00 GMT", "Accept-Ranges": "bytes"},
    ],
)
async def test_without_proof_nothing_is_gone_on_with(tmp_path, first) -> None:
    """A file that was replaced meanwhile, of the same length and date: it is fetched from its start, all of it new."""
    async with RawServer(Breaking(SIZE // 2, lambda at: partial(NEW[at:], at), NEW, first)) as server:
        assert await fetch(server, tmp_path) is None

    assert files_below(tmp_path)["101/88/page-0001.json"] == NEW
    assert [seen.headers.get("range") for seen in server.requests] == [None, None]


async def test_a_rest_that_breaks_is_gone_on_with(tmp_path) -> None:
    """Each piece of progress is kept, as long as there are attempts."""

    async def stumbling(exchange: Exchange) -> None:
        start = int(exchange.headers.get("range", "bytes=0-").removeprefix("bytes=").removesuffix("-"))
        span = f"Content-Range: bytes {start}-{SIZE - 1}/{SIZE}\r\n" if start else ""
        status = "206 Partial Content" if start else "200 OK"
        head = (
            f'HTTP/1.1 {status}\r\nContent-Length: {SIZE - start}\r\nETag: "v1"\r\nAccept-Ranges: bytes\r\n{span}\r\n'
        )
        await exchange.send(head.encode() + OLD[start : start + SIZE // 4 + 1])

    async with RawServer(stumbling) as server:
        assert await fetch(server, tmp_path, attrs.evolve(AGAIN, attempts=4)) is None

    assert files_below(tmp_path)["101/88/page-0001.json"] == OLD
    assert len(server.requests) == 4


async def test_a_version_that_changes_all_the_time_is_never_mixed(tmp_path) -> None:
    """Old and new by turns, each cut and with its own ETag, until the attempts are over: no file."""

    async def turning(exchange: Exchange) -> None:
        content, tag = (OLD, '"v1"') if exchange.number % 2 else (NEW, '"v2"')
        start = int(exchange.headers.get("range", "bytes=0-").removeprefix("bytes=").removesuffix("-"))
        if exchange.headers.get("if-range", tag) != tag:
            start = 0
        span = f"Content-Range: bytes {start}-{SIZE - 1}/{SIZE}\r\n" if start else ""
        status = "206 Partial Content" if start else "200 OK"
        head = (
            f"HTTP/1.1 {status}\r\nContent-Length: {SIZE - start}\r\nETag: {tag}\r\nAccept-Ranges: bytes\r\n{span}\r\n"
        )
        await exchange.send(head.encode() + content[start : SIZE - 5])

    async with RawServer(turning) as server:
        error = await fetch(server, tmp_path, attrs.evolve(AGAIN, attempts=6))

    assert isinstance(error, MultiCartError)
    assert files_below(tmp_path) == {}
    assert len(server.requests) == 6
