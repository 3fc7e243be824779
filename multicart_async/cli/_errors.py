"""Errors of the command itself, under the classes that give them their exit status."""

from __future__ import annotations

from multicart_async._core.text import as_line
from multicart_async.errors import InsufficientCreditsError, NotFoundError

__all__ = ["NoSuchRunError", "TooExpensiveError"]

_PATH = "multicart"


class TooExpensiveError(InsufficientCreditsError):
    """The runs would cost more than there is, or than is allowed; nothing was sent."""

    def __init__(self, reason: str) -> None:
        super().__init__(_PATH, None, f"{reason}; nothing was sent")

    def _text(self) -> str:
        return as_line(self.reason)


class NoSuchRunError(NotFoundError):
    """The collection has no run of that id, or no finished one."""

    def __init__(self, collection_id: int, run_id: int | None) -> None:
        what = "no finished run" if run_id is None else f"no run {run_id}"
        super().__init__(_PATH, None, f"collection {collection_id}: {what}")

    def _text(self) -> str:
        return as_line(self.reason)
