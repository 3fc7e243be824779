"""The requests that ``--verbose`` shows: one line each, without secrets."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import signal
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from multicart_async.sandbox import Sandbox
from multicart_async.sandbox.__main__ import parser, serve
from multicart_async.sandbox._web.access_log import LOGGER, access_line, requests_on_stderr
from multicart_async.sandbox.faults import Cut, DropBefore, Envelope, Status

KEY = "key-0123456789"


class Served:
    """A sandbox whose requests are shown."""

    def __init__(self, sandbox: Sandbox, session: aiohttp.ClientSession, read: Callable[[], str]) -> None:
        self.sandbox = sandbox
        self._session = session
        self._read = read

    async def send(self, method: str, path: str, **options: Any) -> list[str]:
        """Send a request, and return the lines without their times."""
        try:
            async with self._session.request(method, self.sandbox.url + path, **options) as answer:
                await answer.read()
        except aiohttp.ClientError:
            pass
        lines: list[str] = []
        while not lines:
            await asyncio.sleep(0)
            lines = self._read().splitlines()
        return [re.sub(r", \d+ ms$", "", line) for line in lines]


@pytest_asyncio.fixture
async def served(capsys: pytest.CaptureFixture[str]) -> AsyncIterator[Served]:
    """A sandbox with one collection, whose requests are shown on stderr."""
    with requests_on_stderr():
        async with Sandbox(instant=True) as sandbox, aiohttp.ClientSession() as session:
            sandbox.add_collections(1)
            sandbox.add_user("Bob", api_key=KEY)
            yield Served(sandbox, session, lambda: capsys.readouterr().err)


async def test_a_call_shows_status_and_code(served: Served) -> None:
    """A line has the method, the path, the HTTP status and the code of the envelope."""
    path = "/settings/domains/"

    assert await served.send("POST", path) == ["POST /api/v1/settings/domains/ HTTP 200, code 200"]


async def test_a_rejected_call_shows_its_code(served: Served) -> None:
    """The code of a failure is shown, because its HTTP status is 200."""
    assert await served.send("POST", "/users/credits/") == ["POST /api/v1/users/credits/ HTTP 200, code 401"]


async def test_what_is_no_envelope_has_no_code(served: Served) -> None:
    """Pages of the web server have a status alone."""
    assert await served.send("POST", "/nowhere") == ["POST /api/v1/nowhere HTTP 404"]


async def test_faults_are_shown_as_sent(served: Served) -> None:
    """What a fault sends instead of the response is shown; what is cut has the status that was sent."""
    for fault in (Envelope(503), Status(502), Cut(3), DropBefore()):
        served.sandbox.faults.add("/settings/domains/", fault)

    shown = [await served.send("POST", "/settings/domains/") for _ in range(4)]

    assert [lines[0].removeprefix("POST /api/v1/settings/domains/ ") for lines in shown] == [
        "HTTP 200, code 503",
        "HTTP 502",
        "HTTP 200, code 200",
        "no response",
    ]


async def test_another_host_is_shown(served: Served) -> None:
    """A request for a foreign host is shown, too, with the code that it gets."""
    assert await served.send("POST", "/x", headers={"Host": "evil.example"}) == ["POST /api/v1/x HTTP 403, code 403"]


async def test_no_secret_is_shown(served: Served) -> None:
    """Key, token and password are not in the lines, nor is what the query of a link holds."""
    credential = {"x-api-key": KEY, "Authorization": "Token abc.def"}
    login = {"email": "ops@example.com", "password": "S3cur3p@ss"}

    lines = await served.send("GET", f"/results/{KEY}/abc.def?signature=s3cret", headers=credential)
    lines += await served.send("POST", "/users/login", json=login)

    assert lines == [
        "GET /api/v1/results/<credential>/<credential>?… HTTP 404",
        "POST /api/v1/users/login HTTP 200, code 200",
    ]


@pytest.mark.parametrize(
    ("target", "shown"),
    [
        ("/a%1b%5b31m%0Ab", r"/a\x1b[31m\nb"),
        ("/a%3Fkey=s3cret", "/a?…"),
        ("/a#s3cret", "/a?…"),
        ("http://user:s3cret@example.com/a", "/a"),
        ("/" + "x" * 9999, "/" + "x" * 298 + "…" + "x" * 200),
        ("/\udcff", r"/\udcff"),
    ],
    ids=["control", "escaped query", "fragment", "proxy", "long", "surrogate"],
)
def test_a_path_is_safe_to_show(target: str, shown: str) -> None:
    """Control characters are escaped, what may be secret is left out, and a long path is cut."""
    assert access_line("GET", target, (200, None), 0.0012) == f"GET {shown} HTTP 200, 1 ms"


async def test_nothing_is_shown_without_the_option(capsys: pytest.CaptureFixture[str]) -> None:
    """A sandbox is silent, and the logger has its own settings again."""
    with requests_on_stderr():
        assert LOGGER.isEnabledFor(logging.DEBUG)
    async with Sandbox() as sandbox, sandbox.client() as client:
        await client.settings.domains()

    assert not LOGGER.isEnabledFor(logging.DEBUG)
    assert LOGGER.propagate
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("flag", ["-v", "--verbose"])
async def test_the_command_shows_requests(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    """With ``--verbose`` the command writes the lines to stderr, and what it says itself to stdout."""
    async with asyncio.TaskGroup() as group:
        group.create_task(serve(parser().parse_args(["--port", "0", flag])))
        text = ""
        while "Ctrl-C" not in text:
            await asyncio.sleep(0.01)
            text += capsys.readouterr().out
        async with aiohttp.ClientSession() as session:
            await session.post(text.split()[2] + "/settings/domains/")
        os.kill(os.getpid(), signal.SIGTERM)

    assert re.fullmatch(r"POST /api/v1/settings/domains/ HTTP 200, code 200, \d+ ms\n", capsys.readouterr().err)
