"""From address and password to a client that works, over a real socket."""

from __future__ import annotations

import json

from support.raw_server import Exchange, RawServer

from multicart_async import AsyncMultiCart

LOGIN = {"token": "9a8b7c6d5e4f", "user": {"id": 42, "name": "Alice Smith", "email": "ops@example.com"}}
PROFILE = {"id": 42, "name": "Alice Smith", "email": "ops@example.com", "created_at": "2025-01-15T09:00:00Z"}


async def service(exchange: Exchange) -> bool:
    """Knows one user."""
    data = LOGIN if exchange.path.endswith("/users/login") else PROFILE
    await exchange.answer(json.dumps({"code": 200, "data": data, "status": 1}).encode())
    return True


async def test_a_login_makes_a_client() -> None:
    """Without any credential first; then with the token of the session, in its own header."""
    async with RawServer(service) as server:
        async with AsyncMultiCart(base_url=server.url) as client:
            login = await client.account.login("ops@example.com", "S3cur3p@ss")
        async with AsyncMultiCart(token=login.token, base_url=server.url) as client:
            profile = await client.account.profile()

    first, second = server.requests
    assert login.user.id == profile.id
    assert first.line == "POST /api/v1/users/login HTTP/1.1"
    assert json.loads(first.body) == {"email": "ops@example.com", "password": "S3cur3p@ss"}
    assert not {"authorization", "x-api-key"} & first.headers.keys()
    assert (second.headers["authorization"], second.body) == ("Token 9a8b7c6d5e4f", b"{}")


async def test_a_client_with_a_key_logs_in_without_it() -> None:
    """Login is public: the key stays at home."""
    async with RawServer(service) as server, AsyncMultiCart("mc.key", base_url=server.url) as client:
        await client.account.login("ops@example.com", "S3cur3p@ss")

    assert "x-api-key" not in server.requests[0].headers
