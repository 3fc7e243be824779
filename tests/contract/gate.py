"""Prism in front of a sandbox, and a gate in front of Prism that notes what it says of each request."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import attrs
from aiohttp import web
from openapi import OPENAPI
from yarl import URL

PATIENCE = 60.0  # seconds until Prism must listen: node is slow on a busy machine
PROBLEM = "application/problem+json"
HOPS = ("Connection", "Content-Length", "Host", "Keep-Alive", "Transfer-Encoding")
UNTRUE = ("Content-Encoding", "Content-Type", *HOPS)


class NoPrism(RuntimeError):  # noqa: N818 -- what is the matter, not a kind of error
    """Prism cannot be used: the text says why."""


@attrs.define
class Gate:
    """Passes everything on to Prism, and gives its answers back.

    Prism reads bodies as text, so files do not survive it: once it has let the request for one pass, the bytes are
    fetched from the sandbox itself.
    """

    prism: str
    sandbox: str
    session: aiohttp.ClientSession
    passed: list[tuple[str, str]] = attrs.field(factory=list[tuple[str, str]])
    violations: list[str] = attrs.field(factory=list[str])

    async def handle(self, request: web.Request) -> web.Response:
        """Prism's answer to one request, or the file that it let pass."""
        answer = await self._ask(self.prism, request)
        if answer.content_type == PROBLEM:
            self.violations.append(f"{request.method} {request.path}: {problem(answer)}")
            return answer
        self.passed.append((request.method, request.path))
        return await self._ask(self.sandbox, request) if request.method == "GET" else answer

    async def _ask(self, base: str, request: web.Request) -> web.Response:
        """The same request, elsewhere."""
        headers = request.headers.copy()
        for name in HOPS:
            headers.popall(name, None)
        url = URL(base + request.raw_path, encoded=True)
        async with self.session.request(request.method, url, data=await request.read(), headers=headers) as answer:
            kept = {name: value for name, value in answer.headers.items() if name.title() not in UNTRUE}
            content = await answer.read()
            return web.Response(status=answer.status, body=content, headers=kept, content_type=answer.content_type)


def problem(answer: web.Response) -> str:
    """What Prism has against a request or its answer, in one line."""
    assert isinstance(answer.body, bytes)
    told = json.loads(answer.body)
    places = (f"{'.'.join(map(str, each['location']))} {each['message']}" for each in told.get("validation", ()))
    return f"{told['status']} {told['title']}: {'; '.join(places) or told['detail']}"


@asynccontextmanager
async def gate_of(program: Path, sandbox: str, port: int, log: Path) -> AsyncGenerator[Gate]:
    """A gate on a port, Prism behind it, the sandbox behind Prism. All that Prism says goes to *log*.

    Raises:
        NoPrism: It did not begin to listen.
    """
    async with running(program, sandbox, log) as prism, plain_session() as session:
        gate = Gate(prism, sandbox, session)
        app = web.Application(client_max_size=2**26)
        app.router.add_route("*", "/{path:.*}", gate.handle)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", port).start()
            yield gate
        finally:
            await runner.cleanup()


def plain_session() -> aiohttp.ClientSession:
    """A session that adds nothing of its own to a request."""
    return aiohttp.ClientSession(
        auto_decompress=False, skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent")
    )


@asynccontextmanager
async def running(program: Path, sandbox: str, log: Path) -> AsyncGenerator[str]:
    """Where Prism listens, for as long as it is wanted."""
    port = free_port()
    command = (program, "proxy", "--errors", "--host", "127.0.0.1", "--port", str(port), OPENAPI, sandbox)
    with log.open("wb") as told:
        process = await asyncio.create_subprocess_exec(*command, stdout=told, stderr=told)
    try:
        await until_it_listens(process, port, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        if process.returncode is None:
            process.kill()  # it has nothing to lose
        await process.wait()


async def until_it_listens(process: asyncio.subprocess.Process, port: int, log: Path) -> None:
    """Come back when a connection is taken."""
    for _ in range(int(PATIENCE / 0.1)):
        if process.returncode is not None:
            break
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.1)
        else:
            writer.close()
            return
    raise NoPrism("Prism does not listen:\n" + said(log))


def said(log: Path) -> str:
    """The last of what Prism wrote."""
    return log.read_text("utf-8", errors="replace")[-4000:]


def free_port() -> int:
    """A port that nobody has at this moment."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port
