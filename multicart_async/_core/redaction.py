"""Hide passwords, one-time codes, keys and tokens from the call until the bytes are sent.

A traceback with local variables shows values by their `repr`, or reads all strings and numbers, and a failed call has
many frames. So a secret is wrapped in `Redacted`, which is neither, until the request is built. The request consists of
`RedactedStr` and `RedactedBytes`, because aiohttp needs strings and bytes; these show dots to a trace that logs them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NoReturn, TypeVar, cast

from multicart_async._core.exceptions import ConfigurationError
from multicart_async._core.unset import UNSET

__all__ = [
    "MASK",
    "Credential",
    "Redacted",
    "RedactedBody",
    "RedactedBytes",
    "RedactedStr",
    "find_redacted",
    "redact",
    "seal",
]

MASK: Final = "••••••••"

T = TypeVar("T")

_PRINTABLE = re.compile(r"[\x21-\x7e]{1,512}\Z")
_LEAST = 8  # characters of a credential that is searched for in responses

_MAX_DEPTH: Final = 100  # of nesting; a deeper value, or one that contains itself, is hidden entirely
_OPEN: Final = frozenset({bool, type(None), type(UNSET)})  # types whose values reveal nothing


class Redacted:
    """A wrapper around a value, itself neither a string nor a number nor bytes. It cannot be pickled or copied.

    The value is a variable of a closure, which code that follows attributes does not find. Call `reveal` only in
    functions that are not coroutines and do not raise: a traceback contains the frames of all others.
    """

    __slots__ = ("_reveal",)

    def __init__(self, value: object) -> None:
        self._reveal: Callable[[], Any] = lambda: value

    def reveal(self) -> Any:
        """Return the value."""
        return self._reveal()

    def __repr__(self) -> str:
        return MASK

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret cannot be pickled or copied")


class RedactedBody(Redacted):
    """The body of a request, ``size`` bytes. ``secrets`` are the values in it that are secret."""

    __slots__ = ("secrets", "size")

    def __init__(self, content: bytes, secrets: tuple[Redacted, ...]) -> None:
        super().__init__(content)
        self.size = len(content)
        self.secrets = secrets


class RedactedStr(str):
    """A string whose `repr` is dots, for example the value of a header."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(MASK)


class RedactedBytes(bytes):
    """Bytes whose `repr` is dots. aiohttp sends a slice of them, which is redacted as well."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"b'{MASK}'"

    def __getitem__(self, index: Any) -> Any:
        part = cast("object", super().__getitem__(index))
        return RedactedBytes(part) if isinstance(part, bytes) else part


def redact(value: T) -> T:
    """Return *value* with all its strings, numbers and bytes `Redacted`; mappings become dicts, and sequences lists."""
    return cast("T", _redacted(value, ()))


def _redacted(value: object, above: tuple[object, ...]) -> object:
    if type(value) in _OPEN or isinstance(value, Redacted):
        return value
    if len(above) < _MAX_DEPTH and not any(value is each for each in above):
        within = (*above, value)
        if isinstance(value, Mapping):
            return {name: _redacted(part, within) for name, part in cast("Mapping[Any, object]", value).items()}
        if isinstance(value, list | tuple):
            return [_redacted(part, within) for part in cast("list[object]", value)]
    # the string that a string enum member is sent as, not its str()
    return Redacted(str.__str__(value) if isinstance(value, str) else value)


def find_redacted(value: object) -> Iterator[Redacted]:
    """Yield every `Redacted` value in mappings and lists."""
    if isinstance(value, Redacted):
        yield value
    elif isinstance(value, Mapping | list):
        members = cast("Mapping[Any, object] | list[object]", value)
        for part in members.values() if isinstance(members, Mapping) else members:
            yield from find_redacted(part)


class Credential:
    """A key or token that shows only its public prefix. It cannot be pickled."""

    __slots__ = ("_header", "_value")

    def __init__(self, value: object, header: str) -> None:
        self._value = Redacted(value)
        self._header = header

    def check(self, argument: str) -> None:
        """Raise `ConfigurationError` unless it is one word of ASCII; the message does not contain it."""
        if not self._is_word():
            raise ConfigurationError(
                f"{argument}: expected 1 to 512 visible ASCII characters without whitespace; copy it from the dashboard again"
            )

    def as_headers(self) -> dict[str, str]:
        """Return the header that carries it, ``x-api-key`` or ``Authorization``."""
        text = str(self._value.reveal())
        return {self._header: RedactedStr(f"Token {text}" if self._header == "Authorization" else text)}

    def secrets(self) -> list[Redacted]:
        """Return the credential and its part after the public prefix, each only if it has at least 8 characters.

        Shorter parts would match ordinary text.
        """
        text = str(self._value.reveal())
        return [Redacted(part) for part in (text, text.partition(".")[2]) if len(part) >= _LEAST]

    def _is_word(self) -> bool:
        text = self._value.reveal()
        return isinstance(text, str) and _PRINTABLE.match(text) is not None

    def __repr__(self) -> str:
        prefix, dot, _ = str(self._value.reveal()).partition(".")
        return f"{prefix[:16]}.{MASK}" if dot else MASK

    def __reduce__(self) -> str | tuple[Any, ...]:
        raise TypeError("a credential cannot be pickled or copied; make the client where it is used")


def seal(value: object, header: str) -> Credential | None:
    """Hide a key or token as early as possible, so that no traceback with local variables can show it."""
    return None if value is None else Credential(value, header)
