"""Arguments that cannot be right are refused before anything is sent, and named."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from multicart_async._core.unset import UNSET
from multicart_async._core.validation import (
    MAX_ITEMS,
    check_bool,
    check_choice,
    check_collection_size,
    check_extra_fields,
    check_file_path,
    check_id,
    check_ids,
    check_int,
    check_iterable,
    check_postcode,
    check_single_line,
    check_str,
    normalize_item,
    normalize_items,
)
from multicart_async.errors import ArgumentError

Word = Literal["High", "Low"]


def refused(call: Callable[..., object], *args: object, **options: object) -> ArgumentError:
    """The error that a call of a check is worth; the argument is called ``this``."""
    with pytest.raises(ArgumentError, match=r"\Athis: ") as caught:
        call("this", *args, **options)
    assert caught.value.argument == "this"
    return caught.value


@pytest.mark.parametrize("value", [0, -1, 2**53 + 1, True, 1.0, "1", None, UNSET], ids=repr)
def test_an_id_is_a_whole_number_above_0(value: object) -> None:
    """A text of digits is mostly an ASIN or a name in the wrong place."""
    assert check_id("this", 7) == 7
    assert repr(value) in str(refused(check_id, value))


def test_ids_are_taken_once_each_in_order() -> None:
    """From any iterable."""
    assert check_ids("this", iter([3, 1, 3, 2, 1])) == (3, 1, 2)
    assert check_ids("this", []) == ()


@pytest.mark.parametrize("values", ["123", b"123", [1, "2"], [0], 5, None], ids=repr)
def test_ids_are_ids(values: object) -> None:
    """A text is no list of ids, though bytes would even iterate as numbers."""
    refused(check_ids, values)


@pytest.mark.parametrize("value", [-1, True, 1.0, "1", None], ids=repr)
def test_a_count_is_a_whole_number(value: object) -> None:
    """Zero is one."""
    assert check_int("this", 0) == 0
    refused(check_int, value)


@pytest.mark.parametrize("value", [0, MAX_ITEMS + 1, True, 1.0, "1", None], ids=repr)
def test_a_size_is_what_a_collection_can_hold(value: object) -> None:
    """From one item to as many as it takes."""
    assert (check_collection_size("this", 1), check_collection_size("this", MAX_ITEMS)) == (1, MAX_ITEMS)
    assert str(value) in str(refused(check_collection_size, value))


def test_a_count_has_a_least_value() -> None:
    """``limit=0`` would be an endless list of empty pages."""
    assert check_int("this", 1, minimum=1) == 1
    assert "1 or more, got 0" in str(refused(check_int, 0, minimum=1))


@pytest.mark.parametrize("value", ["", " \t", 5, None, b"x", True, "half \ud800"], ids=repr)
def test_a_text_has_something_in_it(value: object) -> None:
    """Not given is fine."""
    check_str("this", UNSET)
    check_str("this", "x")
    refused(check_str, value)


@pytest.mark.parametrize("value", [0, 1, "true", None], ids=repr)
def test_a_flag_is_true_or_false(value: object) -> None:
    """Not given is fine; 0 and 1 are not, the service might take them for something else."""
    for good in (UNSET, True, False):
        check_bool("this", good)
    refused(check_bool, value)


@pytest.mark.parametrize("value", ["high", "", None, 5, ["High"]], ids=repr)
def test_a_choice_is_one_of_the_words(value: object) -> None:
    """In their spelling; the error tells all of them."""
    for good in (UNSET, "High", "Low"):
        check_choice("this", good, Word)
    assert "'High', 'Low'" in str(refused(check_choice, value, Word))


def test_an_item_is_trimmed() -> None:
    """Blanks around it come from files and spreadsheets."""
    assert normalize_item("this", " B0DJQQ38TG\r\n") == "B0DJQQ38TG"


@pytest.mark.parametrize(
    "value", ["", "  ", "B0 1", "B0,B1", "B0\tB1", "B0\u2003B1", "B\udc00", 5, None, b"B0"], ids=repr
)
def test_an_item_has_no_blank_and_no_comma_inside(value: object) -> None:
    """Many items are sent as one text with commas between them: one with a comma would be two."""
    assert "expected a non-empty string without whitespace or commas" in str(refused(normalize_item, value))


@pytest.mark.parametrize("value", ["3.06E+09", " 1e+12"], ids=repr)
def test_an_item_is_no_number_that_a_spreadsheet_made_of_it(value: str) -> None:
    """Its digits are lost; a SKU with a hyphen is none."""
    assert "a string with all its digits" in str(refused(normalize_item, value))
    assert normalize_item("this", "12E-34") == "12E-34"


def test_items_are_trimmed_and_taken_once_each_in_order() -> None:
    """From any iterable."""
    assert normalize_items("this", iter([" b", "a", "b ", "a"])) == ["b", "a"]


@pytest.mark.parametrize("values", ["B0DJQQ38TG", b"B0", [], iter(()), 5, None], ids=type)
def test_items_are_many(values: object) -> None:
    """A single text would be taken letter by letter; nothing at all is a mistake too."""
    refused(normalize_items, values)


def test_a_collection_holds_no_more_than_5000_items() -> None:
    """Repetitions do not count."""
    full = [f"B{number}" for number in range(MAX_ITEMS)]

    assert full == normalize_items("this", full + full)
    refused(normalize_items, [*full, "B-1"])


def test_items_without_end_are_refused_early() -> None:
    """Nobody waits for the end of an endless source."""

    def endless() -> Iterator[str]:
        number = 0
        while True:
            number += 1
            yield f"B{number}"

    refused(normalize_items, endless())


@given(st.lists(st.text(max_size=8), min_size=1, max_size=20))
def test_items_come_apart_at_the_commas_again(values: list[str]) -> None:
    """What is accepted, joined with commas, is read by the service as the same items."""
    try:
        found = normalize_items("this", values)
    except ArgumentError:
        return

    assert found == ",".join(found).split(",")
    assert found == [text.strip() for text in found]


@pytest.mark.parametrize(
    "value", ["", " ", " W411", "W411\n", "a\tb", "a\0", "a\x85b", "a\u2028b", 5, None, UNSET], ids=repr
)
def test_a_line_is_one_and_has_no_blanks_around_it(value: object) -> None:
    """Names of the service must match exactly, and cells of a table have no line breaks."""
    refused(check_single_line, value)
    assert check_single_line("this", 'a b,"c"') is None


@pytest.mark.parametrize("value", [4500, 800.0, None, True, "", " 4500", "45\n00", "800.0", "8.00E+02"], ids=repr)
def test_a_postcode_is_a_text(value: object) -> None:
    """The error of a number says what would get lost."""
    refused(check_postcode, value)
    assert check_postcode("this", "0800") is None

    with pytest.raises(ArgumentError, match='this: expected a string with its leading zeros, such as "0800", got 800'):
        check_postcode("this", 800)


def test_further_fields_are_a_mapping_by_name() -> None:
    """They are copied; their values are the caller's affair."""
    given = {"page": 2, "sort": None}

    assert given == check_extra_fields(given, "seo_path")
    assert given is not check_extra_fields(given, "seo_path")
    assert check_extra_fields({}) == {}


