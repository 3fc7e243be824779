"""HTTP/1.1 messages as they are on the wire: the head parsed, the body in pieces as it comes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import attrs

__all__ = ["Head", "body_pieces", "read_head"]

_PIECE = 65_536


@attrs.frozen
class Head:
    """The first line and the headers of a request or of a response, and the bytes that they were read from."""

    raw: bytes
    line: str
    headers: dict[str, str]

    @property
    def words(self) -> list[str]:
        """The three parts of the first line: of a request method, target and version."""
        return self.line.split(" ", 2)

    @property
    def closes(self) -> bool:
        """Whether the connection ends after this message."""
        return self.headers.get("connection", "").lower() == "close" or self.line.startswith("HTTP/1.0")


async def read_head(reader: asyncio.StreamReader) -> Head:
    """Read up to the empty line.

    Raises:
        asyncio.IncompleteReadError: The connection ended before.
    """
    raw = await reader.readuntil(b"\r\n\r\n")
    line, *rows = raw.decode("latin-1").rstrip("\r\n").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (row.partition(":") for row in rows)}
    return Head(raw, line, headers)


async def body_pieces(reader: asyncio.StreamReader, head: Head, *, answers: str = "") -> AsyncGenerator[bytes]:
    """Yield the body as it comes, with the framing of chunks. *answers* is the method that a response answers.

    Raises:
        asyncio.IncompleteReadError: The connection ended before.
    """
    if answers == "HEAD" or (answers and head.words[1] in {"204", "304"}):
        return
    if head.headers.get("transfer-encoding", "").lower() == "chunked":
        async for piece in _chunks(reader):
            yield piece
    elif "content-length" in head.headers:
        async for piece in _bytes(reader, int(head.headers["content-length"])):
            yield piece
    elif answers:
        while piece := await reader.read(_PIECE):
            yield piece


async def _bytes(reader: asyncio.StreamReader, count: int) -> AsyncGenerator[bytes]:
    while count:
        piece = await reader.read(min(count, _PIECE))
        if not piece:
            raise asyncio.IncompleteReadError(b"", count)
        count -= len(piece)
        yield piece


async def _chunks(reader: asyncio.StreamReader) -> AsyncGenerator[bytes]:
    size = -1
    while size:
        line = await reader.readuntil(b"\r\n")
        size = int(line.partition(b";")[0], 16)
        yield line
        async for piece in _bytes(reader, size + 2):
            yield piece
