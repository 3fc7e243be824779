"""Tables of a mirror: Parquet and JSON Lines beside other tools, and the peak of the memory at two sizes."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import Any

from harness.bench import Bench
from harness.figures import at_most, peak_at_most, stall_at_most, verdict
from harness.race import FailedError, python, say

from multicart_async.sandbox import Sandbox

OURS, DUCKDB, LOOP = "tables.export", "duckdb", "json.load and json.dumps"
_ITEMS = 5_000  # of a collection
_TIMES = 6
_FORMATS = (
    ("Parquet", "table", 200),
    ("SQLite", "t.sqlite", 100),
    ("CSV", "t.csv", 100),
    ("JSON Lines", "t.jsonl", 100),
)


def race(bench: Bench) -> None:
    """100,000 realistic records of 5 KB, as Parquet and as JSON Lines."""
    mirror, records = _mirror(bench, bench.scaled(20), "mirror")
    options = {"source": str(mirror)}
    everybody = [
        python(DUCKDB, "tables.with_duckdb", options, needs=["duckdb"]),
        python(OURS, "tables.ours", {**options, "name": "table"}, needs=["pyarrow.parquet"]),
        python("polars", "tables.with_polars", options, needs=["polars"], slow=True),
        python("pandas", "tables.with_pandas", options, needs=["pandas", "pyarrow"], slow=True),
    ]
    targets = [at_most("CPU", 1.5, OURS, DUCKDB, "cpu"), peak_at_most(200, OURS), stall_at_most(50, OURS)]
    title = f"a table of {records:,} records of 5 KB as Parquet"
    bench.race("tables-parquet", title, everybody, base=DUCKDB, targets=targets)
    everybody = [
        python(LOOP, "tables.with_json", options),
        python(OURS, "tables.ours", {**options, "name": "table.jsonl"}),
    ]
    targets = [at_most("CPU", 2, OURS, LOOP, "cpu"), peak_at_most(100, OURS)]
    title = f"{records:,} records of 5 KB as JSON Lines"
    bench.race("tables-jsonl", title, everybody, base=LOOP, targets=targets)
    shutil.rmtree(mirror)


def growth(bench: Bench) -> None:
    """The peak RSS of an export at one size and at six times of it."""
    title = f"peak RSS of tables.export in MiB at two sizes, a factor of {_TIMES} apart"
    say(title)
    (small, few), (large, many) = (_mirror(bench, bench.scaled(4) * times, f"mirror-{times}") for times in (1, _TIMES))
    print(f"\n{title}\n{'':<12}{few:>10,}{many:>12,}{'ratio':>8}")
    targets: list[str] = []
    for name, dest, most in _FORMATS:
        try:
            peaks = [_peak(bench, mirror, dest) for mirror in (small, large)]
        except FailedError as error:
            print(f"{name:<12} failed: {error}")
            continue
        print(f"{name:<12}{peaks[0]:>10.1f}{peaks[1]:>12.1f}{peaks[1] / peaks[0]:>8.2f}")
        targets += [
            verdict(f"{name}: peak RSS ≤ {most} MiB", peaks[1], most),
            verdict(f"{name}: peak RSS ≤ 1.1 × that of a sixth", peaks[1] / peaks[0], 1.1),
        ]
    print("\n".join(targets), end="\n\n", flush=True)
    for mirror in (small, large):
        shutil.rmtree(mirror)


def _peak(bench: Bench, mirror: Path, dest: str) -> float:
    """In MiB."""
    options: dict[str, Any] = {"source": str(mirror), "name": dest}
    result = bench.track.run(python(OURS, "tables.ours", options), 0, lambda _: None)
    bench.keep("tables-memory", f"peak of {dest}", [result])
    return result.peak / 2**20


def _mirror(bench: Bench, collections: int, name: str) -> tuple[Path, int]:
    """A mirror of a sandbox, and the number of its records."""
    folder = bench.folder / name
    items = bench.scaled(_ITEMS, 10)
    say(f"  a mirror of {collections} × {items:,} records")
    asyncio.run(_sync(folder, collections, items))
    return folder, collections * items


async def _sync(folder: Path, collections: int, items: int) -> None:
    async with Sandbox(items_per_page=250) as sandbox, sandbox.client() as client:
        sandbox.add_collections(collections, items=items)
        (await client.sync(folder)).raise_for_failures()
