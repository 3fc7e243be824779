"""What parsing records may cost: text that is decoded twice, and pauses for other tasks. No clock."""

from __future__ import annotations

import json
import sys
from typing import Any
from unittest import mock

import pytest
from support.record_pieces import in_pieces, parsed, refused

from multicart_async._downloads.formats import json_records
from multicart_async._downloads.formats.json_records import STEP, RecordParser

PRODUCTS = [
    {
        "asin": f"B{number:09d}",
        **{f"field_{at}": f'größe {at} 日本製 "{number}"' for at in range(80)},
        "offers": [{"seller": "café", "cents": at * number, "prime": at % 2 == 0} for at in range(20)],
        "features": [["noir", "x" * 40] for _ in range(20)],
    }
    for number in range(300)
]
PRODUCT_PAGE = json.dumps(PRODUCTS, ensure_ascii=False, separators=(",", ":")).encode()


def test_little_of_a_realistic_page_is_decoded_twice() -> None:
    """A cut record is decoded again with the next piece; nothing is searched for its end, and no other call is in vain."""
    decode, handed = json_records._decode, 0
    in_vain: list[int] = []

    def counted(text: str, at: int = 0) -> Any:
        nonlocal handed
        try:
            value, end = decode(text, at)
        except ValueError:
            handed += len(text) - at
            in_vain.append(len(text))
            raise
        handed += end - at
        return value, end

    pieces = in_pieces(PRODUCT_PAGE, STEP)
    searched = mock.Mock(side_effect=AssertionError)
    with (
        mock.patch.object(json_records, "_decode", counted),
        mock.patch.object(json_records.ValueEnd, "find", searched),
    ):
        assert parsed(*pieces) == PRODUCTS

    assert handed <= 1.1 * len(PRODUCT_PAGE.decode())
    assert len(in_vain) <= len(pieces)
    assert max(in_vain) <= 1 << 14  # the decoder counts the lines before its error


@pytest.mark.parametrize("at", [1, 100, 1 << 12, STEP - 1])
def test_a_small_piece_after_a_cut_gives_its_record(at: int) -> None:
    """A record that was cut is given with the very byte that completes it, whatever came before."""
    end = len(PRODUCT_PAGE) - 1
    parser = RecordParser()
    records = [record for piece in in_pieces(PRODUCT_PAGE[: end - at], STEP) for record in parser.feed(piece)]

    for byte in in_pieces(PRODUCT_PAGE[end - at : end], 1)[:-1]:
        records += parser.feed(byte)

    assert records == PRODUCTS[:-1]
    assert parser.feed(PRODUCT_PAGE[end - 1 : end]) == PRODUCTS[-1:]


WRONG = {
    "a key": '[{"é": 1, "日": [{"a": 1}, "x"]}, {"b" 2}, {"c": 3}]',
    "a string in place of a colon": '[{"é": "x", "n": 1}, {"b" "x"}, {"c": 3}, {"d": 4}]',
    "a comma": '[{"é": "x", "n": 1}, {"b": "日😀"} {"c": 3}, {"d": 4}]',
    "the end": '[{"é": "x", "n": 1}, {"b": "日"}] {"d": 4}',
}


@pytest.mark.parametrize("name", WRONG)
def test_the_place_of_an_error_does_not_depend_on_cuts(name: str) -> None:
    """The byte and the record are those of the file, also where an element was kept or buffered."""
    page = WRONG[name].encode()
    reason = refused(page)

    assert [at for at in range(len(page)) if refused(page[:at], page[at:]) != reason] == []


def test_an_invalid_record_at_the_end_is_named() -> None:
    """It may look like a cut one, and no other piece follows."""
    page = b"[" + b'{"a": 1},' * 100 + b'{"a" "b"}'

    assert refused(page) == "invalid JSON: Expecting ':' delimiter, at byte 906 in record 101"


def pauses(*pieces: bytes) -> tuple[list[Any], int]:
    """The values, and how many pauses there were for other tasks."""
    parser, values, count = RecordParser(), list[Any](), 0
    for piece in pieces:
        steps = parser.feed_incrementally(piece)
        while True:
            try:
                next(steps)
            except StopIteration as end:
                values += end.value
                break
            count += 1
    parser.finish()
    return values, count


def test_there_are_pauses_between_many_small_records() -> None:
    """A piece may hold very many of them."""
    values, count = pauses(b"[" + b"{}," * 20_000 + b"7]")

    assert values == [{}] * 20_000 + [7]
    assert count >= 20


def test_a_long_text_is_decoded_after_a_pause() -> None:
    """A string cannot be decoded in steps, but making the text of its bytes is another one."""
    page = b'[{"a": "' + b"x" * (1 << 22) + b'"}]'

    assert pauses(*in_pieces(page, STEP)) == ([{"a": "x" * (1 << 22)}], 1)


LARGE_RECORDS = {
    "members": {f"m{number}": number for number in range(100_000)},
    "rows": {"rows": [{"n": number, "x": None} for number in range(100_000)]},
    "products": {"rows": PRODUCTS * 4},
    "NaN": {"rows": [{"n": float("inf")}] * 100_000},
}


@pytest.mark.parametrize("name", LARGE_RECORDS)
def test_a_large_record_is_decoded_in_steps(name: str) -> None:
    """Decoded at once, it would keep all other tasks waiting; it is the value that `json.loads` gives."""
    page = [LARGE_RECORDS[name], {"a": 1}]
    pieces = in_pieces(json.dumps(page).encode(), STEP)

    values, count = pauses(*pieces)

    assert values == page
    assert count >= len(pieces) / 4


@pytest.mark.parametrize("end", ["nope", "1e", r'"\x"', "9" * 5000, '{"a" 1}', "{1: 2}", "1}"])
def test_an_error_in_a_large_record_names_its_place(end: str) -> None:
    """As in one that is decoded at once, and without decoding it again."""
    pieces = in_pieces(f'[{{}}, {{"é": [{{"n": 1}}, {"0, " * 300_000}{end}]}}, {{}}]'.encode(), STEP)
    with mock.patch.object(json_records, "_LARGE", sys.maxsize):
        reason = refused(*pieces)

    with mock.patch.object(json_records, "_decode", wraps=json_records._decode) as decode:
        assert refused(*pieces) == reason
    assert decode.call_count <= 3


def test_a_large_record_may_be_nested_deeply() -> None:
    """Deeper than it can be taken apart."""
    page = ("[" * 600 + "0, " * 200_000 + "0" + "]" * 600).encode()

    with mock.patch.object(json_records, "_decode", wraps=json_records._decode) as decode:
        assert parsed(*in_pieces(page, STEP)) == json.loads(page)
    assert decode.call_count == 2
