"""The soak test: `make soak MINUTES=10`, or `PYTHONPATH=benchmarks python -m soak --minutes 10`.

A sandbox with random faults, one process that does everything with one client for the whole time, and others that are
killed and called again. At the end everything is checked. The exit status is 0 only if all is as it must be.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import attrs

from soak.course import Course, Figures
from soak.plan import Plan

_REST = 95.0  # seconds for the end of a test


def main(arguments: list[str] | None = None) -> int:
    """Run the test; return the exit status."""
    options = _options(arguments)
    folder = options.folder or Path(tempfile.mkdtemp(prefix="soak-"))
    folder.mkdir(parents=True, exist_ok=True)
    plan = Plan(
        folder=str(folder.resolve()),
        seconds=options.minutes * 60,
        seed=options.seed,
        collections=options.collections,
        pace=options.pace,
        share=options.share,
    )
    print(
        f"soak: {options.minutes:g} minutes, seed {plan.seed}, 3 x {plan.collections} collections, pace {plan.pace:g}"
    )
    try:
        figures = asyncio.run(_bounded(plan))
    except TimeoutError:
        print("FAILED: the test has not ended")
        return 1
    finally:
        if options.keep:
            print(f"files are in {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    for line in lines_of(figures):
        print(line)
    if options.json:
        options.json.write_text(json.dumps(attrs.asdict(figures), indent=1) + "\n", "utf-8")
    return 0 if figures.ok else 1


async def _bounded(plan: Plan) -> Figures:
    async with asyncio.timeout(plan.seconds + _REST):
        return await Course(plan, lambda line: print(line, flush=True)).run()


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="soak", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0, help="how long the loads work (10)")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), help="repeats a test in kind, not exactly")
    parser.add_argument("--collections", type=int, default=12, help="of each of three kinds (12)")
    parser.add_argument("--pace", type=float, default=2.0, help="multiplies all pauses: 4 is half as much work (2)")
    parser.add_argument("--share", type=float, default=0.05, help="the part of the requests that get a fault (0.05)")
    parser.add_argument("--folder", type=Path, help="for all files, instead of a temporary one")
    parser.add_argument("--keep", action="store_true", help="do not remove the files")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    return parser.parse_args(arguments)


def lines_of(figures: Figures) -> Iterator[str]:
    """What is printed at the end."""
    for name in ("begin", "warm", "last", "idle", "end"):
        yield f"{name:>6}: {getattr(figures, name)}"
    counts = figures.counts
    yield f"requests: {counts['requests']}; faults: {_listed(counts['faults'])}"
    yield f"runs by schedule: {figures.scheduled}; starts by the loads: {counts['starts']}, of {_listed(figures.batches)}"
    yield f"done: {_listed(figures.done)}; errors met: {_listed(figures.errors)}"
    yield f"kills: {_listed(figures.kills)}; not killed: {_listed(figures.through)}"
    yield f"runs given out again: {figures.again}, after {figures.interruptions} interruptions"
    for what, wrong in figures.verdict.wrong.items():
        yield f"{what}: {len(wrong)} wrong, {figures.verdict.checked[what]} checked"
        yield from (f"  {each}" for each in wrong[:20])
    yield f"findings: {len(figures.findings)}"
    for finding in figures.findings[:20]:
        yield f"  {finding['who']}: {finding['what']}"
        yield from (f"    {line}" for line in finding["text"].splitlines())
    yield f"CPU: {figures.cores:.2f} of one core"
    yield "ok" if figures.ok else "FAILED"


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items())) or "none"


if __name__ == "__main__":
    sys.exit(main())
