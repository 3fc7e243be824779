"""Check arguments before anything is sent; each error names the argument."""

from __future__ import annotations

import functools
import inspect
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast, get_args

from multicart_async._core.exceptions import ArgumentError
from multicart_async._core.short_repr import short_repr
from multicart_async._core.unset import UNSET

__all__ = [
    "MAX_INTEGER",
    "MAX_ITEMS",
    "check_bool",
    "check_choice",
    "check_collection_size",
    "check_extra_fields",
    "check_file_path",
    "check_id",
    "check_ids",
    "check_int",
    "check_iterable",
    "check_listener",
    "check_local_path",
    "check_postcode",
    "check_single_line",
    "check_str",
    "is_decimal",
    "is_rewritten",
    "is_url",
    "is_valid_str",
    "normalize_item",
    "normalize_items",
    "shown_url",
    "wrong_argument",
]

MAX_ITEMS = 5_000  # in a collection, and in a CSV
UNFORMATTED = "a string with all its digits, not in decimal or scientific notation"  # unlike numbers in spreadsheets
MAX_INTEGER = 2**53  # no double holds all integers beyond it, and ids beyond 2**61 could collide in a dict
_WHITESPACE_OR_COMMA = re.compile(r"[\s,]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_URL = re.compile(r"[a-z][a-z0-9+.-]+:/", re.IGNORECASE | re.ASCII)  # the drive of `C:/x` has one letter
_USER = re.compile(r"(:/+)(?:[^/:]*:.*|[^/]*)@", re.DOTALL)  # a password may contain slashes
_DECIMAL = re.compile(r"[+-]?[0-9]+[.,][0-9]*")
_SCIENTIFIC = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]*)?[eE]\+[0-9]+")
LONE_SURROGATE = re.compile(r"[\ud800-\udfff]")  # not encodable in UTF-8


def wrong_argument(argument: str, expected: str, value: object) -> ArgumentError:
    """Return the error for a *value* that is not as *expected*; at most 80 characters of it are shown."""
    return ArgumentError(argument, f"expected {expected}, got {short_repr(value)}")


def check_id(argument: str, value: object) -> int:
    """Return *value* if it can be an id of the service."""
    if type(value) is not int or value < 1:
        raise wrong_argument(argument, "a positive integer", value)
    if value > MAX_INTEGER:
        raise wrong_argument(argument, "a positive integer up to 2**53", value)
    return value


def check_ids(argument: str, values: Iterable[int]) -> tuple[int, ...]:
    """Return *values* without duplicates, if all can be ids of the service."""
    if isinstance(values, str | bytes) or not hasattr(values, "__iter__"):
        raise wrong_argument(argument, "an iterable of ids, such as a list", values)
    return tuple(dict.fromkeys(check_id(argument, value) for value in values))


def check_iterable(argument: str, values: object) -> None:
    """Raise unless *values* can be iterated, by ``for`` or ``async for``, and is not a string."""
    if isinstance(values, str | bytes) or not (hasattr(values, "__iter__") or hasattr(values, "__aiter__")):
        raise wrong_argument(argument, "an iterable such as a list", values)


def check_int(argument: str, value: object, *, minimum: int = 0) -> int:
    """Return *value* if it is an integer of at least *minimum*."""
    if type(value) is not int or value < minimum:
        raise wrong_argument(argument, f"an integer, {minimum} or more", value)
    return value


def check_collection_size(argument: str, value: object) -> int:
    """Return *value* if a collection can hold that many items, and it is at least 1."""
    size = check_int(argument, value, minimum=1)
    if size > MAX_ITEMS:
        raise wrong_argument(argument, f"at most {MAX_ITEMS}, the limit of a collection", size)
    return size


def check_str(argument: str, value: object, *, required: bool = False) -> None:
    """Raise unless *value* is a non-blank string that can be sent, or, if not *required*, unset."""
    if value is UNSET and not required:
        return
    if not is_valid_str(value):
        raise wrong_argument(argument, "a non-empty string that UTF-8 can encode", value)


def is_valid_str(value: object) -> bool:
    """Return whether *value* is a non-blank string that can be sent."""
    return isinstance(value, str) and bool(value.strip()) and not LONE_SURROGATE.search(value)


def check_single_line(argument: str, value: object) -> None:
    """Raise unless *value* is a string of one line without surrounding whitespace, such as a name or a table cell."""
    check_str(argument, value, required=True)
    text = str(value)
    if text != text.strip() or _CONTROL.search(text):
        raise wrong_argument(argument, "one line without surrounding whitespace", value)
    if is_rewritten(text):
        raise wrong_argument(argument, UNFORMATTED, value)


def check_postcode(argument: str, value: object) -> None:
    """Raise unless *value* is a postcode as a string: a number would have lost its leading zeros."""
    if not isinstance(value, str):
        raise wrong_argument(argument, 'a string with its leading zeros, such as "0800"', value)
    check_single_line(argument, value)
    if is_decimal(value):
        raise wrong_argument(argument, UNFORMATTED, value)


def is_rewritten(text: str) -> bool:
    """Return whether a spreadsheet has converted *text* to a large number such as ``8.00E+02``, which loses digits."""
    return _SCIENTIFIC.fullmatch(text) is not None


