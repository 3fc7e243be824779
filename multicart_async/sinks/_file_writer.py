"""An asynchronous writer for one file: it writes blocks in threads while the next bytes arrive."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from multicart_async._core.thread_batches import submit_batched
from multicart_async._core.threads import ThreadJob, run_in_thread, submit
from multicart_async.errors import MultiCartError
from multicart_async.sinks._atomic_file import AtomicFile, translate_os_errors
from multicart_async.sinks._block_writer import BlockWriter

__all__ = ["FileWriter"]

_BLOCK = 1 << 20  # bytes written at a time; a thread hop for each 64 KiB would halve the speed


class FileWriter(BlockWriter):
    """Write an `AtomicFile` in threads. The last step of a *durable* file waits for the disk in a thread of its own."""

    def __init__(self, file: AtomicFile, target: str, *, durable: bool) -> None:
        super().__init__(_BLOCK)
        self._file = file
        self._target = target
        self._durable = durable

    @property
    def unfinished(self) -> bool:
        """Whether `aclose` has anything to do."""
        return self._writing is not None or self._file.there

    def _begin(self, pieces: list[bytes]) -> ThreadJob[None]:
        return submit_batched(translate_os_errors, self._target, _write, self._file, pieces)

    async def commit(self, verify: Callable[[], None]) -> None:
        """Write the last bytes, call *verify* and rename the file to its final name, all in one thread hop."""
        if self._writing is not None:
            await self._join()
        begin = submit if self._durable else submit_batched  # batched work would wait for the flush of the disk
        self._writing = begin(_commit, self._target, self._file, self._held, verify)
        await self._join()

    async def aclose(self) -> None:
        """Wait for the thread, then remove the file unless it was committed."""
        try:
            with contextlib.suppress(OSError, MultiCartError):  # the caller already has the first error
                await self._join()
        finally:
            if self._file.there:
                await run_in_thread(self._file.abort)


def _write(file: AtomicFile, pieces: list[bytes]) -> None:
    for piece in pieces:
        file.write(piece)


def _commit(target: str, file: AtomicFile, pieces: list[bytes], verify: Callable[[], None]) -> None:
    verify()
    translate_os_errors(target, file.commit, pieces[0] if len(pieces) == 1 else b"".join(pieces))
