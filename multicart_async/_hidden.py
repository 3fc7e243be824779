"""Passwords, one-time codes, keys and tokens, hidden from the call until the bytes are sent.

A traceback with local variables shows them by `repr`, or reads the values of all texts and numbers, and a failed call has
many frames. So a secret that comes in is `Redacted`, which is neither, until the request is built. `HiddenText` and
`HiddenBytes` are what it is built of: aiohttp needs texts and bytes, and these show dots to a trace that logs them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NoReturn, TypeVar, cast

from multicart_async._unset import UNSET

__all__ = ["DOTS", "HiddenBytes", "HiddenText", "Redacted", "RedactedBody", "conceal", "find_redacted"]

DOTS: Final = "••••••••"

T = TypeVar("T")

_MAX_DEPTH: Final = 100  # of nesting; a value that is deeper, or contains itself, is hidden as a whole
_OPEN: Final = frozenset({bool, type(None), type(UNSET)})  # types whose values reveal nothing


class Redacted:
    """A value that is no text, no number and no bytes itself. It can be neither pickled nor copied.

    It is the variable of a function, where nothing that follows attributes finds it. Call `reveal` only in functions that
    are not coroutines, and in no function that raises: a traceback holds the frames of all others.
    """

    __slots__ = ("_reveal",)

    def __init__(self, value: object) -> None:
        self._reveal: Callable[[], Any] = lambda: value

    def reveal(self) -> Any:
        """Return the value."""
        return self._reveal()

    def __repr__(self) -> str:
        return DOTS

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret cannot be pickled or copied")


class RedactedBody(Redacted):
    """The bytes of a request's body, ``size`` of them. ``secrets`` are those values in it that are secret."""

    __slots__ = ("secrets", "size")

    def __init__(self, content: bytes, secrets: tuple[Redacted, ...]) -> None:
        super().__init__(content)
        self.size = len(content)
        self.secrets = secrets


class HiddenText(str):
    """A text that shows dots by `repr`, as a value of a header."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(DOTS)


class HiddenBytes(bytes):
    """Bytes that show dots by `repr`. aiohttp sends a slice of them, which hides as well."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"b'{DOTS}'"

    def __getitem__(self, index: Any) -> Any:
        part = cast("object", super().__getitem__(index))
        return HiddenBytes(part) if isinstance(part, bytes) else part


def conceal(value: T) -> T:
    """Return *value* with all texts, numbers and bytes of it `Redacted`; mappings become dicts, and sequences lists."""
    return cast("T", _concealed(value, ()))


def _concealed(value: object, above: tuple[object, ...]) -> object:
    if type(value) in _OPEN or isinstance(value, Redacted):
        return value
    if len(above) < _MAX_DEPTH and not any(value is each for each in above):
        within = (*above, value)
        if isinstance(value, Mapping):
            return {name: _concealed(part, within) for name, part in cast("Mapping[Any, object]", value).items()}
        if isinstance(value, list | tuple):
            return [_concealed(part, within) for part in cast("list[object]", value)]
    # what an enum of texts is on the wire, not what it calls itself
    return Redacted(str.__str__(value) if isinstance(value, str) else value)


def find_redacted(value: object) -> Iterator[Redacted]:
    """Yield all that is `Redacted` in mappings and lists."""
    if isinstance(value, Redacted):
        yield value
    elif isinstance(value, Mapping | list):
        rows = cast("Mapping[Any, object] | list[object]", value)
        for part in rows.values() if isinstance(rows, Mapping) else rows:
            yield from find_redacted(part)
