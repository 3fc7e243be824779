"""A process that downloads when it is told to, and starts each download in a fork, so that it begins at once."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any, Self

NURSERY = """
import asyncio, gc, json, os, sys
from multicart_async import AsyncMultiCart
from multicart_async.models import DownloadLinks, Run

async def work(order):
    links = DownloadLinks(pages=tuple(order["pages"]), all_pages=order["zip"])
    run = Run(id=order["run"], collection=order["collection"], is_download_generated=True, download_links=links)
    async with AsyncMultiCart(order["key"], base_url=order["base"]) as client:
        for _ in range(order["times"]):
            await client.runs.download(run, order["dest"], files=order["files"], overwrite=True)

for line in sys.stdin:
    orders, children = json.loads(line), []
    for order in orders:
        child = os.fork()
        if not child:
            asyncio.run(work(order))
            os._exit(0)
        children.append(child)
    print(json.dumps(children), flush=True)
    sys.stdin.readline()  # until then their ids are nobody else's
    print(json.dumps([os.waitpid(child, 0)[1] for child in children]), flush=True)
"""


class Nursery:
    """``async with Nursery() as nursery``: starts downloads in processes of their own."""

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", NURSERY, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()

    async def start(self, *orders: dict[str, Any]) -> list[int]:
        """The ids of the processes, one for each order."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(orders).encode() + b"\n")
        return await self._line()

    async def ended(self) -> list[int]:
        """How they ended, as ``os.waitpid`` says it, when all have."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        return await self._line()

    async def _line(self) -> list[int]:
        assert self._process.stdout is not None
        return json.loads(await self._process.stdout.readline())


def order(run: Any, base: str, key: str, dest: Path, times: int = 1) -> dict[str, Any]:
    """A download of all files of a run, so many times, whatever is there."""
    return {
        "run": run.id,
        "collection": run.collection,
        "pages": list(run.download_links.pages),
        "zip": run.download_links.all_pages,
        "base": base,
        "key": key,
        "dest": str(dest),
        "files": "both" if run.download_links.all_pages else "pages",
        "times": times,
    }
