"""Bytes to records, in pieces of any size."""

from __future__ import annotations

import json
import sys
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


def refused(*pieces: bytes) -> str:
    """Why a file holds no records."""
    with pytest.raises(NotRecordsError) as caught:
        parsed(*pieces)
    return str(caught.value)


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


def test_the_exact_way_has_limits_too() -> None:
    """A record that is nested deeper than Python can follow is none."""
    with pytest.raises(NotRecordsError, match="nested"):
        parsed(b'[{"a": ' + b"[" * 980 + b"]" * 980 + b"}]", exact=True)


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

    with pytest.raises(NotRecordsError, match="nested more than 1000 deep"):
        for piece in (b"[", *[opening * 300] * 100):
            parser.feed(piece)


def test_a_nest_that_closes_again_is_counted_too() -> None:
    """Its depth is what costs, also where all of it comes at once."""
    with pytest.raises(NotRecordsError, match="nested more than 1000 deep"):
        RecordParser().feed(b"[" * 3000 + b"]" * 3000)


def test_many_brackets_are_no_depth() -> None:
    """Pages hold thousands of lists and objects side by side, and brackets in texts."""
    rows = [{"lists": [[], [[1]], {}] * 500, "text": "[" * 20, "more": {"a": {"b": [{}]}}}] * 50

    assert rows == parsed(json.dumps(rows).encode())


def test_a_record_may_be_hundreds_deep() -> None:
    """As deep as `json.loads` goes without trouble."""
    rows = [json.loads('{"a":' * 400 + "1" + "}" * 400)] * 3

    assert rows == parsed(json.dumps(rows).encode())
