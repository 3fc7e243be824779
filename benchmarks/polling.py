"""Waiting for many runs: requests made, peak rate, and how late the end of a run is noticed. In virtual time.

    python benchmarks/polling.py [--runs 10000] [--shortest 60] [--longest 1800] [--ends uniform] [--latency 0.05]
                                    [--hidden 0] [--row-lag 0] [--seed 1] [--alone] [--latest 10] [--most-requests 66000]

Side by side, on one simulated service whose runs end after 1 to 30 minutes:

* ``runs.wait_many``: the product's own code, over a transport that answers from memory;
* one poller for each run that looks as ``runs.wait`` does (its runs, and its status while it is not finished), at the
  fixed interval that gives the same mean delay as ``wait_many``;
* the same with one call to a look: the least that a poller can do, but it would never see a failure;
* one ``runs.wait`` for each run, with the policy that ``wait_many`` has: fewer requests, and later;
* the loop of the service's Node.js guide, every 10 seconds for each run, which gives up after 10 minutes.

The service answers any number of requests at once in the same time, which is kind to the others: ``wait_many`` keeps to
``Limits.requests``. A collection's row shows the end of its run at once; ``--row-lag`` is the seconds by which it does so
later (below zero: earlier), and ``--hidden`` is the share of those whose row never changes, so that only the look at all
can find them. ``--ends`` is how the ends are spread: ``uniform``, all of them at ``--longest`` (``same``), or most of them
soon and few late (``tail``, a Pareto distribution). MB are the bodies of the answers, as JSON.
``--alone`` leaves the others out: their simulation takes many minutes. ``--latest`` and ``--most-requests`` are targets
for ``wait_many``: the delay that 99 of 100 runs stay below, and the number of requests.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import statistics
import sys
from collections import Counter
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import attrs

sys.path.insert(0, str(Path(__file__).resolve().parent))

from contenders.composed import groups_over
from harness.figures import verdict
from virtual_time import run_virtually

from multicart_async import PollPolicy
from multicart_async._core.clock import Clock
from multicart_async._http import MultipartForm, Response
from multicart_async.models import StartedRun
from multicart_async.resources._polling import PollTimer

LIST = "/schedules/get_schedules/"
RESULTS = "/schedules/collections/results/download/"
GET = "/schedules/get/"
FIRST = 100_000  # ids of the runs that are waited for begin there


class Service:
    """Runs that end at their time, and a count of what it was asked."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        chance = random.Random(arguments.seed)
        self.ends = {number: _end(arguments, chance) for number in range(1, arguments.runs + 1)}
        self.hidden = {number for number in self.ends if chance.random() < arguments.hidden}
        self.latency = arguments.latency
        self.row_lag = arguments.row_lag
        self.bytes = 0
        self.counts: Counter[str] = Counter()
        self.rate: Counter[int] = Counter()
        self.delays: list[float] = []
        self._rows: dict[tuple[int, bool], bytes] = {}
        self._runs: dict[tuple[int, bool], bytes] = {}

    @property
    def now(self) -> float:
        return asyncio.get_running_loop().time()

    async def ask(self, path: str, number: int = 0, skip: int = 0) -> Response:
        """A request that takes its time; the answer is that of its end. Each collection has an older run, too."""
        self.counts[path] += 1
        self.rate[int(self.now)] += 1
        await asyncio.sleep(self.latency)
        if path == LIST:
            data = b"[" + b",".join(self._row(each) for each in self.ends) + b"]"
        else:
            data = self._row(number) if path == GET else b"[]" if skip else self._history(number)
        answer = Response(200, b'{"code":200,"data":' + data + b',"status":1}')
        self.bytes += len(answer.payload)
        return answer

    def is_ready(self, number: int) -> bool:
        return self.now >= self.ends[number]

    def notice(self, number: int) -> None:
        self.delays.append(self.now - self.ends[number])

    async def post(
        self, path: str, body: bytes | MultipartForm, *, new_connection: bool = False, public: bool = False
    ) -> Response:
        """The `Transport` side: what the product talks to."""
        del new_connection, public
        fields = json.loads(body) if isinstance(body, bytes) else {}
        number = fields.get("collection_id") or fields.get("schedule_id") or 0
        return await self.ask(path, number, fields.get("skip", 0))

    def stream(self, url: str, *, label: str, headers: object = None) -> object:
        raise NotImplementedError

    def _row(self, number: int) -> bytes:
        key = (number, self.now >= self.ends[number] + self.row_lag and number not in self.hidden)
        if key not in self._rows:
            status, moment = ("Completed", "12:05:00") if key[1] else ("Processing", "12:00:00")
            row = {"id": number, "name": f"Collection {number}", "status": "enable", "schedule_status": status}
            self._rows[key] = json.dumps({**row, "asin_count": 250, "updated_at": f"2026-06-20T{moment}Z"}).encode()
        return self._rows[key]

    def _history(self, number: int) -> bytes:
        key = (number, self.is_ready(number))
        if key not in self._runs:
            links = {"pages": [], "all_pages": ""}
            rows = ((FIRST + number, key[1]), (number, True))
            fields = {"collection": number, "download_links": links}
            runs = [{"id": run, "is_download_generated": ended, **fields} for run, ended in rows]
            self._runs[key] = json.dumps(runs).encode()
        return self._runs[key]


