"""Make untrusted text safe to display and to keep: escaped for a terminal and bounded in length. No I/O.

Redact before cutting: a credential that was cut in two is not found.
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
"""Maximum characters of an error message or of a line of a report."""
MAX_DETAIL: Final = 4096
"""Maximum bytes in UTF-8 that an error keeps of a response."""

_MARK: Final = "…"
_ESCAPED: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_WHITESPACE: Final = re.compile(r"[ \t\n\v\f\r]+")
_TAIL: Final = 0.4  # share of the limit, because messages end with the advice
_MARK_BYTES: Final = len(_MARK.encode())

_encoder = json.JSONEncoder(ensure_ascii=False, default=repr)


def printable(text: str, limit: int | None = None) -> str:
    r"""Return *text* escaped for a terminal, at most *limit* characters of it.

    Control and format characters, lone surrogates, and line and paragraph separators (Cc, Cf, Cs, Zl, Zp) are escaped
    as in a Python string: ``\x1b``, ``\u202e``. Everything else is unchanged, including backslashes, so the result is
    for reading, not for decoding. The middle of a longer string is left out.
    """
    if limit is not None:
        text = shorten(text, limit)  # before the complete string is processed
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
    """Return the longest prefix of the non-empty *parts* that has at most *limit* characters together."""
    taken = list(zip(parts, range(limit), strict=False))
    lengths = accumulate(len(part) for part, _ in taken)
    return [part for (part, _), length in zip(taken, lengths, strict=True) if length <= limit]


def shorten(text: str, limit: int = MAX_TEXT) -> str:
    """Return *text* without its middle if it has more than *limit* characters; nothing is escaped."""
    if len(text) <= limit:
        return text
    tail = int(limit * _TAIL)
    return f"{text[: limit - tail - len(_MARK)]}{_MARK}{text[-tail:]}"


def as_line(text: str) -> str:
    """Return *text*, `printable`, as one line of at most `MAX_TEXT` characters; ASCII whitespace becomes one space."""
    return printable(_WHITESPACE.sub(" ", text).strip(" "), MAX_TEXT)


def as_lines(texts: Iterable[str]) -> tuple[str, ...]:
    """Return each of *texts* as converted by `as_line`."""
    return tuple(map(as_line, texts))


def bounded_detail(detail: object, limit: int = MAX_DETAIL) -> object:
    """Return *detail*, a value from JSON, unchanged if it is small.

    Otherwise return the first *limit* bytes of the string, or of the JSON text of any other value.
    """
    text, complete = (detail, True) if isinstance(detail, str) else _beginning_of_json(detail, limit)
    sizes = accumulate(len(letter.encode("utf-8", "surrogatepass")) for letter in text[: limit + 1])
    ends = [size for size in sizes if size <= limit]
    if complete and len(ends) == len(text):
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
    except (RecursionError, TypeError, ValueError):  # nested too deeply, or not JSON
        return text, False
    return text, True