def is_decimal(text: str) -> bool:
    """Return whether *text* is a number with a decimal point or comma, such as ``800.0``: no valid postcode."""
    return _DECIMAL.fullmatch(text) is not None


def is_url(value: object) -> bool:
    """Return whether *value* is a string that begins with a scheme, such as ``s3://bucket``."""
    return isinstance(value, str) and _URL.match(value) is not None


def shown_url(url: str) -> str:
    """Return the beginning of *url* for a message: a password or a query must not get into a log."""
    return re.split(r"[?#]", _USER.sub(r"\1", url))[0][:80]


def check_local_path(argument: str, value: object) -> None:
    """Raise `ArgumentError` if *value* is a URL, which would name a folder such as ``s3:`` below the current one.

    A `Path` made from a URL, in which ``//`` has become ``/``, counts as one. Values that are not paths are not
    rejected here.
    """
    text: object = os.fspath(cast("os.PathLike[str]", value)) if isinstance(value, str | os.PathLike) else None
    if is_url(text):
        reason = f"expected a path, got the URL {shown_url(cast('str', text))!r}"
        raise ArgumentError(argument, f"{reason}; if a folder has that name, pass its absolute path")


def check_listener(argument: str, value: object) -> None:
    """Raise `ArgumentError` unless *value* is ``None`` or a function whose call runs it.

    Calling a coroutine or generator function runs nothing: its result would have to be awaited or iterated.
    """
    if value is None:
        return
    if not callable(value):
        raise ArgumentError(argument, f"expected a function of one event, got {type(value).__name__}")
    called: Any = value
    while isinstance(called, functools.partial) or inspect.ismethod(called):
        called = called.func if isinstance(called, functools.partial) else called.__func__
    if not hasattr(called, "__code__"):
        called = type(called).__call__
    for kind in (inspect.iscoroutinefunction, inspect.isasyncgenfunction, inspect.isgeneratorfunction):
        if kind(called):
            what = "a generator" if kind is inspect.isgeneratorfunction else "an asynchronous function"
            reason = f"expected a plain function, got {what}, which would never run"
            raise ArgumentError(
                argument, f"{reason}; put events on a queue (put_nowait) and read it in a task of your own"
            )


def check_file_path(argument: str, value: object) -> Path:
    """Return the absolute path of a file, which need not exist; later changes of the current folder have no effect."""
    check_local_path(argument, value)
    try:
        path = Path(cast("str | os.PathLike[str]", value))
    except TypeError as error:
        raise wrong_argument(argument, "the path of a file", value) from error
    if not path.name or "\0" in str(path):
        raise wrong_argument(argument, "the path of a file", str(path))
    return path.absolute()


def check_bool(argument: str, value: object) -> None:
    """Raise unless *value* is unset, true or false."""
    if value is not UNSET and not isinstance(value, bool):
        raise wrong_argument(argument, "True or False", value)


def check_choice(argument: str, value: object, vocabulary: Any) -> None:
    """Raise unless *value* is unset or one of the strings of the Literal *vocabulary*."""
    words = get_args(vocabulary)
    if value is not UNSET and not (isinstance(value, str) and value in words):
        raise wrong_argument(argument, f"one of {', '.join(map(repr, words))}", value)


def normalize_items(argument: str, values: Iterable[str], *, maximum: int | None = MAX_ITEMS) -> list[str]:
    """Return ASINs or SKUs, trimmed and without duplicates: at most *maximum* of them, unless that is ``None``."""
    if isinstance(values, str | bytes) or not hasattr(values, "__iter__"):
        raise wrong_argument(argument, "an iterable of items, such as a list", values)
    found: dict[str, None] = {}
    for value in values:
        found[normalize_item(argument, value)] = None
        if maximum is not None and len(found) > maximum:
            raise ArgumentError(
                argument,
                f"expected at most {maximum} items, the limit of a collection, got more; use several collections",
            )
    if not found:
        raise ArgumentError(argument, "expected at least one item, got none; add an item")
    return list(found)


def normalize_item(argument: str, value: object) -> str:
    """Return an ASIN or SKU, trimmed and checked: the service takes many of them as one comma-separated string."""
    text = value.strip() if isinstance(value, str) else ""
    if not text or _WHITESPACE_OR_COMMA.search(text) or LONE_SURROGATE.search(text):
        raise wrong_argument(argument, "a non-empty string without whitespace or commas", value)
    if is_rewritten(text):
        raise wrong_argument(argument, UNFORMATTED, value)
    return text


def check_extra_fields(extra: object, *documented: str) -> dict[str, object]:
    """Return the fields of *extra*; those that have an argument of their own are rejected."""
    if not isinstance(extra, Mapping):
        raise wrong_argument("extra", "a mapping of field names to values", extra)
    fields = dict(cast("Mapping[object, object]", extra))
    for name in fields:
        if not isinstance(name, str) or not name:
            raise wrong_argument("extra", "non-empty strings as field names", name)
        if name in documented:
            raise ArgumentError(
                "extra", f"expected fields without an argument of their own, got {name!r}; pass it as that argument"
            )
    return cast("dict[str, object]", fields)
