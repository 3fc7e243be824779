"""A bucket of an object store, by the synchronous functions of obstore. Everything here blocks."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from multicart_async.errors import DiskError
from multicart_async.sinks._names import check_name
from multicart_async.sinks._object_calls import is_missing_object, load_obstore
from multicart_async.sinks._object_url import location_of
from multicart_async.sinks._protocol import join_name

if TYPE_CHECKING:
    from obstore.store import ObjectStore

__all__ = ["PART", "Bucket", "ObjectWriter", "Version"]

Version = Mapping[str, str]
"""What a store calls one state of an object: its ETag, and with Google its generation too."""

PART: Final = 8 << 20
"""Bytes of one part, and of the largest object that is sent or received in one request."""
_PARTS_AT_ONCE: Final = 2  # of one object; each is held in memory
_MAX_COPY: Final = 5 << 30  # bytes that S3 copies in one request


class Bucket:
    """The objects of *store* whose names begin with *prefix*. Errors are those of obstore."""

    def __init__(self, store: ObjectStore, prefix: str) -> None:
        self.location = location_of(store) + (f"/{prefix}" if prefix else "")
        self._api = load_obstore("dest")
        self._store = store
        self._prefix = prefix

    def place(self, name: str) -> str:
        """Return how errors name the object: a URL without credentials. The name ``""`` stands for all."""
        return f"{self.location}/{check_name(name)}" if name else self.location

    def _key(self, name: str) -> str:
        return join_name(self._prefix, check_name(name))

    def holds_any(self) -> bool:
        """Return whether there is any object."""
        return next(iter(self._api.list(self._store, self._prefix or None, chunk_size=1)), None) is not None

    def read(self, name: str, max_bytes: int) -> bytes | None:
        """Return the content of an object, or ``None`` if it does not exist.

        Raises:
            DiskError: It is larger than *max_bytes*.
        """
        try:
            found = self._api.get(self._store, self._key(name))
        except Exception as error:
            if is_missing_object(error):
                return None
            raise
        size = found.meta["size"]
        if size > max_bytes:
            raise DiskError(self.place(name), f"expected at most {max_bytes:,} bytes, got {size:,}", errno.EFBIG)
        return bytes(found.bytes())

    def read_version(self, name: str) -> tuple[bytes, Version] | None:
        """Return the content of a small object and its version, or ``None`` if it does not exist."""
        try:
            found = self._api.get(self._store, self._key(name))
        except Exception as error:
            if is_missing_object(error):
                return None
            raise
        return bytes(found.bytes()), _version_of(found.meta)

    def put_if(self, name: str, content: bytes, version: Version | None) -> Version:
        """Store a small object if it has that *version*, which is ``None`` if it must not exist; return the new version.

        The error of obstore says if it has another version, or if the store has no such condition.
        """
        mode = "create" if version is None else dict(version)
        return _version_of(self._api.put(self._store, self._key(name), content, mode=mode, use_multipart=False))

    def pieces(self, name: str) -> Iterator[bytes]:
        """Yield the content of an object. A large one is requested in parts, because the time of a request is limited."""
        found = self._api.get(self._store, self._key(name))
        size, version = found.meta["size"], found.meta["e_tag"]
        if size <= PART:
            yield bytes(found.bytes())
            return
        for start in range(0, size, PART):
            options = {"range": (start, min(start + PART, size)), "if_match": version}
            yield bytes(self._api.get(self._store, self._key(name), options=options).bytes())

    def size(self, name: str) -> int | None:
        """Return the size of an object in bytes, or ``None`` if it does not exist."""
        try:
            return int(self._api.head(self._store, self._key(name))["size"])
        except Exception as error:
            if is_missing_object(error):
                return None
            raise

    def list(self, folder: str) -> dict[str, int | None]:
        """Return the names in *folder* with their sizes, or ``None`` for a folder."""
        prefix = self._key(folder) if folder else self._prefix
        found = self._api.list_with_delimiter(self._store, prefix or None)
        objects = [
            one for one in found["objects"] if one["path"] != prefix
        ]  # which some stores keep for an empty folder
        sizes: dict[str, int | None] = {one["path"].rpartition("/")[2]: one["size"] for one in objects}
        return sizes | dict.fromkeys(one.rpartition("/")[2] for one in found["common_prefixes"])

    def delete(self, name: str) -> None:
        """Delete an object, if it exists."""
        try:
            self._api.delete(self._store, self._key(name))
        except Exception as error:
            if not is_missing_object(error):
                raise

    def rename(self, old: str, new: str) -> None:
        """Copy an object in the store, and delete the old one. A large one is copied through this process."""
        source = self._key(old)
        if self._api.head(self._store, source)["size"] <= _MAX_COPY:
            self._api.copy(self._store, source, self._key(new), overwrite=True)
        else:
            self._copy_through(old, self.writer(new))
        self._api.delete(self._store, source)

    def _copy_through(self, old: str, writer: ObjectWriter) -> None:
        try:
            for piece in self.pieces(old):
                writer.write((piece,))
            writer.finish(())
        finally:
            writer.abort()

    def writer(self, name: str) -> ObjectWriter:
        """Return a writer for a new version of an object."""
        return ObjectWriter(self._api, self._store, self._key(name), self.place(name))


def _version_of(meta: Mapping[str, Any]) -> Version:
    if meta["e_tag"] is None:
        raise NotImplementedError("the store has no ETags")
    return {name: meta[name] for name in ("e_tag", "version") if meta[name] is not None}


class ObjectWriter:
    """Write one object; *place* names it in errors. Until `finish` has returned, the store shows what it had before."""

    def __init__(self, api: Any, store: ObjectStore, key: str, place: str) -> None:
        self.place = place
        self._api = api
        self._store = store
        self._key = key
        self._writer: Any = None
        self._size = 0

    @property
    def begun(self) -> bool:
        """Whether `abort` has something to do."""
        return self._writer is not None

    def write(self, pieces: Sequence[bytes]) -> None:
        """Upload *pieces*. obstore makes parts of `PART` bytes of them."""
        if self._writer is None:
            self._writer = self._api.open_writer(
                self._store, self._key, buffer_size=PART, max_concurrency=_PARTS_AT_ONCE
            )
        for piece in pieces:
            self._size += len(piece)
            self._writer.write(piece)

    def finish(self, pieces: Sequence[bytes]) -> None:
        """Upload the last *pieces*, and let the store show the object.

        Raises:
            DiskError: The size of the object is not the number of bytes that were sent. It is removed, unless it may be
                the object of another process.
        """
        version = None  # of a large object it is not known
        if self._writer is None:
            content = b"".join(pieces)
            self._size = len(content)
            version = self._api.put(self._store, self._key, content, use_multipart=False)["e_tag"]
        else:
            self.write(pieces)
            writer, self._writer = self._writer, None
            writer.close()  # which gives the upload up if it fails
        self._compare(version)

    def _compare(self, version: str | None) -> None:
        """Ask for the size of the object. Another process may have replaced it: then it has another *version*."""
        found = self._api.head(self._store, self._key)
        known = version is not None and found["e_tag"] is not None
        if found["size"] == self._size or (known and found["e_tag"] != version):
            return
        reason = f"the store has {found['size']:,} bytes of the {self._size:,} that were sent"
        if known:
            self._api.delete(self._store, self._key)
            reason += "; the object was removed"
        else:
            reason += ", or another process has replaced the object; repeat the call"
        raise DiskError(self.place, reason, errno.EIO)

    def abort(self) -> None:
        """Let the store forget the parts that it has received."""
        writer, self._writer = self._writer, None
        if writer is not None:  # closing it would store what has arrived
            writer.__exit__(InterruptedError, InterruptedError(), None)
