"""How much an archive may unpack to: what pages really are is accepted, and a bomb costs little."""

from __future__ import annotations

import json
import random
import tracemalloc
import zlib
from functools import cache

import pytest
from support.zip_kit import DEFLATED, STORED, Ending, Member, archive, packed, pieces, reasons, streamed, zeros

from multicart_async._downloads.formats import ContentError
from multicart_async._downloads.formats.zip_archive import ArchiveCheck

KIB, MIB = 2**10, 2**20
SIZES = (0, 4 * KIB, 64 * KIB, MIB)
CUTS = (0, 5_000)
ACCEPTED = {None}
TOO_MUCH = {"the archive unpacks to more than 64 MiB, and to more than 200 times its size"}
NOISE = Member(name=b"noise.json", data=random.Random(1).randbytes(MIB))
RECORD = {"asin": "B0DJQQ38TG", "availability": "In stock", "price": 19.99}
REPETITIVE = {
    "a record with 240 KB of blanks": {**RECORD, "raw_html": " " * 240_000},
    "5,000 records of availability": [RECORD] * 5_000,
    "a year without prices": [{"asin": "B0DJQQ38TG", "history": [None] * 365}] * 2_000,
}


@pytest.mark.parametrize("is_streamed", [False, True], ids=["sized", "streamed"])
@pytest.mark.parametrize("content", REPETITIVE)
def test_repetitive_pages_are_accepted(content, is_streamed) -> None:
    """Pages that unpack to more than 200 times their size are pages all the same."""
    page = json.dumps(REPETITIVE[content]).encode()
    data = packed({"page.json": page}, streamed=is_streamed)

    assert len(page) > 200 * len(data)
    assert reasons(data, (1, *SIZES)) == ACCEPTED


@pytest.mark.parametrize("unsized", [False, True], ids=["sized", "streamed"])
@pytest.mark.parametrize(("size", "expected"), [(64 * MIB, ACCEPTED), (64 * MIB + 1, TOO_MUCH)], ids=["64 MiB", "more"])
def test_up_to_64_mib_of_any_ratio(size, expected, unsized) -> None:
    """Up to here an archive costs too little to be a bomb; from here on 200:1 counts."""
    assert reasons(archive(zeros(size, unsized=unsized)), CUTS) == expected


def test_the_ratio_is_the_archives() -> None:
    """One member of 1,000:1 is let pass if all of them together are below 200:1, in either order."""
    assert reasons(archive(bomb(70), NOISE), CUTS) == ACCEPTED
    assert reasons(archive(NOISE, bomb(70)), CUTS) == ACCEPTED
    assert reasons(archive(bomb(70)), CUTS) == TOO_MUCH


def test_many_members_make_a_bomb_too() -> None:
    """Seventy members of one MiB each are no better than one of seventy."""
    one = bomb(1)
    members = [Member(name=b"%d.json" % number, packed=one.packed, summed=one.summed) for number in range(70)]

    assert reasons(archive(*members[:64]), CUTS) == ACCEPTED
    assert reasons(archive(*members), CUTS) == TOO_MUCH


@cache
def bomb(mebibytes: int) -> Member:
    """So many zeros, packed about 1,000 times smaller."""
    return zeros(mebibytes * MIB)


def fed_until_refused(data: bytes, size: int, unpacked_bytes: int = 2**38) -> int:
    """How many bytes of *data* are fed before the check ends it."""
    check, fed = ArchiveCheck(unpacked_bytes=unpacked_bytes), 0
    with pytest.raises(ContentError) as caught:
        for piece in pieces(data, size):
            fed += len(piece)
            check.feed(piece)
    assert caught.value.final
    return fed


@pytest.mark.parametrize("unsized", [False, True], ids=["sized", "streamed"])
@pytest.mark.heavy
def test_a_bomb_stops_early(unsized) -> None:
    """Of 320 MiB less than half is unpacked, and the rest is not waited for."""
    data = archive(zeros(320 * MIB, unsized=unsized))

    assert fed_until_refused(data, 4 * KIB) < 0.5 * len(data)


@pytest.mark.heavy
def test_a_bomb_takes_no_memory() -> None:
    """What is unpacked is summed and dropped, however large the piece."""
    data = archive(zeros(128 * MIB))
    tracemalloc.start()
    try:
        fed_until_refused(data, 0)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert most < 4 * MIB


@pytest.mark.parametrize("member", [Member, streamed], ids=["sized", "streamed"])
@pytest.mark.parametrize("method", [STORED, DEFLATED])
def test_the_limit_of_the_client(member, method) -> None:
    """Exactly ``Limits.unpacked_bytes`` are accepted; a byte more is rejected with the limit's name and what to do."""
    page = json.dumps([RECORD] * 50).encode()
    data = archive(member(name=b"a.json", data=page, method=method), member(name=b"b.json", data=page, method=method))
    total = 2 * len(page)

    assert reasons(data, (0, 1, 100), total) == ACCEPTED
    (refused,) = reasons(data, (0, 1, 100), total - 1)
    assert refused == (
        f"the archive unpacks to more than Limits.unpacked_bytes allows, {total - 1} bytes; "
        "set it higher if the archive may be that large"
    )


def test_the_limit_of_the_client_stops_early() -> None:
    """What is beyond the limit is not unpacked."""
    data = archive(*(Member(name=b"%d.json" % number, data=NOISE.data) for number in range(8)))

    assert fed_until_refused(data, 64 * KIB, MIB) < 1.2 * MIB


@pytest.mark.parametrize(("shift", "expected"), [(-1, TOO_MUCH), (0, ACCEPTED)], ids=["above", "at most"])
@pytest.mark.heavy
def test_the_ratio_does_not_depend_on_the_cut(shift, expected) -> None:
    """There is one exact bound, whichever way the archive is cut."""
    members = (bomb(70), Member(name=b"stored.json", data=NOISE.data[:250_000], method=STORED))
    size = -(-(70 * MIB + 250_000) // 200) + shift

    data = archive(*members, ending=Ending(comment=b"c" * (size - len(archive(*members)))))

    assert len(data) == size
    assert reasons(data, (0, 1, 4097)) == expected


def test_when_a_bomb_is_stopped_does_not_depend_on_the_cut() -> None:
    """The ratio is looked at every 64 KiB, not where a piece ends: here it is above the bound between two looks."""
    packer, body, size, crc = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS), bytearray(), 0, 0
    for block in (*[bytes(MIB)] * 83, NOISE.data[: 700 * KIB]):
        body += packer.compress(block)
        size, crc = size + len(block), zlib.crc32(block, crc)
    body += packer.flush()

    assert reasons(archive(Member(packed=bytes(body), summed=(crc, size))), (0, 4 * KIB)) == ACCEPTED


def test_a_check_that_has_failed_stays_failed() -> None:
    """After a defect nothing that comes makes the archive good again."""
    check = ArchiveCheck()
    with pytest.raises(ContentError):
        check.feed(b"<html>")

    with pytest.raises(ContentError, match="before these bytes"):
        check.feed(archive(NOISE))
    with pytest.raises(ContentError):
        check.finish()
