"""What succeeds is handed on as it came, and costs no search."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.raw_server import Exchange, RawServer
from support.scanner import Scan
from support.verbs import KEY, PASSWORD, VERBS
from test_every_verb import client_of, look_at

from multicart_async._core.redactor import Redactor

VALUE = {"id": 101, "name": f"{KEY} {PASSWORD}", "token": KEY, "user": {"id": 1}}


async def answer(exchange: Exchange) -> bool:
    """A row, a list of rows where one is expected, or a page."""
    lists = exchange.path.endswith(("get_schedules/", "list/"))
    private = "/users/" in exchange.path  # whose answers are short
    more = "x" * (1_000 if private else 300_000)
    body = {"code": 200, "data": [VALUE] if lists else VALUE, "status": 1, "more": more}
    await exchange.answer(b"[{}]" if exchange.line.startswith("GET") else json.dumps(body).encode())
    return True


async def test_a_success_is_not_searched(
    scan: Scan, monkeypatch: pytest.MonkeyPatch, caplog: Any, tmp_path: Path
) -> None:
    """A successful response is not searched; neither the client nor its files show a secret afterwards."""

    def refuse(self: Redactor, text: str) -> str:
        raise AssertionError("a text was searched")

    monkeypatch.setattr(Redactor, "text", refuse)
    async with RawServer(answer) as server, client_of(server, scan) as client:
        for name in (
            "profile",
            "collections.get",
            "collections.list",
            "download",
            "records",
            "stream",
            "update profile",
        ):
            await VERBS[name](client, tmp_path)
        login = await client.account.login("ops@example.com", PASSWORD)
        data = await client.request("/new/", {"password": PASSWORD})
        look_at(scan, client, tmp_path, caplog)
    scan.look("login", repr(login))

    assert (login.token, data) == (KEY, VALUE)
    assert (tmp_path / "run" / "101" / "88" / "manifest.json").exists()
    assert scan.found == set()
