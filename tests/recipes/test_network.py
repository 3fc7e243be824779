"""The pieces of docs/network.md, through proxies and authorities on this machine."""

from __future__ import annotations

import ast
import os
from base64 import b64encode
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from support.document_programs import block_with, run_program
from support.fake_transports import authority_file, server_tls
from support.raw_server import RawServer
from support.socks import socks
from support.tunnels import Tunnels

from multicart_async import errors
from multicart_async.sandbox import Sandbox

PAGE = "network.md"
LOGIN = "Basic " + b64encode(b"user:p@ss").decode()
PROGRAM = "import asyncio\n\n\nasync def main() -> None:\n{}\n\n\nasyncio.run(main())\n"


async def run_piece(text: str) -> None:
    """Execute the piece of the page that has that text."""
    block = block_with(PAGE, text)
    code = compile(block.code, str(block), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    left: Any = eval(code, {"__name__": "piece"})
    await left


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch) -> None:
    """The environment of those who run the tests has none."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest_asyncio.fixture
async def service(monkeypatch) -> AsyncIterator[Sandbox]:
    """A sandbox with https, whose certificate is of the tests' own authority, under a name."""
    async with Sandbox(instant=True, ssl_context=server_tls()) as sandbox:
        monkeypatch.setenv("MULTICART_BASE_URL", sandbox.url.replace("127.0.0.1", "localhost"))
        monkeypatch.setenv("MULTICART_API_KEY", sandbox.api_key)
        yield sandbox


@pytest_asyncio.fixture
async def proxy(service, request) -> AsyncIterator[RawServer]:
    """A proxy that opens tunnels to it; with TLS where a test asks for that."""
    tls = server_tls() if getattr(request, "param", None) == "https" else None
    async with RawServer(Tunnels(int(service.url.split(":")[2].partition("/")[0])), tls=tls) as server:
        yield server


def told(proxy: RawServer) -> set[tuple[str, str | None]]:
    """What the proxy was asked for, and who asked."""
    return {(request.line.split(":")[0], request.headers.get("proxy-authorization")) for request in proxy.requests}


@pytest.mark.parametrize("proxy", ["http", "https"], indirect=True)
async def test_a_proxy_and_an_authority_of_a_company(service, proxy, monkeypatch, tmp_path) -> None:
    """The piece goes through the tunnel, logs in to the proxy, and trusts the company's certificate."""
    monkeypatch.setenv("COMPANY_PROXY", proxy.origin.replace("://", "://user:p%40ss@"))
    monkeypatch.setenv("COMPANY_CA", os.fspath(authority_file(tmp_path)))
    await run_piece("load_verify_locations")

    assert told(proxy) == {("CONNECT localhost", LOGIN)}
    assert sum(service.counts.values()) == 1


@pytest.mark.parametrize("piece", ["as behind_a_proxy", "load_verify_locations"])
async def test_without_the_authority_nothing_is_sent(service, proxy, monkeypatch, piece) -> None:
    """The handshake fails, once: it is not repeated."""
    monkeypatch.setenv("COMPANY_PROXY", f"http://127.0.0.1:{proxy.port}")
    with pytest.raises(errors.APIConnectionError, match="certificate") as caught:
        await run_piece(piece)

    assert (caught.value.retryable, caught.value.attempts) == (False, 1)
    assert not service.counts


@pytest.mark.heavy
async def test_the_environment_names_proxy_and_authority(service, proxy, tmp_path) -> None:
    """`HTTPS_PROXY` with ``trust_env``, and `SSL_CERT_FILE`, which Python reads."""
    indented = "\n".join(f"    {line}".rstrip() for line in block_with(PAGE, "trust_env=True").code.splitlines())
    variables = {
        "HTTPS_PROXY": f"http://user:p%40ss@127.0.0.1:{proxy.port}",
        "SSL_CERT_FILE": os.fspath(authority_file(tmp_path)),
        "MULTICART_BASE_URL": os.environ["MULTICART_BASE_URL"],
    }
    out, _ = await run_program(PROGRAM.format(indented), tmp_path, service, "-W", "error", **variables)

    assert out == "0\n"
    assert told(proxy) == {("CONNECT localhost", LOGIN)}


@pytest.mark.heavy
@pytest.mark.filterwarnings("error")
async def test_socks_with_a_borrowed_session(monkeypatch) -> None:
    """The proxy resolves the name; with a wrong password the error shows neither that nor the key."""
    pytest.importorskip("aiohttp_socks", reason="in the dependency group recipes")
    async with Sandbox(instant=True) as sandbox, socks() as proxy:
        monkeypatch.setenv("MULTICART_BASE_URL", sandbox.url.replace("127.0.0.1", "localhost"))
        monkeypatch.setenv("MULTICART_API_KEY", sandbox.api_key)
        monkeypatch.setenv("COMPANY_SOCKS", proxy.url)
        await run_piece("ProxyConnector")
        monkeypatch.setenv("COMPANY_SOCKS", proxy.url.replace("s3cr3t", "wr0ng"))
        with pytest.raises(errors.APIConnectionError) as caught:
            await run_piece("ProxyConnector")

    assert proxy.asked == ["localhost"]
    assert sum(sandbox.counts.values()) == 1
    assert "wr0ng" not in str(caught.value) + repr(caught.value)
