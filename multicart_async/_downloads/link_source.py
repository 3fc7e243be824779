"""Choose the URL to request for a file, and the next one after a rejection; the same rule for files and records."""

from __future__ import annotations

from typing import Final

from multicart_async._downloads.file_request import FileRequest, Refresh
from multicart_async.errors import APIError, MultiCartError

__all__ = ["LinkSource"]

_STALE: Final = frozenset({401, 403, 404, 410})


class LinkSource:
    """The links to one file; ``url`` is the one to request."""

    def __init__(self, request: FileRequest, refresh: Refresh | None = None) -> None:
        self.url = request.link.url
        self._request = request
        self._alternate = request.link.alternate_url
        self._refresh = refresh

    async def replace(self, error: MultiCartError) -> bool:
        """Replace ``url`` after *error* if there is another link; return whether it was replaced.

        The alternate interpretation of an ambiguous link is tried once, and only after a 404. A fresh link is requested
        once.

        Raises:
            MultiCartError: The fresh link was requested and not received.
        """
        if not isinstance(error, APIError):
            return False
        if error.code == 404 and self._alternate is not None:
            self.url = self._alternate
        elif error.code in _STALE and self._refresh is not None:
            self.url, self._refresh = (await self._refresh(self._request)).url, None
        else:
            return False
        self._alternate = None
        return True
