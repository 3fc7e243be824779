"""A mirror in an object store: a first `sync` and a second one, with requests to the store, seconds and memory.

    python benchmarks/store_mirror.py [--collections 10000] [--pause 0.02]

The store is slow_store.py, a process of its own, which answers after so many seconds; the service is the sandbox. Each
line is a fresh process. A collection has one run with one page of about 10 KB.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mirror import PATIENCE, Service, high_water_mark

from multicart_async import AsyncMultiCart, Limits

STORE = os.path.join(os.path.dirname(__file__), "slow_store.py")  # noqa: PTH118, PTH120
OPTIONS = {
    "access_key_id": "benchmark",
    "secret_access_key": "benchmark",
    "region": "us-east-1",
    "virtual_hosted_style_request": "false",
    "allow_http": "true",
}


async def work(url: str, api_key: str, store: str) -> None:
    """One mirror; what it took, as JSON on standard output."""
    from multicart_async import ObjectStoreSink  # noqa: PLC0415 -- optional

    sink = ObjectStoreSink.from_url("s3://bucket/mirror", options=OPTIONS | {"endpoint": store})
    async with AsyncMultiCart(api_key, base_url=url, limits=Limits()) as client:
        began, worked = time.perf_counter(), time.process_time()
        report = await client.sync(sink)
        taken = {"seconds": time.perf_counter() - began, "cpu": time.process_time() - worked}
    report.raise_for_failures()
    print(json.dumps({**taken, "peak": high_water_mark(), "files": report.files, "skipped": report.skipped}))


@contextmanager
def slow_store(pause: float) -> Iterator[subprocess.Popen[str]]:
    """The store in a process of its own."""
    command = [sys.executable, STORE, str(pause)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE)


def line_of(process: subprocess.Popen[str]) -> str:
    """The next line that it prints."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def counted(process: subprocess.Popen[str]) -> dict[str, int]:
    """The requests to the store since the last time."""
    assert process.stdin is not None
    process.stdin.write("count\n")
    process.stdin.flush()
    counts: dict[str, int] = json.loads(line_of(process))
    return counts


def measure(collections: int, pause: float) -> Iterator[tuple[str, dict[str, Any], dict[str, int], int]]:
    """For each of the two: its name, what it took, the requests to the store and those to the service."""
    sandbox, account = {"items_per_page": 10, "record_bytes": 1_000}, {"count": collections, "items": 10}
    with slow_store(pause) as store, Service(sandbox, account) as service:
        url = line_of(store)
        for name in ("first", "second"):
            command = [sys.executable, __file__, "--work", json.dumps([*service.access, url])]
            done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
            if done.returncode:
                sys.exit(done.stderr)
            yield name, json.loads(done.stdout), counted(store), service.requests()


def main() -> None:
    """Print the table."""
    line = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    line.add_argument("--collections", type=int, default=10_000)
    line.add_argument("--pause", type=float, default=0.02)
    line.add_argument("--work", type=json.loads, help=argparse.SUPPRESS)
    asked = line.parse_args()
    if asked.work:
        asyncio.run(work(*asked.work))
        return
    print(f"{asked.collections:,} collections, {asked.pause * 1000:g} ms for each request to the store")
    print(f"{'sync':7}{'seconds':>8}{'CPU s':>7}{'peak MiB':>9}{'files':>8}{'skipped':>8}{'service':>8}  store")
    for name, took, store, service in measure(asked.collections, asked.pause):
        requests = ", ".join(f"{kind} {count:,}" for kind, count in sorted(store.items()))
        print(
            f"{name:7}{took['seconds']:8.1f}{took['cpu']:7.1f}{took['peak'] / 2**20:9.1f}{took['files']:8,}"
            f"{took['skipped']:8,}{service:8,}  {requests}",
            flush=True,
        )


if __name__ == "__main__":
    main()
