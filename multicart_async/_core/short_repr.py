"""The received value for an error message: its `repr`, cut to 80 characters, without secrets."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from itertools import islice
from types import NoneType
from typing import Any, Final, cast

from multicart_async._core.redaction import Redacted
from multicart_async._core.unset import UNSET

__all__ = ["short_repr"]

MAX_LENGTH: Final = 80
_MAX_ITEMS: Final = 10  # of a collection
_MAX_DEPTH: Final = 2
_MAX_BITS: Final = 256  # of an integer: 78 digits; Python does not format very long integers

_PLAIN: Final = frozenset(
    {
        *(bool, float, complex, NoneType, type, type(UNSET), Redacted),
        *(dt.date, dt.time, dt.datetime, dt.timedelta),
    }
)
_BRACKETS: Final[Mapping[type, str]] = {list: "[]", tuple: "()", set: "{}", frozenset: "{}", dict: "{}"}


def short_repr(value: object) -> str:
    """Return the `repr` of *value*, at most 80 characters of it.

    Long values are cut before they are formatted. An object whose class is not a builtin is represented by its type
    alone: its `repr` may be long, fail, or show a secret.
    """
    text = _write(value, _MAX_DEPTH)
    return text if len(text) <= MAX_LENGTH else f"{text[: MAX_LENGTH - 1]}…"


def _write(value: Any, depth: int) -> str:
    kind = cast("type[object]", type(value))
    if kind in {str, bytes, bytearray}:
        return repr(value[:MAX_LENGTH])
    if kind is int:
        return repr(value) if value.bit_length() <= _MAX_BITS else f"an integer of {value.bit_length()} bits"
    if kind in _BRACKETS:
        return _write_collection(value, kind, depth) if depth else f"a {kind.__name__} of {len(value)}"
    return repr(value) if kind in _PLAIN else f"an object of type {kind.__name__}"


def _write_collection(value: Any, kind: type[object], depth: int) -> str:
    brackets = _BRACKETS[kind]
    parts = [_write(part, depth - 1) for part in islice(value, _MAX_ITEMS)]
    if kind is dict:
        values = islice(value.values(), _MAX_ITEMS)
        parts = [f"{name}: {_write(part, depth - 1)}" for name, part in zip(parts, values, strict=True)]
    if len(value) > _MAX_ITEMS:
        parts.append("…")
    end = "," if kind is tuple and len(parts) == 1 else ""
    return brackets[0] + ", ".join(parts) + end + brackets[1]
