"""The decoder for gzip by itself: what it takes, what it refuses, and in what pieces it gives."""

from __future__ import annotations

import gzip
import zlib

import hypothesis.strategies as st
import pytest
from hypothesis import given

from multicart_async._http.gzip_decoder import Gunzip, GzipError, codings

TEXT = b'[{"asin": "B0DJQQ38TG", "price": 1299}]' * 40
PACKED = gzip.compress(TEXT)


def fed(data: bytes, size: int = 1 << 20) -> tuple[bytes, Gunzip]:
    """What pieces of that size decode to."""
    gunzip = Gunzip()
    parts = [part for at in range(0, len(data), size) for part in gunzip.feed(data[at : at + size])]
    return b"".join(parts), gunzip


@given(st.lists(st.binary(max_size=3000), min_size=1, max_size=5), st.integers(1, 700))
def test_members_decode_to_what_was_packed(members, size) -> None:
    """However many there are, empty ones too, and however the network cuts them."""
    decoded, gunzip = fed(b"".join(map(gzip.compress, members)), size)

    assert decoded == b"".join(members)
    assert (gunzip.whole, gunzip.members, gunzip.plain) == (True, len(members), False)


@given(st.binary(min_size=1, max_size=200).filter(lambda data: data[:2] != b"\x1f\x8b"), st.integers(1, 50))
def test_what_does_not_begin_like_gzip_is_plain(data, size) -> None:
    """It passes as it is, as from a proxy that has decoded it and left the label there."""
    decoded, gunzip = fed(data, size)

    assert data.startswith(decoded)
    if data != b"\x1f":
        assert (decoded, gunzip.plain, gunzip.whole) == (data, True, True)
    else:
        assert (decoded, gunzip.whole) == (b"", False)


@given(st.integers(1, len(PACKED) - 1), st.integers(1, 50))
def test_a_cut_is_noticed_at_any_byte(end, size) -> None:
    """What came is given, and the decoder is not whole."""
    decoded, gunzip = fed(PACKED[:end], size)

    assert TEXT.startswith(decoded)
    assert not gunzip.whole


@pytest.mark.parametrize("end", [1, 2, 9, 10, 11, 30])
def test_a_cut_in_a_later_member_is_noticed(end) -> None:
    """In its header as in its data."""
    _, gunzip = fed(PACKED + PACKED[:end])

    assert (gunzip.whole, gunzip.members) == (False, 1)


def test_a_cut_between_two_members_cannot_be_noticed() -> None:
    """That is why their number is told."""
    _, gunzip = fed(PACKED + PACKED)

    assert (gunzip.whole, gunzip.members) == (True, 2)


@given(st.integers(10, len(PACKED) - 1), st.integers(0, 7))
def test_a_flipped_bit_never_changes_the_content(at, bit) -> None:
    """Data, checksum and length prove each other; some bits mean nothing."""
    damaged = bytearray(PACKED)
    damaged[at] ^= 1 << bit
    try:
        decoded, gunzip = fed(bytes(damaged))
    except GzipError:
        return

    assert decoded == TEXT or not gunzip.whole


@pytest.mark.parametrize(
    "behind", [b"\0\0", b"\0" * 600, b"garbage", b"{}", zlib.compress(b"{}"), b"\x1f\x8b\x07" + b"\0" * 9]
)
def test_something_else_behind_a_member_is_an_error(behind) -> None:
    """Zeros too: nothing pads what a server sends."""
    with pytest.raises(GzipError, match="member 2 of the gzip is damaged, or not gzip"):
        fed(PACKED + behind)


def test_an_empty_body_is_whole() -> None:
    """Whether it may be the file is for others to say."""
    assert fed(b"")[1].whole


@pytest.mark.parametrize("size", [262_143, 262_144, 262_145, 10_000_000])
def test_pieces_are_bounded_and_complete(size) -> None:
    """A few bytes decode to very many, which come one piece after the other."""
    gunzip = Gunzip()
    parts = list(gunzip.feed(gzip.compress(bytes(size))))

    assert max(map(len, parts)) <= 1 << 18
    assert (sum(map(len, parts)), gunzip.whole) == (size, True)


@pytest.mark.parametrize(
    ("header", "names"),
    [
        ("gzip", ("gzip",)),
        ("X-GZIP", ("gzip",)),
        (" gzip ;q=1", ("gzip",)),
        ("aws-chunked, gzip", ("gzip",)),
        ("gzip, identity", ("gzip",)),
        ("gzip, gzip", ("gzip", "gzip")),
        ("gzip,br", ("gzip", "br")),
        ("BR", ("br",)),
        ("zstd", ("zstd",)),
        ("deflate", ("deflate",)),
        ("x-compress", ("x-compress",)),
        ("brotli", ("brotli",)),
        *(
            (word, ())
            for word in ("", " ", ",", "identity", "utf-8", "UTF8", "binary", "none", "aws-chunked", "foo", "8bit")
        ),
    ],
)
def test_only_codings_are_codings(header, names) -> None:
    """Words that no registry knows say nothing of the bytes."""
    assert codings(header) == names
