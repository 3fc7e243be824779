"""Locks in an object store that exclude other processes and machines; `LockObject` says how one is taken over."""

from __future__ import annotations

import errno
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Final, TypeVar

import anyio

from multicart_async._core.clock import Clock
from multicart_async._core.log import LOGGER, error_info, log_warning
from multicart_async._core.tasks import TaskPool
from multicart_async._core.threads import ThreadPool
from multicart_async.errors import DiskError
from multicart_async.sinks._bucket import Bucket
from multicart_async.sinks._lock_object import LockObject
from multicart_async.sinks._names import LOCK
from multicart_async.sinks._object_calls import run_call

__all__ = ["StoreLock", "StoreLocks"]

T = TypeVar("T")

_RENEW_EVERY: Final = 10.0  # seconds
_LOOK_EVERY: Final = 1.0  # seconds
_CLOCK = Clock()
_POOL: Final = ThreadPool(4, "multicart-locks")  # of its own, because a renewal must not wait for slow uploads


class StoreLock:
    """A lock of one call on the *folder* of a bucket; without *works* it locks nothing."""

    def __init__(self, bucket: Bucket, folder: str) -> None:
        name = f"{folder}/{LOCK}"
        self.place = bucket.place(name)
        self.works = True
        self.lost = anyio.CancelScope()
        self._object = LockObject(bucket, name)
        self._turn = anyio.Lock()

    async def confirm(self) -> None:
        """Renew the lock.

        Raises:
            DiskError: Another process has taken it over, or the store failed.
        """
        if self.works and not await self._call(self._object.renew):
            self.lost.cancel()
            raise self.error()

    def error(self) -> DiskError:
        """Return what a call raises that has lost the lock."""
        return DiskError(self.place, "another process has taken over the refresh; repeat the call", errno.EIO)

    async def acquire(self, *, wait: bool, probe: bool) -> bool:
        """Return whether the lock is held, or does not work."""
        attempt = partial(self._object.acquire, probe=probe, look_first=not wait)  # as a reader who must not put
        while (held := await self._call(attempt)) is False and wait:
            await _CLOCK.sleep(_LOOK_EVERY)
        self.works = held is not None
        return held is not False

    async def keep(self) -> None:
        """Renew the lock until it is lost. Where the store fails, the next renewal may succeed."""
        while not self.lost.cancel_called:
            await _CLOCK.sleep(_RENEW_EVERY)
            try:
                await self.confirm()
            except DiskError as error:
                log_warning("%s: could not be renewed: %s", self.place, error.reason, extra=error_info(error))

    async def release(self) -> None:
        """Release the lock if it is held. If the store fails, it will be taken over."""
        with anyio.CancelScope(shield=True):
            try:
                await self._call(self._object.release)
            except DiskError as error:
                log_warning("%s: could not be removed: %s", self.place, error.reason, extra=error_info(error))

    async def _call(self, work: Callable[[], T]) -> T:
        async with self._turn:
            return await run_call(self.place, work, pool=_POOL)


class StoreLocks:
    """The locks of one sink."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._works: bool | None = None  # is not known before the first one

    @asynccontextmanager
    async def hold(self, folder: str, *, wait: bool) -> AsyncGenerator[StoreLock | None, None]:
        """See `ObjectStoreSink.exclusive`."""
        lock = StoreLock(self._bucket, folder)
        lock.works = self._works is not False
        tasks: TaskPool[None] = TaskPool()
        try:
            held = not lock.works or await self._acquire(lock, wait=wait)
            if held and lock.works:
                tasks.spawn(None, lock.keep())
            with lock.lost:
                yield lock if held and (lock.works or wait) else None
        finally:
            try:
                await tasks.aclose()
            finally:
                await lock.release()
        if lock.lost.cancelled_caught:
            raise lock.error()

    async def _acquire(self, lock: StoreLock, *, wait: bool) -> bool:
        held = await lock.acquire(wait=wait, probe=self._works is None)
        if held and self._works is None:
            self._works = lock.works
            if not lock.works:
                text = "%s: the store has no conditional puts, so that processes that refresh one run are not excluded"
                LOGGER.warning(text, self._bucket.location)
        return held
