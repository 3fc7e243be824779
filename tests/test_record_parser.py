"""Bytes to records, in pieces of any size."""

from __future__ import annotations

import json
import sys
import tracemalloc
import warnings
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from multicart_async import _record_parser
from multicart_async._record_parser import InexactNumberError, NotRecordsError, RecordParser
from multicart_async.errors import MultiCartWarning

numbers = st.integers(-(2**63) + 1, 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
texts = st.text(alphabet=st.characters(codec="utf-8"), max_size=10)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
records = st.dictionaries(texts, values, max_size=4)


def parsed(*pieces: bytes, exact: bool = False) -> list[dict[str, Any]]:
    """All records of a file that comes in *pieces*."""
    parser = RecordParser(exact=exact)
    found = [record for piece in pieces for record in parser.feed(piece)]
    return found + parser.finish()


def refused(*pieces: bytes, exact: bool = False) -> str:
    """Why a file holds no records."""
    with pytest.raises(NotRecordsError) as caught:
        parsed(*pieces, exact=exact)
    return str(caught.value)


def cut(payload: bytes, size: int) -> list[bytes]:
    """It in pieces."""
    return [payload[start : start + size] for start in range(0, len(payload), size)]


@given(st.lists(records, max_size=4), st.lists(st.integers(0, 200), max_size=6), st.booleans(), st.booleans())
@example([{"a": 1}], [0, 1, 1, 2], False, False)
def test_pieces_of_any_size_give_the_same_records(
    rows: list[dict[str, Any]], cuts: list[int], ascii_only: bool, exact: bool
) -> None:
    """As `json.loads` of the whole file, wherever it was cut, inside of a character too."""
    payload = json.dumps(rows, ensure_ascii=ascii_only).encode()
    ends = [0, *sorted(min(cut, len(payload)) for cut in cuts), len(payload)]
    pieces = [payload[start:end] for start, end in pairwise(ends)]

    assert rows == parsed(*pieces, exact=exact)


def test_a_record_is_given_as_soon_as_it_is_there() -> None:
    """Nothing is held back until the end of the file."""
    parser = RecordParser()

    assert [] == parser.feed(b'[{"a": 1')
    assert [{"a": 1}] == parser.feed(b'}, {"a"')
    assert [{"a": 2}] == parser.feed(b": 2}")
    assert [] == parser.feed(b"]")
    assert [] == parser.finish()


def test_an_array_without_records_is_fine() -> None:
    """A page can be empty."""
    assert [] == parsed(b"[]")


def test_an_object_is_one_record() -> None:
    """And is known as such: it may be an envelope in place of the file."""
    parser = RecordParser()

    assert [{"a": {"b": [1]}}] == parser.feed(b' {"a": {"b": [1]}} ')
    assert parser.one_object
    assert [] == parser.finish()


def test_an_array_is_not_one_object() -> None:
    """Even with a single record."""
    parser = RecordParser()
    parser.feed(b'[{"a": 1}]')

    assert not parser.one_object


@pytest.mark.parametrize("size", [1, 2, 3, 100])
@pytest.mark.parametrize(
    "start", [b"", b"\xef\xbb\xbf", b" \r\n\t", b"\xef\xbb\xbf\n "], ids=["plain", "BOM", "blanks", "both"]
)
def test_what_stands_before_the_records_is_passed_over(start: bytes, size: int) -> None:
    """A byte order mark and blanks, however they are cut."""
    payload = start + b'[{"a": 1}]\n'

    assert [{"a": 1}] == parsed(*[payload[at : at + size] for at in range(0, len(payload), size)])


@pytest.mark.parametrize(
    "payload", [b'[{"a": [1, "x\\u00e9"]}, {"b": {}}]', b'{"a": [1, 2.5]}'], ids=["array", "object"]
)
def test_a_file_that_ends_early_has_no_end(payload: bytes) -> None:
    """Cut at each byte."""
    for end in range(len(payload)):
        assert refused(payload[:end])


NO_RECORDS = {
    "empty": b"",
    "blank": b" \n",
    "half a BOM": b"\xef\xbb",
    "null": b"null",
    "a number": b"12",
    "a text": b'"abc"',
    "HTML": b"<html>",
    "numbers": b"[1, 2]",
    "nulls": b"[null]",
    "an array in it": b"[[]]",
    "a record, then a text": b'[{"a": 1}, "x"]',
    "NaN": b'[{"a": NaN}]',
    "twice": b'[{"a": 1}][{"a": 1}]',
    "objects in a row": b'{"a": 1}\n{"a": 2}',
    "garbage behind": b'[{"a": 1}] x',
    "a hole": b'[{"a": 1},, {"a": 2}]',
    "NUL": b'[{"a": 1}]\0',
    "invalid UTF-8": b'[{"a": "\xff"}]',
}


@pytest.mark.parametrize("name", NO_RECORDS)
def test_what_is_no_records_is_refused(name: str) -> None:
    """Whole or byte by byte, with a short reason in one line."""
    payload = NO_RECORDS[name]

    for reason in (refused(payload), refused(*[bytes([byte]) for byte in payload])):
        assert 0 < len(reason) < 200
        assert 1 == len(reason.splitlines())


LARGE = [2**63, 2**64, -(2**63) - 1, 10**40]


@pytest.mark.parametrize("number", LARGE)
def test_a_number_beyond_64_bits_wants_the_exact_way(number: int) -> None:
    """The quick way says so, the exact way gives it whole."""
    payload = json.dumps([{"a": number}]).encode()

    with pytest.raises(InexactNumberError):
        parsed(payload)
    assert [{"a": number}] == parsed(payload, exact=True)


def test_the_exact_way_gives_what_json_gives() -> None:
    """Floats, not decimals, at any depth."""
    payload = b'[{"a": 1.5, "b": [0.1, {"c": 1e3}], "d": 1}]'

    found = parsed(payload, exact=True)

    assert json.loads(payload) == found
    assert float is type(found[0]["a"])
    assert float is type(found[0]["b"][1]["c"])
    assert int is type(found[0]["d"])


LIMIT = sys.get_int_max_str_digits()


@pytest.mark.parametrize("size", [1 << 20, 1 << 12, 100, 1])
def test_a_number_that_python_refuses_to_make_is_refused(size: int) -> None:
    """ijson would end the process at it, wherever it is cut; one digit less is fine."""
    largest, too_large = (b'[{"a": 1, "b": ' + b"9" * digits + b"}]" for digits in (LIMIT, LIMIT + 1))

    assert [{"a": 1, "b": int("9" * LIMIT)}] == parsed(*cut(largest, size), exact=True)
    assert f"it holds a number of more than {LIMIT} digits" == refused(*cut(too_large, size), exact=True)


@pytest.mark.parametrize("size", [1 << 20, 1 << 12, 100])
def test_digits_in_a_text_are_no_number(size: int) -> None:
    """However many there are, and behind whatever marks and escapes."""
    rows = [{"a": "7" * 3 * LIMIT}, {'"\\': '\\"' + "7" * 2 * LIMIT, "c": [1, 2]}, {"d": ["", "7" * LIMIT + ","] * 5}]

    assert rows == parsed(*cut(json.dumps(rows).encode(), size), exact=True)


@pytest.fixture
def no_c_parser(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A platform without a wheel of ijson."""
    _record_parser._backend.cache_clear()
    monkeypatch.setitem(sys.modules, "ijson.backends.yajl2_c", None)
    yield
    _record_parser._backend.cache_clear()


@pytest.mark.usefixtures("no_c_parser")
def test_a_slow_parser_is_told_once() -> None:
    """It works, and takes long: a warning says what helps."""
    with pytest.warns(MultiCartWarning, match="24 times"):
        assert [{"a": 1}] == parsed(b'[{"a": 1}]')

    with warnings.catch_warnings(record=True) as told:
        parsed(b"[]")
    assert [] == told


def test_the_c_parser_is_the_one_in_use() -> None:
    """Here and wherever there is a wheel."""
    assert "ijson.backends.yajl2_c" == _record_parser._backend().__name__


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("opening", [b"[", b'{"a":'], ids=["arrays", "objects"])
def test_bottomless_nesting_is_refused_before_it_costs_anything(opening: bytes, exact: bool) -> None:
    """ijson's memory grows with the square of the depth: 80 kB could ask for all there is."""
    parser = RecordParser(exact=exact)

    with pytest.raises(NotRecordsError, match="nested more than 100 deep"):
        for piece in (b"[", *[opening * 300] * 100):
            parser.feed(piece)


def test_a_nest_that_closes_again_is_counted_too() -> None:
    """Its depth is what costs, also where all of it comes at once."""
    assert "it is nested more than 100 deep" == refused(b"[" * 3000 + b"]" * 3000)


def test_brackets_that_do_not_match_hide_no_depth() -> None:
    """The parser would see all that open before the first that is wrong."""
    assert "it is nested more than 100 deep" == refused(b'[{"a":' + b"[" * 3000 + b"}" * 3002)


def test_many_brackets_are_no_depth() -> None:
    """Pages hold thousands of lists and objects side by side, and brackets in texts."""
    rows = [{"lists": [[], [[1]], {}] * 500, "text": "[" * 20, "more": {"a": {"b": [{}]}}}] * 50

    assert rows == parsed(json.dumps(rows).encode())


@pytest.mark.parametrize("size", [1 << 20, 1 << 12, 1])
@pytest.mark.parametrize("opening", ["[", '{"a":'], ids=["arrays", "objects"])
def test_a_file_may_be_a_hundred_deep(opening: str, size: int) -> None:
    """And no deeper, however it is cut; several such records in a row are fine."""
    closing = {"[": "]", '{"a":': "}"}[opening]
    deepest, deeper = (f'{{"x":{opening * levels}1{closing * levels}}}' for levels in (98, 99))
    page = f"[{deepest},{deepest}]".encode()

    assert json.loads(page) == parsed(*cut(page, size))
    assert "it is nested more than 100 deep" == refused(*cut(f"[{deepest},{deeper}]".encode(), size))


@pytest.mark.parametrize("size", [1 << 20, 1 << 12, 7])
@pytest.mark.parametrize(
    "text",
    ["[" * 5_000, '"[{' * 5_000, "\\[" * 5_000, '\\"[\\\\' * 700, "[" * 999 + "\\", "}]" * 5_000, "\n{" * 300 + '"'],
    ids=range(7),
)
def test_brackets_in_a_text_are_no_depth(text: str, size: int) -> None:
    """Descriptions and raw HTML hold thousands, behind escapes of all kinds, and the text may be a name."""
    rows = [{"html": text, "a": [text, {text: 1}]}, {"b": text}]

    assert rows == parsed(*cut(json.dumps(rows).encode(), size))


nests = st.recursive(
    st.sampled_from(["", "[", '"}', "\\", '\\"[', "]" * 9]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["", "{", '"', "k" * 9]), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(st.lists(nests, max_size=4), st.integers(0, 130), st.integers(1, 300), st.sampled_from([None, 1]))
def test_the_depth_is_exact(values: list[Any], around: int, size: int, indent: int | None) -> None:
    """A hundred levels are taken and more are not, whatever texts and nests there are beside them."""
    row: Any = values
    for level in range(around):
        row = [row] if level % 3 else {"n[": row}
    page = [{"a": row}]
    payload = json.dumps(page, indent=indent).encode()

    if depth_of(page) > 100:
        assert "it is nested more than 100 deep" == refused(*cut(payload, size))
    else:
        assert page == parsed(*cut(payload, size))


def depth_of(value: Any) -> int:
    """How many levels there are."""
    inner = value.values() if isinstance(value, dict) else value
    return 1 + max(map(depth_of, inner), default=0) if isinstance(value, dict | list) else 0


def under(names: list[str], value: Any) -> Any:
    """The value in an object in an object."""
    for name in reversed(names):
        value = {name: value}
    return value


TOO_LONG = "the names on the way to a value take more than 32 KiB"


@pytest.mark.parametrize("size", [1 << 20, 1 << 16, 1 << 12, 1000])
@pytest.mark.parametrize("levels", [2, 12, 80])
@pytest.mark.parametrize("filler", [0, 300_000])
@pytest.mark.parametrize("space", ["", " " * 3000], ids=["tight", "spaced"])
def test_long_names_in_each_other_are_refused(levels: int, size: int, filler: int, space: str) -> None:
    """ijson would join them anew at each level, so that 3 MB ask for 2 GB; whatever else stands between them."""
    names = ['"n' + "k" * (70_000 // levels)] * levels
    value: Any = 1
    for name in names:
        value = {"filler": "x" * (filler // levels), name: value}
    page = json.dumps([value], separators=(",", space + ":")).encode()

    assert TOO_LONG == refused(*cut(page, size))


def test_names_are_counted_where_the_levels_are_many() -> None:
    """Each is short, and all of them are too long."""
    assert TOO_LONG == refused(json.dumps([under(["k" * 500] * 90, 1)]).encode())


@pytest.mark.parametrize("size", [1 << 20, 1 << 12])
@pytest.mark.parametrize(
    "row",
    [
        {"k" * 1_000_000: 1} | {f"{number}" + "m" * 3_000: "x" for number in range(40)},
        {"a": [{f"{number}" + "k" * 3_000: {"b": [number]}} for number in range(100)], "c": [[]] * 3},
        under(["k" * 6_000] * 5, [{"n" * 6: {}}] * 3),
        under(["k" * 300] * 90, 1),
    ],
    ids=["of texts", "side by side", "few levels", "short ones"],
)
def test_long_names_are_fine_where_they_do_not_add_up(row: dict[str, Any], size: int) -> None:
    """A name that leads to no level costs what it weighs; so do those that are side by side."""
    assert [row, row] == parsed(*cut(json.dumps([row, row]).encode(), size))


class Watched:
    """A parser that tells how long the pieces are that it gets."""

    def __init__(self, parser: Any) -> None:
        self._parser = parser
        self.sizes: list[int] = []

    def send(self, piece: bytes) -> None:
        self.sizes.append(len(piece))
        self._parser.send(piece)

    def close(self) -> None:
        self._parser.close()


@pytest.mark.parametrize(
    ("start", "filling"),
    [
        (b'[{"a": "', b"x"),
        (b'[{"a": "', b"\\n"),
        (b'[{"a": "', b'\\"'),
        (b'[{"a": "', b"\\\\"),
        (b'[{"', b"k"),
        (b'[{"a": 1.', b"1"),
    ],
    ids=range(6),
)
def test_a_long_token_is_parsed_a_few_times_only(start: bytes, filling: bytes) -> None:
    """yajl begins it anew with each piece: 4 MiB in pieces of 4 KiB would be 2 GiB."""
    parser = RecordParser()
    parser.feed(start)
    parser._parser = watched = Watched(parser._parser)
    for piece in cut(filling * ((4 << 20) // len(filling)), 4096):
        parser.feed(piece)

    given, scanned = 0, 0
    for size in watched.sizes:
        given += size
        scanned += given
    assert len(watched.sizes) < 16
    assert 2 << 20 <= given <= 4 << 20
    assert scanned < 8 << 20


def test_a_record_with_a_long_text_is_given_at_its_end() -> None:
    """And what is held meanwhile is the text, not more."""
    parser = RecordParser()
    pieces = cut(b'[{"a": "' + b"x" * (8 << 20), 1 << 16)
    tracemalloc.start()
    try:
        assert [] == [record for piece in pieces for record in parser.feed(piece)]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert [{"a": "x" * (8 << 20)}] == parser.feed(b'"}')
    assert [{"b": 1}] == parser.feed(b', {"b": 1}')
    assert [] == parser.feed(b"]")
    assert [] == parser.finish()
    assert peak < 20 << 20


@pytest.mark.parametrize("end", [b"x", b'"', b'"}', b'"}, 5]', b"\x00"], ids=range(5))
def test_a_long_text_that_does_not_end_well_is_refused(end: bytes) -> None:
    """At the end of the file at the latest."""
    assert refused(*cut(b'[{"a": "' + b"x" * 100_000 + end, 4096))
