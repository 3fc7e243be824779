"""The strict ZIP check: what it takes, what it refuses, and that pieces and position make no difference."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.zip_kit import archive, central, good, members_of, patched, pieces, zeros
from support.zip_kit import packed as packed_by_zipfile

from multicart_async._downloads.formats import ContentError
from multicart_async._downloads.formats import zip_archive as archive_module
from multicart_async._downloads.formats.zip_archive import ArchiveCheck

PAGES = ("AU_88_Results_Page_1.json", "AU_88_Results_Page_2.json")
CONTENT = {PAGES[0]: b'[{"asin": "B0DJQQ38TG", "price": 1}]' * 9, PAGES[1]: b'[{"asin": "B0ABC12345", "price": 2}]' * 7}


def packed(content=CONTENT, method=zipfile.ZIP_DEFLATED, *, streamed=False, wide=False) -> bytes:
    """An archive as zipfile writes it."""
    return packed_by_zipfile(content, method, streamed=streamed, wide=wide)


def check(data: bytes, pages: Iterable[str] = (), size: int = 0) -> None:
    """Feed *data* in pieces of *size*, or whole."""
    checker = ArchiveCheck(tuple(pages))
    for piece in pieces(data, size):
        checker.feed(piece)
    checker.finish()


SHAPES = {
    "complete": packed(),
    "stored": packed(method=zipfile.ZIP_STORED),
    "streamed deflated": packed(streamed=True),
    "streamed stored": packed(method=zipfile.ZIP_STORED, streamed=True),
    "ZIP64": packed(wide=True),
    "ZIP64 streamed deflated": packed(streamed=True, wide=True),
    "ZIP64 streamed stored": packed(method=zipfile.ZIP_STORED, streamed=True, wide=True),
    "empty members": packed({"a": b"", "b": b""}, zipfile.ZIP_STORED),
    "empty members, streamed": packed({"a": b"", "b": b""}, zipfile.ZIP_STORED, streamed=True),
    "a folder": packed({"pages/": b"", "pages/x": b"1"}, zipfile.ZIP_STORED),
    "a name in UTF-8": packed({"日本 é": b"[]"}),
    "no members": packed({}),
}


@pytest.mark.parametrize("size", [0, 1, 7, 4096])
@pytest.mark.parametrize("shape", SHAPES)
def test_good_archives_pass(shape, size) -> None:
    """Whatever zipfile writes is taken, in pieces of any size."""
    check(SHAPES[shape], size=size)


def overlapping() -> bytes:
    """Five rows of the directory for one member."""
    data = packed({"a": b"x" * 1000})
    start, end = central(data), data.index(b"PK\x05\x06")
    row = data[start:end]
    rows = b"".join(row[:46] + bytes([98 + number]) for number in range(5))
    return data[:start] + rows + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 5, 5, len(rows), start, 0)


WHOLE = SHAPES["complete"]
HALF = len(WHOLE) // 2
BAD = {
    "cut by 1": WHOLE[:-1],
    "half": WHOLE[:HALF],
    "hole": WHOLE[:40] + bytes(60) + WHOLE[100:],
    "flip": WHOLE[:70] + bytes([WHOLE[70] ^ 1]) + WHOLE[71:],
    "old half + whole new file": SHAPES["stored"][:HALF] + WHOLE,
    "10 zeros appended": WHOLE + bytes(10),
    "html prefix": b"<html></html>" + WHOLE,
    "twice": WHOLE + WHOLE,
    "overlap x5": overlapping(),
    "ratio bomb": archive(zeros(65 * 2**20)),
    "0 bytes": b"",
    "an error": b'{"code":403,"data":"Not yours","status":0}',
    "3 bytes": b"PK\x05",
}


@pytest.mark.parametrize("case", BAD)
def test_a_reason_is_one_sentence(case) -> None:
    """Whatever is wrong, the reason is a line that can stand behind the file's name."""
    with pytest.raises(ContentError) as caught:
        check(BAD[case])
    assert str(caught.value).count(" ") >= 3
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("size", [0, 1, 7, 4096])
@pytest.mark.parametrize("case", BAD)
def test_bad_archives_are_refused(case, size) -> None:
    """Each of the damages that zipfile overlooks, and the others, is found in pieces of any size."""
    assert not good(BAD[case], size)


@pytest.mark.parametrize("shape", SHAPES)
def test_every_truncation_is_refused(shape) -> None:
    """There is no offset at which an archive could be cut unnoticed."""
    data = SHAPES[shape]
    assert [end for end in range(len(data)) if good(data[:end])] == []


@pytest.mark.parametrize("shape", SHAPES)
def test_every_flip_is_refused_or_harmless(shape) -> None:
    """An archive with one wrong byte is taken only if zipfile reads the same from it."""
    data, content = SHAPES[shape], members_of(SHAPES[shape])
    for at in range(len(data)):
        for mask in (0x01, 0x08, 0x20, 0x40, 0xFF):
            flipped = data[:at] + bytes([data[at] ^ mask]) + data[at + 1 :]
            assert not good(flipped) or members_of(flipped) == content, f"byte {at} ^ {mask:#x}"


