"""Large JSON in small steps: the same values, the same refusals, and pauses on the way."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from typing import Any
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from multicart_async._http import incremental_json
from multicart_async._http.incremental_json import STRICT, estimate_memory, parse_incrementally
from multicart_async._http.json_values import ValueEnd

RAW_DECODE = STRICT.raw_decode
LOOKS = incremental_json._LOOKS
FIND = ValueEnd.find
ROWS = [{"id": number, "name": f'a "row", }},{{ of {number}', "parts": [{}, {"n": None}]} for number in range(400)]


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small text shows what a large one would."""
    monkeypatch.setattr(incremental_json, "_STEP", 64)
    monkeypatch.setattr(incremental_json, "_LOOKS", (16, incremental_json._STEP))
    monkeypatch.setattr(incremental_json, "_FEW", 8)


def parsed(text: str) -> tuple[Any, int]:
    """The value, and how many pauses there were."""
    steps, pauses = parse_incrementally(text), 0
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value, pauses
        pauses += 1


def outcome(parse: Callable[[str], Any], text: str) -> object:
    """The value, or that there is none."""
    try:
        return parse(text)
    except ValueError:
        return ValueError


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=8) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=60,
)


@given(JSON, st.sampled_from([None, 0, 2, "\t"]), st.sampled_from([(",", ":"), (", ", ": "), (" ,\n", " :\r\n")]))
def test_the_value_is_the_same(value, indent, separators) -> None:
    """Whatever the value, and however it is laid out."""
    text = json.dumps(value, indent=indent, separators=separators)

    assert value == parsed(text)[0]


# rows of all sizes, with what looks like the end of one in them: some are cut several at a time, some are not
ROW = st.dictionaries(
    st.sampled_from(["a", "}, {", "c"]), st.text('}{], "\\x', max_size=90) | st.just([{}, {}]), max_size=3
)
ROWS_AND_OTHERS = st.lists(ROW | st.just({}) | st.lists(st.just([1]), max_size=3), max_size=60)


@given(
    st.dictionaries(st.text(max_size=2), ROWS_AND_OTHERS | st.integers(), max_size=12),
    st.sampled_from([None, 1]),
    st.sampled_from([(",", ":"), (" , ", ": ")]),
)
def test_long_arrays_have_the_same_value(value, indent, separators) -> None:
    """Whether their items can be cut by looking, or not, or only some of them."""
    text = json.dumps(value, indent=indent, separators=separators)

    assert json.loads(text) == parsed(text)[0]


# members with what looks like another member in them: some are cut several at a time, some are not
MEMBERS = st.lists(
    st.tuples(
        st.text('ab", :{}\\', max_size=4),
        st.integers()
        | st.text('ab", :{}\\', max_size=90)
        | st.sampled_from(
            ['", "a": 1', ', "a": 1', {"a": 1, "b": 2}, ["a", "b"], {"a": {"b": "c", "d": {}}, "e": 1}, {}]
        ),
    ),
    max_size=60,
)


@given(MEMBERS, st.sampled_from(["{%s}", '{"data": {%s}}', "[1, {%s}, 2]"]), st.sampled_from([",", " ,\n"]))
def test_long_objects_have_the_same_value(members, around, comma) -> None:
    """Whether their members can be cut by looking, or not; names may be repeated."""
    text = around % comma.join(f"{json.dumps(name)}: {json.dumps(value)}" for name, value in members)

    assert json.dumps(parsed(text)[0]) == json.dumps(json.loads(text))  # with the same order


@pytest.mark.parametrize("wrong", ["nope", "NaN", "[1", "{]", '"', "1 2", "1}, {2", "1}}", "1,, 2", '1, "b"'])
def test_a_wrong_member_is_named_by_its_place(wrong) -> None:
    """Members before it may have been read several at a time."""
    text = "{" + ", ".join(f'"{number}": {number if number != 150 else wrong}' for number in range(300)) + "}"
    with pytest.raises(ValueError, match=r".") as expected:
        STRICT.decode(text)
    with pytest.raises(ValueError, match=r".") as raised:
        parsed(text)

    assert getattr(raised.value, "pos", None) == getattr(expected.value, "pos", None)


