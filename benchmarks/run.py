"""The benchmarks: `python benchmarks/run.py [JOB …]`, all of them without a name. See benchmarks/README.md.

Each job runs this library and its rivals in turn, several rounds, in fresh processes, and prints a table of medians and
of medians of ratios, with the targets that it concerns. Progress goes to standard error.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from harness.bench import Bench
from harness.machine import Cores, clean_environment, fast_folder, is_in_memory
from harness.nginx import MissingError
from harness.race import Track, say
from jobs import archives, calls, many_files, memory, one_file, parsing, starting, tables, waiting

JOBS: Mapping[str, Callable[[Bench], None]] = {
    "big-file": one_file.fast_disk,
    "slow-disk": one_file.slow_disk,
    "small-files": many_files.small,
    "medium-files": many_files.medium,
    "sync-again": many_files.again,
    "poll": calls.poll,
    "list": calls.long_list,
    "wait-many": waiting.simulated,
    "run-many": waiting.pipeline,
    "cluster": waiting.cluster,
    "small-records": parsing.small_records,
    "product-records": parsing.product_records,
    "large-records": parsing.large_records,
    "text-records": parsing.text_records,
    "tables": tables.race,
    "tables-memory": tables.growth,
    "zip": archives.strict,
    "import": starting.imports,
    "memory": memory.growth,
}
QUICK = 0.01


def command_line() -> argparse.ArgumentParser:
    """What can be asked for."""
    jobs = "\n".join(f"  {name:<16} {(job.__doc__ or '').splitlines()[0]}" for name, job in JOBS.items())
    line = argparse.ArgumentParser(
        description=(__doc__ or "").splitlines()[0],
        epilog=f"jobs:\n{jobs}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    line.add_argument("jobs", nargs="*", metavar="JOB", help="which; all without a name")
    line.add_argument("--rounds", type=int, default=3)
    line.add_argument("--scale", type=float, default=1.0, help="size of the jobs: 0.1 is a tenth")
    line.add_argument("--quick", action="store_true", help=f"one round at --scale {QUICK}: does it work at all?")
    line.add_argument("--server", choices=("nginx", "sandbox"), default="nginx")
    scheme = line.add_mutually_exclusive_group()
    scheme.add_argument("--http", dest="https", action="store_false", default=None, help="plain http in every job")
    scheme.add_argument("--https", dest="https", action="store_true", help="https in every job")
    line.add_argument("--dir", type=Path, default=fast_folder(), help="where files lie, best in memory (%(default)s)")
    line.add_argument("--disk", type=Path, default=Path(tempfile.gettempdir()), help="a folder on a disk (%(default)s)")
    line.add_argument(
        "--only", action="append", default=[], metavar="NAME", help="only contenders with this in the name"
    )
    line.add_argument("--free", action="store_true", help="do not pin the client and the server to a core each")
    line.add_argument("--json", type=Path, metavar="FILE", help="write the raw figures there")
    return line


def main() -> int:
    """The exit status: 0 unless a job could not be held at all. A missed target is no failure."""
    line = command_line()
    asked = line.parse_args()
    if unknown := set(asked.jobs) - JOBS.keys():
        line.error(f"no such job: {', '.join(sorted(unknown))}; there are {', '.join(JOBS)}")
    cores = Cores.chosen(pinned=not asked.free)
    cores.keep_off()
    folder = Path(tempfile.mkdtemp(prefix="multicart-bench-", dir=asked.dir))
    disk = None if is_in_memory(asked.disk) else Path(tempfile.mkdtemp(prefix="multicart-bench-", dir=asked.disk))
    track = Track(
        folder=folder, cores=cores, environment=clean_environment(folder), rounds=1 if asked.quick else asked.rounds
    )
    bench = Bench(
        track=track,
        folder=folder,
        disk=disk,
        server=asked.server,
        scale=QUICK if asked.quick else asked.scale,
        https=asked.https,
        only=asked.only,
    )
    try:
        return _hold(bench, asked.jobs or list(JOBS))
    finally:
        for place in (folder, disk):
            if place is not None:
                shutil.rmtree(place, ignore_errors=True)
        if asked.json:
            asked.json.write_text(json.dumps(bench.raw, indent=1), "utf-8")


def _hold(bench: Bench, names: list[str]) -> int:
    status = 0
    for name in names:
        began = time.monotonic()
        try:
            JOBS[name](bench)
        except MissingError as error:
            instead = f'; without it: make bench JOBS="{name} {error.without}"' if error.without else ""
            say(f"{name} cannot be run: {error}{instead}")
            status = 1
        else:
            say(f"{name} took {time.monotonic() - began:.0f} s")
    return status


if __name__ == "__main__":
    sys.exit(main())
