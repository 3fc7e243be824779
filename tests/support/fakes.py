"""Doubles for tests, ours and yours: a transport that answers from a script, and a clock that is turned by hand.

For a service that behaves like the real one, over a real socket, use `multicart_async.sandbox`.
"""

from __future__ import annotations

import json
import math
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import anyio.lowlevel
import attrs

from multicart_async._core.clock import Clock
from multicart_async._core.redaction import RedactedBody
from multicart_async._http import ByteStream, MultipartForm, Response

__all__ = ["FakeClock", "FakeFile", "FakeTransport", "ok", "refused"]


def ok(data: object, *, headers: Mapping[str, str] = {}) -> Response:
    """An answer with ``status`` 1 and *data*."""
    return Response(200, json.dumps({"code": 200, "data": data, "status": 1}).encode(), headers)


def refused(code: int, detail: object = "no", *, http_status: int = 200, headers: Mapping[str, str] = {}) -> Response:
    """An answer with ``status`` 0; its HTTP status is 200, as the service's is."""
    return Response(http_status, json.dumps({"code": code, "data": detail, "status": 0}).encode(), headers)


@attrs.frozen
class FakeFile:
    """What a `FakeTransport` gives for a file: pieces, or an error in their place.

    Without a ``content-length`` in *headers* the framing proves nothing, as when a body ends with its connection.
    """

    pieces: Sequence[bytes | Exception]
    status: int = 200
    headers: Mapping[str, str] = attrs.field(factory=dict[str, str])

    @classmethod
    def whole(cls, content: bytes, *, headers: Mapping[str, str] = {}) -> FakeFile:
        """A file that comes in one piece, with its length."""
        return cls([content], headers={"content-length": str(len(content)), **headers})

    @property
    def length(self) -> int | None:
        """What ``content-length`` says."""
        text = self.headers.get("content-length")
        return None if text is None else int(text)

    @property
    def self_delimited(self) -> bool:
        """Whether the framing shows where the body ends."""
        return self.length is not None or self.headers.get("transfer-encoding") == "chunked"

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            await anyio.lowlevel.checkpoint()
            if isinstance(piece, Exception):
                raise piece
            yield piece


class FakeTransport:
    """Answers calls in the order of its script, and files by their URL; ``sent`` and ``opened`` tell what was asked.

    ``methods``, ``fresh`` and ``public`` say how each of ``sent`` was asked for, ``opened_fresh`` how each of ``opened``.
    An exception in the script is raised.
    Where a URL has several files, each opening takes the next, the last one stays.
    """

    def __init__(
        self,
        *answers: Response | Exception,
        files: Mapping[str, FakeFile | Exception | Sequence[FakeFile | Exception]] = {},
    ) -> None:
        self._answers = list(answers)
        self._files = {
            url: [file] if isinstance(file, FakeFile | Exception) else list(file) for url, file in files.items()
        }
        self.sent: list[tuple[str, dict[str, Any] | MultipartForm]] = []
        self.methods: list[str] = []
        self.fresh: list[bool] = []
        self.public: list[bool] = []
        self.opened: list[tuple[str, dict[str, str]]] = []
        self.opened_fresh: list[bool] = []

    def script(self, *answers: Response | Exception) -> None:
        """Append to the script."""
        self._answers.extend(answers)

    async def post(
        self,
        path: str,
        body: bytes | RedactedBody | MultipartForm,
        *,
        new_connection: bool = False,
        public: bool = False,
    ) -> Response:
        """The next answer of the script."""
        content: bytes | MultipartForm = body.reveal() if isinstance(body, RedactedBody) else body
        sent = content if isinstance(content, MultipartForm) else json.loads(content)
        return await self._answer("POST", path, sent, new_connection=new_connection, public=public)

    async def get(self, path: str, *, new_connection: bool = False, public: bool = False) -> Response:
        """The next answer of the script."""
        return await self._answer("GET", path, {}, new_connection=new_connection, public=public)

    async def _answer(
        self, method: str, path: str, sent: dict[str, Any] | MultipartForm, *, new_connection: bool, public: bool
    ) -> Response:
        await anyio.lowlevel.checkpoint()
        self.sent.append((path, sent))
        self.methods.append(method)
        self.fresh.append(new_connection)
        self.public.append(public)
        assert self._answers, f"the script has no answer to {path}"
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    @asynccontextmanager
    async def stream(
        self, url: str, *, label: str, headers: Mapping[str, str] = {}, new_connection: bool = False
    ) -> AsyncGenerator[ByteStream, None]:
        """The file of that URL."""
        await anyio.lowlevel.checkpoint()
        self.opened.append((url, dict(headers)))
        self.opened_fresh.append(new_connection)
        assert url in self._files, f"there is no file for {label} at {url}"
        files = self._files[url]
        file = files.pop(0) if len(files) > 1 else files[0]
        if isinstance(file, Exception):
            raise file
        yield file


class FakeClock:
    """A clock that only moves when somebody sleeps on it, or by `advance`; ``slept`` tells how long each sleep was."""

    def __init__(self) -> None:
        self.time = 0.0
        self.slept: list[float] = []

    @property
    def clock(self) -> Clock:
        """What a wait takes as its clock."""
        return Clock(now=self.now, sleep=self.sleep)

    def now(self) -> float:
        """Seconds since the beginning."""
        return self.time

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.time += seconds

    async def sleep(self, seconds: float) -> None:
        """Sleep without waiting."""
        await anyio.lowlevel.checkpoint()
        self.slept.append(seconds)
        # A rest of time that is too short for a float still passes, or who waits for its end would wait for ever.
        self.time = max(self.time + seconds, math.nextafter(self.time, math.inf) if seconds > 0 else 0.0)
