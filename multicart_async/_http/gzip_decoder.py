"""Content codings: the names in a header, and a strict decoder for gzip."""

from __future__ import annotations

import zlib
from collections.abc import Generator
from typing import Final

__all__ = ["Gunzip", "GzipError", "codings"]

_REGISTERED: Final = (  # from IANA's registry of content codings
    {"aes128gcm", "br", "compress", "dcb", "dcz", "deflate", "exi", "gzip"}
    | {"pack200-gzip", "x-compress", "x-gzip", "zstd"}
)
_IN_USE: Final = {"brotli", "bzip2", "lz4", "lzma", "sdch", "snappy", "x-bzip2", "xz", "zlib"}
_MAGIC: Final = b"\x1f\x8b"
_STEP: Final = 1 << 14  # bytes of gzip per step: each member that ends in a step copies the rest of it
_PIECE: Final = 1 << 18


def codings(header: str) -> tuple[str, ...]:
    """Return the content codings in *header*, in lower case.

    Other words are ignored, because servers also send ``utf-8``, ``binary``, ``none`` and ``aws-chunked``.
    """
    if not header:  # nearly always, and files arrive by the thousand
        return ()
    words = (word.partition(";")[0].strip().lower() for word in header.split(","))
    known = tuple(word for word in words if word in _REGISTERED or word in _IN_USE)
    return tuple("gzip" if word == "x-gzip" else word for word in known)


class GzipError(ValueError):
    """The bytes are not valid gzip."""


class Gunzip:
    """Decode the gzip members of one body; zlib verifies the checksum and length of each.

    A body that does not begin as gzip does is yielded unchanged (``plain``): some proxies decode it and keep the header.
    """

    def __init__(self) -> None:
        self._member = zlib.decompressobj(wbits=31)
        self._head: bytes | None = b""  # `None` once enough bytes have arrived to recognise gzip
        self.members = 0
        self.plain = False

    @property
    def whole(self) -> bool:
        """Whether the body may end here."""
        return self.plain or self._head == b"" or (self._head is None and self._member.eof)

    def feed(self, data: bytes) -> Generator[bytes, None, None]:
        """Yield the decoded *data* in pieces of at most 256 KiB.

        Raises:
            GzipError: The data is damaged, or other data follows a member.
        """
        if self._head is not None:
            data = self._head + data
            if data == _MAGIC[:1]:
                self._head = data
                return
            self._head, self.plain = None, not data.startswith(_MAGIC)
        if self.plain:
            yield data
            return
        for start in range(0, len(data), _STEP):
            yield from self._decoded(data[start : start + _STEP])

    def _decoded(self, data: bytes) -> Generator[bytes, None, None]:
        more = False  # zlib may hold more output than fits into one piece, after all input is consumed
        while data or more:
            if self._member.eof:
                self._member = zlib.decompressobj(wbits=31)
            try:
                piece = self._member.decompress(data, _PIECE)
            except zlib.error as error:
                what = f"member {self.members + 1} of the gzip is damaged, or not gzip"
                raise GzipError(f"{what}: {error}") from error
            ended = self._member.eof
            self.members += ended
            data = self._member.unused_data if ended else self._member.unconsumed_tail
            more = len(piece) == _PIECE and not ended
            if piece:
                yield piece
