"""Decide whether a broken transfer may be resumed: only if the server has proved support, and the response proves it again.

Appending the response to any range request corrupts the file with nine of thirteen kinds of server, in two cases with
exactly the right length.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import attrs

from multicart_async._http import ByteStream, codings

__all__ = ["ResumeToken"]

_STRONG = re.compile(r'"[\x21\x23-\x7e\x80-\xff]*"\Z')
_RANGE = re.compile(r"bytes (\d{1,19})-(\d{1,19})/(\d{1,19})\Z", re.ASCII)


@attrs.frozen
class ResumeToken:
    """The condition for resuming: the version and the full length of the file, from the first response."""

    etag: str
    length: int

    @classmethod
    def from_response(cls, stream: ByteStream) -> ResumeToken | None:
        """Return a token if the response has a strong ETag, byte ranges, a length and no coding; ``None`` otherwise."""
        headers = stream.headers
        etag = headers.get("etag", "")
        ranges = [word.strip() for word in headers.get("accept-ranges", "").lower().split(",")]
        coded = codings(headers.get("content-encoding", ""))
        if coded or stream.length is None or "bytes" not in ranges or not _STRONG.match(etag):
            return None
        return cls(etag, stream.length)

    def headers(self, offset: int) -> Mapping[str, str]:
        """Return the headers that request the rest of this version, or all of another one."""
        return {"Range": f"bytes={offset}-", "If-Range": self.etag}

    def accepts(self, stream: ByteStream, offset: int) -> bool:
        """Return whether *stream* is exactly the rest: 206, the same version, *offset* to the end, uncoded, in one part."""
        span = _RANGE.match(stream.headers.get("content-range", ""))
        if stream.status != 206 or span is None or stream.headers.get("etag") != self.etag:
            return False
        if codings(stream.headers.get("content-encoding", "")):
            return False
        if stream.headers.get("content-type", "").strip().lower().startswith("multipart/"):
            return False  # its body contains headers and boundaries between the bytes
        exact = (offset, self.length - 1, self.length)
        return tuple(map(int, span.groups())) == exact and stream.length == self.length - offset
