"""Parse large JSON in small steps, so that an event loop can run other tasks in between. No I/O, no loop.

`json.loads` of a few megabytes blocks the loop, or from a thread the interpreter, for tens of milliseconds. This parser
takes long objects and arrays apart, and passes short ones, and several items of an array at a time, to the parser in C.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Generator, Mapping
from contextlib import suppress
from typing import Any, Final, NoReturn, TypeAlias

__all__ = ["STRICT", "Convert", "estimate_memory", "parse_incrementally", "skip_whitespace"]

Convert: TypeAlias = Callable[[list[Any]], list[Any]]
"""Convert some items of an array, as many as it gets."""
_Steps: TypeAlias = Generator[None, None, tuple[Any, int]]

_STEP = 1 << 17  # characters parsed in about a millisecond
_LOOKS = (1 << 9, 1 << 13, _STEP)  # characters: most rows are shorter than the first, most records than the second
_BRACKETS: Final = frozenset("{[")
_SIGNS: Final = b'[]{},"'
_SIGN_BYTES: Final = 32  # estimated bytes of memory for each sign
_FEW = 100  # members or items between two pauses
_WHITESPACE = re.compile(r"[ \t\n\r]*")
_BETWEEN = re.compile(r"\}[ \t\n\r]*,[ \t\n\r]*\{")
_BEFORE_MEMBER = re.compile(r',[ \t\n\r]*(?="[^"\\]*"[ \t\n\r]*:)')


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


STRICT = json.JSONDecoder(parse_constant=_no_constant)
"""A decoder for standard JSON, which rejects NaN and Infinity."""


def parse_incrementally(
    text: str, decoder: json.JSONDecoder = STRICT, *, convert: Mapping[str, Convert] = {}
) -> Generator[None, None, Any]:
    """Parse *text* as *decoder* does; each ``yield`` is a pause for other tasks.

    If *text* is an object, *convert* has functions for its members that are long arrays, by name. Items are converted
    while the processor still has them in its caches, and freed before the next ones are parsed; some are left as they are.

    Raises:
        ValueError: *text* is not JSON; a `json.JSONDecodeError` if that is due to its syntax.
        RecursionError: *text* is nested too deeply.
    """
    return (yield from _Reader(text, decoder).read(convert))


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

    def __init__(self, text: str, decoder: json.JSONDecoder) -> None:
        self._text = text
        self._decoder = decoder
        self._count = 0  # members and items that were read one by one
        self._paused = 0

    def read(self, convert: Mapping[str, Convert]) -> Generator[None, None, Any]:
        """Read the whole text."""
        text = self._text
        try:
            value, end = yield from self._value(skip_whitespace(text, 0), members=convert)
        except IndexError:
            raise json.JSONDecodeError("Unexpected end of the text", text, len(text)) from None
        if end != len(text):
            raise json.JSONDecodeError("Extra data", text, end)
        return value

    def _value(self, at: int, members: Mapping[str, Convert] = {}, items: Convert | None = None) -> _Steps:
        text = self._text
        if text[at] not in _BRACKETS or len(text) - at <= _STEP:
            value, end = self._decoder.raw_decode(text, at)
        elif (short := self._short_value(at)) is not None:
            value, end = short
        else:
            yield  # the attempt takes as long as parsing a step, and many levels may be nested
            value, end = yield from (self._object(at, members) if text[at] == "{" else self._array(at, items))
        return value, skip_whitespace(text, end)

    def _short_value(self, at: int) -> tuple[Any, int] | None:
        """Return an object or array and its end, or ``None`` if it is too long for one step, or invalid."""
        for length in _LOOKS:
            with suppress(ValueError):
                value, size = self._decoder.raw_decode(self._text[at : at + length], 0)
                return value, at + size
        return None

    def _object(self, start: int, members: Mapping[str, Convert]) -> _Steps:
        text, found = self._text, dict[str, Any]()
        at = skip_whitespace(text, start + 1)
        if text[at] == "}":
            return found, at + 1
        worth = start + _LOOKS[0]  # an envelope is long because of one of its few members
        while True:
            if at >= worth:
                cut = _BEFORE_MEMBER.search(text, at + _STEP, at + 2 * _STEP)
                if cut and (several := self._several(f"{{{text[at : cut.start()]}}}")):
                    found |= several
                    at = self._paused = cut.end()
                    yield
                    continue
                worth = at + max(at - start, _STEP)  # no cut was found: do not search again until twice as much is read
            if text[at] != '"':
                raise json.JSONDecodeError("Expecting property name enclosed in double quotes", text, at)
            name, at = self._decoder.raw_decode(text, at)
            found[name], at = yield from self._value(_after(":", text, at), items=members.get(name))
            if text[at] != ",":
                return found, _after("}", text, at)
            at = skip_whitespace(text, at + 1)
            if self._is_due(at):
                yield

    def _array(self, start: int, convert: Convert | None) -> _Steps:
        text, found = self._text, list[Any]()
        at = skip_whitespace(text, start + 1)
        if text[at] == "]":
            return found, at + 1
        worth = at  # the array is longer than a step, or it would not be read here
        while True:
            if at >= worth:
                cut = _BETWEEN.search(text, at + _STEP, at + 2 * _STEP)
                if cut and (several := self._several(f"[{text[at : cut.start() + 1]}]")):
                    found += several if convert is None else convert(several)
                    at = self._paused = cut.end() - 1
                    yield
                    continue
                worth = at + max(at - start, _STEP)  # no cut was found: do not search again until twice as much is read
            item, at = yield from self._value(at)
            found.append(item)
            if text[at] != ",":
                return found, _after("]", text, at)
            at = skip_whitespace(text, at + 1)
            if self._is_due(at):
                yield

    def _several(self, text: str) -> Any:
        """Return the items or members in *text*, or ``None`` if it was cut inside one of them."""
        try:
            return self._decoder.decode(text)
        except ValueError:
            return None

    def _is_due(self, at: int) -> bool:
        """Return whether a pause is due: after a number of members or items, or a step of text, since the last one."""
        self._count += 1
        due = self._count % _FEW == 0 or at - self._paused >= _STEP
        if due:
            self._paused = at
        return due


def _after(sign: str, text: str, at: int) -> int:
    """Return the index of what follows *sign*, which must come next."""
    at = skip_whitespace(text, at)
    if text[at] != sign:
        raise json.JSONDecodeError(f"Expecting {':' if sign == ':' else ','!r} delimiter", text, at)
    return skip_whitespace(text, at + 1)


def skip_whitespace(text: str, at: int) -> int:
    """Return the index of the next character that is not JSON whitespace."""
    blanks = _WHITESPACE.match(text, at)
    assert blanks is not None
    return blanks.end()