@pytest.mark.parametrize("extra", [None, "page", [("page", 2)], {1: 2}, {"seo_path": "x"}], ids=repr)
def test_other_further_fields_are_refused(extra: object) -> None:
    """A name that has an argument of its own would be there twice."""
    with pytest.raises(ArgumentError, match=r"\Aextra: "):
        check_extra_fields(extra, "seo_path")


def test_a_needed_text_must_be_given() -> None:
    """UNSET is "not sent", and what the service needs must be sent."""
    assert check_str("name", UNSET) is None

    with pytest.raises(ArgumentError, match="name"):
        check_str("name", UNSET, required=True)


def test_a_relative_path_becomes_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path, as a string or a Path, becomes an absolute one in the current folder."""
    monkeypatch.chdir(tmp_path)

    assert tmp_path / "a.csv" == check_file_path("this", "a.csv") == check_file_path("this", Path("a.csv"))


@pytest.mark.parametrize("value", [5, None, b"a.csv", "", ".", "/", "a\0b"])
def test_what_is_no_name_of_a_file_is_refused(value: object) -> None:
    """Before anything is opened; bytes are no path here."""
    refused(check_file_path, value)


class Awkward:
    """A value that can be neither written nor compared."""

    def __repr__(self) -> NoReturn:
        raise AssertionError("its string may be of any length")

    def __eq__(self, other: object) -> NoReturn:
        raise AssertionError("as of an array, which compares each of its items")

    __hash__ = None  # type: ignore[assignment]


CHECKS: dict[str, Callable[[str, Any], object]] = {
    "check_id": check_id,
    "ids": check_ids,
    "several": check_iterable,
    "check_int": check_int,
    "check_collection_size": check_collection_size,
    "a_text": check_str,
    "a_line": check_single_line,
    "check_postcode": check_postcode,
    "a_file": check_file_path,
    "check_bool": check_bool,
    "check_choice": lambda argument, value: check_choice(argument, value, Word),
    "items": normalize_items,
    "item": normalize_item,
}
HUGE: dict[str, Any] = {
    "a string": "x y" * 1_000_000,
    "bytes": b"x" * 1_000_000,
    "an integer": -(10**5_000),
    "strings": ["x y" * 1_000_000] * 1_000,
    "a mapping": {"x y" * 1_000_000: ["x"] * 1_000},
    "awkward": Awkward(),
    "awkward ones": [Awkward()],
}


@pytest.mark.parametrize("name", HUGE)
@pytest.mark.parametrize("check", CHECKS)
def test_a_message_shows_the_beginning_of_what_came(check: str, name: str) -> None:
    """At most 80 characters of it, however large it is: ``expected X, got Y``."""
    try:
        CHECKS[check]("this", HUGE[name])
    except ArgumentError as error:
        message, _, shown = str(error).partition(", got ")

        assert message.startswith("this: expected ")
        assert 1 <= len(shown) <= 80
    else:
        assert (check, name) in GOOD_FOR


GOOD_FOR = {
    *((check, "a string") for check in ("a_text", "a_line", "check_postcode", "a_file")),
    *(("several", name) for name in ("strings", "a mapping", "awkward ones")),
}


def test_the_wording_is_that_of_all_messages() -> None:
    """What is expected, and what came."""
    with pytest.raises(ArgumentError) as caught:
        check_id("collection_id", "x")

    assert str(caught.value) == "collection_id: expected a positive integer, got 'x'"
