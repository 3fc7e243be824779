"""A mirror of a million collections on a cluster of a hundred workers, in virtual time: requests, repetitions, seconds.

    python benchmarks/cluster_simulation.py [--tables workers limits chunks lanes leases] [--collections 1000000]
                        [--workers 1 10 25 50 100] [--limits 8 64 256 1024] [--slow 0.1] [--losses 1] [--seed 1] …

Real is the code of `multicart_async.distributed.mirror` that runs in the driver: it divides the collections into tasks,
hands them out, has those done again that were lost, and merges the reports. Modelled (`cluster_model.py`) are the
workers, the inside of a task, the leases at the scheduler, and the service. The one list call of the driver is left out.

Four scenarios: no faults; a tenth of the workers are stragglers, ten times as slow in all they do, answers of the
service included; workers are lost, each once an hour; both. Of the lost ones, half are processes that come back after
10 seconds; the others are machines, which the scheduler misses after 5 minutes, and of which half are replaced after 10.

A row is one call of ``mirror``:

* ``requests``: history calls and transfers that were sent to the service; ``at once``: most of them at a time, those of
  killed workers included, which the service finishes. More than the limit ends the simulation with an error;
* ``lost``: workers; ``again``: tasks that were begun again; ``present``: collections that these found complete;
* ``twice``: files that came whole a second time; ``cut``: requests whose worker died meanwhile;
* ``failed``: failures in the report;
* ``wall s``; ``ideal s``: requests by mean latency, divided by the limit; ``eff.``: ideal / wall. If all tasks
  together may have fewer requests than the limit, it is not what bounds them, and ``at once`` shows that;
* ``tail s``: from 99 of 100 collections done to the end; ``dead``: share of the leases that are held for workers that are
  gone; ``ops/s``: what the scheduler does for leases; above 4,000 it has no time for anything else.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import attrs

sys.path.insert(0, str(Path(__file__).resolve().parent))

from cluster_model import ClusterModel, Task
from cluster_settings import Counts, Settings
from virtual_time import run_virtually

from multicart_async.distributed._cluster import LostTaskError
from multicart_async.distributed._driver import MirrorDriver
from multicart_async.distributed._orders import ClusterCall, MirrorPart, MirrorPartReport
from multicart_async.models import SyncReport

SIZE = 20_000  # bytes of a file
CALL = ClusterCall(
    base_url="https://service.invalid",
    leases="simulated",
    requests=8,
    requests_per_task=4,
    dest="mirror",
    nonce="nonce",
    content=b"nonce",
)


class SimulatedCluster:
    """What the driver's core needs of a `Cluster`: its tasks are those of a `ClusterModel`."""

    def __init__(self, model: ClusterModel) -> None:
        self._model = model
        self.reported = bytearray(model.settings.collections + 1)
        """How often each collection is in a report that the driver was given."""

    async def threads(self) -> Mapping[str, int]:
        return {f"tcp://{number}": self._model.settings.tasks_at_once for number in self._model.workers}

    async def run(self, _work: Callable[[Any], Any], argument: MirrorPart) -> MirrorPartReport:
        """Have a part done in the model; *_work* would do it in a worker."""
        done: asyncio.Future[Task] = asyncio.get_running_loop().create_future()

        def ended(task: Task, well: bool) -> None:  # noqa: FBT001 -- as the model calls it
            if not done.done():
                if well:
                    done.set_result(task)
                else:
                    done.set_exception(LostTaskError("its workers died"))

        task = self._model.submit(argument.ids, ended)
        try:
            task = await done
        except asyncio.CancelledError:
            self._model.cancel(task)
            raise
        for number in argument.ids:
            self.reported[number] += 1
        return MirrorPartReport(_report(task), lacking=task.fetched)


def _report(task: Task) -> SyncReport:
    """What the attempt that was done reports."""
    number = len(task.ids)
    return SyncReport(
        collections=number, runs=number, skipped=task.present, files=task.fetched, bytes=SIZE * task.fetched
    )


def _not_called(_: MirrorPart) -> MirrorPartReport:
    raise NotImplementedError("the inside of a task is modelled")