@given(JSON, st.integers(0, 200), st.sampled_from(["", ",", "}", "]", "{", '"', "NaN", "x"]))
def test_what_is_refused_is_the_same(value, at, instead) -> None:
    """A damaged text is rejected, or decoded to the same value, as by the decoder itself."""
    text = json.dumps(value)
    text = text[:at] + instead + text[at + 1 :]

    assert outcome(STRICT.decode, text) == outcome(lambda text: parsed(text)[0], text)


@pytest.mark.parametrize(
    "text", ["", " ", "[", "[]", "[1]", "7", "{}", '{"a": []}', '{"a": [ ] , "b": {} }', '{"a"', '{"a": 1']
)
def test_small_things_are_what_they_are(text) -> None:
    """Empty ones, and what is no object."""
    assert outcome(STRICT.decode, text) == outcome(lambda text: parsed(text)[0], text)


def test_simple_rows_are_taken_several_at_a_time() -> None:
    """With a pause after each few of them."""
    rows = [{"id": number} for number in range(400)]

    assert ({"data": rows, "status": 1}, True) == (
        (found := parsed(json.dumps({"data": rows, "status": 1})))[0],
        found[1] > 50,
    )


@pytest.mark.parametrize("value", [7, "text", ["a", "b"]], ids=["numbers", "strings", "arrays"])
def test_simple_members_are_taken_several_at_a_time(value) -> None:
    """A record may be one object with a million members."""
    text = json.dumps({str(number): value for number in range(400)})

    with mock.patch.object(STRICT, "raw_decode", side_effect=RAW_DECODE) as decode:
        found, pauses = parsed(text)

    assert found == json.loads(text)
    assert decode.call_count <= len(text) // 20
    assert pauses >= len(text) // 128


def test_rows_with_misleading_cuts_are_parsed_one_by_one() -> None:
    """Strings and inner arrays that look like the end of a row are parsed correctly, and with pauses."""
    value, pauses = parsed(json.dumps({"data": ROWS}))

    assert value == {"data": ROWS}
    assert pauses > 2


@pytest.mark.parametrize("names", [range(400), [0] * 400], ids=["different", "the same"])
def test_there_are_pauses_between_many_members(names) -> None:
    """An object may be as long as an array, and have one name again and again."""
    text = "{" + ",".join(f'"{name}": {number}' for number, name in enumerate(names)) + "}"

    value, pauses = parsed(text)

    assert json.loads(text) == value
    assert pauses >= 49


def test_there_are_pauses_between_long_items() -> None:
    """They are not counted alone: each of these is as long as a step."""
    rows = [["x" * 100]] * 20

    assert ({"data": rows}, True) == ((found := parsed(json.dumps({"data": rows})))[0], found[1] >= 19)


def test_rows_after_a_long_one_are_parsed_several_at_a_time() -> None:
    """After a row in which no cut was found, cuts are searched for again later."""
    rows = [{"id": number} for number in range(400)]
    rows[20]["text"] = "x" * 1000

    with mock.patch.object(STRICT, "raw_decode", side_effect=RAW_DECODE) as decode:
        value, _ = parsed(json.dumps({"data": rows}))

    assert value == {"data": rows}
    assert decode.call_count < 150


@pytest.mark.parametrize(
    "value",
    [
        {"data": {str(number): number for number in range(400)}},
        {"data": [{str(number): number for number in range(400)}]},
        {"a": {"b": {"c": [{str(number): {} for number in range(400)}]}}},
        {str(number): {str(inner): {"x": [[], {}]} for inner in range(7)} for number in range(30)},
        [[[[number]] for number in range(300)]],
        [{"a": [{}, {}], **{str(number): None for number in range(300)}}],
    ],
    ids=["members", "of an item", "deep", "many small ones", "arrays", "behind what looks like a cut"],
)
def test_nothing_long_is_decoded_at_once(value) -> None:
    """For any nesting, no call of the decoder gets more than two steps of text, and pauses are regular."""
    lengths: list[int] = []

    def decode(text: str, idx: int) -> tuple[Any, int]:
        found, end = RAW_DECODE(text, idx)
        lengths.append(end - idx)
        return found, end

    with mock.patch.object(STRICT, "raw_decode", side_effect=decode):
        found, pauses = parsed(text := json.dumps(value))

    assert found == value
    assert max(lengths) <= 2 * 64
    assert pauses >= len(text) // (64 * 8)


