"""Pages of JSON for property tests: texts of all forms, damaged in random places, cut into random pieces."""

from __future__ import annotations

import json
import os
from itertools import pairwise
from typing import Any

from hypothesis import strategies as st

__all__ = ["EXAMPLES", "cut", "damaged_pages", "loaded", "pages"]

EXAMPLES = os.environ.get("MULTICART_FUZZ_EXAMPLES")

blanks = st.text(" \t\n\r", max_size=2)
_NUMBERS = "0 -0 7 -12 1.5 -0.0 1e5 1E+2 12e-7 1e400 -1e400 0.1 NaN Infinity -Infinity"
_LARGE = "123456789012345678901234567890 -9223372036854775809 18446744073709551616"
numbers = st.sampled_from([*_NUMBERS.split(), *_LARGE.split(), "1." + "3" * 40, "9" * 4301]) | st.integers().map(str)
_PLAIN = ["a", " ", "é", "日", "😀", "\u2028", "\x7f", "[", "}", ",", ":", "1", "/", "\ud83d", "\ude00"]
_ESCAPED = r"\" \\ \/ \n \u0041 \u0000 \ud83d \ude00 \ud83d\ude00 \ud83d\u2026 \uD83Dx"
characters = st.sampled_from([*_PLAIN, *_ESCAPED.split()])
strings = st.lists(characters, max_size=6).map(lambda parts: f'"{"".join(parts)}"')
scalars = st.sampled_from(["null", "true", "false"]) | numbers | strings


@st.composite
def _joined(draw: st.DrawFn, inner: st.SearchStrategy[str], brackets: str, most: int = 3) -> str:
    """An array, or an object, with whitespace wherever it may be."""
    items = draw(st.lists(inner, max_size=most))
    if brackets == "{}":
        items = [draw(strings) + draw(blanks) + ":" + draw(blanks) + item for item in items]
    items = [draw(blanks) + item + draw(blanks) for item in items]
    return brackets[0] + (",".join(items) or draw(blanks)) + brackets[1]


values = st.recursive(scalars, lambda inner: _joined(inner, "[]") | _joined(inner, "{}"), max_leaves=8)


@st.composite
def pages(draw: st.DrawFn) -> bytes:
    """A file that is an array, mostly of objects, or one object."""
    records = _joined(values, "{}")
    page = draw(_joined(records | values, "[]", 5) | records)
    text = draw(st.sampled_from(["", "", "\ufeff"])) + draw(blanks) + page + draw(blanks)
    return text.encode("utf-8", "surrogatepass")


_BYTES = [
    b",",
    b"]",
    b"}",
    b"[",
    b"{",
    b'"',
    b"\\",
    b":",
    b" ",
    b"\n",
    b"\x0c",
    b"\0",
    b"\xff",
    b"\xc3",
    b"\xed\xa0\x80",
]
_BYTES += [b"x", b"1", b"-", b".", b"e", b"NaN", b"null", b"\xef\xbb\xbf", b"\\u12", b"\xc2\xa0", b"//"]


@st.composite
def damaged_pages(draw: st.DrawFn) -> bytes:
    """The same with something taken out of it, put into it, or cut off."""
    page = draw(pages())
    for _ in range(draw(st.integers(1, 2))):
        at = draw(st.integers(0, len(page)))
        page = page[:at] + draw(st.sampled_from([b"", *_BYTES])) + page[at + draw(st.integers(0, 2)) :]
    return page[: draw(st.integers(0, len(page)))] if draw(st.booleans()) else page


def cut(payload: bytes, places: list[int]) -> list[bytes]:
    """Cut *payload* at these places, as far as it has them; or at each byte, without any."""
    places = [0, *sorted(place % (len(payload) + 1) for place in places), len(payload)] if places else []
    return [payload[start:end] for start, end in pairwise(places or range(len(payload) + 1))]


def loaded(payload: bytes) -> list[Any] | None:
    """Return what `json.loads` makes of a page: its elements, or ``None`` if it refuses it or it is no page.

    A file in UTF-16 or UTF-32, which `json.loads` takes too, is no page.
    """
    try:
        value = json.loads(payload.decode("utf-8-sig", "surrogatepass"))
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, list) else [value] if isinstance(value, dict) else None
