"""A transport to a server of the tests, and what such a server says most often."""

from __future__ import annotations

import os
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any

import trustme

from multicart_async._core.credentials import Given, Settings, resolve
from multicart_async._http import AiohttpTransport, NetworkOptions
from support.raw_server import Exchange, RawServer

KEY = "mc_live_wires.c2VjcmV0"
FINE = b'{"code": 200, "data": 1, "status": 1}'
FILE = "/results/101/88/AU_88_Results_Page_1.json"
LABEL = "results/101/88/page 1"


def settings(url: str, key: str | None = KEY, token: str | None = None) -> Settings:
    """Settings as a client makes them; plain http may go to a host that is none."""
    return resolve(Given(key, token), url, {}, allow_http=True)


@asynccontextmanager
async def transport_to(server: RawServer | str, **given: Any) -> AsyncIterator[AiohttpTransport]:
    """A transport to the server, or to a base URL; it is closed at the end."""
    url = server if isinstance(server, str) else server.url
    transport = AiohttpTransport(given.pop("settings", None) or settings(url), **given)
    try:
        yield transport
    finally:
        await transport.aclose()


async def fine(exchange: Exchange) -> bool:
    """Answer with success and keep the connection."""
    await exchange.answer(FINE)
    return True


async def read_file(transport: AiohttpTransport, url: str) -> bytes:
    """The whole file."""
    async with transport.stream(url, label=LABEL) as stream:
        return b"".join([piece async for piece in stream])


@cache
def _authority() -> trustme.CA:
    return trustme.CA()


@cache
def server_tls() -> ssl.SSLContext:
    """TLS for a server on localhost, with a certificate of an authority that nobody knows."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_certificate(context)
    return context


def server_certificate(context: ssl.SSLContext) -> None:
    """Give a server on localhost a certificate of the tests' authority."""
    _authority().issue_cert("localhost", "127.0.0.1").configure_cert(context)


def authority_file(folder: Path) -> Path:
    """Write the certificate of that authority to a file."""
    _authority().cert_pem.write_to_path(os.fspath(folder / "authority.pem"))
    return folder / "authority.pem"


@cache
def client_tls() -> ssl.SSLContext:
    """TLS for a client that knows that authority."""
    context = ssl.create_default_context()
    _authority().configure_trust(context)
    return context


def trusting() -> NetworkOptions:
    """A way out that trusts the tests' authority."""
    return NetworkOptions(ssl_context=client_tls())
