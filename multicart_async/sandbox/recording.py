"""What arrived at the sandbox: requests, counts, and fields that the service would drop without a word."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from typing import Any

import attrs

__all__ = ["Recording", "SeenRequest"]

_KEPT = 10_000


@attrs.frozen(kw_only=True)
class SeenRequest:
    """One request as it arrived. Header names are in lower case; a credential, password or code itself is never kept."""

    method: str
    target: str
    path: str
    headers: tuple[str, ...]
    has_credential: bool
    fields: Mapping[str, Any] | None


@attrs.define
class Recording:
    """Everything that arrived, the last 10,000 requests in full.

    ``counts`` has documented paths, with their braces, and whatever else was asked for.
    """

    requests: deque[SeenRequest] = attrs.field(factory=lambda: deque(maxlen=_KEPT))
    counts: Counter[str] = attrs.field(factory=Counter[str])
    dropped: list[tuple[str, str]] = attrs.field(factory=list[tuple[str, str]])

    def clear(self) -> None:
        """Forget what arrived so far."""
        self.requests.clear()
        self.counts.clear()
        self.dropped.clear()
