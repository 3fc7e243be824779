"""Jobs that are scripts: waiting for many runs, simulated and against a sandbox, and a simulated cluster."""

from __future__ import annotations

import os
import subprocess
import sys

from harness.bench import Bench
from harness.race import HERE, say


def simulated(bench: Bench) -> None:
    """`wait_many` of 10,000 runs, and of 1,000 beside others who wait: requests, and how late (polling.py)."""
    _script(bench, "polling.py", "--runs", str(bench.scaled(1_000, 50)))
    targets = ("--latest", "10", "--most-requests", "66000") if bench.scale >= 1 else ()
    _script(bench, "polling.py", "--alone", "--runs", str(bench.scaled(10_000, 50)), *targets)


def pipeline(bench: Bench) -> None:
    """`run_many` of 200 collections, start to files, against a sandbox; and again with its journal (run_many.py)."""
    pace = "0.2" if bench.scale >= 1 else "0.01"  # seconds for an item: the sandbox waits in real time
    interval = "2" if bench.scale >= 1 else "0.2"
    _script(bench, "run_many.py", "--collections", str(bench.scaled(200, 3)), "--scrape", pace, "--interval", interval)


def cluster(bench: Bench) -> None:
    """A mirror on a cluster, simulated: 1,000,000 collections, and a tenth with other settings (cluster_simulation.py)."""
    options = ("--tables", "workers", "--workers", "100")
    _script(bench, "cluster_simulation.py", "--collections", str(bench.scaled(1_000_000, 500)), *options)
    tables = ("--tables", "workers", "limits", "chunks", "lanes")
    _script(bench, "cluster_simulation.py", "--collections", str(bench.scaled(100_000, 500)), *tables)


def _script(bench: Bench, name: str, *options: str) -> None:
    say(f"{name} {' '.join(options)}")
    print(f"\npython benchmarks/{name} {' '.join(options)}", flush=True)
    command = [sys.executable, os.fspath(HERE / name), *options]
    done = subprocess.run(command, env=dict(bench.track.environment), stdout=subprocess.PIPE, text=True, check=False)
    print(done.stdout)
    if done.returncode:
        say(f"  {name} ended with status {done.returncode}")
