"""Mirrors and large files: seconds, requests, and the client's peak memory, against the sandbox as a process of its own.

    python benchmarks/mirror.py [--jobs few,many,zip,page,wide] [--scale 1.0] [--folder DIR]

``few`` and ``many``: 20 and 2,000 collections, 3 runs of each, 3 pages of about 20 KB in each run, with ``runs="all"``;
the same again over what is there; then the newest runs alone, twice. ``zip`` and ``page``: one ZIP of 4 GiB and one page
of 1 GiB. ``wide``: 200 files of 20 MB at once. ``--scale 0.1`` takes a tenth of it all. Each line is a fresh process;
its peak is the high-water mark of its resident memory, of which the interpreter with the library has its part: see
``idle``. Files go to the temporary folder, or to DIR, and are removed; at full scale that is 5 GB at a time.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from multicart_async import AsyncMultiCart, Limits

PATIENCE = 900  # seconds for one process: far more than any needs
ITEM = 860_000  # bytes of a record in a large ZIP: 5,000 items are as many as a collection can hold
MIB = 2**20


def jobs(scale: float) -> dict[str, dict[str, Any]]:
    """What the sandbox has, and what is asked of the client, one process after the other."""
    mirror = {"items_per_page": 20, "record_bytes": 1_000}
    steps = [
        ("all runs", {"runs": "all"}),
        ("all runs, again", {"runs": "all"}),
        ("newest runs", {}),
        ("newest runs, again", {}),
    ]
    many, big, wide = max(1, round(2_000 * scale)), max(1, round(5_000 * scale)), max(1, round(200 * scale))
    return {
        "idle": {"sandbox": {}, "account": {"count": 0}, "steps": [("nothing", {})]},
        "few": {"sandbox": mirror, "account": {"count": 20, "runs": 3, "items": 60}, "steps": steps},
        "many": {"sandbox": mirror, "account": {"count": many, "runs": 3, "items": 60}, "steps": steps},
        "zip": {
            "sandbox": {"items_per_page": 100, "record_bytes": ITEM},
            "account": {"count": 1, "items": big},
            "steps": [("one ZIP", {"files": "zip"})],
        },
        "page": {
            "sandbox": {"items_per_page": 5_000, "record_bytes": 2_048, "records_per_item": 105},
            "account": {"count": 1, "items": big},
            "steps": [("one page", {})],
        },
        "wide": {
            "sandbox": {"items_per_page": 25, "record_bytes": 800_000},
            "account": {"count": 1, "items": 25 * wide},
            "steps": [(f"{wide} pages at once", {"downloads": wide})],
        },
    }


class Service:
    """The sandbox in a process of its own; ``requests()`` counts those since the last time."""

    def __init__(self, sandbox: dict[str, Any], account: dict[str, Any]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__, "--serve", json.dumps([sandbox, account])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.access: list[str] = json.loads(self._line())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.communicate(timeout=PATIENCE)

    def requests(self) -> int:
        assert self._process.stdin is not None
        self._process.stdin.write("count\n")
        self._process.stdin.flush()
        return int(self._line())

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the sandbox ended"
        return line


async def serve(sandbox_options: dict[str, Any], account: dict[str, Any]) -> None:
    """A sandbox, until it is ended; each line of standard input is answered with the number of requests."""
    from multicart_async.sandbox import Sandbox  # noqa: PLC0415 -- not in the client's memory

    async with Sandbox(instant=True, **sandbox_options) as sandbox:
        sandbox.add_collections(**account)
        print(json.dumps([sandbox.url, sandbox.api_key]), flush=True)

        def count() -> None:
            sys.stdin.readline()
            print(sum(sandbox.counts.values()), flush=True)
            sandbox.recording.clear()

        asyncio.get_running_loop().add_reader(sys.stdin.fileno(), count)
        await asyncio.Event().wait()


async def work(url: str, api_key: str, folder: str, options: dict[str, Any]) -> None:
    """One mirror; what it took, as JSON on standard output."""
    limits = Limits(downloads=options.pop("downloads", Limits().downloads))
    async with AsyncMultiCart(api_key, base_url=url, limits=limits) as client:
        began, worked = time.perf_counter(), time.process_time()
        report = await client.sync(folder, **options)
        taken = {"seconds": time.perf_counter() - began, "cpu": time.process_time() - worked}
    report.raise_for_failures()
    print(json.dumps({**taken, "peak": high_water_mark(), "files": report.files, "bytes": report.bytes}))


def high_water_mark() -> int:
    """Most bytes of this process that were in memory at a time. (``ru_maxrss`` would have the parent's in it.)"""
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024


@contextmanager
def job(plan: dict[str, Any], parent: str | None) -> Iterator[Iterator[tuple[str, dict[str, Any]]]]:
    """The steps of a job, and what each took."""

    def steps() -> Iterator[tuple[str, dict[str, Any]]]:
        for name, options in plan["steps"]:
            command = [sys.executable, __file__, "--work", json.dumps([*service.access, folder, options])]
            done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
            if done.returncode:
                sys.exit(done.stderr)
            yield name, {**json.loads(done.stdout), "requests": service.requests()}

    with tempfile.TemporaryDirectory(dir=parent) as folder, Service(plan["sandbox"], plan["account"]) as service:
        yield steps()


def main() -> None:
    """Runs the jobs and prints the table."""
    line = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    line.add_argument("--jobs", default="few,many,zip,page,wide")
    line.add_argument("--scale", type=float, default=1.0)
    line.add_argument("--folder")
    line.add_argument("--serve", type=json.loads, help=argparse.SUPPRESS)
    line.add_argument("--work", type=json.loads, help=argparse.SUPPRESS)
    arguments = line.parse_args()
    if arguments.serve:
        return asyncio.run(serve(*arguments.serve))
    if arguments.work:
        return asyncio.run(work(*arguments.work))
    plans, wanted = jobs(arguments.scale), ["idle", *arguments.jobs.split(",")]
    if unknown := set(wanted) - plans.keys():
        line.error(f"no such job: {', '.join(sorted(unknown))}; there are {', '.join(plans)}")
    print(f"{'job':6} {'step':22} {'files':>7} {'MiB':>8} {'requests':>9} {'seconds':>8} {'CPU s':>7} {'peak MiB':>9}")
    for name in wanted:
        with job(plans[name], arguments.folder) as steps:
            for step, took in steps:
                print(
                    f"{name:6} {step:22} {took['files']:7,} {took['bytes'] / MIB:8,.1f} {took['requests']:9,}"
                    f" {took['seconds']:8.2f} {took['cpu']:7.2f} {took['peak'] / MIB:9.1f}",
                    flush=True,
                )
    return None


if __name__ == "__main__":
    main()
