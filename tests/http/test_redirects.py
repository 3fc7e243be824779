"""Where the key may go: to the origin of the base URL, for files up to five hops, and nowhere else."""

from __future__ import annotations

from typing import Self

import anyio
import pytest
from support.fake_transports import FILE, FINE, KEY, LABEL, read_file, server_tls, settings, transport_to, trusting
from support.raw_server import Exchange, RawServer

from multicart_async import Limits
from multicart_async._http.envelope import unwrap_envelope
from multicart_async.errors import InvalidResponseError, UnreachableResultError

STATUSES = ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"]
FOREIGN = {
    "other port": "http://127.0.0.1:{foreign}/f.json",
    "other name": "http://localhost:{foreign}/f.json",
    "other name, same port": "http://localhost:{own}/f.json",
    "without scheme": "//localhost:{foreign}/f.json",
    "user and password": "http://user:pw@127.0.0.1:{own}/f.json",
    "a password": "http://:pw@127.0.0.1:{own}/f.json",
    "a user": "http://user@127.0.0.1:{own}/f.json",
    "the own host as user": "http://127.0.0.1:{own}@localhost:{foreign}/f.json",
    "a tab in the host": "http://127.0.0.1:{foreign}\t/f.json",
    "a trailing dot": "http://127.0.0.1.:{own}/f.json",
    "https": "https://127.0.0.1:{own}/f.json",
    "file": "file:///etc/passwd",
    "ftp": "ftp://127.0.0.1:{own}/f.json",
    "data": "data:application/json,[]",
    "unusual": "ws://127.0.0.1:{own}/f.json",
}
NOWHERE = {
    "a port that is none": "http://127.0.0.1:99999/f.json",
    "a port of letters": "http://127.0.0.1:x/f.json",
    "half an address": "http://[::1/f.json",
    "a backslash": "http://127.0.0.1:{own}\\@localhost:{foreign}/f.json",
    "letters that are no name": "http://\xe9\xad/f.json",
}
OWN = {
    "absolute": ("http://127.0.0.1:{own}/g.json", "/g.json"),
    "without scheme": ("//127.0.0.1:{own}/g.json", "/g.json"),
    "a path": ("/g.json", "/g.json"),
    "relative": ("g.json", "/api/v1/results/101/88/g.json"),
    "a signed query": ("/g.json?X-Sig=ab+c%2Fd%3D", "/g.json?X-Sig=ab+c%2Fd%3D"),
    "raw blanks": ("/AU Laptops 50%25.json", "/AU%20Laptops%2050%25.json"),
    "scheme in capitals": ("HTTP://127.0.0.1:{own}/g.json", "/g.json"),
}


class Pair:
    """The server of the base URL, which redirects the first request, and a foreign one."""

    def __init__(self, location: str | None, status: str = "302 Found", **tls) -> None:
        self._location = location
        self._status = status
        self.own = RawServer(self._redirect, **tls)
        self.foreign = RawServer(self._welcome)

    async def __aenter__(self) -> Self:
        await self.foreign.__aenter__()
        await self.own.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.own.__aexit__(*exc)
        await self.foreign.__aexit__(*exc)

    async def _redirect(self, exchange: Exchange) -> bool:
        if exchange.number > 1:
            return await self._welcome(exchange)
        ports = {"own": str(self.own.port), "foreign": str(self.foreign.port)}
        location = self._location
        for name, port in ports.items():
            location = location and location.replace(f"{{{name}}}", port)
        await exchange.answer(b"", status=self._status, **({} if location is None else {"Location": location}))
        return True

    async def _welcome(self, exchange: Exchange) -> bool:
        await exchange.answer(b"[]")
        return True


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("case", FOREIGN)
async def test_the_key_stays_with_its_origin(case, status) -> None:
    """A redirect of a file to anywhere else is refused, before anything is connected."""
    async with Pair(FOREIGN[case], status) as pair, transport_to(pair.own) as transport:
        with pytest.raises(UnreachableResultError, match=f"^{LABEL}: leads to another origin"):
            await read_file(transport, pair.own.url + FILE)

        assert (len(pair.own.requests), pair.foreign.connections, pair.own.connections) == (1, 0, 1)


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("location", ["http://127.0.0.1:{foreign}/t", "http://127.0.0.1:{own}/t", "/t", None])
async def test_a_call_is_never_redirected(location, status) -> None:
    """Not even within the origin: the body would be repeated, or lost; it becomes an error that names the status."""
    async with Pair(location, status) as pair, transport_to(pair.own) as transport:
        answer = await transport.post("/schedules/run/result/", b'{"schedule_id": 101}')

        assert (len(pair.own.requests), pair.foreign.connections) == (1, 0)
    with pytest.raises(InvalidResponseError, match=f"HTTP {status[:3]}: got a redirect, which calls do not follow"):
        unwrap_envelope("/x/", answer.status, answer.headers, answer.payload)


