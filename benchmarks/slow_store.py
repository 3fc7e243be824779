"""A store that speaks as much S3 as obstore asks for, keeps all in memory, and answers each request after a pause.

    python benchmarks/slow_store.py 0.02

It prints its URL; each line of standard input is answered with the numbers of requests by kind, as JSON.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections import Counter
from email.utils import formatdate
from xml.sax.saxutils import escape

from aiohttp import web

KEYS = 1_000  # in one list
NOW = formatdate(usegmt=True)


class Store:
    """The objects of one bucket, by their key."""

    def __init__(self, pause: float) -> None:
        self.objects: dict[str, bytes] = {}
        self.counts: Counter[str] = Counter()
        self._pause = pause

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer any request."""
        body = await request.read()
        await asyncio.sleep(self._pause)
        _, _, key = request.path.lstrip("/").partition("/")
        kind = "LIST" if "list-type" in request.query else request.method
        self.counts[kind] += 1
        return {
            "LIST": self._list,
            "POST": self._delete,
            "PUT": self._put,
            "GET": self._get,
            "HEAD": self._get,
        }[kind](request, key, body)

    def _put(self, request: web.Request, key: str, body: bytes) -> web.Response:
        source = request.headers.get("x-amz-copy-source")
        self.objects[key] = self.objects[source.lstrip("/").partition("/")[2]] if source else body
        return web.Response(headers={"ETag": '"e"'}, text="<CopyObjectResult><ETag>e</ETag></CopyObjectResult>")

    def _get(self, _request: web.Request, key: str, _body: bytes) -> web.Response:
        content = self.objects.get(key)
        if content is None:
            return web.Response(status=404, text="<Error><Code>NoSuchKey</Code></Error>")
        return web.Response(body=content, headers={"ETag": '"e"', "Last-Modified": NOW})

    def _delete(self, _request: web.Request, _key: str, body: bytes) -> web.Response:
        keys = re.findall(r"<Key>(.*?)</Key>", body.decode())
        for key in keys:
            self.objects.pop(key, None)
        rows = "".join(f"<Deleted><Key>{key}</Key></Deleted>" for key in keys)
        return web.Response(text=f"<DeleteResult>{rows}</DeleteResult>", content_type="application/xml")

    def _list(self, request: web.Request, _key: str, _body: bytes) -> web.Response:
        prefix, after = request.query.get("prefix", ""), request.query.get("continuation-token", "")
        rows: dict[str, str] = {}
        more = ""
        for key in sorted(key for key in self.objects if key.startswith(prefix)):
            first, inner, _ = key[len(prefix) :].partition("/")
            name = f"{prefix}{first}{inner}" if "delimiter" in request.query else key
            if name <= after or name in rows:
                continue
            if len(rows) == KEYS:
                more = max(rows)
                break
            size = len(self.objects[key])
            rows[name] = (
                f"<CommonPrefixes><Prefix>{escape(name)}</Prefix></CommonPrefixes>"
                if name.endswith("/")
                else f"<Contents><Key>{escape(name)}</Key><Size>{size}</Size><ETag>e</ETag>"
                "<LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>"
            )
        token = f"<NextContinuationToken>{escape(more)}</NextContinuationToken>" if more else ""
        return web.Response(text=f"<ListBucketResult>{''.join(rows.values())}{token}</ListBucketResult>")


async def main(pause: float) -> None:
    """Serve until the process is ended."""
    store = Store(pause)
    runner = web.ServerRunner(web.Server(store.handle), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}", flush=True)  # noqa: SLF001

    def count() -> None:
        sys.stdin.readline()
        print(json.dumps(store.counts), flush=True)
        store.counts.clear()

    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), count)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1])))
