"""What goes wrong on a real connection: whether the request may have arrived, and how often it was sent."""

from __future__ import annotations

import os
import resource
from contextlib import contextmanager

import pytest
from support.fake_transports import FILE, FINE, LABEL, fine, read_file, server_tls, settings, transport_to, trusting
from support.leaks import chain_of, frames_of
from support.raw_server import Exchange, RawServer

from multicart_async import AsyncMultiCart, RetryPolicy
from multicart_async._http import NetworkOptions
from multicart_async.errors import APIConnectionError, InvalidResponseError, MultiCartError

PATH = "/schedules/get/"


async def failure_of(verb: str, transport, url: str) -> MultiCartError:
    """The error of a call or of opening a file."""
    with pytest.raises(MultiCartError) as caught:
        await (transport.post(PATH, b"{}") if verb == "post" else read_file(transport, url + FILE))
    return caught.value


@contextmanager
def no_more_files():
    """This process can open no further descriptor."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    spare = os.open(os.devnull, os.O_RDONLY)
    os.close(spare)
    resource.setrlimit(resource.RLIMIT_NOFILE, (spare, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("verb", ["post", "stream"])
async def test_a_refused_connection_was_not_used(verb) -> None:
    """Nobody listens: nothing was sent, another attempt may help; the cause leads into no frame of aiohttp."""
    async with RawServer(fine) as server, transport_to(server) as transport:
        server.refuse()
        fault = await failure_of(verb, transport, server.url)

    assert (APIConnectionError, False, True) == (type(fault), fault.sent, fault.retryable)
    assert isinstance(fault.__cause__, ConnectionRefusedError)
    assert not [name for each in chain_of(fault.__cause__) for name in frames_of(each.__traceback__)]
    assert fault.path in {PATH, LABEL}


@pytest.mark.parametrize("verb", ["post", "stream"])
async def test_no_descriptors_left_is_named(verb) -> None:
    """It is this machine's trouble and not the service's: the message says so."""
    async with RawServer(fine) as server, transport_to(server) as transport:
        transport._session("calls" if verb == "post" else "files")
        with no_more_files():
            fault = await failure_of(verb, transport, server.url)

    assert (APIConnectionError, False) == (type(fault), fault.sent)
    assert "too many open files on this machine" in str(fault)


async def close(exchange: Exchange) -> None:
    """Say nothing."""


async def reset(exchange: Exchange) -> None:
    exchange.reset()


async def half_a_head(exchange: Exchange) -> None:
    await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Le")


async def only_a_promise(exchange: Exchange) -> None:
    await exchange.send(b"HTTP/1.1 100 Continue\r\n\r\n")


async def half_a_body(exchange: Exchange) -> None:
    await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n" + FINE[:20])


async def half_a_chunk(exchange: Exchange) -> None:
    await exchange.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n" + FINE[:20])


async def no_last_chunk(exchange: Exchange) -> None:
    await exchange.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n")


async def bad_gzip(exchange: Exchange) -> None:
    await exchange.answer(FINE, Content_Encoding="gzip")


BREAKS = [close, reset, half_a_head, only_a_promise, half_a_body, half_a_chunk, no_last_chunk, bad_gzip]


@pytest.mark.parametrize("fresh", [True, False])
@pytest.mark.parametrize("broken", BREAKS)
async def test_a_call_that_breaks_is_sent_once(broken, fresh) -> None:
    """After sending, nothing is repeated below us, and the error says that the request may have arrived."""
    async with RawServer(broken) as server, transport_to(server) as transport:
        with pytest.raises(APIConnectionError) as caught:
            await transport.post(PATH, b"{}", new_connection=fresh)

        assert len(server.requests) == 1
    assert (APIConnectionError, True, True) == (type(caught.value), caught.value.sent, caught.value.retryable)


async def test_over_tls_a_cut_answer_is_no_answer() -> None:
    """A connection that ends without close_notify in the middle of a call is an error like every other."""

    async def cut(exchange: Exchange) -> None:
        await half_a_body(exchange)
        exchange.cut()

    async with RawServer(cut, tls=server_tls()) as server, transport_to(server, network=trusting()) as transport:
        fault = await failure_of("post", transport, server.url)

    assert (APIConnectionError, True) == (type(fault), fault.sent)


@pytest.mark.parametrize("fresh", [True, False])
async def test_a_call_on_a_dropped_connection_is_sent_once(fresh) -> None:
    """The server reads a call on a connection that it has kept, and drops it: aiohttp must not send it again."""

    async def once(exchange: Exchange) -> bool | None:
        return await fine(exchange) if exchange.number == 1 else None

    async with RawServer(once) as server, transport_to(server) as transport:
        await transport.post(PATH, b"{}", new_connection=fresh)
        with pytest.raises(APIConnectionError):
            await transport.post(PATH, b"{}", new_connection=fresh)

        assert (2, 2 if fresh else 1) == (len(server.requests), server.connections)


async def test_a_file_is_asked_for_at_most_twice() -> None:
    """aiohttp repeats a GET once by itself, and there is no switch: a budget of attempts must count on it."""
    async with RawServer(close) as server, transport_to(server) as transport:
        fault = await failure_of("stream", transport, server.url)

        assert len(server.requests) <= 2
    assert APIConnectionError is type(fault)


MALFORMED = {
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "a negative length": b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\n{}",
    "a length with a sign": b"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\n{}",
    "length and chunks": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "no status": b"HTTP/1.1 abc OK\r\n\r\n",
    "another protocol": b"SSH-2.0-OpenSSH_9.6\r\n",
    "a bad chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    "a NUL in a header": b"HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 2\r\n\r\n{}",
    "garbage behind the body": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}garbage\r\n\r\n",
}


@pytest.mark.parametrize("verb", ["post", "stream"])
@pytest.mark.parametrize("case", MALFORMED)
async def test_a_malformed_head_is_an_invalid_response(case, verb) -> None:
    """aiohttp reports what its parser refuses as status 400; that is the service's word for something else."""

    async def answer(exchange: Exchange) -> None:
        await exchange.send(MALFORMED[case])

    async with RawServer(answer) as server, transport_to(server) as transport:
        fault = await failure_of(verb, transport, server.url)

        assert len(server.requests) == 1
    assert (InvalidResponseError, None) == (type(fault), fault.http_status)
    assert str(fault).endswith(": the response is not valid HTTP")


