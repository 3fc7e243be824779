"""Places for files of every kind: a folder, memory, and buckets on servers, looked at by the same functions."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path

import attrs

from multicart_async import DirectorySink, MemorySink, ObjectStoreSink
from multicart_async.sinks import ListableSink
from multicart_async.sinks._error_mapping import map_sink_errors
from multicart_async.sinks._protocol import VerifyingSink
from support.object_stores import StoreBucket

__all__ = ["SinkPlace", "chunked", "in_bucket", "in_folder", "in_memory"]


@attrs.frozen
class SinkPlace:
    """A sink, and how to make another one for the same place. ``unfinished`` says what an upload has left behind."""

    sink: ListableSink
    again: Callable[[], ListableSink]
    unfinished: Callable[[], list[str]] = list

    @property
    def mapped(self) -> VerifyingSink:
        """The sink as the downloads see it."""
        return map_sink_errors(self.sink)

    async def files(self, folder: str = "") -> dict[str, bytes]:
        """The content of every file below *folder*, by name."""
        found: dict[str, bytes] = {}
        for name, size in (await self.sink.list(folder)).items():
            path = f"{folder}/{name}" if folder else name
            if size is None:
                found |= await self.files(path)
            else:
                found[path] = b"".join([piece async for piece in self.sink.iter_bytes(path)])
                assert size == len(found[path]) == await self.sink.size(path)
        return found

    async def copied_to(self, folder: Path) -> Path:
        """Copy everything to *folder*, which is returned."""
        for name, content in (await self.files()).items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return folder


def in_folder(folder: Path) -> SinkPlace:
    """A folder on a disk."""
    return SinkPlace(DirectorySink(folder), lambda: DirectorySink(folder))


def in_memory() -> SinkPlace:
    """A dictionary."""
    sink = MemorySink()
    return SinkPlace(sink, lambda: sink)


def in_bucket(bucket: StoreBucket, prefix: str = "a/mirror") -> SinkPlace:
    """A prefix of a bucket."""

    def make() -> ObjectStoreSink:
        return ObjectStoreSink.from_url(f"{bucket.location}/{prefix}", options=bucket.options())

    azure = bucket.location.startswith("az:")  # which has no call to abort an upload, and drops its blocks after a week
    return SinkPlace(make(), make, list if azure else bucket.uploads)


async def chunked(pieces: Iterable[bytes], error: BaseException | None = None) -> AsyncIterator[bytes]:
    """Yield *pieces*, and then raise *error*."""
    for piece in pieces:
        yield piece
    if error is not None:
        raise error
