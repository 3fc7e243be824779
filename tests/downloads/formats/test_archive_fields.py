"""What a header, descriptor, directory row or end record may say in several ways, and what it may not."""

from __future__ import annotations

import itertools
import struct
import zlib

import pytest
from support.zip_kit import (
    DEFLATED,
    DESCRIPTORS,
    FULL_16,
    FULL_32,
    STORED,
    STREAMED,
    UNTOLD,
    UTF8,
    Ending,
    Member,
    archive,
    deflate,
    members_of,
    patched,
    reasons,
    streamed,
    zip64_extra,
)

PAGE = b'[{"asin": "B0DJQQ38TG", "price": 1}]' * 9
FULL_64 = 2**64 - 1
BOTH = [STORED, DEFLATED]
AFTER = Member(name=b"after.json", data=b"[]")
ACCEPTED = {None}
FIELDS = ("crc", "packed", "size")
END_FIELDS = ("disk", "start disk", "here", "entries", "size", "start")


def told(method: int) -> dict[str, int]:
    """What the local header of a member with PAGE says if it says all."""
    return {
        "crc": zlib.crc32(PAGE),
        "packed": len(deflate(PAGE) if method == DEFLATED else PAGE),
        "size": len(PAGE),
    }


def refused(data: bytes) -> str:
    """The one reason for which the archive is rejected, however it is cut."""
    (found,) = reasons(data)
    assert found is not None
    return found


# Local headers that tell some of their fields.


@pytest.mark.parametrize("descriptor", DESCRIPTORS)
@pytest.mark.parametrize("method", BOTH)
@pytest.mark.parametrize("combination", list(itertools.product([True, False], repeat=3)), ids=str)
def test_each_field_is_told_or_not(combination, method, descriptor) -> None:
    """Info-ZIP, bsdtar and mod_zip know some of crc, packed size and size beforehand; all eight ways are accepted."""
    for untold in (0, FULL_32):
        fields = {
            field: value if known else untold
            for (field, value), known in zip(told(method).items(), combination, strict=True)
        }
        member = Member(data=PAGE, method=method, flags=STREAMED, told=fields, descriptor=descriptor)

        data = archive(member, AFTER)

        assert members_of(data) == [("a.json", PAGE), ("after.json", b"[]")]
        assert reasons(data) == ACCEPTED


@pytest.mark.parametrize("value", [0, FULL_32, FULL_64, "right"], ids=str)
@pytest.mark.parametrize("method", BOTH)
def test_streamed_sizes_in_zip64(method, value) -> None:
    """The ZIP64 field of a streamed member's local header holds zeros, or is full, or tells its sizes."""
    sizes = told(method) if value == "right" else {"crc": 0, "packed": value, "size": value}
    member = Member(data=PAGE, method=method, flags=STREAMED, told=sizes, wide=True, descriptor="signed 64")

    assert reasons(archive(member, AFTER)) == ACCEPTED


@pytest.mark.parametrize("method", BOTH)
@pytest.mark.parametrize("field", FIELDS)
def test_a_told_field_must_match(field, method) -> None:
    """One wrong field is found, beside any others, streamed or not."""
    for others, flags in itertools.product([told(method), UNTOLD], [STREAMED, 0]):
        fields = others | {field: told(method)[field] + 1}
        member = Member(data=PAGE, method=method, flags=flags, told=fields, descriptor="signed 32" if flags else None)

        assert reasons(archive(member, AFTER)) & ACCEPTED == set()


@pytest.mark.parametrize("field", FIELDS)
def test_a_sized_member_tells_all(field) -> None:
    """Without bit 3 there is no descriptor to make up for a field that is not told."""
    member = Member(data=PAGE, told={field: 0})

    assert reasons(archive(member, AFTER)) & ACCEPTED == set()


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("method", BOTH)
def test_descriptor_and_directory_prove_the_rest(method, field) -> None:
    """A field that the local header does not tell is checked against the descriptor and the row."""
    data = archive(streamed(PAGE, method=method), AFTER)
    offset = {"crc": 0, "packed": 4, "size": 8}[field]
    descriptor, row = data.index(b"PK\x07\x08") + 4 + offset, data.index(b"PK\x01\x02") + 16 + offset
    wrong = told(method)[field] + 1

    assert reasons(patched(data, descriptor, "<L", wrong)) & ACCEPTED == set()
    assert refused(patched(data, row, "<L", wrong)) == "the archive's directory does not match its members"


# What header and directory need not agree on.


@pytest.mark.parametrize(("local", "row"), [(STREAMED, 0), (0, STREAMED), (STREAMED, STREAMED)])
@pytest.mark.parametrize("method", BOTH)
def test_bit_3_in_one_place(method, local, row) -> None:
    """Header or directory may forget that a descriptor follows."""
    member = Member(data=PAGE, method=method, flags=local, row_flags=row, descriptor="signed 32")

    assert reasons(archive(member, AFTER)) == ACCEPTED


