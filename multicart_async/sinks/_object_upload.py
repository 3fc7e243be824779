"""The upload of one object: a small one in one request, a large one in parts that the store joins at the end."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence

from multicart_async._core.log import error_info, log_warning
from multicart_async._core.threads import ThreadJob, join_thread
from multicart_async.errors import DiskError, MultiCartError
from multicart_async.sinks._block_writer import BlockWriter
from multicart_async.sinks._bucket import PART, ObjectWriter
from multicart_async.sinks._object_calls import begin_call, translate_store_errors

__all__ = ["ObjectUpload"]


class ObjectUpload(BlockWriter):
    """Pass an object to an `ObjectWriter` in threads while the next bytes arrive."""

    def __init__(self, writer: ObjectWriter) -> None:
        super().__init__(PART + 1)  # up to `PART` bytes are sent in one request
        self._writer = writer

    @property
    def unfinished(self) -> bool:
        """Whether `aclose` has anything to do."""
        return self._writing is not None or self._writer.begun

    def _begin(self, pieces: list[bytes]) -> ThreadJob[None]:
        return begin_call(self._writer.place, self._writer.write, pieces)

    async def commit(self, verify: Callable[[], None]) -> None:
        """Upload the last bytes, call *verify*, and let the store show the object."""
        await self._join()
        self._writing = begin_call(self._writer.place, _commit, self._writer, self._held, verify)
        await self._join()

    async def aclose(self) -> None:
        """Wait for the thread, then give the upload up unless it is complete."""
        try:
            with contextlib.suppress(OSError, MultiCartError):  # the caller already has the first error
                await self._join()
        finally:
            if self._writer.begun:
                await join_thread(begin_call(self._writer.place, _abort, self._writer))


def _commit(writer: ObjectWriter, pieces: Sequence[bytes], verify: Callable[[], None]) -> None:
    verify()
    writer.finish(pieces)


def _abort(writer: ObjectWriter) -> None:
    try:
        translate_store_errors(writer.place, writer.abort)
    except DiskError as error:
        log_warning(
            "%s: an unfinished upload could not be removed: %s; a lifecycle rule of the bucket for incomplete uploads does that",
            writer.place,
            error.reason,
            extra=error_info(error),
        )
