"""A request as a handler receives it, and the file that a handler can return."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs

from multicart_async.sandbox._content.body import Body
from multicart_async.sandbox._content.envelope import BAD_REQUEST, ApiFailure
from multicart_async.sandbox._state.state import SandboxState


@attrs.frozen
class Call:
    """One request: its user (0 for a public endpoint), its fields, and the base URL for links in the response."""

    state: SandboxState
    user: int
    fields: Mapping[str, Any] = attrs.field(repr=False)  # a password may be among them
    base: str
    commit: Callable[[], None]

    def window(self, limit: int) -> tuple[int, int]:
        """Return ``skip`` and ``limit`` of a list; *limit* is the default limit."""
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
