"""A program that stores a small and a large object, gives a third one up, and ends: ``store_process.py URL OPTIONS NAME``."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator

from multicart_async import ObjectStoreSink

MIB = 1 << 20


async def pieces(count: int, waiting: asyncio.Event | None = None) -> AsyncIterator[bytes]:
    """Yield so many MiB, and with *waiting* never end."""
    for number in range(count):
        yield bytes([number]) * MIB
    if waiting is not None:
        waiting.set()
        await asyncio.Event().wait()


async def main(url: str, options: str, name: str) -> None:
    """The three of them."""
    sink = ObjectStoreSink.from_url(url, options=json.loads(options))
    await sink.put(f"small-{name}", pieces(1))
    await sink.put(f"large-{name}", pieces(17))
    waiting = asyncio.Event()
    putting = asyncio.ensure_future(sink.put(f"cancelled-{name}", pieces(17, waiting)))
    await waiting.wait()
    putting.cancel()
    await asyncio.wait([putting])
    assert putting.cancelled()
    assert await sink.size(f"large-{name}") == 17 * MIB


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
