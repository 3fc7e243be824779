"""Workers, leases and requests of a cluster, as a heap of events: what `cluster_simulation.py` runs the real driver on.

A task works on its collections in as many lanes as it may have requests at once; a lane makes the history call of a
collection, then fetches its files one by one. Each request takes a lease first. Nothing here knows asyncio, so a million
collections take some ten seconds.

The leases of the cluster are those of ``distributed.Semaphore``, read in its code: its scheduler does one operation at a
time; who waits is served in turn; a lease that is not refreshed (every ``timeout / 5`` while its worker lives) for
longer than the timeout is taken back at the next look, every 10 s; and the scheduler does not learn that a waiting
worker is gone, so it grants leases to the dead. Those of a task are as in ``_lease_pool.py``: one message at a time asks
for a lease, and one that comes back young goes to the next request of the same task.
"""

from __future__ import annotations

import heapq
import math
import random
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import attrs
from cluster_settings import Counts, Settings

REFRESHES = 5  # of a lease in its timeout
LOOKS = 10.0  # seconds between two looks of the scheduler for leases that have timed out
FOREVER = 1e8  # seconds that no call takes
DRAWN = 1 << 14  # latencies, drawn once; requests take them at random


@attrs.define(eq=False)
class Worker:
    """A process that runs tasks. One that comes back is another `Worker`."""

    number: int
    factor: float
    alive: bool = True
    running: list[Task] = attrs.field(factory=list)


@attrs.define(eq=False)
class Task:
    """Some collections, to be done by one worker; its lanes are requests that it has at once."""

    ids: Sequence[int]
    ended: Callable[[Task, bool], None]
    """Called with whether it was done; false: lost too often."""
    deaths: int = 0
    position: int = 0
    lanes: int = 0
    present: int = 0
    fetched: int = 0
    current: dict[int, int] = attrs.field(factory=dict[int, int])
    """Lane to its collection."""
    leases: dict[int, float] = attrs.field(factory=dict[int, float])
    """Lane to the moment when the lease of its request was granted."""
    waiting: deque[tuple[int, int]] = attrs.field(factory=deque[tuple[int, int]])
    """Requests without a lease: the lane, and how many files its collection has after this request."""
    asking: bool = False
    commits: dict[int, tuple[int, float]] = attrs.field(factory=dict[int, tuple[int, float]])
    """Lane to the collection of its last file, and the moment from which that was in place."""


@attrs.define(eq=False)
class _Ask:
    """A task that waits for a lease at the scheduler; the worker may be gone meanwhile."""

    worker: Worker
    task: Task
    open: bool = True


