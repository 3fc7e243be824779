"""The object that is a lock in an object store, by conditional puts. Everything here blocks.

The holder of the lock puts a new content from time to time. A call that waits looks at it once a second, and takes it over
after 60 looks that have shown the same content: so clocks of machines are never compared, and the time for which the
waiting process itself was stopped does not count.
"""

from __future__ import annotations

import secrets
from typing import Final

from multicart_async._core.regular_file import MAX_FILE_BYTES
from multicart_async.sinks._bucket import Bucket, Version
from multicart_async.sinks._object_calls import is_missing_object, is_unsupported

__all__ = ["LockObject"]

_LOOKS: Final = 60  # at one content, until its lock counts as abandoned
_NO_VERSION: Final = {"e_tag": '"none"', "version": "1"}
_REFUSED: Final = frozenset({"AlreadyExistsError", "PreconditionError"})


class LockObject:
    """The object *name*, by calls that block. Each put has another content, because an ETag may be a hash of it."""

    def __init__(self, bucket: Bucket, name: str) -> None:
        self._bucket = bucket
        self._name = name
        self._owner = secrets.token_hex(16).encode()
        self._puts = 0
        self._version: Version | None = None  # that this object has put, as far as it knows
        self._may_be_ours = False
        self._seen: bytes | None = None
        self._looks = 0  # at what was seen

    def acquire(self, *, probe: bool, look_first: bool = False) -> bool | None:
        """Try once to create the lock, or to take over an abandoned one, and return whether that has succeeded.

        With *look_first* nothing is put while it is held, which costs a request more if it is not. Return ``None`` if the
        store has no conditional puts, which *probe* finds out also of one that ignores conditions.
        """
        self._may_be_ours = True  # also if this raises
        try:
            self._may_be_ours = (not look_first and self._create()) or self._take_over()
            if not (self._may_be_ours and probe and self._put(_NO_VERSION)):
                return self._may_be_ours
        except Exception as error:
            if not is_unsupported(error):
                raise
        self._remove()
        return None

    def _create(self) -> bool:
        if self._seen is None:  # to look is cheaper than to put
            self._version = self._put(None)
        return self._version is not None

    def _take_over(self) -> bool:
        found = self._bucket.read_version(self._name)
        if found is None:
            self._version = self._put(None)
            return self._version is not None
        content, version = found
        if content.startswith(self._owner):  # the answer to a put was lost
            self._version = version
            return True
        self._looks = self._looks + 1 if content == self._seen else 0
        self._seen = content
        if self._looks >= _LOOKS:
            self._version = self._put(version)
        return self._version is not None

    def renew(self) -> bool:
        """Put a new content, and return whether the lock is still held."""
        if self._version is not None:
            self._version = self._put(self._version)
        if self._version is None:  # or the answer to the last put was lost
            found = self._bucket.read_version(self._name)
            self._may_be_ours = found is not None and found[0].startswith(self._owner)
            self._version = found[1] if found is not None and self._may_be_ours else None
        return self._may_be_ours

    def release(self) -> None:
        """Delete the lock if it is held.

        There is no conditional delete. After a renewal no process takes the lock over for a minute, so that this one would
        have to stop for so long between the two requests to delete the lock of another one.
        """
        if self._may_be_ours and self.renew():
            self._bucket.delete(self._name)
        self._may_be_ours = False

    def _put(self, version: Version | None) -> Version | None:
        """Store a new content in place of *version*, and return its version; ``None`` if the store has another one."""
        self._puts += 1
        try:
            return self._bucket.put_if(self._name, self._owner + b" %d\n" % self._puts, version)
        except Exception as error:
            if type(error).__name__ in _REFUSED or is_missing_object(error):
                return None
            raise

    def _remove(self) -> None:
        """Delete what was put where conditions mean nothing."""
        self._may_be_ours = False
        if (self._bucket.read(self._name, MAX_FILE_BYTES) or b"").startswith(self._owner):
            self._bucket.delete(self._name)
