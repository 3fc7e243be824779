"""Check the beginning and the end of a PDF while it is read."""

from __future__ import annotations

import re

from multicart_async._downloads.formats import ContentError
from multicart_async.config import Limits

__all__ = ["PdfCheck"]

_BEGINNING = b"%PDF-"
_TAIL = 1024  # bytes in which readers look for the end marker, because some writers append to it
_END = re.compile(rb"%%EOF")
# A linearized PDF has an end marker after its first page too, which points to offset 0; only the last one does not.
_VERY_END = re.compile(rb"startxref\s+0*[1-9][0-9]*\s+%%EOF[\s\0]*\Z")


class PdfCheck:
    """Check that a file is a complete PDF.

    With *full*, the content alone must prove its end, so only whitespace may follow the last end marker.
    """

    def __init__(self, *, full: bool, limits: Limits = Limits()) -> None:
        del limits
        self._end = _VERY_END if full else _END
        self._head = b""
        self._tail = b""

    def feed(self, piece: bytes) -> None:
        """Check the next bytes. Raises `ContentError` as soon as they cannot belong to a PDF."""
        if len(self._head) < len(_BEGINNING):
            self._head += piece[: len(_BEGINNING) - len(self._head)]
            if not _BEGINNING.startswith(self._head):
                instead = "HTML or XML" if self._head.lstrip().startswith(b"<") else "something else"
                raise ContentError(f"expected a PDF, got {instead}")
        self._tail = (self._tail + piece[-_TAIL:])[-_TAIL:]

    def finish(self) -> None:
        """Check the end of the file. Raises `ContentError` unless a PDF may end here."""
        if not self._tail:
            raise ContentError("the file is empty")
        if not self._end.search(self._tail):
            raise ContentError("the PDF is incomplete: its end marker is missing")