@settings(max_examples=250, deadline=None)
@given(st.data())
def test_whatever_is_done_to_an_archive_is_refused_or_harmless(data) -> None:
    """Cutting out, inserting, repeating: what is taken reads the same."""
    whole = SHAPES[data.draw(st.sampled_from(sorted(SHAPES)))]
    start, end, to = (data.draw(st.integers(0, len(whole))) for _ in range(3))
    part = data.draw(st.sampled_from([whole[min(start, end) : max(start, end)], b"\0", b"PK\x07\x08", b""]))
    changed = whole[:to] + part + whole[data.draw(st.sampled_from([to, start])) :]
    assert not good(changed, data.draw(st.sampled_from([0, 1, 13]))) or members_of(changed) == members_of(whole)


def wide_end(data: bytes, *, size=44, disk=0, entries=None, start=None, locator=None, disks=1) -> bytes:
    """*data* with a ZIP64 end record and locator put in, and a full end record."""
    end = len(data) - 22
    count, directory_size, directory = struct.unpack_from("<HLL", data, end + 10)
    numbers = (45, 45, disk, 0, count, count if entries is None else entries, directory_size)
    record = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", size, *numbers, directory if start is None else start)
    pointer = struct.pack("<4sLQL", b"PK\x06\x07", 0, end if locator is None else locator, disks)
    last = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0xFFFF_FFFF, 0xFFFF_FFFF, 0)
    return data[:end] + record + pointer + last


@pytest.mark.parametrize("size", [0, 1, 7])
@pytest.mark.parametrize("shape", ["complete", "no members"])
def test_the_wide_end_record_counts(shape, size) -> None:
    """An end record that is full is read from the ZIP64 one, as zipfile does."""
    data = wide_end(SHAPES[shape])
    assert members_of(SHAPES[shape]) == members_of(data)
    check(data, size=size)


@pytest.mark.parametrize(
    "change",
    [{"size": 45}, {"disk": 1}, {"entries": 3}, {"start": 1}, {"locator": 1}, {"disks": 2}],
    ids=str,
)
def test_a_wrong_wide_end_record_is_refused(change) -> None:
    """Each of its numbers is checked."""
    assert not good(wide_end(WHOLE, **change))


@pytest.mark.parametrize(
    ("at", "fields", "value"),
    [(8, "<HH", 3), (12, "<L", 1), (16, "<L", 1)],
    ids=["entries", "size", "start"],
)
def test_a_wide_end_record_does_not_hide_a_wrong_end_record(at, fields, value) -> None:
    """What is not full must be right: the old fields are what some programs read."""
    data = wide_end(WHOLE)
    assert not good(patched(data, len(data) - 22 + at, fields, *[value] * (len(fields) - 1)))


def test_a_full_offset_is_read_from_the_extra_field() -> None:
    """A directory row may keep sizes and offset in its ZIP64 field, behind fields of other kinds."""
    data = packed({"a": b"12345"}, zipfile.ZIP_STORED)
    start, end = central(data), len(data) - 22
    extra = struct.pack("<HHL", 0x5455, 4, 0) + struct.pack("<HHQQQ", 1, 24, 5, 5, 0)
    row = patched(data[start:end], 20, "<LL", 0xFFFF_FFFF, 0xFFFF_FFFF)
    row = patched(patched(row, 30, "<H", len(extra)), 42, "<L", 0xFFFF_FFFF) + extra
    wide = data[:start] + row + patched(data[end:], 12, "<L", len(row))
    assert members_of(wide) == [("a", b"12345")]
    check(wide)
    assert not good(wide.replace(struct.pack("<HH", 1, 24), struct.pack("<HH", 2, 24)))
    assert not good(wide.replace(struct.pack("<HH", 1, 24), struct.pack("<HH", 1, 25)))


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize(
    ("signature", "numbers"), [(b"PK\x07\x08", "<LLL"), (b"PK\x07\x08", "<LQQ"), (b"", "<LLL"), (b"", "<LQQ")]
)
def test_descriptors_of_all_four_shapes(method, signature, numbers) -> None:
    """With and without signature, 32 and 64 bits."""
    data = packed({"a": CONTENT[PAGES[0]]}, method, streamed=True)
    start, old = central(data), data.rindex(b"PK\x07\x08")
    new = signature + struct.pack(numbers, *struct.unpack_from("<LLL", data, old + 4))
    moved = data[:old] + new + data[start:-6] + struct.pack("<LH", old + len(new), 0)
    assert [good(moved, size) for size in (0, 1, 7)] == [True] * 3


