"""The protocols for places that store files, and functions for any of them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Final, Protocol, TypeVar, runtime_checkable

import anyio.lowlevel

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
    "put_pieces",
    "retry_if_removed",
]

T = TypeVar("T")

Write = Callable[[bytes], Awaitable[None]]
"""Write the next bytes of a file. It returns when the sink accepts more, so a slow sink slows the transfer down."""
Receive = Callable[[Write], Awaitable[None]]
"""Write all bytes of one file by the given function, or raise."""


@runtime_checkable
class Sink(Protocol):
    """A place that stores files by name.

    Names such as ``101/88/page-0001.json`` consist of numbers and fixed words, separated by ``/``. An invoice is named
    ``invoice-<id>.pdf``, with an id of ASCII letters, digits, ``-`` and ``_``.
    """

    async def put(self, name: str, chunks: AsyncIterator[bytes]) -> None:
        """Store all of *chunks* under *name* and replace an earlier file, or leave everything as it was.

        The sink pulls the chunks, so a slow sink slows the transfer down instead of filling the memory. After an exception
        from *chunks*, or a cancellation, nothing of the new file may remain. Each chunk has up to a few MiB and is not
        modified afterwards.
        """
        ...

    async def read(self, name: str) -> bytes | None:
        """Return the content of a (small) file, or ``None`` if it does not exist."""
        ...

    async def size(self, name: str) -> int | None:
        """Return the size of a file in bytes, or ``None`` if it does not exist."""
        ...


@runtime_checkable
class ListableSink(Sink, Protocol):
    """A sink whose files can be listed, read in pieces, deleted and renamed.

    `AsyncMultiCart.verify`, ``prune`` and ``keep`` need one. Existing files are also found faster.
    """

    async def list(self, folder: str) -> dict[str, int | None]:
        """Return the names in *folder* (``""`` is the top) with their sizes, or ``None`` for a folder.

        The result is empty if *folder* does not exist.
        """
        ...

    def iter_bytes(self, name: str) -> AsyncIterator[bytes]:
        """Yield the content of a file in pieces of any size. If it is a generator, it is closed when reading stops."""
        ...

    async def delete(self, name: str) -> None:
        """Delete the file *name*. A missing file is not an error."""
        ...

    async def rename(self, old: str, new: str) -> None:
        """Rename the file *old* to *new*, in one step if the sink can; an existing file *new* is replaced."""
        ...


class VerifyingSink(Sink, Protocol):
    """A sink that writes a file while it arrives, and stores it only once it is verified."""

    async def put_verified(
        self, folder: str, name: str, receive: Receive, verify: Callable[[], None], *, private: bool = False
    ) -> None:
        """Store what *receive* writes as *name* in *folder* unless *verify* raises; else leave everything as it was.

        Errors of *receive* and *verify* are raised unchanged. *verify* is called in a thread after the last byte. On a
        disk, a *private* file can be read by its owner only.
        """
        ...


def join_name(folder: str, name: str) -> str:
    """Return the name of the file *name* in *folder*, which is empty for a file at the top."""
    return f"{folder}/{name}" if folder else name


def check_listable(argument: str, sink: Sink) -> ListableSink:
    """Return *sink* as a `ListableSink`.

    Raises:
        ArgumentError: *sink* lacks some of its methods.
    """
    if isinstance(sink, ListableSink):
        return sink
    reason = "expected a ListableSink, with list, iter_bytes, delete and rename, got a plain Sink"
    raise ArgumentError(argument, reason)


@asynccontextmanager
async def closing(pieces: AsyncIterator[bytes]) -> AsyncGenerator[AsyncIterator[bytes], None]:
    """Yield *pieces*, and close them at the end of the block if they are a generator."""
    try:
        yield pieces
    finally:
        if isinstance(pieces, AsyncGenerator):
            await pieces.aclose()


_WRITES: Final = 3


async def retry_if_removed(write: Callable[[], Awaitable[T]]) -> T:
    """Call *write* again, up to three times in all, if its temporary file was removed, and return its result.

    Raises:
        IncompleteDownloadError: The temporary file was removed each time.
    """
    for _ in range(_WRITES - 1):
        try:
            return await write()
        except IncompleteDownloadError:
            continue
    return await write()


async def put_bytes(sink: Sink, name: str, content: bytes) -> None:
    """Store a small file with the given content.

    Raises:
        DownloadError: The sink failed, or the temporary file was removed each time.
    """
    await put_pieces(sink, name, lambda: iter((content,)))


async def put_pieces(sink: Sink, name: str, make: Callable[[], Iterator[bytes]]) -> None:
    """Store a file with the pieces that *make* yields, each of which should take a millisecond at most.

    Raises:
        DownloadError: The sink failed, or the temporary file was removed each time.
    """

    async def once() -> AsyncGenerator[bytes, None]:
        for number, piece in enumerate(make()):
            if number:
                await anyio.lowlevel.checkpoint()  # a sink need not wait for anything
            yield piece

    await retry_if_removed(lambda: sink.put(name, once()))