@attrs.frozen
class Result:
    """What one call of the driver came to."""

    name: str
    settings: Settings
    counts: Counts
    reported: bytearray
    report: SyncReport
    tasks: int
    wall: float
    ideal: float
    cpu: float

    @property
    def requests(self) -> int:
        return self.counts.calls + self.counts.transfers

    @property
    def dead(self) -> float:
        """Share of the leases that were held for workers that were gone."""
        return self.counts.idle_leases / (self.settings.limit * self.wall)

    @property
    def tail(self) -> float:
        """Seconds from 99 of 100 collections to the end."""
        left = self.settings.collections * 0.99
        for moment, collections in self.counts.ends:
            left -= collections
            if left <= 0:
                return self.wall - moment
        return 0.0

    def __str__(self) -> str:
        counts, settings = self.counts, self.settings
        return (
            f"{self.name:<26} {settings.workers:>7} {settings.limit:>5} {self.tasks:>6,} {self.requests:>9,} "
            f"{counts.most_at_once:>7} {counts.lost_workers:>5} {counts.lost_tasks:>5} {counts.present:>7,} "
            f"{counts.fetched_twice:>5} {counts.cut:>5} {len(self.report.failures):>6} {self.wall:>8,.0f} "
            f"{self.ideal:>8,.0f} {self.ideal / self.wall:>5.0%} {self.tail:>6,.0f} {self.dead:>6.1%} "
            f"{counts.operations / self.wall:>6,.0f}"
        )


HEAD = (
    f"{'':<26} {'workers':>7} {'limit':>5} {'tasks':>6} {'requests':>9} {'at once':>7} {'lost':>5} {'again':>5} "
    f"{'present':>7} {'twice':>5} {'cut':>5} {'failed':>6} {'wall s':>8} {'ideal s':>8} {'eff.':>5} {'tail s':>6} "
    f"{'dead':>6} {'ops/s':>6}"
)


def simulate(name: str, settings: Settings, *, tasks: int | None = None, retries: int = 2) -> Result:
    """One call of the driver. *tasks* and *retries* are those of ``mirror``."""
    began = time.process_time()
    model = ClusterModel(settings)
    cluster = SimulatedCluster(model)

    async def mirror() -> tuple[SyncReport, float]:
        call = attrs.evolve(CALL, requests=settings.limit, requests_per_task=settings.per_task)
        driver = MirrorDriver(
            cluster=cluster, call=call, tasks=tasks, retries=retries, work=_not_called, emit=lambda _: None
        )
        merged = await driver.run(range(1, settings.collections + 1))
        return merged.build(), asyncio.get_running_loop().time()

    collecting = gc.isenabled()
    gc.disable()  # millions of tuples, and no circles
    try:
        report, wall = run_virtually(mirror(), model)
    finally:
        if collecting:
            gc.enable()
    cpu = time.process_time() - began
    return Result(
        name, settings, model.counts, cluster.reported, report, len(model.counts.ends), wall, model.ideal, cpu
    )


def scenarios(settings: Settings) -> Iterable[tuple[str, Settings]]:
    """The four, from one that has the faults of the last."""
    yield "no faults", attrs.evolve(settings, slow=0.0, losses=0.0)
    yield "stragglers", attrs.evolve(settings, losses=0.0)
    yield "lost workers", attrs.evolve(settings, slow=0.0)
    yield "both", settings


