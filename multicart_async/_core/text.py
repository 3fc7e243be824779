"""Untrusted text, made safe to show and to keep: escaped for a terminal and cut to a bound. No I/O.

Redact before cutting: a credential that is cut in two is not found.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable
from itertools import accumulate
from typing import Final

__all__ = ["MAX_DETAIL", "MAX_TEXT", "as_line", "as_lines", "bounded_detail", "printable", "shorten"]

MAX_TEXT: Final = 500
"""Characters of the text of an error or of a line of a report."""
MAX_DETAIL: Final = 4096
"""Bytes in UTF-8 of what an error keeps of a response."""

_MARK: Final = "…"
_ESCAPED: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_WHITESPACE: Final = re.compile(r"[ \t\n\v\f\r]+")
_TAIL: Final = 0.4  # of the limit: advice stands at the end of a text
_MARK_BYTES: Final = len(_MARK.encode())

_encoder = json.JSONEncoder(ensure_ascii=False, default=repr)


def printable(text: str, limit: int | None = None) -> str:
    r"""Return *text* escaped for a terminal, at most *limit* characters of it.

    Control and format characters, lone surrogates, and separators of lines and paragraphs (Cc, Cf, Cs, Zl, Zp) are
    escaped as in a string of Python: ``\x1b``, ``\u202e``. Everything else stays, a backslash too, so the result is
    for reading, not for decoding. Text that is too long loses its middle.
    """
    if limit is not None:
        text = shorten(text, limit)  # before anything is made of all of it
    if text.isprintable():
        return text
    parts = [_escape(letter) for letter in text]
    if limit is not None and sum(map(len, parts)) > limit:
        tail = int(limit * _TAIL)
        end = _that_fit(reversed(parts), tail)[::-1]
        parts = [*_that_fit(parts, limit - tail - len(_MARK)), _MARK, *end]
    return "".join(parts)


def _escape(letter: str) -> str:
    if unicodedata.category(letter) not in _ESCAPED:
        return letter
    return letter.encode("unicode_escape").decode()


def _that_fit(parts: Iterable[str], limit: int) -> list[str]:
    """Return as many of *parts*, which are not empty, as have *limit* characters together."""
    taken = list(zip(parts, range(limit), strict=False))
    lengths = accumulate(len(part) for part, _ in taken)
    return [part for (part, _), length in zip(taken, lengths, strict=True) if length <= limit]


def shorten(text: str, limit: int = MAX_TEXT) -> str:
    """Return *text*, without its middle where it has more than *limit* characters; nothing is escaped."""
    if len(text) <= limit:
        return text
    tail = int(limit * _TAIL)
    return f"{text[: limit - tail - len(_MARK)]}{_MARK}{text[-tail:]}"


def as_line(text: str) -> str:
    """Return *text* as one line of at most `MAX_TEXT` characters, `printable`; a run of ASCII whitespace is one blank."""
    return printable(_WHITESPACE.sub(" ", text).strip(" "), MAX_TEXT)


def as_lines(texts: Iterable[str]) -> tuple[str, ...]:
    """Return each of *texts* `as_line`."""
    return tuple(map(as_line, texts))


def bounded_detail(detail: object, limit: int = MAX_DETAIL) -> object:
    """Return *detail*, a value from JSON, as it is if it is small.

    Else return the beginning of it: of a string, or of the JSON text of another value, *limit* bytes.
    """
    text, whole = (detail, True) if isinstance(detail, str) else _beginning_of_json(detail, limit)
    sizes = accumulate(len(letter.encode("utf-8", "surrogatepass")) for letter in text[: limit + 1])
    ends = [size for size in sizes if size <= limit]
    if whole and len(ends) == len(text):
        return detail
    return text[: sum(size <= limit - _MARK_BYTES for size in ends)] + _MARK


def _beginning_of_json(value: object, limit: int) -> tuple[str, bool]:
    """Return the JSON text of *value*, as far as it is needed, and whether that is all of it."""
    text = ""
    try:
        for part in _encoder.iterencode(value):
            text += part[: limit + 1]
            if len(text) > limit:
                return text, False
    except (RecursionError, TypeError, ValueError):  # nested too deeply, or no JSON
        return text, False
    return text, True
