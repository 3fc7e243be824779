"""Archives by chance, sound and damaged, against zipfile.

``MULTICART_FUZZ_EXAMPLES=20000 python -m pytest tests/downloads/formats/test_archive_fuzz.py --timeout=0`` runs that many
examples of each test, other ones each time (or those of ``--hypothesis-seed=N``). Without it there are few, and always the same.
"""

from __future__ import annotations

import io
import itertools
import os
import random
import zipfile
import zlib
from collections.abc import Iterator, Sequence

import attrs
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.zip_kit import (
    DEFLATED,
    DESCRIPTORS,
    FULL_32,
    STORED,
    STREAMED,
    UTF8,
    Ending,
    Member,
    archive,
    deflate,
    members_of,
    packed,
)

from multicart_async._downloads.formats import ContentError
from multicart_async._downloads.formats.zip_archive import ArchiveCheck

AT_LENGTH = int(os.environ.get("MULTICART_FUZZ_EXAMPLES", "0"))
SIGNATURES = [b"PK\x03\x04", b"PK\x01\x02", b"PK\x07\x08", b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07", b"PK"]
NAMES = ["a.json", "b/c.json", "é.json", "日本.json", "AU_88_Results_Page_1.json", "x" * 200]
END_FIELDS = ["disk", "start disk", "here", "entries", "size", "start"]


def fuzz(examples: int, cost: int = 1) -> settings:
    """So many examples in the suite, and more where the environment asks for it: fewer of those that cost more."""
    return settings(
        max_examples=AT_LENGTH // cost or examples,
        derandomize=not AT_LENGTH,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


@st.composite
def contents(draw: st.DrawFn, most: int) -> bytes:
    """Up to *most* bytes that deflate makes between 1 and 400 times smaller; signatures are frequent in them."""
    unit = draw(st.sampled_from([b"", b"null,", b" ", *SIGNATURES]) | st.binary(min_size=1, max_size=40))
    size = min(most, draw(st.sampled_from([0, 1, 20, 400, 5_000, 60_000, most])))
    repeated = unit * (size // len(unit)) if unit else b""
    own = draw(st.integers(0, min(size, draw(st.sampled_from([0, 10, 300, most])))))
    noise = random.Random(draw(st.integers(0, 99))).randbytes(own)
    return draw(st.sampled_from([noise + repeated, repeated + noise]))[:most]


@st.composite
def members(draw: st.DrawFn, name: str, most: int) -> Member:
    """A member as one of many writers would write it."""
    data, method = draw(contents(most)), draw(st.sampled_from([STORED, DEFLATED]))
    member = Member(
        name=name.encode(),
        data=data,
        method=method,
        level=draw(st.sampled_from([1, 6, 9])),
        flags=draw(st.sampled_from([0, 0x0006])) | (0 if name.isascii() else UTF8),
        wide=draw(st.booleans()),
        wide_row=draw(st.lists(st.sampled_from(["size", "packed", "start", "disk"]), unique=True)),
        extra=draw(st.sampled_from([b"", b"UT\x05\x00\x01abcd", b"\0\0\0"])),
        row_extra=draw(st.sampled_from([b"", b"ux\x00\x00", b"\0"])),
        comment=draw(st.sampled_from([b"", b"remark", b"PK\x07\x08"])),
    )
    member = attrs.evolve(member, row_flags=member.flags | draw(st.sampled_from([0, STREAMED])))
    if not draw(st.booleans()):
        return member
    body = deflate(data, member.level) if method == DEFLATED else data
    real = {"crc": zlib.crc32(data), "packed": len(body), "size": len(data)}
    told = {field: draw(st.sampled_from([value, value, 0, FULL_32])) for field, value in real.items()}
    descriptor = draw(st.sampled_from(sorted(DESCRIPTORS)))
    return attrs.evolve(member, flags=member.flags | STREAMED, told=told, descriptor=descriptor)


@st.composite
def endings(draw: st.DrawFn) -> Ending:
    """End records, with ZIP64 or without, with a comment or without."""
    zip64 = draw(st.booleans())
    return Ending(
        zip64=zip64,
        full=draw(st.lists(st.sampled_from(END_FIELDS), unique=True)) if zip64 else (),
        disks=draw(st.integers(0, 1)),
        comment=draw(st.sampled_from([b"", b"x", b"a remark", b"PK\x05", bytes(3_000)])),
    )


@st.composite
def archives(draw: st.DrawFn, most: int = 60_000) -> tuple[bytes, list[tuple[str, bytes]]]:
    """An archive, and what is in it."""
    names = draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=4))
    if draw(st.integers(0, 4)) == 0:
        content = {name: draw(contents(most)) for name in names}
        method, streamed, wide = draw(st.sampled_from([STORED, DEFLATED])), draw(st.booleans()), draw(st.booleans())
        return packed(content, method, streamed=streamed, wide=wide), list(content.items())
    found = [draw(members(name, most)) for name in names]
    return archive(*found, ending=draw(endings())), [(member.name.decode(), member.data) for member in found]


CUTS = st.lists(st.sampled_from([1, 2, 3, 16, 27, 28, 29, 500, 4_096, 30_000, 65_536, 2**20]), min_size=1, max_size=5)


def accepted(data: bytes, cuts: Sequence[int]) -> bool:
    """Whether *data* is accepted in pieces of these sizes, over and over."""
    check, at, sizes = ArchiveCheck(), 0, itertools.cycle(cuts)
    try:
        while at < len(data):
            size = next(sizes)
            check.feed(data[at : at + size])
            at += size
        check.finish()
    except ContentError:
        return False
    return True


def owners(data: bytes) -> Iterator[tuple[int, int]]:
    """What zipfile knows of: where each member with its descriptor, the directory and the end records start and end."""
    with zipfile.ZipFile(io.BytesIO(data)) as found:
        infos = sorted(found.infolist(), key=lambda info: info.header_offset)
        starts = [info.header_offset for info in infos] + [found.start_dir]
        for info, following in zip(infos, starts[1:], strict=True):
            name, extra = data[info.header_offset + 26], data[info.header_offset + 28]
            name += data[info.header_offset + 27] << 8
            extra += data[info.header_offset + 29] << 8
            end = info.header_offset + 30 + name + extra + info.compress_size
            yield info.header_offset, following if following - end in {0, 12, 16, 20, 24} else end
        directory = sum(
            46 + len(info.orig_filename.encode("utf-8" if info.flag_bits & UTF8 else "cp437")) for info in infos
        )
        directory += sum(len(info.extra) + len(info.comment) for info in infos)
        yield found.start_dir, found.start_dir + directory
        end = len(data) - 22 - len(found.comment)
        yield end - (76 if end >= 76 and data[end - 20 : end - 16] == b"PK\x06\x07" else 0), len(data)


def ownerless(data: bytes) -> list[int]:
    """Positions at which what came before has ended and the next thing has not begun, or has begun too early."""
    spans = [(0, 0), *owners(data)]
    return [start for (_, end), (start, _) in itertools.pairwise(spans) if start != end]


@fuzz(150)
@given(archives(), CUTS)
def test_sound_archives_are_accepted(made, cuts) -> None:
    """What zipfile reads whole is accepted, of any writer and cut in any way."""
    data, content = made

    assert members_of(data) == content
    assert ownerless(data) == []
    assert accepted(data, cuts)
    assert len(data) > 5_000 or accepted(data, [1])


@fuzz(10, cost=200)
@given(archives(8 * 2**20), CUTS)
def test_large_archives_are_accepted(made, cuts) -> None:
    """The same with members of up to 8 MB."""
    data, content = made

    assert members_of(data) == content
    assert accepted(data, [*cuts, 50_000])
    assert accepted(data, [65_536])


@st.composite
def damaged(draw: st.DrawFn, data: bytes) -> bytes:
    """*data* after one to three accidents."""
    for _ in range(draw(st.sampled_from([1, 1, 1, 2, 3]))):
        start, end, to = (draw(st.integers(0, len(data))) for _ in range(3))
        part = data[min(start, end) : max(start, end)]
        match draw(st.sampled_from(["flip", "number", "cut", "end", "insert", "repeat", "overwrite"])):
            case "flip" if data:
                at = min(start, len(data) - 1)
                data = data[:at] + bytes([data[at] ^ 1 << draw(st.integers(0, 7))]) + data[at + 1 :]
            case "number":
                number = draw(st.sampled_from([0, 1, 8, len(data), 2**64 - 1])).to_bytes(8, "little")
                number = number[: draw(st.sampled_from([1, 2, 4, 8]))]
                data = data[:to] + number + data[to + len(number) :]
            case "cut":
                data = data[: min(start, end)] + data[max(start, end) :]
            case "end":
                data = data[:start]
            case "insert":
                data = data[:to] + draw(st.sampled_from([*SIGNATURES, b"\0", b"\n", bytes(24)])) + data[to:]
            case "repeat":
                data = data[:to] + part + data[to:]
            case _:
                data = data[:to] + part + data[to + len(part) :]
    return data


@fuzz(300)
@given(archives(5_000), CUTS, st.data())
def test_damage_is_found_or_harmless(made, cuts, data) -> None:
    """What is accepted reads the same in zipfile, byte for byte; and the cut decides nothing."""
    whole, content = made
    broken = data.draw(damaged(whole))

    verdict = accepted(broken, cuts)

    assert verdict == accepted(broken, [2**20]) == (verdict if len(broken) > 5_000 else accepted(broken, [1]))
    if verdict:
        assert members_of(broken) == content
        assert ownerless(broken) == []


@fuzz(100)
@given(archives(2_000), archives(2_000), CUTS, st.data())
def test_two_archives_in_one_are_refused(first, second, cuts, data) -> None:
    """The beginning of one and the end of another is an archive only if it is one of the two."""
    (one, _), (other, _) = first, second
    start, end = data.draw(st.integers(0, len(one))), data.draw(st.integers(0, len(other)))
    mixed = one[:start] + other[end:]

    if accepted(mixed, cuts):
        assert mixed in {one, other} or members_of(mixed) in (first[1], second[1])
        assert ownerless(mixed) == []
