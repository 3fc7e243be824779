"""Read lines from stdin without blocking the event loop, which would not see ^C."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import AsyncGenerator

import anyio
import click

__all__ = ["stdin_lines", "stdin_words"]

_PIECE = 1 << 16


async def stdin_lines() -> AsyncGenerator[str, None]:
    """Yield each line as it arrives, without its end."""
    if sys.stdin is None:  # pyright: ignore[reportUnnecessaryComparison] -- closed by the caller of this process
        raise click.UsageError("stdin is closed: nothing can be read from it")
    try:
        descriptor = sys.stdin.fileno()
    except (io.UnsupportedOperation, OSError, ValueError):  # not a file of the system, as in tests
        for line in sys.stdin:
            yield line.rstrip("\r\n")
        return
    rest = b""
    while True:
        try:
            await anyio.wait_readable(descriptor)
        except OSError:  # a regular file, which never blocks
            await anyio.lowlevel.checkpoint()
        piece = os.read(descriptor, _PIECE)
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            yield line.decode(errors="replace").rstrip("\r")
        if not piece:
            break
    if rest:
        yield rest.decode(errors="replace")


async def stdin_words() -> list[str]:
    """Return all words on stdin."""
    return [word async for line in stdin_lines() for word in line.split()]
