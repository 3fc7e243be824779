"""Is that an argument that can be right? Asked before anything is sent; each answer names the argument."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, get_args

from multicart_async._unset import UNSET
from multicart_async.errors import ArgumentError

__all__ = ["MOST_ITEMS", "a_choice", "a_count", "a_flag", "a_size", "a_text", "an_id", "ids", "item", "items"]

MOST_ITEMS = 5_000  # in a collection, and in a CSV
_BLANK_OR_COMMA = re.compile(r"[\s,]")
_HALF = re.compile(r"[\ud800-\udfff]")  # half of a character: UTF-8 has no bytes for it


def an_id(argument: str, value: object) -> int:
    """*value*, if it is a row id of the service."""
    if type(value) is not int or value < 1:
        raise ArgumentError(argument, f"wants an id, a whole number above 0, not {value!r}")
    return value


def ids(argument: str, values: Iterable[int]) -> tuple[int, ...]:
    """*values* without repetitions, if they are row ids."""
    if isinstance(values, str | bytes) or not hasattr(values, "__iter__"):
        raise ArgumentError(argument, f"wants several ids, not {type(values).__name__}")
    return tuple(dict.fromkeys(an_id(argument, value) for value in values))


def a_count(argument: str, value: object, *, least: int = 0) -> int:
    """*value*, if it is a whole number."""
    if type(value) is not int or value < least:
        raise ArgumentError(argument, f"wants a whole number, {least} or more, not {value!r}")
    return value


def a_size(argument: str, value: object) -> int:
    """*value*, if a collection can hold that many items, and not none."""
    size = a_count(argument, value, least=1)
    if size > MOST_ITEMS:
        raise ArgumentError(argument, f"a collection holds at most {MOST_ITEMS} items, not {size}")
    return size


def a_text(argument: str, value: object, *, needed: bool = False) -> None:
    """Raises unless *value* is a text with something in it that can be sent, or, if not *needed*, not given."""
    if value is UNSET and not needed:
        return
    if not isinstance(value, str) or not value.strip() or _HALF.search(value):
        raise ArgumentError(argument, f"wants a text that is not empty, not {value!r}")


def a_flag(argument: str, value: object) -> None:
    """Raises unless *value* is not given, true or false."""
    if value is not UNSET and not isinstance(value, bool):
        raise ArgumentError(argument, f"wants True or False, not {value!r}")


def a_choice(argument: str, value: object, vocabulary: Any) -> None:
    """Raises unless *value* is not given, or one of the words of the Literal *vocabulary*."""
    words = get_args(vocabulary)
    if value is not UNSET and value not in words:
        raise ArgumentError(argument, f"wants one of {', '.join(map(repr, words))}, not {value!r}")


def items(argument: str, values: Iterable[str], *, most: int | None = MOST_ITEMS) -> list[str]:
    """ASINs or SKUs, trimmed and without repetitions, as many as a collection can hold, or any number."""
    if isinstance(values, str | bytes) or not hasattr(values, "__iter__"):
        raise ArgumentError(argument, f"wants many items, not one {type(values).__name__}; put it into a list")
    found: dict[str, None] = {}
    for value in values:
        found[item(argument, value)] = None
        if most is not None and len(found) > most:
            raise ArgumentError(argument, f"more than {most} items; a collection holds no more")
    if not found:
        raise ArgumentError(argument, "holds no item")
    return list(found)


def item(argument: str, value: object) -> str:
    """An ASIN or SKU, trimmed: the service takes many of them as one text with commas."""
    text = value.strip() if isinstance(value, str) else ""
    if not text or _BLANK_OR_COMMA.search(text) or _HALF.search(text):
        raise ArgumentError(argument, f"{value!r} is no item: wants a text without blanks and commas")
    return text
