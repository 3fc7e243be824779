"""Large JSON in small steps, so that an event loop can do something else in between. No I/O, no loop.

`json.loads` of a few megabytes holds the loop, and from a thread the interpreter, for tens of milliseconds. Here an
object is taken apart as far as the items of its arrays, and those are given to the parser in C, some at a time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Generator
from typing import Any, NoReturn, cast

__all__ = ["COMMA", "STRICT", "end_of_blanks", "parse_in_steps"]

_STEP = 1 << 17  # characters: about a millisecond
_FEW = 100  # members or items, where they are not cut by their length
_BLANKS = re.compile(r"[ \t\n\r]*")
COMMA = re.compile(r"[ \t\n\r]*,[ \t\n\r]*")
_BETWEEN = re.compile(r"\}[ \t\n\r]*,[ \t\n\r]*\{")


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


STRICT = json.JSONDecoder(parse_constant=_no_constant)
"""Takes what is JSON, and nothing else: no NaN, no infinity."""


def parse_in_steps(text: str) -> Generator[None, None, Any]:
    """What `STRICT` makes of *text*, with a pause now and then. Raises what it raises."""
    try:
        return (yield from _object(text))
    except (ValueError, IndexError):  # no object, or not as simple as it looked
        return STRICT.decode(text)


def _object(text: str) -> Generator[None, None, dict[str, Any]]:
    found: dict[str, Any] = {}
    at = _after("{", text, 0)
    members = 0  # more than there are in what was found: names can come twice
    while True:
        if text[at] != '"':
            raise ValueError("a name")
        name, at = STRICT.raw_decode(text, at)
        at = _after(":", text, at)
        found[name], at = (yield from _array(text, at)) if text[at] == "[" else STRICT.raw_decode(text, at)
        comma = COMMA.match(text, at)
        if comma is None:
            break
        at = comma.end()
        members += 1
        if members % _FEW == 0:
            yield
    if _after("}", text, at) != len(text):
        raise ValueError("something behind the end")
    return found


def _array(text: str, start: int) -> Generator[None, None, tuple[list[Any], int]]:
    found: list[Any] = []
    at = paused = _after("[", text, start)
    if text[at] == "]":
        return found, at + 1
    worth = at + _STEP  # from here on: looking for a cut in a short array would cost more than the array
    while True:
        if at >= worth:
            cut = _BETWEEN.search(text, at + _STEP, at + 2 * _STEP)
            if cut and (several := _items(text[at : cut.start() + 1])):
                found += several
                at = paused = cut.end() - 1
                yield
                continue
            worth = 2 * at - start  # in vain, as it may be again: not before the array is twice as long
        item, end = STRICT.raw_decode(text, at)
        found.append(item)
        comma = COMMA.match(text, end)
        if comma is None:
            return found, _after("]", text, end)
        at = comma.end()
        if len(found) % _FEW == 0 or at - paused >= _STEP:
            paused = at
            yield


def _items(text: str) -> list[Any]:
    """The items that *text* consists of; none if it was cut in the middle of one. JSON can only be read in one way."""
    try:
        return cast("list[Any]", STRICT.decode(f"[{text}]"))
    except ValueError:
        return []


def _after(sign: str, text: str, at: int) -> int:
    """Where something comes behind *sign*."""
    at = end_of_blanks(text, at)
    if text[at] != sign:
        raise ValueError(sign)
    return end_of_blanks(text, at + 1)


def end_of_blanks(text: str, at: int) -> int:
    """Return where something that is no JSON whitespace comes."""
    blanks = _BLANKS.match(text, at)
    assert blanks is not None
    return blanks.end()