def test_bit_3_in_the_row_alone_without_descriptor() -> None:
    """The directory may also be wrong about it: every byte belongs to something all the same."""
    assert reasons(archive(Member(data=PAGE, row_flags=STREAMED), AFTER)) == ACCEPTED


def test_a_descriptor_of_which_nothing_speaks() -> None:
    """Without bit 3 in either place a descriptor is bytes that belong to nothing."""
    data = archive(Member(data=PAGE, descriptor="signed 32"), AFTER)

    assert "neither its header nor the directory" in refused(data)


@pytest.mark.parametrize("method", BOTH)
def test_a_streamed_member_without_descriptor(method) -> None:
    """With bit 3 there must be one, even if the local header tells everything."""
    data = archive(Member(data=PAGE, method=method, flags=STREAMED), AFTER)

    assert "descriptor" in refused(data)


@pytest.mark.parametrize(("local", "row"), [(UTF8, 0), (0, UTF8)])
def test_bit_11_of_an_ascii_name(local, row) -> None:
    """An ASCII name reads the same with and without it."""
    assert reasons(archive(Member(data=PAGE, flags=local, row_flags=row))) == ACCEPTED


@pytest.mark.parametrize(("local", "row"), [(UTF8, 0), (0, UTF8)])
def test_bit_11_of_another_name(local, row) -> None:
    """A name that header and directory write in different alphabets is two names; zipfile rejects it too."""
    data = archive(Member(name="é".encode(), data=PAGE, flags=local, row_flags=row))

    assert members_of(data) is None
    assert refused(data) == "the archive's directory does not match its members"


def test_what_is_not_compared() -> None:
    """Version, time, attributes and extra fields are each place's own."""
    member = Member(data=PAGE, extra=b"UT\x05\x00\x01abcd" + b"\0\0\0", row_extra=b"ux\x00\x00", comment=b"remark")
    data = archive(member)
    row = data.index(b"PK\x01\x02")
    changed = patched(patched(patched(data, row + 4, "<HH", 0x031E, 45), row + 12, "<HH", 1, 2), row + 36, "<HL", 1, 9)

    assert members_of(changed) == [("a.json", PAGE)]
    assert reasons(changed) == ACCEPTED


def test_masked_headers_that_are_not_masked() -> None:
    """Bit 13 stands for headers without values; where the values are there, it says nothing."""
    assert reasons(archive(Member(data=PAGE, flags=0x2000))) == ACCEPTED


# ZIP64.

WIDE_ROWS = [(), ("size",), ("packed", "start"), ("start",), ("disk",), ("size", "packed", "start", "disk")]


@pytest.mark.parametrize("fields", WIDE_ROWS, ids=str)
def test_rows_with_zip64_fields(fields) -> None:
    """Each of size, packed size, start and disk number may stand in the ZIP64 field alone."""
    assert reasons(archive(Member(data=PAGE, wide_row=fields), AFTER)) == ACCEPTED


@pytest.mark.parametrize("field", ["size", "packed", "start", "disk"])
def test_a_wrong_value_in_a_rows_zip64_field(field) -> None:
    """What stands in the ZIP64 field is compared like the field itself."""
    assert reasons(archive(Member(data=PAGE, wide_row=[field], row={field: 7}), AFTER)) & ACCEPTED == set()


def test_a_full_disk_number_without_zip64() -> None:
    """65,535 refers to ZIP64; without it, it is a number."""
    assert (
        refused(archive(Member(data=PAGE, row={"disk": FULL_16})))
        == "expected a whole archive, got one part of several disks"
    )


@pytest.mark.parametrize("extra", [b"\x01\x00\x00\x00", b"\x01\x00\x07\x00abcdefg"], ids=["empty", "short"])
def test_a_zip64_field_that_is_too_short(extra) -> None:
    """A full field with a ZIP64 field that ends before its value cannot be read; zipfile rejects it too."""
    data = archive(Member(data=PAGE, row={"size": FULL_32}, row_extra=extra))

    assert members_of(data) is None
    assert "too short" in refused(data)


@pytest.mark.parametrize("full", [*([field] for field in END_FIELDS), END_FIELDS, ()], ids=str)
def test_a_full_end_record_refers_to_zip64(full) -> None:
    """Each field of the end record, its disk numbers too, may be full if there is a ZIP64 end record."""
    data = archive(Member(data=PAGE), ending=Ending(zip64=True, full=full))

    assert members_of(data) == [("a.json", PAGE)]
    assert reasons(data) == ACCEPTED


