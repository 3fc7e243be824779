"""A PDF, checked as it passes: how it begins, and how it ends."""

from __future__ import annotations

import re

from multicart_async._downloads.formats import ContentError
from multicart_async.config import Limits

__all__ = ["PdfCheck"]

_BEGINNING = b"%PDF-"
_TAIL = 1024  # readers look for the end in here: some writers leave a little behind it
_END = re.compile(rb"%%EOF")
# A PDF made for the web has an end after its first page too: that one points to offset 0. Only the last does not.
_VERY_END = re.compile(rb"startxref\s+0*[1-9][0-9]*\s+%%EOF[\s\0]*\Z")


class PdfCheck:
    """Is this a whole PDF?

    With *full*, the content alone must prove the end, so nothing but blanks may follow it.
    """

    def __init__(self, *, full: bool, limits: Limits = Limits()) -> None:
        del limits
        self._end = _VERY_END if full else _END
        self._head = b""
        self._tail = b""

    def feed(self, piece: bytes) -> None:
        """Look at the next bytes. Raises `ContentError` as soon as they cannot belong to a PDF."""
        if len(self._head) < len(_BEGINNING):
            self._head += piece[: len(_BEGINNING) - len(self._head)]
            if not _BEGINNING.startswith(self._head):
                instead = "HTML or XML" if self._head.lstrip().startswith(b"<") else "something else"
                raise ContentError(f"the file is not a PDF: it starts like {instead}")
        self._tail = (self._tail + piece[-_TAIL:])[-_TAIL:]

    def finish(self) -> None:
        """The file ended here. Raises `ContentError` unless a PDF ends here."""
        if not self._tail:
            raise ContentError("the file is empty")
        if not self._end.search(self._tail):
            raise ContentError("the PDF is cut off: its end is missing")
