"""Run the command in this process, against a sandbox in a thread."""

from __future__ import annotations

import asyncio
import io
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import attrs
import pytest

from multicart_async.cli import main
from multicart_async.sandbox import Sandbox

T = TypeVar("T")


class BackgroundSandbox:
    """A sandbox that serves in a thread of its own, because the command has its own event loop."""

    def __init__(self, sandbox: Sandbox, loop: asyncio.AbstractEventLoop) -> None:
        self.sandbox = sandbox
        self.loop = loop
        self.url = sandbox.url
        self.api_key = sandbox.api_key

    def do(self, work: Callable[[Sandbox], T]) -> T:
        """Return what *work* returns, which is called in the sandbox's loop."""

        async def called() -> T:
            return work(self.sandbox)

        return asyncio.run_coroutine_threadsafe(called(), self.loop).result(10)


@contextmanager
def background_sandbox(collections: int = 0, **options: Any) -> Iterator[BackgroundSandbox]:
    """Serve a sandbox with so many finished collections, from id 101 on."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        sandbox = Sandbox(**options)
        asyncio.run_coroutine_threadsafe(sandbox.start(), loop).result(10)
        try:
            served = BackgroundSandbox(sandbox, loop)
            served.do(lambda sandbox: sandbox.add_collections(collections))
            yield served
        finally:
            asyncio.run_coroutine_threadsafe(sandbox.aclose(), loop).result(10)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


@attrs.frozen
class Result:
    """What a command has done."""

    status: int
    out: str
    err: str

    @property
    def rows(self) -> list[Any]:
        """The lines of JSON on stdout."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def document(self) -> Any:
        """The JSON document on stdout."""
        return json.loads(self.out)


class Terminal(io.StringIO):
    """An input that is a terminal, with the answers of a user."""

    def isatty(self) -> bool:
        return True


class Commands:
    """Calls ``multicart`` with arguments."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.monkeypatch = monkeypatch
        self._capsys = capsys

    def at(self, served: BackgroundSandbox) -> Commands:
        """Use a sandbox, by the environment."""
        self.monkeypatch.setenv("MULTICART_BASE_URL", served.url)
        self.monkeypatch.setenv("MULTICART_API_KEY", served.api_key)
        return self

    def __call__(self, *arguments: object, stdin: str | io.StringIO | None = "") -> Result:
        """Run a command to its end."""
        self.monkeypatch.setattr("sys.stdin", io.StringIO(stdin) if isinstance(stdin, str) else stdin)
        self._capsys.readouterr()
        status = main([str(word) for word in arguments])
        written = self._capsys.readouterr()
        return Result(status, written.out, written.err)