def _end(arguments: argparse.Namespace, chance: random.Random) -> float:
    """The second in which a run ends."""
    if arguments.ends == "same":
        return arguments.longest
    if arguments.ends == "tail":
        return min(arguments.shortest * chance.paretovariate(1), arguments.longest)
    return chance.uniform(arguments.shortest, arguments.longest)


async def wait_many(service: Service, policy: PollPolicy) -> None:
    """The product: one list for all."""
    loop = asyncio.get_running_loop()
    clock = Clock(now=loop.time, sleep=asyncio.sleep)
    _, runs = groups_over(service, clock)
    started = [StartedRun(number, number) for number in service.ends]
    async for outcome in runs.wait_many(started, policy=policy):
        outcome.unwrap()
        service.notice(outcome.key.collection_id)


async def one_poller_each(service: Service, interval: float, *, calls: int = 2) -> None:
    """A poller for each run, at a fixed interval, begun anywhere in it."""

    async def poller(number: int) -> None:
        await asyncio.sleep(random.Random(number).uniform(0, interval))
        while True:
            await service.ask(RESULTS, number)
            if service.is_ready(number):
                service.notice(number)
                return
            if calls > 1:
                await service.ask(GET, number)
            await asyncio.sleep(interval)

    await asyncio.gather(*(poller(number) for number in service.ends))


async def one_wait_each(service: Service, policy: PollPolicy) -> None:
    """What `runs.wait` does, for each run: the same looks, the same pauses."""
    loop = asyncio.get_running_loop()

    async def poller(number: int) -> None:
        pace = PollTimer(policy, Clock(now=loop.time, sleep=asyncio.sleep))
        while True:
            await service.ask(RESULTS, number)
            if service.is_ready(number):
                await service.ask(RESULTS, number, 2)  # the empty page behind the last row
                service.notice(number)
                return
            await service.ask(GET, number)
            if not await pace.sleep():
                return

    await asyncio.gather(*(poller(number) for number in service.ends))


async def node_guide(service: Service) -> None:
    """The loop of the Node.js guide for each run: the latest run, every 10 seconds. It gives up after 10 minutes."""

    async def poller(number: int) -> None:
        deadline = service.now + 600
        while service.now < deadline:
            await service.ask(RESULTS, number)
            if service.is_ready(number):
                service.notice(number)
                return
            await asyncio.sleep(10)

    await asyncio.gather(*(poller(number) for number in service.ends))


