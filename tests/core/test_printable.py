"""Text of others: escaped for a terminal, cut to a bound."""

from __future__ import annotations

import json
import tracemalloc
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from multicart_async._core.text import MAX_DETAIL, MAX_TEXT, as_line, as_lines, bounded_detail, printable, shorten

ESCAPED = {"Cc", "Cf", "Cs", "Zl", "Zp"}
SHOWN = {
    "\x1b]52;c;aGk=\x07": r"\x1b]52;c;aGk=\x07",
    "a\r\nb\tc": r"a\r\nb\tc",
    "\x9b31m\x7f\x85": r"\x9b31m\x7f\x85",
    "\u202egpj.exe\u2066": r"\u202egpj.exe\u2066",
    "\u2028\u2029": r"\u2028\u2029",
    "\ud800x\udfff": r"\ud800x\udfff",
    "\U000e0001\U000e0041": r"\U000e0001\U000e0041",
    "\u200b\ufeff\xad": r"\u200b\ufeff\xad",
    "\U0001f469\u200d\U0001f680": "\U0001f469\\u200d\U0001f680",
    "é 日本 नमस्ते שלום \U0001f426 \xa0\u3000": "é 日本 नमस्ते שלום \U0001f426 \xa0\u3000",
    r"C:\x1b": r"C:\x1b",
}


@pytest.mark.parametrize(("text", "shown"), SHOWN.items(), ids=map(ascii, SHOWN))
def test_what_a_terminal_would_act_upon_is_escaped(text: str, shown: str) -> None:
    """Control and format characters, lone surrogates and separators are escaped; all others, backslashes too, stay."""
    assert printable(text) == shown


def test_every_character_is_escaped_by_its_category() -> None:
    """Each character of Unicode is escaped or kept according to its category."""
    wrong = [
        number
        for number in range(0x110000)
        if (printable(chr(number)) == chr(number)) == (unicodedata.category(chr(number)) in ESCAPED)
    ]

    assert wrong == []


@given(st.text(st.characters(exclude_categories=[])), st.integers(20, 200))
def test_what_is_long_loses_its_middle(text: str, limit: int) -> None:
    """The escaped text has no more characters than the limit, and keeps both ends."""
    whole, shown = printable(text), printable(text, limit)

    assert len(shown) <= limit
    assert shown == whole or "…" in shown
    head, _, tail = shown.rpartition("…") if shown != whole else (shown, "", "")
    assert whole.startswith(head.partition("…")[0])
    assert whole.endswith(tail)


def test_no_escape_is_cut_in_two() -> None:
    """An escape is kept or left out as a whole, because half of one would be misread."""
    shown = printable("\U000e0001" * 400, MAX_TEXT)

    assert set(shown.replace("…", "").split("\\")) == {"", "U000e0001"}


def test_a_short_text_stays_as_it_is() -> None:
    """A text of exactly the limit is not cut."""
    assert shorten("x" * 500) == "x" * 500
    assert shorten("x" * 300 + "y" * 201) == "x" * 299 + "…" + "y" * 200
    assert shorten("\x1b") == "\x1b"


def test_a_line_has_no_line_breaks() -> None:
    """ASCII whitespace becomes a blank, and other line breaks are escaped."""
    assert as_line(" a\r\n\tb  c\v\f") == "a b c"
    assert as_lines(["a\u2028b", "\x1c"]) == (r"a\u2028b", r"\x1c")


NESTED: list[Any] = []
for _ in range(5000):
    NESTED = [NESTED]

SMALL: list[Any] = [None, "", "no", {"a": ["b", 1.5, None]}, "x" * MAX_DETAIL, ["x" * (MAX_DETAIL - 4)], float("nan")]
LARGE: list[Any] = [
    "x" * (MAX_DETAIL + 1),
    "日本" * MAX_DETAIL,
    "\ud800" * MAX_DETAIL,
    "\U0001f426" * MAX_DETAIL,
    ["x" * (MAX_DETAIL - 3)],
    {"a": {"b": ["x"] * 5_000}},
    {"日" * 2_000: 1},
    [0] * 1_000_000,
    NESTED,
]


@pytest.mark.parametrize("detail", SMALL, ids=range(len(SMALL)))
def test_a_small_detail_is_kept_as_it_is(detail: Any) -> None:
    """A detail of at most 4 KiB, as a string or as JSON text, is kept."""
    assert bounded_detail(detail) is detail


@pytest.mark.parametrize("detail", LARGE, ids=range(len(LARGE)))
def test_a_large_detail_becomes_its_beginning(detail: Any) -> None:
    """At most 4 KiB in UTF-8 of the string or JSON text are kept, with a mark."""
    kept = bounded_detail(detail)

    assert isinstance(kept, str)
    assert len(kept.encode("utf-8", "surrogatepass")) <= MAX_DETAIL
    assert kept.endswith("…")
    if detail is not NESTED:
        whole = detail if isinstance(detail, str) else json.dumps(detail, ensure_ascii=False)
        assert whole.startswith(kept[:-1])


def test_what_is_no_json_is_cut_too() -> None:
    """A value without a JSON text is cut too."""
    itself: list[Any] = []
    itself.append(itself)

    assert bounded_detail(itself) == "[…"


def test_a_large_structure_is_not_written_whole() -> None:
    """Cutting a million values costs no more than cutting a thousand."""
    detail = {"rows": [1] * 1_000_000}
    tracemalloc.start()
    try:
        bounded_detail(detail)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 1_000_000