@attrs.frozen
class Row:
    """A call to simulate: *chunk* is the collections of a task, else the default of ``mirror``."""

    name: str
    settings: Settings
    chunk: int | None = None

    def simulate(self) -> Result:
        tasks = None if self.chunk is None else -(-self.settings.collections // self.chunk)
        return simulate(self.name, self.settings, tasks=tasks)


def by_workers(usual: Settings, asked: argparse.Namespace) -> Iterable[Row]:
    for name, each in scenarios(usual):
        for number in asked.workers:
            yield Row(name, attrs.evolve(each, workers=number))


def by_limit(usual: Settings, asked: argparse.Namespace) -> Iterable[Row]:
    for name, each in scenarios(usual):
        for number in asked.limits:
            yield Row(name, attrs.evolve(each, limit=number))


def by_chunk(usual: Settings, asked: argparse.Namespace) -> Iterable[Row]:
    for name, each in scenarios(usual):
        for number in asked.chunks:
            yield Row(f"{name}, {number}", each, number)


def by_lanes(usual: Settings, asked: argparse.Namespace) -> Iterable[Row]:
    for name, each in scenarios(usual):
        for number in asked.lanes:
            yield Row(f"{name}, {number}", attrs.evolve(each, per_task=number))


def by_lease(usual: Settings, asked: argparse.Namespace) -> Iterable[Row]:
    """What else the settings of Dask and of the leases cost, where everything goes wrong."""
    del asked
    for limit in (8, 256):
        both = attrs.evolve(usual, limit=limit)
        for seconds in (30.0, 60.0, 300.0):
            yield Row(f"lease-timeout {seconds:g}", attrs.evolve(both, lease_timeout=seconds))
        for seconds in (30.0, 60.0, 300.0):
            yield Row(f"worker-ttl {seconds:g}", attrs.evolve(both, noticed=seconds))
        for seconds in (0.0, 1.0, 3.0):
            yield Row(f"lease passed on for {seconds:g}", attrs.evolve(both, kept=seconds))


TABLES: Mapping[str, tuple[str, Callable[[Settings, argparse.Namespace], Iterable[Row]]]] = {
    "workers": ("by workers", by_workers),
    "limits": ("by `requests`", by_limit),
    "chunks": ("by collections of a task", by_chunk),
    "lanes": ("by `requests_per_task`", by_lanes),
    "leases": ("by settings of Dask and of the leases, with stragglers and lost workers", by_lease),
}


def show(title: str, rows: Sequence[Row], processes: int) -> None:
    """Simulate and print a table."""
    print(f"\n{title}\n{HEAD}", flush=True)
    with ProcessPoolExecutor(processes) as pool:
        for result in pool.map(Row.simulate, rows):
            print(result, flush=True)
            sys.stderr.write(f"  {title}, {result.name}: {result.cpu:.1f} s of CPU\n")


def command_line() -> argparse.ArgumentParser:
    usual = Settings()
    line = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    line.add_argument("--tables", nargs="+", choices=TABLES, default=list(TABLES), help="all without it")
    line.add_argument("--collections", type=int, default=usual.collections)
    line.add_argument(
        "--workers", type=int, nargs="+", default=[1, 10, 25, 50, 100], help="the last one elsewhere, too"
    )
    line.add_argument("--limits", type=int, nargs="+", default=[8, 64, 256, 1024], help="`requests` of mirror")
    line.add_argument("--limit", type=int, default=usual.limit, help="the one in the other tables")
    line.add_argument("--lanes", type=int, nargs="+", default=[1, 2, 4, 8, 16], help="`requests_per_task` of mirror")
    line.add_argument("--per-task", type=int, default=usual.per_task, help="the one in the other tables")
    line.add_argument("--chunks", type=int, nargs="+", default=[25, 50, 100, 250, 1000], help="collections of a task")
    line.add_argument("--files", type=int, default=usual.files, help="files of a collection")
    line.add_argument("--slow", type=float, default=0.1, help="share of the workers that are stragglers")
    line.add_argument("--losses", type=float, default=1.0, help="of each worker, in an hour")
    line.add_argument("--seed", type=int, default=usual.seed)
    line.add_argument("--processes", type=int, default=1, help="rows to simulate at a time")
    return line


def main() -> None:
    asked = command_line().parse_args()
    logging.disable()  # each lost task is a warning
    usual = Settings(
        collections=asked.collections,
        workers=asked.workers[-1],
        limit=asked.limit,
        per_task=asked.per_task,
        files=asked.files,
        slow=asked.slow,
        losses=asked.losses,
        seed=asked.seed,
    )
    print(
        f"{asked.collections:,} collections of {usual.files} file{'s' * (usual.files > 1)}; unless a table says otherwise "
        f"{usual.workers} workers, requests={usual.limit}, requests_per_task={usual.per_task}; seed {usual.seed}\n"
        "real: planning, submitting, repeating, merging; modelled: workers, the inside of tasks, leases, the service"
    )
    for name in asked.tables:
        title, rows = TABLES[name]
        show(title, list(rows(usual, asked)), asked.processes)


if __name__ == "__main__":
    main()
