"""Parse large JSON in small steps, so that an event loop can run other tasks in between. No I/O, no loop.

`json.loads` of a few megabytes blocks the loop, or from a thread the interpreter, for tens of milliseconds. This parser
takes long objects and arrays apart, and passes short ones, and several items of an array at a time, to the parser in C.
"""

from __future__ import annotations

import json
import re
from collections.abc import Generator
from typing import Any, Final, NoReturn, TypeAlias, cast

from multicart_async._http.json_values import ValueEnd

__all__ = ["STRICT", "estimate_memory", "parse_incrementally", "skip_whitespace"]

_Steps: TypeAlias = Generator[None, None, tuple[Any, int]]

_STEP = 1 << 17  # characters parsed in about a millisecond
_LOOKS = (1 << 6, 1 << 12, _STEP)  # characters: many members are shorter than the first, most rows than the second
_BRACKETS: Final = frozenset("{[")
_SIGNS: Final = b'[]{},"'
_SIGN_BYTES: Final = 32  # estimated bytes of memory for each sign
_FEW = 100  # members or items between two pauses
_WHITESPACE = re.compile(r"[ \t\n\r]*")
_BETWEEN = re.compile(r"\}[ \t\n\r]*,[ \t\n\r]*\{")


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


STRICT = json.JSONDecoder(parse_constant=_no_constant)
"""A decoder for standard JSON, which rejects NaN and Infinity."""


def parse_incrementally(text: str) -> Generator[None, None, Any]:
    """Parse *text* as `STRICT` does; each ``yield`` is a pause for other tasks.

    Raises:
        ValueError: *text* is not JSON.
        RecursionError: *text* is nested too deeply.
    """
    return (yield from _Reader(text).read())


def estimate_memory(payload: bytes) -> Generator[None, None, int]:
    """Estimate the bytes of memory of the Python objects for *payload*, JSON in UTF-8."""
    signs = 0
    for start in range(0, len(payload), _STEP):
        part = payload[start : start + _STEP]
        signs += len(part) - len(part.translate(None, _SIGNS))
        yield
    return _SIGN_BYTES * signs


class _Reader:
    """Read *text*. Generators yield for a pause, and return a value and the index of what follows it."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._count = 0  # members and items that were read one by one
        self._paused = 0

    def read(self) -> Generator[None, None, Any]:
        """Read the whole text."""
        text = self._text
        try:
            value, end = yield from self._value(skip_whitespace(text, 0))
        except IndexError:
            raise ValueError("unexpected end of the text") from None
        if end != len(text):
            raise ValueError("unexpected data after the value")
        return value

    def _value(self, at: int) -> _Steps:
        sign = self._text[at]
        if sign in _BRACKETS and self._is_long(at):
            yield  # scanning a step takes as long as parsing it, and many levels may be nested
            value, end = yield from (self._object(at) if sign == "{" else self._array(at))
        else:
            value, end = STRICT.raw_decode(self._text, at)
        return value, skip_whitespace(self._text, end)

    def _is_long(self, at: int) -> bool:
        """Return whether the object or array is too long for one step. For most, a short prefix decides."""
        text = self._text
        return len(text) - at > _STEP and all(_goes_on(text[at : at + length]) for length in _LOOKS)

    def _object(self, start: int) -> _Steps:
        text, found = self._text, dict[str, Any]()
        at = skip_whitespace(text, start + 1)
        if text[at] == "}":
            return found, at + 1
        while True:
            if text[at] != '"':
                raise ValueError("expected the name of a member")
            name, at = STRICT.raw_decode(text, at)
            found[name], at = yield from self._value(_after(":", text, at))
            if text[at] != ",":
                return found, _after("}", text, at)
            at = skip_whitespace(text, at + 1)
            if self._is_due(at):
                yield

    def _array(self, start: int) -> _Steps:
        text, found = self._text, list[Any]()
        at = skip_whitespace(text, start + 1)
        if text[at] == "]":
            return found, at + 1
        worth = at + _STEP  # searching for a cut in a short array would cost more than parsing it
        while True:
            if at >= worth:
                cut = _BETWEEN.search(text, at + _STEP, at + 2 * _STEP)
                if cut and (several := _items(text[at : cut.start() + 1])):
                    found += several
                    at = self._paused = cut.end() - 1
                    yield
                    continue
                worth = 2 * at - start  # no cut was found: do not search again until the array is twice as long
            item, at = yield from self._value(at)
            found.append(item)
            if text[at] != ",":
                return found, _after("]", text, at)
            at = skip_whitespace(text, at + 1)
            if self._is_due(at):
                yield

    def _is_due(self, at: int) -> bool:
        """Return whether a pause is due: after a number of members or items, or a step of text, since the last one."""
        self._count += 1
        due = self._count % _FEW == 0 or at - self._paused >= _STEP
        if due:
            self._paused = at
        return due


def _goes_on(beginning: str) -> bool:
    """Return whether an object or array continues after its *beginning*."""
    return ValueEnd().find(beginning.encode("utf-8", "surrogatepass")) < 0


def _items(text: str) -> list[Any]:
    """Return the items of which *text* consists, or none if it was cut inside an item."""
    try:
        return cast("list[Any]", STRICT.decode(f"[{text}]"))
    except ValueError:
        return []


def _after(sign: str, text: str, at: int) -> int:
    """Return the index of what follows *sign*, which must come next."""
    at = skip_whitespace(text, at)
    if text[at] != sign:
        raise ValueError(f"expected {sign!r}")
    return skip_whitespace(text, at + 1)


def skip_whitespace(text: str, at: int) -> int:
    """Return the index of the next character that is not JSON whitespace."""
    blanks = _WHITESPACE.match(text, at)
    assert blanks is not None
    return blanks.end()
