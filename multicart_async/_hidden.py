"""Values that show as dots, and are sent as they are: passwords, one-time codes, tokens.

A traceback with local variables shows them by `repr`, and a failed call has many frames. So a secret is wrapped when it
comes in, and stays so until the bytes leave.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeVar, cast

__all__ = ["DOTS", "HiddenBytes", "HiddenNumber", "HiddenText", "conceal", "hidden_in"]

DOTS: Final = "••••••••"

T = TypeVar("T")

_PLAIN: Final = frozenset({str, int, bool, float, type(None)})  # most of what is sent, and nothing of it hidden


class HiddenText(str):
    """A text; whatever shows it by `repr` shows dots. A slice of it is one too."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(DOTS)

    def __getitem__(self, index: Any) -> HiddenText:
        return HiddenText(super().__getitem__(index))


class HiddenNumber(int):
    """A whole number; `repr` and `str` show dots. JSON has it right: its encoder asks `int` itself."""

    __slots__ = ()

    def __repr__(self) -> str:
        return DOTS


class HiddenBytes(bytes):
    """The body of a request with ``secrets`` in it. aiohttp sends a slice of it, which hides as well."""

    secrets: tuple[str, ...] = ()

    @classmethod
    def of(cls, content: bytes, secrets: tuple[str, ...]) -> HiddenBytes:
        """*content*, with what is secret in it at hand."""
        made = cls(content)
        made.secrets = secrets
        return made

    def __repr__(self) -> str:
        return f"b'{DOTS}'"

    def __getitem__(self, index: Any) -> Any:
        part = cast("object", super().__getitem__(index))
        return HiddenBytes(part) if isinstance(part, bytes) else part


def conceal(value: T) -> T:
    """The same, with all texts, numbers and bytes of it hidden. Anything else passes; it never raises for a plain one."""
    hidden: object = value
    if isinstance(value, str):
        hidden = HiddenText(str.__str__(value))  # what an enum of texts is on the wire, not what it calls itself
    elif isinstance(value, int) and not isinstance(value, bool):
        hidden = HiddenNumber(value)
    elif isinstance(value, bytes | bytearray):
        hidden = HiddenBytes(value)
    elif isinstance(value, Mapping):
        hidden = {name: conceal(part) for name, part in cast("Mapping[Any, object]", value).items()}
    elif isinstance(value, list | tuple):
        hidden = [conceal(part) for part in cast("list[object]", value)]
    return cast("T", hidden)


def hidden_in(value: object) -> Iterator[HiddenText]:
    """All that is hidden in it, as texts."""
    if isinstance(value, HiddenText):
        yield value
    elif isinstance(value, HiddenNumber):
        yield HiddenText(int.__repr__(value))
    elif isinstance(value, Mapping | list):
        rows = cast("Mapping[Any, object] | list[object]", value)
        for part in rows.values() if isinstance(rows, Mapping) else rows:
            if type(part) not in _PLAIN:
                yield from hidden_in(part)