async def test_a_downgrade_to_http_is_refused() -> None:
    """From https to http the key would be there for everybody to read: the plain server is not even connected to."""
    pair = Pair("http://localhost:{foreign}/f.json", tls=server_tls())
    async with pair, transport_to(pair.own, network=trusting()) as transport:
        with pytest.raises(UnreachableResultError):
            await read_file(transport, pair.own.url + FILE)

        assert (len(pair.own.requests), pair.foreign.connections) == (1, 0)


async def test_over_tls_a_redirect_within_the_origin_is_followed() -> None:
    """Scheme, host and port are what counts, with https as with http."""
    pair = Pair("https://LOCALHOST:{own}/f.json", tls=server_tls())
    async with pair, transport_to(pair.own, network=trusting()) as transport:
        content = await read_file(transport, pair.own.url + FILE)

        assert [request.headers["x-api-key"] for request in pair.own.requests] == [KEY] * 2
    assert content == b"[]"


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("case", OWN)
async def test_a_file_may_move_within_its_origin(case, status) -> None:
    """The new place is asked for as it was written, with the key."""
    location, target = OWN[case]
    async with Pair(location, status) as pair, transport_to(pair.own) as transport:
        content = await read_file(transport, pair.own.url + FILE)

        assert [request.path for request in pair.own.requests] == [f"/api/v1{FILE}", target]
        assert [request.headers["x-api-key"] for request in pair.own.requests] == [KEY] * 2
    assert content == b"[]"


async def test_headers_of_a_request_follow_it() -> None:
    """What a resumed transfer asks for, it asks for at the new place too."""
    async with Pair("/g.json") as pair, transport_to(pair.own) as transport:
        async with transport.stream(pair.own.url + FILE, label=LABEL, headers={"Range": "bytes=5-"}):
            pass

        assert [request.headers["range"] for request in pair.own.requests] == ["bytes=5-"] * 2


@pytest.mark.parametrize("case", NOWHERE)
async def test_a_location_that_is_no_url_is_an_error_of_ours(case) -> None:
    """Whatever stands in Location, nothing but our errors comes out."""
    async with Pair(NOWHERE[case]) as pair, transport_to(pair.own) as transport:
        with pytest.raises(InvalidResponseError, match="HTTP 302: a redirect without a valid Location"):
            await read_file(transport, pair.own.url + FILE)

        assert (len(pair.own.requests), pair.foreign.connections) == (1, 0)


@pytest.mark.parametrize("status", [*STATUSES, "300 Choices", "304 Not Modified", "399 Odd"])
async def test_a_redirect_without_location(status) -> None:
    """It is no file, whatever its body says."""
    async with Pair(None, status) as pair, transport_to(pair.own) as transport:
        with pytest.raises(
            InvalidResponseError, match=f"^{LABEL}: HTTP {status[:3]}: a redirect without a valid Location"
        ):
            await read_file(transport, pair.own.url + FILE)

        assert len(pair.own.requests) == 1


@pytest.mark.parametrize(("hops", "arrives"), [(5, True), (6, False)])
async def test_five_hops_are_followed(hops, arrives) -> None:
    """A sixth one is an error, and a loop ends there."""

    async def hop(exchange: Exchange) -> bool:
        if exchange.number > hops:
            await exchange.answer(FINE)
        else:
            await exchange.answer(b"", status="302 Found", Location=f"/hop/{exchange.number}")
        return True

    async with RawServer(hop) as server, transport_to(server) as transport:
        if arrives:
            assert await read_file(transport, server.url + FILE) == FINE
        else:
            with pytest.raises(InvalidResponseError, match="more than 5 redirects"):
                await read_file(transport, server.url + FILE)

        assert len(server.requests) == 6


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/f.json", "http://u:p@{own}/f.json", "https://{own}/f.json"])
async def test_a_foreign_url_is_refused_before_any_request(url) -> None:
    """The first place is held to the same rule as the ones that it leads to."""
    async with Pair("/") as pair, transport_to(pair.own) as transport:
        with pytest.raises(UnreachableResultError):
            await read_file(transport, url.replace("{own}", f"127.0.0.1:{pair.own.port}"))

        assert pair.own.connections == 0


async def test_the_default_port_is_the_same_origin() -> None:
    """``:443`` written out and left out are one origin; another port or scheme is another."""
    base = "https://service.invalid/api/v1"
    async with transport_to(base, settings=settings(base)) as transport:
        transport._files._check_origin(transport._base.with_port(443), "a file")
        for other in (transport._base.with_port(8443), transport._base.with_scheme("http")):
            with pytest.raises(UnreachableResultError):
                transport._files._check_origin(other, "a file")


async def test_a_redirect_whose_body_never_ends_keeps_no_connection() -> None:
    """The one connection that is allowed is free for the next hop."""

    async def redirect(exchange: Exchange) -> bool:
        if exchange.path == "/g.json":
            await exchange.answer(FINE)
            return True
        await exchange.send(b"HTTP/1.1 302 Found\r\nLocation: /g.json\r\nContent-Length: 9\r\n\r\n")
        await exchange.hang()
        return False

    async with RawServer(redirect) as server, transport_to(server, limits=Limits(downloads=1)) as transport:
        with anyio.fail_after(10):
            assert await read_file(transport, server.url + FILE) == FINE