@pytest.mark.parametrize("field", END_FIELDS)
def test_a_full_end_record_without_zip64(field) -> None:
    """Without ZIP64 a full field is a number, and a wrong one."""
    assert reasons(archive(Member(data=PAGE), ending=Ending(full=[field]))) & ACCEPTED == set()


@pytest.mark.parametrize("field", END_FIELDS)
def test_a_wrong_zip64_end_record(field) -> None:
    """The value to which a full field refers is checked: disk numbers must be 0."""
    ending = Ending(zip64=True, full=END_FIELDS, wide={field: 7})

    assert reasons(archive(Member(data=PAGE), ending=ending)) & ACCEPTED == set()


@pytest.mark.parametrize("field", END_FIELDS)
def test_zip64_does_not_hide_a_wrong_end_record(field) -> None:
    """A field that is not full must be right: it is what some programs read. 65,535 is full for 16 bits alone."""
    values = [7, FULL_16] if field in {"size", "start"} else [7]

    for value in values:
        data = archive(Member(data=PAGE), ending=Ending(zip64=True, last={field: value}))
        assert reasons(data) & ACCEPTED == set()


@pytest.mark.parametrize("disks", [0, 1])
def test_a_locator_with_0_or_1_disks(disks) -> None:
    """Windows and OneDrive write 0."""
    assert reasons(archive(Member(data=PAGE), ending=Ending(zip64=True, full=["start"], disks=disks))) == ACCEPTED


def test_a_locator_with_2_disks() -> None:
    """More than one is a part of an archive."""
    data = archive(Member(data=PAGE), ending=Ending(zip64=True, disks=2))

    assert refused(data) == "expected a whole archive, got one part of several disks"


@pytest.mark.parametrize("size", [1, 12, 44, 5_000, 2**20])
def test_a_long_zip64_end_record(size) -> None:
    """What a writer adds to the ZIP64 end record is skipped, and counted: a byte more or less shows."""
    ending = Ending(zip64=True, full=["start"], sector=bytes(size), comment=b"remark")
    data = archive(Member(data=PAGE), ending=ending)
    record = data.index(b"PK\x06\x06")

    assert reasons(data, (0, 4096)) == ACCEPTED
    for wrong in (size - 1, size + 1):
        assert reasons(patched(data, record + 4, "<Q", 44 + wrong), (0, 4096)) & ACCEPTED == set()


@pytest.mark.parametrize("length", [0, 43, 45 + 2**20, FULL_64])
def test_a_zip64_end_record_of_impossible_length(length) -> None:
    """Shorter than its own fields, or so long that it could not be held in memory."""
    data = archive(Member(data=PAGE), ending=Ending(zip64=True, wide={"length": length}))

    assert refused(data) == "the ZIP64 end record has a wrong length"


@pytest.mark.heavy
def test_more_members_than_the_end_record_can_count() -> None:
    """Writers without ZIP64 leave out what does not fit into 16 bits; zipfile and unzip take it."""
    data = archive(*(Member(name=b"%05d.json" % number, method=STORED) for number in range(65_540)))

    assert reasons(data, (2**20,)) == ACCEPTED


# Comments.


@pytest.mark.parametrize("comment", [b"x", b"Written using Zipfly v6.0.5", b"PK\x05", b"\0" * 65_535], ids=len)
@pytest.mark.parametrize("members", [0, 1])
def test_a_comment(members, comment) -> None:
    """Exactly the announced comment, and then the end: every byte less or more is found."""
    data = archive(*[Member(data=PAGE)][:members], ending=Ending(comment=comment))
    sizes = (0, 4096)

    assert reasons(data, sizes) == ACCEPTED
    assert reasons(data[:-1], sizes) == {"the archive is incomplete"}
    assert reasons(data[: -len(comment)], sizes) == {"the archive is incomplete"}
    assert reasons(data + b"\n", sizes) == {"there are bytes after the end of the archive"}


def test_a_comment_with_another_archive_in_it() -> None:
    """zipfile looks for the end record from the end, and would read the archive in the comment."""
    other = archive(Member(name=b"other.json", data=b"[]"))
    data = archive(Member(data=PAGE), ending=Ending(comment=other))

    assert members_of(data) == [("other.json", b"[]")]
    assert refused(data) == "the archive's comment contains another end record"


def test_an_end_record_half_in_the_comment() -> None:
    """The length of the comment can be the first half of a signature."""
    comment = b"\x05\x06" + bytes(int.from_bytes(b"PK", "little") - 2)
    data = archive(Member(data=PAGE), ending=Ending(comment=comment))

    assert reasons(data, (0, 4096)) == {"the archive's comment contains another end record"}


