"""A wrapper for sinks of other authors: it maps their errors to `DownloadError` and adds `put_verified`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import TypeVar

from multicart_async.errors import DownloadError, MultiCartError
from multicart_async.sinks._directory import DirectorySink
from multicart_async.sinks._object_store import ObjectStoreSink
from multicart_async.sinks._protocol import ListableSink, Receive, Sink, VerifyingSink, closing, join_name
from multicart_async.sinks._pulled_put import put_pulled

__all__ = ["map_sink_errors"]

T = TypeVar("T")


def map_sink_errors(sink: Sink) -> VerifyingSink:
    """Wrap *sink* so that its errors are raised as `DownloadError`; a sink of this library does that itself."""
    if isinstance(sink, DirectorySink | ObjectStoreSink | _MappedSink):
        return sink
    return _MappedListableSink(sink) if isinstance(sink, ListableSink) else _MappedSink(sink)


class _MappedSink:
    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    async def put(self, name: str, chunks: AsyncIterator[bytes]) -> None:
        """See `Sink.put`."""
        theirs: Exception | None = None  # an error of *chunks* is not the sink's and is raised as it is

        async def watched() -> AsyncGenerator[bytes, None]:
            nonlocal theirs
            try:
                async for chunk in chunks:
                    yield chunk
            except Exception as error:
                theirs = error
                raise

        async with aclosing(watched()) as pieces:
            try:
                await self._sink.put(name, pieces)
            except MultiCartError:
                raise
            except Exception as error:
                if theirs is not None:
                    raise theirs from None
                raise _ours(name, error) from error

    async def put_verified(
        self, folder: str, name: str, receive: Receive, verify: Callable[[], None], *, private: bool = False
    ) -> None:
        """See `VerifyingSink.put_verified`. The sink decides who may read a *private* file."""
        del private
        await put_pulled(self, join_name(folder, name), receive, verify)

    async def read(self, name: str) -> bytes | None:
        """See `Sink.read`."""
        return await _asked(name, lambda: self._sink.read(name))

    async def size(self, name: str) -> int | None:
        """See `Sink.size`."""
        return await _asked(name, lambda: self._sink.size(name))


class _MappedListableSink(_MappedSink):
    def __init__(self, sink: ListableSink) -> None:
        super().__init__(sink)
        self._listable = sink

    async def list(self, folder: str) -> dict[str, int | None]:
        """See `ListableSink.list`."""
        return await _asked(folder, lambda: self._listable.list(folder))

    async def delete(self, name: str) -> None:
        """See `ListableSink.delete`."""
        await _asked(name, lambda: self._listable.delete(name))

    async def rename(self, old: str, new: str) -> None:
        """See `ListableSink.rename`."""
        await _asked(old, lambda: self._listable.rename(old, new))

    async def iter_bytes(self, name: str) -> AsyncGenerator[bytes, None]:
        """See `ListableSink.iter_bytes`."""
        async with closing(await _asked(name, lambda: self._begun(name))) as pieces:
            while (piece := await _asked(name, lambda: anext(pieces, None))) is not None:
                yield piece

    async def _begun(self, name: str) -> AsyncIterator[bytes]:
        return self._listable.iter_bytes(name)


async def _asked(name: str, ask: Callable[[], Awaitable[T]]) -> T:
    try:
        return await ask()
    except MultiCartError:
        raise
    except Exception as error:
        raise _ours(name, error) from error


def _ours(name: str, error: Exception) -> DownloadError:
    return DownloadError(name, f"the sink failed: {type(error).__name__}: {error}")
