"""Which URL to ask for to get a file, and which one after it was refused: one rule for files and records."""

from __future__ import annotations

from typing import Final

from multicart_async._downloads.file_request import FileRequest, Refresh
from multicart_async.errors import APIError, MultiCartError

__all__ = ["LinkSource"]

_STALE: Final = frozenset({401, 403, 404, 410})


class LinkSource:
    """The links to one file; ``url`` is what to ask for."""

    def __init__(self, wanted: FileRequest, refresh: Refresh | None = None) -> None:
        self.url = wanted.link.url
        self._wanted = wanted
        self._alternate = wanted.link.alternate_url
        self._refresh = refresh

    async def replace(self, error: MultiCartError) -> bool:
        """Return whether ``url`` is another one after *error*.

        That is the other reading of an ambiguous link, once and only after a 404, or else a fresh link, once.

        Raises:
            MultiCartError: The service was asked for a fresh link and gave none.
        """
        if not isinstance(error, APIError):
            return False
        if error.code == 404 and self._alternate is not None:
            self.url = self._alternate
        elif error.code in _STALE and self._refresh is not None:
            self.url, self._refresh = (await self._refresh(self._wanted)).url, None
        else:
            return False
        self._alternate = None
        return True