def test_a_locator_at_the_end_of_a_row() -> None:
    """zipfile looks for the ZIP64 locator in front of the end record without asking what it belongs to."""
    inner = archive(Member(name=b"other.json", data=b"[]"))
    rows = inner[inner.index(b"PK\x01\x02") : -22]
    hidden = rows + Ending(zip64=True).record(1, len(rows), 0)[:-22]
    data = archive(Member(data=PAGE, comment=hidden))

    assert members_of(data) != [("a.json", PAGE)]
    assert refused(data) == "an entry of the archive's directory contains a ZIP64 locator"


def test_a_zip64_end_record_inside_another() -> None:
    """zipfile takes the last 56 bytes in front of the locator for the record, however long it is."""
    rows = Member(name=b"other.json", data=b"").central(b"", 0)
    hidden = rows + Ending(zip64=True).record(1, len(rows), 0)[:56]
    data = archive(Member(data=PAGE), ending=Ending(zip64=True, sector=hidden))

    assert refused(data) == "the archive's ZIP64 end record contains another one"


# Stored data of unknown length.


@pytest.mark.parametrize("descriptor", DESCRIPTORS)
@pytest.mark.parametrize("data", [b"", b"x", PAGE, b"PK\x03\x04", b"PK\x07\x08PK\x01\x02" * 9, bytes(100_000)], ids=len)
def test_where_stored_data_ends(data, descriptor) -> None:
    """A descriptor of any shape ends it, wherever a piece does."""
    member = streamed(data, method=STORED, descriptor=descriptor)

    assert reasons(archive(member, AFTER), (0, 1, 7, 27, 28, 4096)) == ACCEPTED


def test_an_archive_as_stored_data() -> None:
    """Descriptors of an archive inside count from the start of its own members."""
    inner = archive(streamed(PAGE, method=STORED), streamed(PAGE, name=b"b", method=STORED))

    assert reasons(archive(streamed(inner * 3, method=STORED), AFTER), (0, 1, 27)) == ACCEPTED


def test_many_descriptors_that_nearly_fit() -> None:
    """A file made of descriptors with right sizes and wrong checksums is summed once, not once for each."""
    parts = bytearray()
    while len(parts) < 2**20:
        parts += b"PK\x07\x08" + struct.pack("<LLL", 1, len(parts), len(parts)) + b"PK\x03\x04"

    assert reasons(archive(streamed(bytes(parts), method=STORED), AFTER), (2**20,)) == ACCEPTED


def test_a_folder_that_is_streamed_with_data() -> None:
    """A folder holds nothing, whether its header tells its size or not."""
    assert refused(archive(streamed(PAGE, name=b"folder/"))) == "a folder in the archive contains data"


def test_a_folder_that_is_streamed() -> None:
    """Java deflates nothing to two bytes."""
    assert reasons(archive(streamed(b"", name=b"folder/"), AFTER)) == ACCEPTED


@pytest.mark.parametrize("name", [b"folder/", b"empty.json"])
def test_deflated_to_no_byte(name) -> None:
    """Some writers leave out the two bytes of an empty deflate stream; zipfile, 7z, bsdtar and jar take that."""
    assert reasons(archive(Member(name=name, packed=b""), AFTER)) == ACCEPTED
    assert reasons(archive(Member(name=name, packed=b"", row={"size": 1}, told={"size": 1}), AFTER)) & ACCEPTED == set()


@pytest.mark.parametrize("system", [0, 3, 255])
def test_the_system_beside_the_needed_version_does_not_count(system) -> None:
    """The upper byte of that field is no part of the version, as zipfile has it."""
    data = archive(Member(data=PAGE, version=system << 8 | 20))

    assert reasons(data) == ACCEPTED
    assert members_of(data) == [("a.json", PAGE)]


@pytest.mark.parametrize("method", BOTH)
def test_the_first_of_two_zip64_fields_counts(method) -> None:
    """In the header and in the directory, as zipfile has it."""
    more = zip64_extra(1, 1)
    data = archive(Member(data=PAGE, method=method, wide=True, extra=more, wide_row=("size", "packed"), row_extra=more))

    assert reasons(data) == ACCEPTED
    assert members_of(data) == [("a.json", PAGE)]


@pytest.mark.parametrize(("one", "other"), [("A.json", "a.json"), ("\u03c3.json", "\u03c2.json")])
def test_names_that_differ_in_case_alone_are_one(one, other) -> None:
    """As on Windows and macOS, where the second file would replace the first; Greek has two small sigmas."""
    members = (Member(name=name.encode(), flags=UTF8, data=PAGE) for name in (one, other))

    assert refused(archive(*members)) == "two members of the archive have the same name"


def test_a_locator_that_names_another_disk() -> None:
    """The ZIP64 end record would lie there."""
    data = archive(Member(data=PAGE), ending=Ending(zip64=True))

    assert reasons(data) == ACCEPTED
    assert (
        refused(patched(data, data.index(b"PK\x06\x07") + 4, "<L", 1))
        == "expected a whole archive, got one part of several disks"
    )
