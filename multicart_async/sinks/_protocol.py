"""Where files go."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final, Protocol, TypeVar, runtime_checkable

from multicart_async.errors import ArgumentError, IncompleteDownloadError

__all__ = [
    "ListableSink",
    "Receive",
    "Sink",
    "VerifyingSink",
    "Write",
    "check_listable",
    "closing",
    "join_name",
    "put_bytes",
    "retry_if_removed",
]

T = TypeVar("T")

Write = Callable[[bytes], Awaitable[None]]
"""Takes the next bytes of a file, and returns when more may come: a slow sink slows the network."""
Receive = Callable[[Write], Awaitable[None]]
"""Writes the bytes of one file, all of them unless it raises."""


@runtime_checkable
class Sink(Protocol):
    """A place for files, named ``101/88/page-0001.json``: numbers and fixed words alone, with ``/`` between them.

    An invoice is ``invoice-<id>.pdf``, whose id is made of ASCII letters, digits, ``-`` and ``_``.
    """

    async def put(self, name: str, chunks: AsyncIterator[bytes]) -> None:
        """All of *chunks* under *name*, or nothing, whatever was there before.

        The chunks are pulled: a slow sink slows the network, and nothing piles up. An exception from them, or a
        cancellation, must leave no trace. Each chunk holds up to a few MiB and is not changed afterwards.
        """
        ...

    async def read(self, name: str) -> bytes | None:
        """The whole of a (small) file, or ``None`` where there is none."""
        ...

    async def size(self, name: str) -> int | None:
        """The size of a file in bytes, or ``None`` where there is none."""
        ...


@runtime_checkable
class ListableSink(Sink, Protocol):
    """A sink that can also be looked through: needed to verify a mirror, and quicker to skip what is there."""

    async def list(self, folder: str) -> dict[str, int | None]:
        """What *folder* holds (``""`` is the top): the size of each file, ``None`` for a folder. Empty if there is none."""
        ...

    def iter_bytes(self, name: str) -> AsyncIterator[bytes]:
        """The bytes of a file in pieces of some size. If it is a generator, it is closed when nobody reads on."""
        ...

    async def delete(self, name: str) -> None:
        """No file of that name any more, if there was one."""
        ...

    async def rename(self, old: str, new: str) -> None:
        """Give the file *old* the name *new*, in one step where the sink can; a file of that name is replaced."""
        ...


class VerifyingSink(Sink, Protocol):
    """A sink to which a file is written while it comes, and that has it only once it is verified."""

    async def put_verified(
        self, folder: str, name: str, receive: Receive, verify: Callable[[], None], *, private: bool = False
    ) -> None:
        """Put what *receive* writes under *name* in *folder* if *verify* accepts it; else leave what was there before.

        Errors of *receive* and *verify* pass unchanged. *verify* is called in a thread, when all bytes have been written.
        On a disk, a *private* file can be read by its owner alone.
        """
        ...


def join_name(folder: str, name: str) -> str:
    """Return the name of a file for a sink; *folder* is empty for a file at the top."""
    return f"{folder}/{name}" if folder else name


def check_listable(argument: str, sink: Sink) -> ListableSink:
    """Return *sink*, if it can be listed.

    Raises:
        ArgumentError: It is a plain `Sink`.
    """
    if isinstance(sink, ListableSink):
        return sink
    reason = "expected a sink that can be listed: a ListableSink, which has list, iter_bytes, delete and rename too"
    raise ArgumentError(argument, reason)


@asynccontextmanager
async def closing(pieces: AsyncIterator[bytes]) -> AsyncGenerator[AsyncIterator[bytes], None]:
    """The pieces of a file, closed at the end if they can be."""
    try:
        yield pieces
    finally:
        if isinstance(pieces, AsyncGenerator):
            await pieces.aclose()


_WRITES: Final = 3


async def retry_if_removed(write: Callable[[], Awaitable[T]]) -> T:
    """Return what *write* does; it is called again, a few times, if its file was lost before it was in place.

    Raises:
        IncompleteDownloadError: It was lost each time.
    """
    for _ in range(_WRITES - 1):
        try:
            return await write()
        except IncompleteDownloadError:
            continue
    return await write()


async def put_bytes(sink: Sink, name: str, content: bytes) -> None:
    """Put a small file whose content is at hand.

    Raises:
        DownloadError: The sink refused it, or it was lost each time.
    """

    async def once() -> AsyncGenerator[bytes, None]:
        yield content

    await retry_if_removed(lambda: sink.put(name, once()))
