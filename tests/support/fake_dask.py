"""The parts of ``distributed`` that are used, without processes: a client with a loop in a thread, and semaphores."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError
from types import ModuleType, SimpleNamespace, TracebackType
from typing import Any, Self


class KilledWorker(Exception):  # noqa: N818 -- the name that Dask has
    """Dask has given a task up."""


class FakeFuture:
    """The future of a task; what it is awaited for is scripted."""

    def __init__(self, client: FakeClient, work: Callable[[], Any]) -> None:
        self.client = client
        self.status = "pending"
        self.released = False
        self._work = work

    def __await__(self):
        return self._result().__await__()

    async def _result(self) -> Any:
        await self.client.gate()
        try:
            result = self._work()
        except Exception:
            self.status = "error"
            raise
        self.status = "finished"
        return result

    def release(self) -> None:
        if self.client.closed:
            raise RuntimeError("the client is closed")
        self.released = True


class FakeClient:
    """A client of Dask in the running loop, or with `threaded` in one of its own."""

    status = "running"

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = SimpleNamespace(asyncio_loop=loop)
        self.scheduler = FakeScheduler()
        self.futures: list[FakeFuture] = []
        self.cancelled: list[FakeFuture] = []
        self.fault: Exception | None = None
        self.closed = False
        self.waiting = False
        self.seen_loops: set[object] = set()

    async def gate(self) -> None:
        if self.waiting:
            await asyncio.sleep(60)

    def submit(self, work: Callable[[Any], Any], argument: Any, *, pure: bool) -> FakeFuture:
        assert pure is False
        self.seen_loops.add(asyncio.get_running_loop())

        def call() -> Any:
            if self.fault is not None:
                raise self.fault
            return work(argument)

        self.futures.append(FakeFuture(self, call))
        return self.futures[-1]

    async def cancel(self, futures: list[FakeFuture]) -> None:
        self.cancelled += futures

    async def nthreads(self) -> dict[str, int]:
        if self.fault is not None:
            raise self.fault
        return {"one": 2}

    async def run(self, work: Callable[[Any], Any], argument: Any, *, on_error: str) -> dict[str, Any]:
        assert on_error == "return"
        return {"one": await work(argument)}


class FakeScheduler:
    """The scheduler's book of semaphores."""

    def __init__(self) -> None:
        self.most: dict[str, int] = {}
        self.held: dict[str, int] = {}

    async def semaphore_value(self, *, name: str) -> int:
        return self.held.get(name, 0)

    async def semaphore_close(self, *, name: str) -> None:
        del self.most[name]


class FakeSemaphore:
    """A semaphore that grants as many leases as it has, and does not wait."""

    made: list[Self]

    def __init__(self, *, max_leases: int, name: str, scheduler_rpc: FakeScheduler, loop: Any) -> None:
        self.max_leases = max_leases
        self.name = name
        self.scheduler = scheduler_rpc
        self.loop = loop

    def __await__(self):
        return self._register().__await__()

    async def _register(self) -> Self:
        if self.scheduler.most.setdefault(self.name, self.max_leases) != self.max_leases:
            raise ValueError("Inconsistent max leases")
        return self

    async def acquire(self, timeout: float) -> bool:  # noqa: ASYNC109 -- as Dask has it
        assert timeout == 2
        held = self.scheduler.held.get(self.name, 0)
        if held < self.max_leases:
            self.scheduler.held[self.name] = held + 1
        return held < self.max_leases

    async def release(self) -> None:
        self.scheduler.held[self.name] -= 1


def fake_distributed(client: FakeClient) -> ModuleType:
    """The module, whose worker has the loop and the scheduler of *client*."""
    module: Any = ModuleType("distributed")
    module.Client = FakeClient
    module.Semaphore = FakeSemaphore
    module.scheduler = SimpleNamespace(KilledWorker=KilledWorker)
    module.CancelledError = CancelledError
    worker = SimpleNamespace(address="tcp://one", scheduler=client.scheduler, loop=client.loop)
    module.get_worker = lambda: worker
    return module


class LoopThread:
    """``with LoopThread() as loop``: an event loop in a thread of its own, as that of a synchronous client."""

    def __enter__(self) -> asyncio.AbstractEventLoop:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        while not self._loop.is_running():
            pass
        return self._loop

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
