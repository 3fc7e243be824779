"""A file that is cut at every single byte, on real sockets, in each framing: never a final file, never a "success"."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import anyio
import attrs
import pytest
from support.download_kit import files_below, page_bytes, run_of, sized_page, temporaries_below, zip_bytes
from support.fake_transports import KEY, client_tls, server_tls
from support.raw_server import Exchange, RawServer

from multicart_async import AsyncMultiCart, RetryPolicy
from multicart_async.errors import APIConnectionError, IncompleteDownloadError, MultiCartError

PAGE = sized_page(150)
ARCHIVE = zip_bytes([page_bytes(1)])
FULL = 1 << 30  # a run whose file is not cut
Kind = Literal["page", "zip"]


@attrs.frozen
class Cutting:
    """Answers with the file of run number N cut after N - 1 bytes."""

    content: bytes
    framing: Literal["length", "chunked", "close", "http/1.0"]
    reset: bool = False

    async def __call__(self, exchange: Exchange) -> None:
        at = min(int(exchange.path.split("/")[5]) - 1, len(self.content))
        whole = at == len(self.content) and exchange.path.split("/")[5] == str(FULL)
        await exchange.send(self.head(), *self.body(at, whole=whole))
        if self.reset and not whole:
            exchange.reset()
        else:
            exchange.cut()

    def head(self) -> bytes:
        version = "1.0" if self.framing == "http/1.0" else "1.1"
        lines = [f"HTTP/{version} 200 OK", "Content-Type: application/octet-stream"]
        if self.framing == "length":
            lines.append(f"Content-Length: {len(self.content)}")
        elif self.framing == "chunked":
            lines.append("Transfer-Encoding: chunked")
        return "\r\n".join([*lines, "", ""]).encode()

    def body(self, at: int, *, whole: bool) -> Iterable[bytes]:
        if self.framing != "chunked":
            return [self.content[:at]]
        chunks = [self.content[start : start + 64] for start in range(0, at, 64)]
        framed = [b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks]
        return [*framed, b"0\r\n\r\n"] if whole else framed


async def outcome(client: AsyncMultiCart, base: str, run: int, kind: Kind, dest: Path) -> MultiCartError | None:
    """The error of one download, or ``None``."""
    row = run_of(*([] if kind == "zip" else [1]), zipped=True, base=base, run=run)
    try:
        await client.runs.download(row, dest, files="zip" if kind == "zip" else "pages")
    except MultiCartError as error:
        return error
    return None


async def outcomes(server: RawServer, runs: Iterable[int], kind: Kind, dest: Path) -> dict[int, MultiCartError | None]:
    """How each run's download ended; many at a time, each tried once."""
    found: dict[int, MultiCartError | None] = {}
    tls = client_tls() if server.origin.startswith("https") else None
    async with AsyncMultiCart(KEY, base_url=server.url, retry=RetryPolicy(attempts=1), ssl_context=tls) as client:

        async def one(run: int) -> None:
            found[run] = await outcome(client, server.url, run, kind, dest)

        async with anyio.create_task_group() as group:
            for run in runs:
                group.start_soon(one, run)
    return found


FRAMINGS = [
    ("length", False),
    ("length", True),
    ("chunked", False),
    ("chunked", True),
    ("close", False),
    ("close", True),
]


@pytest.mark.parametrize(("framing", "reset"), [*FRAMINGS, ("http/1.0", False)])
@pytest.mark.parametrize("kind", ["page", "zip"])
async def test_no_cut_passes_for_the_end(tmp_path, kind, framing, reset) -> None:
    """Cut at every byte, by FIN and by RST: each is an `IncompleteDownloadError`; the whole file is taken."""
    content = PAGE if kind == "page" else ARCHIVE
    last = len(content) + (1 if framing in {"length", "close", "http/1.0"} else 2)  # its terminator can be missing
    async with RawServer(Cutting(content, framing, reset)) as server:
        ends = await outcomes(server, [*range(1, last), FULL], kind, tmp_path)

    assert ends.pop(FULL) is None
    assert set(range(1, last)) == ends.keys()
    wrong = {run: end for run, end in ends.items() if type(end) is not IncompleteDownloadError}
    if reset:  # a RST may overtake the headers: then there was no answer at all
        wrong = {run: end for run, end in wrong.items() if type(end) is not APIConnectionError}
    assert wrong == {}
    name = "all-pages.zip" if kind == "zip" else "page-0001.json"
    assert {
        name.rpartition("/")[2]: body for name, body in files_below(tmp_path).items() if "manifest" not in name
    } == {name: content}
    assert temporaries_below(tmp_path) == []


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
@pytest.mark.parametrize("kind", ["page", "zip"])
async def test_no_cut_of_tls_passes_for_the_end(tmp_path, kind, framing) -> None:
    """A TLS connection that ends without a goodbye is a cut, wherever it ends; the whole file is taken."""
    content = PAGE if kind == "page" else ARCHIVE
    runs = [*range(1, len(content), 23), len(content)]
    async with RawServer(Cutting(content, framing), tls=server_tls()) as server:
        ends = await outcomes(server, [*runs, FULL], kind, tmp_path)

    assert ends.pop(FULL) is None
    allowed = {IncompleteDownloadError, APIConnectionError}
    assert {run: end for run, end in ends.items() if type(end) not in allowed} == {}
    assert len([name for name in files_below(tmp_path) if "manifest" not in name]) == 1


@pytest.mark.parametrize("at", [0, 1, 17, 40, 60])
async def test_a_cut_of_the_headers_is_no_answer(tmp_path, at) -> None:
    """Half a head is no file of length 0."""

    async def half(exchange: Exchange) -> None:
        await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX: y\r\n"[:at])

    async with RawServer(half) as server:
        ends = await outcomes(server, [1], "page", tmp_path)

    assert APIConnectionError is type(ends[1])
    assert files_below(tmp_path) == {}


async def test_surplus_bytes_after_a_file_are_cut_off_or_an_error(tmp_path) -> None:
    """If more bytes come than the length promises, the file is exactly what was promised, or there is none."""

    async def too_much(exchange: Exchange) -> None:
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(PAGE)}\r\n\r\n".encode()
        await exchange.send(head + PAGE + PAGE)

    async with RawServer(too_much) as server:
        await outcomes(server, [1], "page", tmp_path)

    assert {PAGE} >= {body for name, body in files_below(tmp_path).items() if "manifest" not in name}


async def test_a_body_that_is_longer_without_a_length_is_refused(tmp_path) -> None:
    """Two files one after the other, up to the end of the connection, are not one file."""

    async def twice(exchange: Exchange) -> None:
        await exchange.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + PAGE + PAGE)

    async with RawServer(twice) as server:
        ends = await outcomes(server, [1], "page", tmp_path)

    assert IncompleteDownloadError is type(ends[1])
    assert files_below(tmp_path) == {}