def test_no_text_is_looked_at_many_times(monkeypatch: pytest.MonkeyPatch) -> None:
    """A row of some kilobytes is short; that it is takes no look at all that follows."""
    monkeypatch.setattr(incremental_json, "_STEP", LOOKS[-1])
    monkeypatch.setattr(incremental_json, "_LOOKS", LOOKS)
    text = json.dumps({"rows": {f"row {number}": {"a": "x" * 5000} for number in range(100)}})
    looked = 0

    def decode(part: str, idx: int) -> tuple[Any, int]:
        nonlocal looked
        looked += 0 if part is text else len(part) - idx
        return RAW_DECODE(part, idx)

    def find(end: ValueEnd, piece: bytes) -> int:
        nonlocal looked
        looked += len(piece)
        return FIND(end, piece)

    with mock.patch.object(STRICT, "raw_decode", side_effect=decode), mock.patch.object(ValueEnd, "find", find):
        assert parsed(text)[0] == json.loads(text)

    assert looked <= 4 * len(text)


@pytest.mark.parametrize("text", ["{%s}", "[%s]", '{"a": [%s], "b": {%s}}'])
def test_what_is_empty_may_be_long(text) -> None:
    """An empty container may be long because of its whitespace."""
    text = text.replace("%s", " \n" * 100)

    assert parsed(text)[0] == json.loads(text)


@pytest.mark.parametrize(
    "text", ['{"a": [], 5: "%s"}', '{"a": "%s" "b"}', '{"a": "%s"]', '["%s" 5]', '["%s"} ', '{"a": "%s"} x']
)
def test_what_is_long_and_no_json_is_refused(text) -> None:
    """A long text is rejected wherever it stops being JSON."""
    with pytest.raises(ValueError, match=r"."):
        parsed(text.replace("%s", "x" * 100))


@pytest.mark.parametrize("text", ['{"a":' * 100_000, "[" * 100_000, '{"a":' * 5_000 + "1" + "}" * 5_000])
def test_what_is_nested_too_deeply_is_refused(text) -> None:
    """As the decoder refuses it."""
    with pytest.raises((RecursionError, ValueError)):
        parsed(text)


def test_there_are_pauses_on_the_way_into_depth() -> None:
    """A look at each of a thousand long arrays, one in the other, takes as long as reading them."""
    steps, pauses = parse_incrementally("[" * 100_000), 0
    with pytest.raises((RecursionError, ValueError)):
        for _ in steps:
            pauses += 1

    assert pauses > 50


@pytest.mark.parametrize("payload", [b'[{"a":[]},"b"]' * 3_000, b"x" * 40_000])
def test_the_memory_of_objects_is_estimated_by_their_signs(payload: bytes) -> None:
    """32 bytes for each bracket, comma and quotation mark, with a pause after each step."""
    steps, pauses, memory = estimate_memory(payload), 0, -1
    while memory < 0:
        try:
            next(steps)
        except StopIteration as end:
            memory = end.value
        pauses += 1

    assert memory == (32 * 11 * 3_000 if payload.startswith(b"[") else 0)
    assert pauses > 10


class Searches:
    """A pattern that adds up how much it was given to look at."""

    def __init__(self, pattern: re.Pattern[str]) -> None:
        self._pattern = pattern
        self.characters = 0

    def search(self, text: str, start: int, end: int = sys.maxsize) -> re.Match[str] | None:
        self.characters += max(0, min(end, len(text)) - start)
        return self._pattern.search(text, start, end)


@pytest.mark.parametrize(
    "value",
    [
        {str(number): [number] for number in range(2000)},
        {str(number): [[1]] * 60 for number in range(100)},
        {"a": [[1]] * 5000},
    ],
    ids=["short arrays", "arrays", "a long array"],
)
def test_looking_for_cuts_does_not_take_longer_than_the_text(value, monkeypatch) -> None:
    """Where there is none to find, not all that comes behind is looked through for each array."""
    pattern = Searches(incremental_json._BETWEEN)
    monkeypatch.setattr(incremental_json, "_BETWEEN", pattern)
    text = json.dumps(value)

    assert value == parsed(text)[0]
    assert pattern.characters < len(text)


def test_a_name_that_comes_twice_has_its_last_value() -> None:
    """As everywhere."""
    assert parsed('{"a": [1], "a": [2]}') == ({"a": [2]}, 0)