@pytest.mark.parametrize("size", [0, 1, 7, 30])
def test_signatures_inside_stored_data(size) -> None:
    """A streamed archive inside a streamed archive, and descriptors that fit but for their checksum, end nothing."""
    inner = SHAPES["streamed stored"]
    fitting = b"abcd" + struct.pack("<4sLLL", b"PK\x07\x08", 1, 4, 4) + b"PK\x01\x02"
    content = {"a": inner, "b": b"PK\x07\x08PK\x07", "c": fitting, "d": b"PKPPK", "e": inner * 3}
    check(packed(content, zipfile.ZIP_STORED, streamed=True), size=size)


def test_known_sizes_in_front_of_a_descriptor() -> None:
    """A streamed member whose header names its sizes all the same is held to them."""
    data = packed({"a": b"12345"}, zipfile.ZIP_STORED, streamed=True)
    check(patched(data, 14, "<LLL", zlib.crc32(b"12345"), 5, 5))
    assert not good(patched(data, 14, "<LLL", 1, 5, 5))


def test_much_repetition_is_no_bomb() -> None:
    """Blanks are packed 1,000 times smaller, and a page that only starts like a bomb is none."""
    check(packed({"a": b" " * 204_800}, streamed=True))
    noise = b"".join(zlib.crc32(number.to_bytes(4)).to_bytes(4) for number in range(20_000))
    check(packed({"a": b" " * 1_000_000 + noise}, streamed=True))
    check(packed({"a": b" " * 5_000_000 + noise}))


@pytest.mark.parametrize(
    ("fields", "value"), [("flags", 1), ("flags", 0x40), ("flags", 0x20), ("method", 12), ("needed", 64)]
)
def test_what_cannot_be_unpacked(fields, value) -> None:
    """Encryption, patches, other methods and newer formats are refused in either place."""
    offsets = {"needed": 4, "flags": 6, "method": 8}
    data = packed({"a": b"1"}, zipfile.ZIP_STORED)
    local = patched(data, offsets[fields], "<H", value)
    assert not good(local)
    assert not good(patched(local, central(data) + offsets[fields] + 2, "<H", value))


@pytest.mark.parametrize(
    ("at", "fields", "value"),
    [(34, "<H", 1), (42, "<L", 1), (16, "<L", 1), (20, "<L", 9), (24, "<L", 9)],
    ids=["disk", "offset", "crc", "packed", "size"],
)
def test_the_directory_must_agree(at, fields, value) -> None:
    """Each field of a row is compared with the member."""
    assert not good(patched(WHOLE, central(WHOLE) + at, fields, value))


@pytest.mark.parametrize(("at", "value"), [(4, 1), (6, 1), (8, 1), (20, 5)])
def test_the_end_record_must_agree(at, value) -> None:
    """Disks, counts and comment of the last record."""
    assert not good(patched(WHOLE, len(WHOLE) - 22 + at, "<H", value))


def test_a_row_too_few() -> None:
    """A member that the directory does not list would be lost to every reader."""
    start, end = central(WHOLE), len(WHOLE) - 22
    second = WHOLE.index(b"PK\x01\x02", start + 4)
    last = patched(WHOLE[end:], 8, "<HHL", 1, 1, second - start)
    assert not good(WHOLE[:second] + last)


@pytest.mark.parametrize("change", [-1, 1], ids=["shorter", "longer"])
def test_a_wrong_packed_size(change) -> None:
    """Compressed data must end exactly where the header says, and not before or after."""
    data = packed({"a": CONTENT[PAGES[0]], "b": b""})
    (size,) = struct.unpack_from("<L", data, 18)
    assert not good(patched(data, 18, "<L", size + change))


def test_the_rows_may_come_in_another_order() -> None:
    """The format does not ask for the members' order."""
    start, end = central(WHOLE), len(WHOLE) - 22
    second = WHOLE.index(b"PK\x01\x02", start + 4)
    check(WHOLE[:start] + WHOLE[second:end] + WHOLE[start:second] + WHOLE[end:])


@pytest.mark.parametrize(("bound", "most"), [("_MAX_ENTRIES", 1), ("_MAX_NAMES", 30)])
def test_bounds(bound, most, monkeypatch) -> None:
    """Members and the length of their names are bounded, because they are kept."""
    monkeypatch.setattr(archive_module, bound, most)
    assert not good(WHOLE)


def test_a_defect_is_final() -> None:
    """A check that has found bytes behind the end does not forget them."""
    checker = ArchiveCheck()
    checker.feed(WHOLE)
    with pytest.raises(ContentError, match="after the end"):
        checker.feed(b"\n")
    with pytest.raises(ContentError):
        checker.finish()


def test_an_empty_piece_is_nothing() -> None:
    """A piece without bytes changes nothing, wherever it comes."""
    checker = ArchiveCheck()
    for piece in (b"", WHOLE[:50], b"", WHOLE[50:], b""):
        checker.feed(piece)
    checker.finish()
