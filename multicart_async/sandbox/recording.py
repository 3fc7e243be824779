"""Records of the requests that a sandbox received: their content, their counts, and fields that the service ignores."""

from __future__ import annotations

import sys
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

__all__ = ["RecordedRequest"]

_MAX_REQUESTS = 10_000
_MAX_BYTES = 16 * 2**20
_SUM_INTERVAL = _MAX_BYTES // 8  # bytes of new requests between two computations of the sum
_MAX_NAMES = 10_000
_MAX_NAME_LENGTH = 200
_OTHER_PATHS = "(other paths)"


def _size_of(seen: RecordedRequest) -> int:
    """Return the bytes of memory that a request takes: many small values take far more than their JSON."""
    size, remaining = 0, [seen.target, seen.path, seen.headers, seen.fields]
    while remaining:
        value: Any = remaining.pop()
        size += sys.getsizeof(value)
        if isinstance(value, dict):
            remaining += value.keys()
            remaining += value.values()
        elif isinstance(value, list | tuple):
            remaining += value
    return size


@attrs.frozen(kw_only=True)
class RecordedRequest:
    """One request as it arrived.

    Header names are in lower case. The value of a credential, password or code is never kept. ``size`` is approximately
    how many bytes of memory the record takes.
    """

    method: str
    target: str
    path: str
    headers: tuple[str, ...]
    has_credential: bool
    fields: Mapping[str, Any] | None
    size: int = attrs.field(init=False, eq=False, repr=False, default=attrs.Factory(_size_of, takes_self=True))


@attrs.define
class Recording:
    """The last 10,000 requests, or fewer if they would take more than 16 MiB of memory together.

    The oldest are dropped first, and the latest one is always kept. ``counts`` has documented paths, with their braces,
    and all other paths that were requested; beyond 10,000 names these are counted as ``(other paths)``.
    ``ignored_fields`` has the last 10,000 fields. Names of paths and fields in both are cut after 200 characters.
    """

    requests: deque[RecordedRequest] = attrs.field(factory=lambda: deque(maxlen=_MAX_REQUESTS))
    counts: Counter[str] = attrs.field(factory=Counter[str])
    ignored_fields: list[tuple[str, str]] = attrs.field(factory=list[tuple[str, str]])
    _unsummed: int = attrs.field(default=0, init=False)

    def note(self, request: RecordedRequest, counted_as: str) -> None:
        """Keep and count a request, and drop the oldest ones beyond the bounds."""
        name = counted_as[:_MAX_NAME_LENGTH]
        self.counts[name if name in self.counts or len(self.counts) < _MAX_NAMES else _OTHER_PATHS] += 1
        self.requests.append(request)
        self._unsummed += request.size
        if self._unsummed > _SUM_INTERVAL:
            self._unsummed = 0
            self._forget_oldest()

    def note_ignored(self, path: str, names: Sequence[str]) -> None:
        """Keep the names of undocumented fields that arrived at *path*."""
        self.ignored_fields.extend((path, name[:_MAX_NAME_LENGTH]) for name in names[-_MAX_NAMES:])
        del self.ignored_fields[:-_MAX_NAMES]

    def clear(self) -> None:
        """Drop all requests, counts and names of fields."""
        self.requests.clear()
        self.counts.clear()
        self.ignored_fields.clear()

    def _forget_oldest(self) -> None:
        total = sum(request.size for request in self.requests)
        while total > _MAX_BYTES - _SUM_INTERVAL and len(self.requests) > 1:
            total -= self.requests.popleft().size