async def client_events(server: RawServer, **given) -> list[object]:
    """What a client told while a read failed."""
    events: list[object] = []
    async with AsyncMultiCart(
        "mc_live_x.y", base_url=server.url, retry=RetryPolicy(attempts=3), on_event=events.append, **given
    ) as client:
        with pytest.raises(MultiCartError):
            await client.collections.get(101)
    return events


async def test_a_malformed_head_is_not_tried_again() -> None:
    """Another attempt would find the same server, so the error is told at once."""

    async def answer(exchange: Exchange) -> None:
        await exchange.send(MALFORMED["no status"])

    async with RawServer(answer) as server:
        assert await client_events(server) == []
        assert len(server.requests) == 1


async def test_an_untrusted_certificate_is_not_tried_again() -> None:
    """The certificate will not be better the next time; the message says what is wrong with it."""
    async with RawServer(fine, tls=server_tls()) as server:
        assert await client_events(server) == []
        async with transport_to(server) as transport:
            fault = await failure_of("stream", transport, server.url)

    assert (fault.sent, fault.retryable) == (False, False)
    assert " is not trusted: " in str(fault)
    assert "verify failed" in str(fault)


async def test_a_refused_connection_is_tried_again() -> None:
    """In contrast to the two above: the policy's attempts are used up."""
    async with RawServer(fine) as server:
        server.refuse()
        assert len(await client_events(server)) == 2


async def test_a_call_goes_through_the_proxy() -> None:
    """The proxy is asked for the whole URL, and what it says without the service does not count as sent."""

    async def proxy(exchange: Exchange) -> bool:
        if exchange.line.startswith("CONNECT"):
            await exchange.answer(b"", status="407 Proxy Authentication Required")
            return False
        return await fine(exchange)

    async with RawServer(proxy) as server:
        network = NetworkOptions(proxy=f"http://user:password@127.0.0.1:{server.port}")
        async with transport_to("http://service.invalid/api/v1", network=network) as transport:
            answer = await transport.post(PATH, b"{}")
        async with transport_to("https://service.invalid/api/v1", network=network) as transport:
            fault = await failure_of("post", transport, "")

        assert f"POST http://service.invalid/api/v1{PATH} HTTP/1.1" == server.requests[0].line
    assert answer.payload == FINE
    assert (False, f"the proxy 127.0.0.1:{server.port} responded with HTTP 407") == (fault.sent, fault.reason)
    assert "password" not in repr(network)


async def test_a_proxy_of_the_environment_is_used_when_allowed(monkeypatch, tmp_path) -> None:
    """With ``trust_env`` the environment names the proxy; netrc is not read, its password would go beside our key."""
    async with RawServer(fine) as server:
        monkeypatch.setenv("http_proxy", server.origin)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        netrc = tmp_path / "netrc"
        netrc.write_text("machine service.invalid login somebody password something\n")
        monkeypatch.setenv("NETRC", str(netrc))
        base = "http://service.invalid/api/v1"
        async with transport_to(base, settings=settings(base), network=NetworkOptions(trust_env=True)) as transport:
            assert (await transport.post(PATH, b"{}")).payload == FINE

    assert "authorization" not in server.requests[0].headers


async def test_a_host_that_needs_no_proxy_is_asked_directly(monkeypatch) -> None:
    """``no_proxy`` of the environment is kept."""
    async with RawServer(fine) as server:
        monkeypatch.setenv("http_proxy", "http://proxy.invalid:3128")
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        async with transport_to(
            server.url, settings=settings(server.url), network=NetworkOptions(trust_env=True)
        ) as transport:
            assert (await transport.post(PATH, b"{}")).payload == FINE
