"""A sandbox in a process of its own: `python -m harness.account OPTIONS`. It serves, or it is what a nginx is filled from.

Each line of standard input is answered with the number of requests for each path since the last one.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self

import attrs

from harness.race import HERE

NAME = "bench"


@attrs.frozen(kw_only=True)
class Plan:
    """What there is to be had: ``collections``, each with one finished run of ``pages`` pages, all of one size."""

    collections: int = 1
    pages: int = 1
    records: int = 4
    record_bytes: int = 5_000
    content: Literal["products", "text"] = "products"

    @property
    def size(self) -> int:
        """Bytes of all pages, about."""
        return self.collections * self.pages * self.records * self.record_bytes

    def sandbox(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """What a sandbox and its collections are made with. A collection holds 5,000 items, an item many records."""
        spread = -(-self.records * self.pages // 5000)
        while self.records % spread:
            spread += 1
        items = self.records // spread
        return (
            {
                "items_per_page": items,
                "records_per_item": spread,
                "record_bytes": self.record_bytes,
                "records": self.content,
            },
            {"count": self.collections, "items": items * self.pages, "name": NAME},
        )


class Account:
    """The other process; ended when it is left."""

    def __init__(
        self, plan: Plan, environment: Mapping[str, str], *, links_base: str | None = None, tls: Sequence[str] = ()
    ) -> None:
        sandbox, collections = plan.sandbox()
        options = {"sandbox": {**sandbox, "links_base": links_base}, "collections": collections, "tls": list(tls)}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "harness.account", json.dumps(options)],
            cwd=HERE,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        told = json.loads(self._line())
        self.url: str = told["url"]
        self.key: str = told["key"]
        self.ids: list[int] = told["ids"]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=30)  # the end of its standard input is its end

    def requests(self) -> dict[str, int]:
        """Requests for each path since the last time."""
        assert self._process.stdin is not None
        self._process.stdin.write("?\n")
        self._process.stdin.flush()
        counts: dict[str, int] = json.loads(self._line())
        return counts

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the sandbox ended")
        return line


async def serve(options: Mapping[str, Any]) -> None:
    """A sandbox, until standard input ends."""
    from multicart_async.sandbox import Sandbox  # noqa: PLC0415 -- the harness does without

    context = None
    if options["tls"]:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*options["tls"])
    async with Sandbox(instant=True, ssl_context=context, **options["sandbox"]) as sandbox:
        ids = sandbox.add_collections(**options["collections"])
        print(json.dumps({"url": sandbox.url, "key": sandbox.api_key, "ids": list(ids)}), flush=True)
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while await reader.readline():
            print(json.dumps(sandbox.counts), flush=True)
            sandbox.recording.clear()


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    asyncio.run(serve(json.loads(sys.argv[1])))
