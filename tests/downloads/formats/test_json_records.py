"""Bytes to records, in pieces of any size: what `json.loads` makes of the whole file."""

from __future__ import annotations

import json
import sys
import tracemalloc
from typing import Any
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.json_pages import EXAMPLES, cut, damaged_pages, loaded, pages
from support.record_pieces import in_pieces, parsed, refused

from multicart_async._downloads.formats import json_records
from multicart_async._downloads.formats.json_records import STEP, NotRecordsError, RecordParser
from multicart_async._http import incremental_json
from multicart_async.config import Limits

places = st.lists(st.integers(0, 400), max_size=6)
# MULTICART_FUZZ_EXAMPLES=100000 python -m pytest --timeout=0 tests/downloads/formats/test_json_records.py -k json_loads
at_length = settings(
    max_examples=int(EXAMPLES or 150),
    derandomize=not EXAMPLES,  # at length, each run shall see others
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def outcome(pieces: list[bytes]) -> list[Any] | None:
    """The records, or ``None`` if the file is refused."""
    try:
        return parsed(*pieces)
    except NotRecordsError:
        return None


@at_length
@given(pages(), places)
def test_records_are_what_json_loads_gives(page: bytes, places: list[int]) -> None:
    """Strings, numbers and whitespace of all forms give the same values, wherever the file is cut."""
    assert repr(outcome(cut(page, places))) == repr(loaded(page))


@at_length
@given(damaged_pages(), places)
def test_the_verdict_is_that_of_json_loads(page: bytes, places: list[int]) -> None:
    """A damaged file is refused exactly if `json.loads` refuses it, and else gives the same values."""
    assert repr(outcome(cut(page, places))) == repr(loaded(page))
    assert repr(outcome([page])) == repr(loaded(page))


SMALL = mock.patch.multiple(json_records, _SHORT=12, _MANY=2, _LONG=8, _LARGE=2, _SHARE=1)
SMALL_STEPS = mock.patch.multiple(incremental_json, _STEP=16, _LOOKS=(4, 16), _FEW=2)


@at_length
@given(pages() | damaged_pages(), places)
def test_the_verdict_of_json_loads_is_that_in_steps(page: bytes, places: list[int]) -> None:
    """It is the same if texts are cut short, elements kept and pauses made as in a page that is much larger."""
    with SMALL, SMALL_STEPS:
        found = outcome(cut(page, places))

    assert repr(found) == repr(loaded(page))


def test_a_record_is_given_as_soon_as_it_is_there() -> None:
    """Nothing is held back until the end of the file."""
    parser = RecordParser()

    assert parser.feed(b'[{"a": 1') == []
    assert parser.feed(b'}, {"a"') == [{"a": 1}]
    assert parser.feed(b": 2}") == [{"a": 2}]
    assert parser.feed(b"]") == []
    parser.finish()


@pytest.mark.parametrize("number", ["1", "-0", "1.5", "1e5", "1E+5", "-1.25e-7", "true", "null", "-Infinity", "NaN"])
def test_a_number_is_given_when_its_end_is_certain(number: str) -> None:
    """At each byte it could go on, so it is not given before something else comes."""
    parser = RecordParser()

    assert [parser.feed(bytes([byte])) for byte in b"[" + number.encode()] == [[]] * (1 + len(number))
    assert repr(parser.feed(b",")) == repr([json.loads(number)])


def test_an_object_is_one_record() -> None:
    """And is known as such: it may be an envelope in place of the file."""
    parser = RecordParser()

    assert parser.feed(b' {"a": {"b": [1]}} ') == [{"a": {"b": [1]}}]
    assert parser.one_object
    parser.finish()


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
    """A byte order mark and whitespace are skipped, however they are cut."""
    assert parsed(*in_pieces(start + b'[{"a": 1}]\n', size)) == [{"a": 1}]


@pytest.mark.parametrize(
    "payload", [b'[{"a": [1, "x\\u00e9"]}, {"b": {}}]', b'{"a": [1, 2.5]}', b"[{},\t7]"], ids=range(3)
)
def test_a_file_that_ends_early_has_no_end(payload: bytes) -> None:
    """A file that is cut at any byte is refused."""
    for end in range(len(payload)):
        assert refused(payload[:end])


HALVES = {
    r'"x\ud83d\u2026"': "x\ud83d\u2026",
    r'"\ude00abc"': "\ude00abc",
    r'"\ud83d"': "\ud83d",
    r'"\ud83dx\ude00"': "\ud83dx\ude00",
    r'"\ud83d\ud83d\ude00"': "\ud83d\U0001f600",
    r'"\ud83d\n"': "\ud83d\n",
    '"\ud83d\u2026"': "\ud83d\u2026",
    '"\ud83d\ude00"': "\ud83d\ude00",
}


@pytest.mark.parametrize("text", HALVES, ids=ascii)
@pytest.mark.parametrize("size", [1, 3, 100])
def test_a_lone_surrogate_stays_one(text: str, size: int) -> None:
    """Half of a pair, escaped or as bytes, is what `json.loads` makes of it: no other character, and no error."""
    payload = f'[{{"t": {text}}}]'.encode("utf-8", "surrogatepass")

    found = parsed(*in_pieces(payload, size))

    assert found == json.loads(payload)
    assert found == [{"t": HALVES[text]}]


REFUSED = {
    "empty": (b"", "the file is empty or has only whitespace"),
    "blank": (b" \n", "the file is empty or has only whitespace"),
    "half a BOM": (b"\xef\xbb", "the file is empty or has only whitespace"),
    "null": (b"null", "expected a JSON array or object, got something else"),
    "two BOMs": (b"\xef\xbb\xbf\xef\xbb\xbf[]", "expected a JSON array or object, got something else"),
    "UTF-16": ("[1]".encode("utf-16"), "invalid JSON: byte 0 is not UTF-8"),
    "a comma at the end": (b"[1,]", "invalid JSON: Expecting value, at byte 3 in record 2"),
    "no comma": (b"[1 2]", "invalid JSON: expected ',' or ']' after record 1, at byte 3"),
    "no value": ("[é,]".encode(), "invalid JSON: Expecting value, at byte 1 in record 1"),
    "a wrong key": (b'[1, {"\xc3\xa9" 2}]', "invalid JSON: Expecting ':' delimiter, at byte 10 in record 2"),
    "a long one": (
        b'[{\'a\': 1, "b": "' + b"x" * 50,
        "invalid JSON: Expecting property name enclosed in double quotes",
    ),
    "a line break": (b'["\n"]', "invalid JSON: Invalid control character, at byte 2 in record 1"),
    "twice": (b'[{"a": 1}][{"a": 1}]', "invalid JSON: expected the end of the file, at byte 10"),
    "objects in a row": (b'{"a": 1}\n{"a": 2}', "invalid JSON: expected the end of the file, at byte 9"),
    "NUL": (b'[{"a": 1}]\0', "invalid JSON: expected the end of the file, at byte 10"),
    "form feed": (b'[{"a": 1},\x0c{}]', "invalid JSON: Expecting value, at byte 10 in record 2"),
    "form feed before a comma": (b'[{"a": 1}\x0c,{}]', "invalid JSON: expected ',' or ']' after record 1, at byte 9"),
    "no-break space": ("[{}\xa0]".encode(), "invalid JSON: expected ',' or ']' after record 1, at byte 3"),
    "invalid UTF-8": ('[{"a": "日'.encode() + b'\xff"}]', "invalid JSON: byte 11 is not UTF-8"),
    "half a character": (b"[]\xc3", "invalid JSON: byte 2 is not UTF-8"),
    "a number and more": (b"[1-2, 3]", "invalid JSON: expected ',' or ']' after record 1, at byte 2"),
    "cut": (b'[{"a": 1}, {"b"', "the JSON is incomplete: it ends in record 2"),
    "cut before a record": (b'[{"a": 1},', "the JSON is incomplete: it ends in record 2"),
    "too many digits": (
        b"[1, " + b"9" * (sys.get_int_max_str_digits() + 1) + b"]",
        "unsupported JSON",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_the_reason_names_the_place(name: str) -> None:
    """A short reason in one line says what is wrong, at which byte of the file, in which record."""
    payload, reason = REFUSED[name]

    assert refused(payload).startswith(reason)
    for pieces in (in_pieces(payload, 1), in_pieces(payload, 3)):
        assert len(refused(*pieces).splitlines()) == 1


def test_nesting_that_json_refuses_is_refused() -> None:
    """A hundred thousand brackets are an error of ours, that no other transfer would mend; a hundred levels are fine."""
    fine = b"[" * 100 + b"]" * 100

    with pytest.raises(NotRecordsError, match="record 2 is nested too deeply") as caught:
        parsed(b"[7," + b"[" * 100_000)
    assert caught.value.final
    for pieces in ([fine], in_pieces(fine, 7)):
        assert parsed(*pieces) == json.loads(fine)


@pytest.mark.parametrize("size", [1, 100, STEP])
def test_a_record_above_the_limit_is_refused(size: int) -> None:
    """The error names the record, its limit and where that is set; a byte less is fine, also of another width."""
    limits = Limits(record_bytes=1000)
    good, bad = ([{}, {"é": "x" * (1000 - 10 + more)}] for more in (0, 1))
    page = [json.dumps(rows, ensure_ascii=False).encode() for rows in (good, bad)]

    assert parsed(*in_pieces(page[0], size), limits=limits) == good
    reason = "record 2 takes more than 1,000 bytes of JSON: raise Limits.record_bytes to read it"
    assert refused(*in_pieces(page[1], size), limits=limits) == reason


def test_a_file_of_one_object_is_bounded_too() -> None:
    """It is one record."""
    page = json.dumps({"a": ["x" * 50] * 100}).encode()

    assert "record 1 takes more than 5,000 bytes" in refused(page, limits=Limits(record_bytes=5000))
    assert "record 1 takes more than 5,000 bytes" in refused(*in_pieces(page, 100), limits=Limits(record_bytes=5000))


MIB = 1 << 20
HOSTILE = {
    "a string": (b'[{"a": "', b"x" * 1000),
    "a string of escapes": (b'[{"a": "', b'\\u00e9\\n\\\\\\"' * 100),
    "wide characters": (b'[{"a": "\xf0\x9f\x98\x80', b"x" * 1000),
    "objects": (b'[{"a": [{}', b",{}" * 500),
    "arrays": (b'[{"a": [[]', b",[]" * 500),
    "short strings": (b'[{"a": ["ab"', b',"ab"' * 500),
    "numbers": (b"[[1234", b",1234" * 500),
    "members": (b'[{"": 1', b',"abcd":1' * 500),
    "one object": (b'{"a": [{}', b",{}" * 500),
    "a number": (b"[1", b"0" * 1000),
    "a string of the array": (b'["', b"x" * 1000),
    "brackets": (b'[{"a":', b"[" * 1000),
}


@pytest.mark.parametrize("size", [1 << 16, STEP])
@pytest.mark.parametrize("name", HOSTILE)
def test_memory_stays_below_four_times_the_limit(name: str, size: int) -> None:
    """What is above the limit is refused before it is decoded, of all kinds of values."""
    start, filling = HOSTILE[name]
    parser, limit = RecordParser(Limits(record_bytes=5 * MIB)), 5 * MIB
    piece = filling * (size // len(filling))
    tracemalloc.start()
    try:
        parser.feed(start)
        with pytest.raises(NotRecordsError, match=r"record 1 .*(Limits.record_bytes|nested)") as caught:
            for _ in range(16 * MIB // len(piece)):
                parser.feed(piece)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert caught.value.final
    assert peak < 4 * limit


def test_a_value_that_would_take_much_memory_is_refused() -> None:
    """A record of many small values takes far more memory than its bytes tell, so the limit holds for that as well."""
    page = b"[{}, [" + b"{}," * MIB + b"{}]]"

    assert refused(*in_pieces(page, STEP), limits=Limits(record_bytes=8 * MIB)) == (
        "record 2 takes more than 33,554,432 bytes of memory: raise Limits.record_bytes to read it"
    )
    assert len(parsed(*in_pieces(page, STEP), limits=Limits(record_bytes=64 * MIB))[1]) == MIB + 1


@pytest.mark.parametrize("size", [100, 4096, STEP])
@pytest.mark.parametrize(
    "unit", ["x" * 900, 'a "\\', "é日😀", {"b": [1, None]}], ids=["text", "escapes", "wide", "objects"]
)
def test_a_large_record_is_decoded_once(unit: Any, size: int) -> None:
    """Where it comes in pieces it is not decoded again with each of them, so the time does not grow with its square."""
    rows = [{"a": [unit] * 20_000}, {"b": "x"}] if size > 100 else [{"a": [unit] * 200}, {"b": "x"}]
    payload = json.dumps(rows, ensure_ascii=False).encode()
    decode, given = json_records._decode, 0

    def counted(text: str, at: int = 0) -> Any:
        nonlocal given
        given += len(text) - at
        return decode(text, at)

    with mock.patch.object(json_records, "_decode", counted):
        assert parsed(*in_pieces(payload, size)) == rows

    assert given < len(payload) + 3 * STEP


def test_a_record_that_came_in_pieces_is_held_twice_at_most() -> None:
    """As bytes and as text, and then as text and as a value."""
    pieces = in_pieces(b'[{"a": "' + b"x" * (16 * MIB) + b'"}]', STEP)
    tracemalloc.start()
    try:
        count = len(parsed(*pieces))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert count == 1
    assert peak < 40 * MIB


def test_values_are_not_held() -> None:
    """A file of many records takes the memory of a few."""
    parser, piece = RecordParser(), b'{"a": "' + b"x" * 1000 + b'"},'
    tracemalloc.start()
    try:
        count = len(parser.feed(b"["))
        for _ in range(200):
            count += len(parser.feed(piece * 100))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert count == 20_000
    assert peak < 2 * MIB


@pytest.mark.parametrize("end", [b'", nope}]', b'\xff"}]', b'"} x]', b'"}x'], ids=range(4))
@pytest.mark.parametrize("size", [1 << 10, STEP, 10 * MIB])
def test_an_error_does_not_hold_the_text(end: bytes, size: int) -> None:
    """The decoder's own errors hold the whole text, so they must not be the context of ours."""
    with pytest.raises(NotRecordsError) as caught:
        parsed(*in_pieces(b'[{"a": "' + b"x" * MIB + end, size))

    assert caught.value.__context__ is None
    assert caught.value.__cause__ is None


def test_a_number_that_goes_on_wrongly_is_refused() -> None:
    """Where it is cut, too, it is one value with what follows."""
    assert refused(b"[1", b"-2, 3]") == "invalid JSON: Expecting ',' delimiter, at byte 2 in record 1"