class ClusterModel:
    """The cluster, the leases and the service, in virtual time (`virtual_time.World`)."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.counts = Counts()
        self.now = 0.0
        self.complete = bytearray(settings.collections + 1)
        self._come = bytearray(settings.collections + 1)  # files of a collection that came whole at least once
        self._chance = random.Random(settings.seed)
        self._draw = self._chance.random
        # Draws of their own, so that who is lost when does not depend on what else is changed.
        self._fates = [random.Random(f"{settings.seed} {number}") for number in range(settings.workers)]
        self._calls = self._drawn(settings.call)
        self._transfers = self._drawn(settings.transfer)
        self._heap: list[tuple[float, int, Callable[..., None], Any, Any, Any]] = []
        self._number = 0
        self._free = settings.limit
        self._scheduler_free = 0.0
        self._asks: deque[_Ask] = deque()
        self._asks_left = 0
        self._queue: deque[Task] = deque()
        self._woken = False
        self._open = 0
        self._gone_for_good = 0
        slow = set(self._chance.sample(range(settings.workers), round(settings.slow * settings.workers)))
        self._factors = [settings.slowness if number in slow else 1.0 for number in range(settings.workers)]
        self.workers: dict[int, Worker] = {}
        for number in range(settings.workers):
            self._join(number, None, None)

    @property
    def ideal(self) -> float:
        """The seconds that all needed requests take at ordinary workers, with as many at once as the limit allows."""
        call, transfer = (sum(times) / DRAWN for times in (self._calls, self._transfers))
        return self.settings.collections * (call + self.settings.files * transfer) / self.settings.limit

    # The driver's side

    def submit(self, ids: Sequence[int], ended: Callable[[Task, bool], None]) -> Task:
        """Queue a task; *ended* is called when it is done or lost."""
        task = Task(ids, ended)
        self._open += 1
        self._queue.append(task)
        self._at(self.now, self._assign_idle, None, None, None)
        return task

    def cancel(self, task: Task) -> None:
        """Drop a task that no worker has begun."""
        if task in self._queue:
            self._queue.remove(task)
            self._open -= 1

    def advance(self, until: float | None) -> float | None:
        """Let things happen, up to *until*, or until a task has ended."""
        heap, pop, limit = self._heap, heapq.heappop, math.inf if until is None else until
        self._woken = False
        while heap and heap[0][0] <= limit and (self._open or until is not None):
            self.now, _, happen, one, two, three = pop(heap)
            happen(one, two, three)
            if self._woken:
                return self.now
            if self.now > FOREVER:
                raise RuntimeError(f"{self._open} tasks have not ended after {FOREVER:g} s")
        if until is not None:
            self.now = max(self.now, until)
        return until

    def _at(self, when: float, happen: Callable[..., None], one: Any, two: Any, three: Any) -> None:
        self._number += 1
        heapq.heappush(self._heap, (when, self._number, happen, one, two, three))

    def _drawn(self, median: float) -> list[float]:
        chance, settings = self._chance, self.settings
        return [chance.lognormvariate(math.log(median), settings.spread) for _ in range(DRAWN)]

    # Tasks

    def _assign_idle(self, _one: None, _two: None, _three: None) -> None:
        for worker in self.workers.values():
            if not self._queue:
                return
            self._assign(worker)

    def _assign(self, worker: Worker) -> None:
        while self._queue and worker.alive and len(worker.running) < self.settings.tasks_at_once:
            task = self._queue.popleft()
            worker.running.append(task)
            self._at(self.now + self.settings.begin * worker.factor, self._begin, worker, task, None)

    def _begin(self, worker: Worker, task: Task, _: None) -> None:
        if worker.alive:
            task.lanes = self.settings.per_task
            for lane in range(self.settings.per_task):
                self._next(worker, task, lane, 0.0)

    def _next(self, worker: Worker, task: Task, lane: int, delay: float) -> None:
        """The lane takes the next collection that is not complete, or ends."""
        ids, complete, position = task.ids, self.complete, task.position
        while position < len(ids) and complete[ids[position]]:
            position += 1
            task.present += 1
            delay += self.settings.look * worker.factor
        if position < len(ids):
            task.position = position + 1
            task.current[lane] = ids[position]
            self._at(self.now + delay, self._want, worker, task, (lane, self.settings.files))
            return
        task.position = position
        self._at(self.now + delay, self._lane_ends, worker, task, lane)

    def _lane_ends(self, worker: Worker, task: Task, _lane: int) -> None:
        if not worker.alive:
            return
        task.lanes -= 1
        if not task.lanes:
            worker.running.remove(task)
            self.counts.ends.append((self.now, len(task.ids)))
            self.counts.present += task.present
            self._end(task, done=True)
            self._assign(worker)

    def _end(self, task: Task, *, done: bool) -> None:
        self._woken = True
        self._open -= 1
        task.ended(task, done)

    # Leases

    def _operation(self) -> float:
        """The moment at which the scheduler has done one more thing."""
        free = self._scheduler_free
        self._scheduler_free = free = max(free, self.now) + self.settings.operation
        self.counts.operations += 1
        return free

    def _want(self, worker: Worker, task: Task, request: tuple[int, int]) -> None:
        """A request wants a lease."""
        if worker.alive:
            task.waiting.append(request)
            if not task.asking:
                task.asking = True
                self._at(self._operation(), self._asked, worker, task, None)

    def _asked(self, worker: Worker, task: Task, _: None) -> None:
        if not worker.alive:
            return
        if self._free:
            self._free -= 1
            self._grant(worker, task)
            return
        ask = _Ask(worker, task)
        self._asks.append(ask)
        self._asks_left += 1
        self._at(self.now + self.settings.asked, self._not_granted, ask, None, None)

    def _not_granted(self, ask: _Ask, _two: None, _three: None) -> None:
        if not ask.open:
            return
        ask.open = False
        self._asks_left -= 1
        if ask.worker.alive:
            self._at(self._operation(), self._asked, ask.worker, ask.task, None)

    def _grant(self, worker: Worker, task: Task) -> None:
        if not worker.alive:
            self.counts.dead_grants += 1
            self._abandon(self.now)
            return
        task.asking = False
        self._pass_on(worker, task, self.now)
        if task.waiting:
            task.asking = True
            self._at(self._operation(), self._asked, worker, task, None)

    def _pass_on(self, worker: Worker, task: Task, since: float) -> None:
        """Give a lease to the next request of the task if it is young, else back to the scheduler."""
        if task.waiting and self.now - since <= self.settings.kept:
            lane, files_left = task.waiting.popleft()
            self._send(worker, task, lane, files_left, since)
        else:
            self._at(self._operation(), self._returned, None, None, None)

    def _returned(self, _one: None, _two: None, _three: None) -> None:
        """The scheduler has a lease more: who has waited longest gets it."""
        asks = self._asks
        while asks and not asks[0].open:
            asks.popleft()
        if not asks:
            self._free += 1
            return
        if self._scheduler_free <= self.now:
            self._scheduler_free = self.now + self.settings.waking * self._asks_left
        ask = asks.popleft()
        ask.open = False
        self._asks_left -= 1
        self._grant(ask.worker, ask.task)

    def _abandon(self, refreshed: float) -> None:
        """Nobody will give a lease back that was last refreshed then: it times out."""
        out = (math.floor((refreshed + self.settings.lease_timeout) / LOOKS) + 1) * LOOKS
        self.counts.idle_leases += out - self.now
        self._at(out, self._returned, None, None, None)

    # Requests

    def _send(self, worker: Worker, task: Task, lane: int, files_left: int, since: float) -> None:
        """It has a lease: the request goes to the service."""
        counts, settings = self.counts, self.settings
        task.leases[lane] = since
        counts.at_once += 1
        if counts.at_once > counts.most_at_once:
            counts.most_at_once = counts.at_once
            if counts.at_once > settings.limit:
                raise AssertionError(f"{counts.at_once} requests at once, and the limit is {settings.limit}")
        if files_left == settings.files:
            counts.calls += 1
            took = self._calls[int(self._draw() * DRAWN)]
        else:
            counts.transfers += 1
            took = self._transfers[int(self._draw() * DRAWN)]
        took = min(took * worker.factor, settings.longest)
        self._at(self.now + took, self._answered, worker, (task, lane), files_left)

    def _answered(self, worker: Worker, where: tuple[Task, int], files_left: int) -> None:
        """The service is done with the request, whether or not the worker is still there."""
        self.counts.at_once -= 1
        if not worker.alive:
            self.counts.cut += 1
            return
        task, lane = where
        self._pass_on(worker, task, task.leases.pop(lane))
        if files_left == self.settings.files:  # that was the history call
            self._want(worker, task, (lane, files_left - 1))
            return
        commit = self.settings.commit * worker.factor
        self._keep(task, lane, files_left, self.now + commit)
        if files_left:
            self._at(self.now + commit, self._want, worker, task, (lane, files_left - 1))
        else:
            self._next(worker, task, lane, commit)

    def _keep(self, task: Task, lane: int, files_left: int, until: float) -> None:
        """A file has come whole. If its worker dies before *until*, the collection is not complete."""
        number, come = task.current[lane], self.settings.files - files_left
        task.fetched += 1
        if self._come[number] >= come:
            self.counts.fetched_twice += 1
        else:
            self._come[number] = come
        if not files_left:
            self.complete[number] = 1
            task.commits[lane] = (number, until)

    # Losses

    def _join(self, number: int, _two: None, _three: None) -> None:
        worker = self.workers[number] = Worker(number, self._factors[number])
        if self.settings.losses:
            lives = self._fates[number].expovariate(self.settings.losses / 3600)
            self._at(self.now + lives, self._lose, worker, None, None)
        self._assign(worker)

    def _lose(self, worker: Worker, _two: None, _three: None) -> None:
        """Kill a worker: every second time its process, else its machine."""
        worker.alive = False
        self.counts.lost_workers += 1
        tasks, worker.running = worker.running, []
        for task in tasks:
            for granted in task.leases.values():
                refreshed = self.now - self._draw() * self.settings.lease_timeout / REFRESHES
                self._abandon(max(granted, refreshed))
            for number, until in task.commits.values():
                if until > self.now:
                    self.complete[number] = 0
        draw = self._fates[worker.number].random
        is_machine, is_replaced = draw() < 0.5, draw() < 0.5
        self._at(self.now + (self.settings.noticed if is_machine else 0.0), self._notice, tasks, None, None)
        back = self.settings.replaced if is_machine else self.settings.restarted
        if is_machine and not is_replaced and self._gone_for_good < self.settings.workers // 2:
            self._gone_for_good += 1
            del self.workers[worker.number]
            return
        self._at(self.now + back, self._join, worker.number, None, None)

    def _notice(self, tasks: list[Task], _two: None, _three: None) -> None:
        """The scheduler queues the tasks of a lost worker before all others, or gives them up."""
        for task in tasks:
            self.counts.lost_tasks += 1
            if task.deaths == self.settings.allowed_failures:
                self._end(task, done=False)
            else:
                self._queue.appendleft(Task(task.ids, task.ended, task.deaths + 1))
        self._assign_idle(None, None, None)
