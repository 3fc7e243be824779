"""The sink that keeps files in memory, for tests and notebooks."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator

__all__ = ["MemorySink"]


class MemorySink:
    """Keep the content of each file in ``files``, by name. Nothing is written to disk."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    def __repr__(self) -> str:
        return f"<MemorySink of {len(self.files)} files, {sum(map(len, self.files.values()))} bytes>"

    async def put(self, name: str, chunks: AsyncIterator[bytes]) -> None:
        """See `Sink.put`."""
        self.files[name] = b"".join([chunk async for chunk in chunks])

    async def read(self, name: str) -> bytes | None:
        """See `Sink.read`."""
        return self.files.get(name)

    async def size(self, name: str) -> int | None:
        """See `Sink.size`."""
        content = self.files.get(name)
        return None if content is None else len(content)

    async def delete(self, name: str) -> None:
        """See `ListableSink.delete`."""
        self.files.pop(name, None)

    async def rename(self, old: str, new: str) -> None:
        """See `ListableSink.rename`."""
        self.files[new] = self.files.pop(old)

    async def list(self, folder: str) -> dict[str, int | None]:
        """See `ListableSink.list`."""
        start = f"{folder}/" if folder else ""
        found: dict[str, int | None] = {}
        for name, content in self.files.items():
            if name.startswith(start):
                first, inner, _ = name[len(start) :].partition("/")
                found[first] = None if inner else len(content)
        return found

    async def iter_bytes(self, name: str) -> AsyncGenerator[bytes, None]:
        """See `ListableSink.iter_bytes`."""
        yield self.files[name]
