"""The sink for a bucket of an object store: S3 and its relatives, Google Cloud Storage, Azure Blob Storage."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Self

from multicart_async._core.regular_file import MAX_FILE_BYTES
from multicart_async._core.validation import wrong_argument
from multicart_async.sinks._bucket import Bucket
from multicart_async.sinks._object_calls import load_obstore, run_call
from multicart_async.sinks._object_upload import ObjectUpload
from multicart_async.sinks._object_url import open_store, parse_prefix, parse_url
from multicart_async.sinks._protocol import Receive, Write, join_name
from multicart_async.sinks._pulled_put import put_pulled
from multicart_async.sinks._store_lock import StoreLock, StoreLocks

if TYPE_CHECKING:
    from obstore.store import ObjectStore

__all__ = ["ObjectStoreSink", "store_at"]


class ObjectStoreSink:
    """Store files as objects of *store*, an object of `obstore`, below *prefix*; needs the extra ``objects``.

    ``client.sync("s3://bucket/prefix")`` and every other destination make one by `from_url`. Each file appears whole
    under its name, or not at all: files of up to 8 MiB are sent in one request, larger ones in parts that the store joins
    at the end. After each file the store is asked for its size. Give the bucket a lifecycle rule that removes
    incomplete multipart uploads after a day: a process that is killed leaves one, which costs money and cannot be seen.

    Calls block, in up to 32 threads of the library. A cancellation takes effect after the request in progress, which
    obstore repeats if the network fails: see docs/stores.md for the limits of time. Errors are `DiskError`, with
    ``errno`` EACCES for rejected credentials, ENOENT for a missing bucket, EIO for all else.

    Args:
        store: An ``S3Store``, ``GCSStore``, ``AzureStore`` or any other store of obstore, with credentials and limits
            of yours.
        prefix: The names of all objects begin with it and a slash.

    Raises:
        ArgumentError: obstore is not installed, *store* is something else, or *prefix* is malformed.
    """

    def __init__(self, store: ObjectStore, prefix: str = "") -> None:
        if not isinstance(store, load_obstore("dest").store.ObjectStore):
            raise wrong_argument("store", "a store of obstore, such as obstore.store.S3Store", store)
        self._bucket = Bucket(store, parse_prefix(prefix, "prefix"))
        self._locks = StoreLocks(self._bucket)

    @classmethod
    def from_url(cls, url: str, *, options: Mapping[str, str] = {}) -> Self:
        """Return the sink for ``s3://bucket/prefix``, ``gs://bucket/prefix`` or ``az://container/prefix``.

        *options* are configuration keys of obstore for that kind of store, such as ``endpoint``, ``region``,
        ``access_key_id`` or ``account_name``, and its client options, such as ``timeout``, ``allow_http`` and ``proxy_url``.
        What they do not say is taken from the environment: ``AWS_ACCESS_KEY_ID``, ``AWS_ENDPOINT_URL``, ``AZURE_STORAGE_…``,
        ``GOOGLE_…``, or the machine's role.

        Raises:
            ArgumentError: obstore is not installed, *url* has another scheme, a password or a query, or an option is
                unknown or malformed.
        """
        place = parse_url(url, "dest")
        load_obstore("dest")
        return cls(open_store(place, options), place.prefix)

    def __repr__(self) -> str:
        return f"ObjectStoreSink({self._bucket.location!r})"

    def __init_subclass__(cls) -> None:
        """Route downloads through `put` in a class that overrides it."""
        super().__init_subclass__()
        if cls.put is not ObjectStoreSink.put and cls.put_verified is ObjectStoreSink.put_verified:
            cls.put_verified = _put_overridden  # type: ignore[assignment,method-assign]

    @property
    def location(self) -> str:
        """The URL of bucket and prefix, without credentials."""
        return self._bucket.location

    async def check(self) -> None:
        """Check that the bucket can be listed.

        Raises:
            DiskError: There is no such bucket, the credentials are rejected, or the store cannot be reached.
        """
        await self.holds_any()

    async def holds_any(self) -> bool:
        """Return whether there is any object.

        Raises:
            DiskError: See `check`.
        """
        return await run_call(self._bucket.location, self._bucket.holds_any)

    async def put(self, name: str, chunks: AsyncIterator[bytes]) -> None:
        """See `Sink.put`.

        Raises:
            DiskError: The store failed; it has what it had before.
        """

        async def receive(write: Write) -> None:
            async for chunk in chunks:
                await write(chunk)

        await self._write(name, receive, _accept)

    async def put_verified(
        self, folder: str, name: str, receive: Receive, verify: Callable[[], None], *, private: bool = False
    ) -> None:
        """See `VerifyingSink.put_verified`. Who may read a *private* file is decided by the bucket."""
        del private
        await self._write(join_name(folder, name), receive, verify)

    async def _write(self, name: str, receive: Receive, verify: Callable[[], None]) -> None:
        upload = ObjectUpload(self._bucket.writer(name))
        try:
            await receive(upload.write)
            await upload.commit(verify)
        finally:
            if upload.unfinished:
                await upload.aclose()

    async def read(self, name: str) -> bytes | None:
        """See `Sink.read`.

        Raises:
            DiskError: It is larger than 256 MiB, or the store failed.
        """
        return await self.read_at_most(name, MAX_FILE_BYTES)

    async def read_at_most(self, name: str, max_bytes: int) -> bytes | None:
        """Return what `read` does for an object of at most *max_bytes*.

        Raises:
            DiskError: It is larger, or the store failed.
        """
        return await run_call(self._bucket.place(name), self._bucket.read, name, max_bytes)

    async def size(self, name: str) -> int | None:
        """See `Sink.size`. A missing bucket cannot be told from a missing object."""
        return await run_call(self._bucket.place(name), self._bucket.size, name)

    async def list(self, folder: str) -> dict[str, int | None]:
        """See `ListableSink.list`. There are no empty folders; a request lists up to 1,000 entries."""
        return await run_call(self._bucket.place(folder), self._bucket.list, folder)

    async def iter_bytes(self, name: str) -> AsyncGenerator[bytes, None]:
        """See `ListableSink.iter_bytes`.

        Raises:
            DiskError: It does not exist, or the store failed.
        """
        place, pieces = self._bucket.place(name), self._bucket.pieces(name)
        while (piece := await run_call(place, next, pieces, None)) is not None:
            yield piece

    async def delete(self, name: str) -> None:
        """See `ListableSink.delete`."""
        await run_call(self._bucket.place(name), self._bucket.delete, name)

    async def rename(self, old: str, new: str) -> None:
        """See `ListableSink.rename`. The object is copied by the store, and *old* is deleted when the copy is complete.

        Objects above 5 GiB are copied through this process.

        Raises:
            DiskError: *old* does not exist, or the store failed; *new* is what it was, or complete.
        """
        await run_call(self._bucket.place(old), self._bucket.rename, old, new)

    def exclusive(self, folder: str, *, wait: bool = True) -> AbstractAsyncContextManager[StoreLock | None]:
        """Lock *folder* against other calls, also of other processes and machines, that replace files in it.

        The context manager yields the lock, or ``None`` if another call holds it: with *wait* it looks once a second until
        it is free. The lock is the object ``.multicart.lock`` in *folder*, which is renewed every ten seconds. One that was not
        renewed for a minute, because its process was killed, is taken over. If this process stops for so long, another
        one may take over: then the block is cancelled, and a `DiskError` raised. A store without conditional puts has no
        locks: a warning is logged, and with *wait* the block is entered all the same.

        Raises:
            DiskError: The store failed, or another process has taken over.
        """
        return self._locks.hold(folder, wait=wait)


def store_at(url: str, argument: str) -> ObjectStoreSink:
    """Return the sink for *url*, which is given as *argument*; see `ObjectStoreSink.from_url`."""
    place = parse_url(url, argument)
    load_obstore(argument)
    return ObjectStoreSink(open_store(place, {}), place.prefix)


async def _put_overridden(
    sink: ObjectStoreSink,
    folder: str,
    name: str,
    receive: Receive,
    verify: Callable[[], None],
    *,
    private: bool = False,
) -> None:
    """See `VerifyingSink.put_verified`. The class that overrides `put` decides who may read a *private* file."""
    del private
    await put_pulled(sink, join_name(folder, name), receive, verify)


def _accept() -> None:
    """Accept any content."""
