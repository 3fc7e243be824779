"""Run hundreds of collections and have their files: one call, against the sandbox in another process.

    python benchmarks/run_many.py [--collections 500] [--items 10] [--requests 8] [--downloads 8]

The runs take as long as the sandbox's scrape does (``--scrape`` seconds for each item, one second until a row appears);
what is measured is what the client adds: requests for each path, and seconds in all. The same call is then made again
with the same journal: nothing is started, and no file is fetched.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from multicart_async import AsyncMultiCart, Limits, PollPolicy
from multicart_async.sandbox import Sandbox

FILES = "/results/{collection_id}/{runner_id}/{file_name}"


async def serve(options: dict[str, Any]) -> None:
    """A sandbox, until standard input ends; each line of it is answered with the counts of requests so far."""
    pace = options["scrape"]
    async with Sandbox(scrape_seconds_per_item=pace, row_delay=1.0, items_per_page=5, credits=10**9) as sandbox:
        ids = sandbox.add_collections(options["collections"], items=options["items"])
        print(json.dumps({"url": sandbox.url, "key": sandbox.api_key, "ids": list(ids)}), flush=True)
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while await reader.readline():
            print(json.dumps(sandbox.counts), flush=True)


class Service:
    """The other process."""

    def __init__(self, options: dict[str, Any]) -> None:
        command = [sys.executable, __file__, "--serve", json.dumps(options)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.account = self._hear()

    def _hear(self) -> Any:
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())

    def counts(self) -> Counter[str]:
        """Requests for each path so far."""
        assert self._process.stdin is not None
        self._process.stdin.write("?\n")
        self._process.stdin.flush()
        return Counter(self._hear())

    def end(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


async def work(account: dict[str, Any], folder: Path, limits: Limits, policy: PollPolicy) -> Counter[str]:
    """The one call; how many of the outcomes were good."""
    told: Counter[str] = Counter()
    async with AsyncMultiCart(account["key"], base_url=account["url"], limits=limits) as client:
        outcomes = client.runs.run_many(
            account["ids"], folder / "results", journal=folder / "journal", policy=policy, check_credits=True
        )
        async for outcome in outcomes:
            told["good" if outcome.ok else repr(outcome.error)] += 1
            told["files"] += len(outcome.value.files) if outcome.value is not None else 0
    return told


def measure(title: str, service: Service, folder: Path, limits: Limits, policy: PollPolicy) -> None:
    before = service.counts()
    began, busy = time.perf_counter(), time.process_time()
    told = asyncio.run(work(service.account, folder, limits, policy))
    seconds, busy = time.perf_counter() - began, time.process_time() - busy
    counts = service.counts() - before
    print(f"{title}: {seconds:.1f} s, {busy:.1f} s of them on this CPU; {dict(told)}")
    for path, count in sorted(counts.items(), key=lambda pair: -pair[1]):
        print(f"  {count:>7,}  {path}")
    print(f"  {sum(counts.values()):>7,}  in all; {counts[FILES]:,} of them files")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--collections", type=int, default=500)
    parser.add_argument("--items", type=int, default=10, help="items in each; there are five to a page")
    parser.add_argument("--scrape", type=float, default=1.0, help="seconds that the sandbox takes for an item")
    parser.add_argument("--interval", type=float, default=2.0, help="PollPolicy.poll_interval")
    parser.add_argument("--requests", type=int, default=Limits().requests)
    parser.add_argument("--downloads", type=int, default=Limits().downloads)
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        asyncio.run(serve(json.loads(arguments.serve)))
        return
    service = Service({name: vars(arguments)[name] for name in ("collections", "items", "scrape")})
    limits = Limits(requests=arguments.requests, downloads=arguments.downloads)
    policy = PollPolicy(poll_interval=arguments.interval)
    try:
        with tempfile.TemporaryDirectory() as folder:
            print(
                f"{arguments.collections:,} collections with {arguments.items} items, {arguments.scrape:g} s for each"
            )
            measure("run_many", service, Path(folder), limits, policy)
            measure("the same again, with its journal", service, Path(folder), limits, policy)
    finally:
        service.end()


if __name__ == "__main__":
    main()
