"""A cluster without processes: tasks run in threads, everything is pickled on the way, and leases are counted."""

from __future__ import annotations

import asyncio
import pickle
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import Future
from contextlib import asynccontextmanager
from typing import Any

from multicart_async.distributed._cluster import LostTaskError


class FakeLeases:
    """A source of leases for any thread. ``given_out`` and ``most`` count those that are held, and were at once."""

    def __init__(self, limit: int = 8) -> None:
        self.limit = limit
        self.given_out = self.most = self.requests = 0
        self.fault: Exception | None = None
        self._waiting: deque[Future[bool]] = deque()
        self._lock = threading.Lock()

    def request(self) -> Future[bool]:
        """A lease, now or when one comes back."""
        answer: Future[bool] = Future()
        self.requests += 1
        if self.fault is not None:
            answer.set_exception(self.fault)
            return answer
        with self._lock:
            granted = self.given_out < self.limit
            if granted:
                self._grant()
            else:
                self._waiting.append(answer)
        if granted:
            answer.set_result(True)
        return answer

    def give_back(self) -> None:
        """A lease for the one who has waited longest."""
        with self._lock:
            self.given_out -= 1
            answer = self._waiting.popleft() if self._waiting else None
            if answer is not None:
                self._grant()
        if answer is not None:
            answer.set_result(True)

    def expire(self) -> None:
        """Those who wait get none."""
        while self._waiting:
            self._waiting.popleft().set_result(False)

    def _grant(self) -> None:
        self.given_out += 1
        self.most = max(self.most, self.given_out)


class FakeCluster:
    """Two workers of two threads. ``before`` is awaited for each task, and may raise or wait."""

    def __init__(self, *, workers: Mapping[str, int] | None = None) -> None:
        self.workers = {"one": 2, "two": 2} if workers is None else dict(workers)
        self.source = FakeLeases()
        self.names: list[str] = []
        self.pickles: list[bytes] = []
        self.tasks: list[Any] = []
        self.running = self.most_running = self.withdrawn = 0
        self.lost: Callable[[Any], bool] = lambda _: False
        self.probe_results: Mapping[str, Any] = {}
        self.gate: asyncio.Event | None = None

    async def threads(self) -> Mapping[str, int]:
        return self.workers

    async def run(self, work: Any, argument: Any) -> Any:
        self.tasks.append(argument)
        self.running += 1
        self.most_running = max(self.running, self.most_running)
        try:
            if self.gate is not None:
                await self.gate.wait()
            if self.lost(argument):
                raise LostTaskError("KilledWorker: the worker at 'one' died")
            return self._through(await asyncio.to_thread(work, self._through(argument)))
        except asyncio.CancelledError:
            self.withdrawn += 1
            raise
        finally:
            self.running -= 1

    async def run_everywhere(self, work: Any, argument: Any) -> Mapping[str, Any]:
        argument = self._through(argument)
        found = {name: await work(argument) for name in self.workers}
        return {**found, **self.probe_results}

    @asynccontextmanager
    async def leases(self, name: str, most: int) -> AsyncIterator[FakeLeases]:
        self.names.append(name)
        self.source.limit = most
        yield self.source

    def _through(self, value: Any) -> Any:
        content = pickle.dumps(value)
        self.pickles.append(content)
        return pickle.loads(content)