@attrs.frozen
class Line:
    """What one way of waiting cost."""

    name: str
    service: Service

    @property
    def requests(self) -> int:
        return sum(self.service.counts.values())

    @property
    def mean(self) -> float:
        return statistics.fmean(self.service.delays)

    @property
    def latest(self) -> float:
        """The delay that 99 of 100 runs stayed below."""
        return sorted(self.service.delays)[int(len(self.service.delays) * 0.99)]

    def __str__(self) -> str:
        missed = len(self.service.ends) - len(self.service.delays)
        return (
            f"{self.name:<38} {self.requests:>10,} {self.service.bytes / 1e6:>8,.0f} "
            f"{max(self.service.rate.values()):>8,} {self.mean:>8.2f} {self.latest:>8.2f} {missed:>8,}"
        )


def show(arguments: argparse.Namespace, *lines: Line) -> None:
    print(f"{arguments.runs:,} runs, {arguments.ends} ends after {arguments.shortest:g} to {arguments.longest:g} s")
    print(f"{'':<38} {'requests':>10} {'MB':>8} {'peak /s':>8} {'mean s':>8} {'p99 s':>8} {'missed':>8}")
    for line in lines:
        print(line)
    ours, runs = lines[0], f"{arguments.runs:,} runs"
    if arguments.latest is not None:
        print(verdict(f"p99 of the delay of {runs} ≤ {arguments.latest:g} s", ours.latest, arguments.latest))
    if arguments.most_requests is not None:
        text = f"requests for {runs} ≤ {arguments.most_requests:,}"
        print(verdict(text, ours.requests, arguments.most_requests))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--shortest", type=float, default=60.0, help="seconds until the first run ends")
    parser.add_argument("--longest", type=float, default=1800.0, help="seconds until the last run ends")
    parser.add_argument("--ends", choices=("uniform", "same", "tail"), default="uniform", help="how they are spread")
    parser.add_argument("--latency", type=float, default=0.05, help="seconds that a request takes")
    parser.add_argument("--interval", type=float, default=5.0, help="PollPolicy.poll_interval of wait_many")
    parser.add_argument("--hidden", type=float, default=0.0, help="share of the collections whose row never changes")
    parser.add_argument("--row-lag", type=float, default=0.0, help="seconds from the end of a run to that of its row")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--latest", type=float, help="seconds that p99 of wait_many ought not to exceed")
    parser.add_argument("--most-requests", type=int, help="requests that wait_many ought not to exceed")
    parser.add_argument("--alone", action="store_true", help="runs.wait_many only")
    arguments = parser.parse_args()

    policy = PollPolicy(poll_interval=arguments.interval)

    def watched(name: str, way: Callable[..., Coroutine[Any, Any, None]], *settings: Any, **more: Any) -> Line:
        service = Service(arguments)
        run_virtually(way(service, *settings, **more))
        return Line(name, service)

    ours = watched("runs.wait_many", wait_many, policy)
    if arguments.alone:
        show(arguments, ours)
        print("wait_many by path:", dict(ours.service.counts))
        return
    # A run ends anywhere between two answers: half of that time is the mean delay.
    between = 2 * ours.mean
    two_calls = max(0.0, between - 2 * arguments.latency)
    one_call = max(0.0, between - arguments.latency)
    rival = watched("one poller per run, same delay", one_poller_each, two_calls)
    least = watched("the same, one call to a look", one_poller_each, one_call, calls=1)
    lines = (
        ours,
        rival,
        least,
        watched("one runs.wait per run, same policy", one_wait_each, policy),
        watched("Node.js guide, every 10 s", node_guide),
    )

    show(arguments, *lines)
    print(
        f"at the same mean delay, one poller per run asks {rival.requests / ours.requests:.0f} times as much as wait_many,"
    )
    print(f"and {least.requests / ours.requests:.0f} times as much if it makes one call to a look")
    print("wait_many by path:", dict(ours.service.counts))


if __name__ == "__main__":
    main()
