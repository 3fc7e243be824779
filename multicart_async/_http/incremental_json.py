"""Large JSON in small steps, so that an event loop can do something else in between. No I/O, no loop.

`json.loads` of a few megabytes holds the loop, and from a thread the interpreter, for tens of milliseconds. Here what is
long is taken apart, and what is short is given to the parser in C, of arrays some items at a time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Generator
from typing import Any, Final, NoReturn, TypeAlias, cast

from multicart_async._http.json_values import ValueEnd

__all__ = ["STRICT", "estimate_memory", "parse_incrementally", "skip_whitespace"]

_Steps: TypeAlias = Generator[None, None, tuple[Any, int]]

_STEP = 1 << 17  # characters: about a millisecond
_LOOKS = (1 << 6, 1 << 12, _STEP)  # characters: most rows have less than the second, and many members than the first
_BRACKETS: Final = frozenset("{[")
_SIGNS: Final = b'[]{},"'
_SIGN_BYTES: Final = 32  # of memory, for each of them
_FEW = 100  # members or items, where they are not cut by their length
_WHITESPACE = re.compile(r"[ \t\n\r]*")
_BETWEEN = re.compile(r"\}[ \t\n\r]*,[ \t\n\r]*\{")


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


STRICT = json.JSONDecoder(parse_constant=_no_constant)
"""Takes what is JSON, and nothing else: no NaN, no infinity."""


def parse_incrementally(text: str) -> Generator[None, None, Any]:
    """Parse *text* as `STRICT` does, with a pause now and then.

    Raises:
        ValueError: It is not JSON.
        RecursionError: It is nested too deeply.
    """
    return (yield from _Reader(text).read())


def estimate_memory(payload: bytes) -> Generator[None, None, int]:
    """About the bytes of memory that the objects take which *payload*, JSON in UTF-8, is read into."""
    signs = 0
    for start in range(0, len(payload), _STEP):
        part = payload[start : start + _STEP]
        signs += len(part) - len(part.translate(None, _SIGNS))
        yield
    return _SIGN_BYTES * signs


class _Reader:
    """Reads *text*. Its generators return a value and where something else comes behind it; ``None`` is a pause."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._count = 0  # members and items that were read by themselves
        self._paused = 0

    def read(self) -> Generator[None, None, Any]:
        """Read all of it."""
        text = self._text
        try:
            value, end = yield from self._value(skip_whitespace(text, 0))
        except IndexError:
            raise ValueError("it ends too early") from None
        if end != len(text):
            raise ValueError("something is behind its end")
        return value

    def _value(self, at: int) -> _Steps:
        sign = self._text[at]
        if sign in _BRACKETS and self._is_long(at):
            yield  # a look at all of a step takes as long as reading it, and many may be nested
            value, end = yield from (self._object(at) if sign == "{" else self._array(at))
        else:
            value, end = STRICT.raw_decode(self._text, at)
        return value, skip_whitespace(self._text, end)

    def _is_long(self, at: int) -> bool:
        """Return whether the object or array is too long for one step. Most are so short that a first look shows it."""
        text = self._text
        return len(text) - at > _STEP and all(_goes_on(text[at : at + length]) for length in _LOOKS)

    def _object(self, start: int) -> _Steps:
        text, found = self._text, dict[str, Any]()
        at = skip_whitespace(text, start + 1)
        if text[at] == "}":
            return found, at + 1
        while True:
            if text[at] != '"':
                raise ValueError("a name is missing")
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
        worth = at + _STEP  # from here on: looking for a cut in a short array would cost more than the array
        while True:
            if at >= worth:
                cut = _BETWEEN.search(text, at + _STEP, at + 2 * _STEP)
                if cut and (several := _items(text[at : cut.start() + 1])):
                    found += several
                    at = self._paused = cut.end() - 1
                    yield
                    continue
                worth = 2 * at - start  # in vain, as it may be again: not before the array is twice as long
            item, at = yield from self._value(at)
            found.append(item)
            if text[at] != ",":
                return found, _after("]", text, at)
            at = skip_whitespace(text, at + 1)
            if self._is_due(at):
                yield

    def _is_due(self, at: int) -> bool:
        """Return whether it is time for a pause: a few members or items, or a step of text, after the last one."""
        self._count += 1
        due = self._count % _FEW == 0 or at - self._paused >= _STEP
        if due:
            self._paused = at
        return due


def _goes_on(beginning: str) -> bool:
    """Return whether an object or array continues after its *beginning*."""
    return ValueEnd().find(beginning.encode("utf-8", "surrogatepass")) < 0


def _items(text: str) -> list[Any]:
    """Return the items of which *text* consists; none if it was cut within one. JSON can be read in one way only."""
    try:
        return cast("list[Any]", STRICT.decode(f"[{text}]"))
    except ValueError:
        return []


def _after(sign: str, text: str, at: int) -> int:
    """Where something comes behind *sign*."""
    at = skip_whitespace(text, at)
    if text[at] != sign:
        raise ValueError(sign)
    return skip_whitespace(text, at + 1)


def skip_whitespace(text: str, at: int) -> int:
    """Return where something that is no JSON whitespace comes."""
    blanks = _WHITESPACE.match(text, at)
    assert blanks is not None
    return blanks.end()
