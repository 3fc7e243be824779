"""A request as a handler sees it, and what a handler gives back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs

from multicart_async.sandbox._content.body import Body
from multicart_async.sandbox._content.envelope import BAD_REQUEST, ApiFailure
from multicart_async.sandbox._state.state import SandboxState


@attrs.frozen
class Call:
    """One request: who asks, for what, and the base URL for links in the answer. Nobody (0) asks a public endpoint."""

    world: SandboxState
    user: int
    fields: Mapping[str, Any] = attrs.field(repr=False)  # a password may be among them
    base: str
    commit: Callable[[], None]

    def window(self, limit: int) -> tuple[int, int]:
        """``skip`` and ``limit`` of a list, with the default limit given."""
        skip, size = self.fields.get("skip", 0), self.fields.get("limit", limit)
        if skip < 0 or size < 0:
            raise ApiFailure(BAD_REQUEST, "skip and limit must not be negative.")
        return skip, size


@attrs.frozen
class FileResponse:
    """A file to be sent without an envelope."""

    name: str
    body: Body
    tag: str
    content_type: str = "application/octet-stream"


Handler = Callable[[Call], object]
