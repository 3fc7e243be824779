r"""Remove secrets from texts of the service, or of a proxy before it, before an error is made of them.

They are looked for as they are, and in every mixture of escapes: those of JSON and of Python (``\u003d``, ``\x3d``,
``\/``), percent-encoding (``%3D``, ``+`` for a blank) and those of HTML (``&#61;``, ``&#x3D;``, ``&equals;``), also where
a text was escaped up to three times.
"""

from __future__ import annotations

import copy
import html
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, TypeVar, cast

import attrs

from multicart_async._core.redaction import MASK, Redacted

__all__ = ["MAX_ESCAPED", "Redactor"]

E = TypeVar("E", bound=BaseException)
T = TypeVar("T")

MAX_ESCAPED: Final = 1 << 16
"""Characters to redact where a text is cut afterwards: a credential may have 512, and each may be escaped."""
_LONG: Final = 8  # characters of a secret that is found anywhere
_SHORT: Final = 3  # characters of a secret that is found where it is a word; a shorter one is in every text
_ROUNDS: Final = 3  # how often a text may be escaped
_MAX_TEXT: Final = MAX_ESCAPED  # of a longer one so much is shown
_MAX_WORK: Final = 1 << 18  # characters of texts with escapes in them, which take longer than others
_NODE: Final = 8  # such characters are as much work as any value by itself
_MAX_DEPTH: Final = 100
_ESCAPE: Final = re.compile(
    r"""
    \\u(?P<high>d[89ab][0-9a-f]{2})\\u(?P<low>d[c-f][0-9a-f]{2})
    | \\(?:u(?P<unit>[0-9a-f]{4}) | x(?P<byte>[0-9a-f]{2}) | (?P<plain>.))
    | (?P<percent>%[0-7][0-9a-f] | %[cd][0-9a-f]%[89ab][0-9a-f] | %e[0-9a-f](?:%[89ab][0-9a-f]){2}
        | %f[0-7](?:%[89ab][0-9a-f]){3})
    | (?P<entity>&(?:\#[0-9]{1,7};? | \#x[0-9a-f]{1,6};? | [a-z][a-z0-9]{1,31};))
    | (?P<blank>\+)
    """,
    re.VERBOSE | re.IGNORECASE,
)
_MARKS: Final = "\\%&+"  # one of them begins each escape
_LETTERS: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


@attrs.frozen
class _Needles:
    """The forms of the secrets: long ones are found anywhere in a text, short ones only as a word."""

    parts: tuple[str, ...]
    words: re.Pattern[str] | None

    @classmethod
    def of(cls, secrets: Iterable[Redacted]) -> _Needles:
        known = {form for secret in secrets for form in _levels(_text(secret))}
        ordered = sorted(known, key=len, reverse=True)  # one may be a part of another
        words = [re.escape(text) for text in ordered if _SHORT <= len(text) < _LONG]
        pattern = re.compile(rf"(?<!\w)(?:{'|'.join(words)})(?!\w)") if words else None
        return cls(tuple(text for text in ordered if len(text) >= _LONG), pattern)

    def mask(self, text: str) -> str:
        for part in self.parts:
            text = text.replace(part, MASK)
        return text if self.words is None else self.words.sub(MASK, text)

    def without_part(self, text: str) -> str:
        """Return *text*, which was cut, without the beginning of what is looked for at its end."""
        lengths = (size for part in self.parts for size in range(1, len(part)) if text.endswith(part[:size]))
        return text[: len(text) - max(lengths, default=0)]


class Redactor:
    """Replace *secrets* in texts by dots: those of 8 characters or more anywhere, those of 3 to 7 only where they are words."""

    def __init__(self, secrets: Iterable[Redacted] = ()) -> None:
        self.secrets = tuple(secrets)
        self._needles: Redacted | None = None  # made when they are needed, which is seldom

    def including(self, secrets: Iterable[Redacted]) -> Redactor:
        """Return a redactor that also knows *secrets*."""
        more = tuple(secrets)
        return Redactor(self.secrets + more) if more else self

    def text(self, text: str) -> str:
        """Return *text* with dots in the place of each secret. If one was escaped, all of the text is unescaped."""
        if not self.secrets:
            return text
        if self._needles is None:
            self._needles = Redacted(_Needles.of(self.secrets))
        needles = self._needles.reveal()
        shown = level = text[:_MAX_TEXT]
        for _ in range(_ROUNDS + 1):
            masked = needles.mask(level)
            if masked != level:
                shown = masked
            level = _unescaped(masked)
            if level == masked:
                break
        return shown if len(text) <= _MAX_TEXT else needles.without_part(shown)

    def value(self, value: T) -> T:
        """Return *value* with its texts and numbers redacted: JSON, models, and what holds them.

        Of a very large one the beginning is looked at, and dots replace the rest.
        """
        return cast("T", _Walk(self).value(value, _MAX_DEPTH) if self.secrets else value)

    def error(self, error: E) -> E:
        """Redact the texts of *error*, in its arguments and attributes, and return it."""
        if not self.secrets:
            return error
        error.args = self.value(error.args)
        for name, value in _Walk(self).changed(vars(error), _MAX_DEPTH).items():
            if name != "path":  # given by this library, or by the caller
                setattr(error, name, value)
        return error

    def echoes(self, text: str) -> bool:
        """Return whether *text* holds a secret, however short."""
        known = {form for secret in self.secrets for form in _levels(_text(secret)) if form}
        return any(form in level for level in _levels(text) for form in known)


class _Walk:
    """Redacts one value, part by part, as far as that holds up an event loop for some hundredths of a second only."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._left = _MAX_WORK

    def value(self, value: Any, depth: int) -> Any:
        kind = cast("type[object]", type(value))
        self._left -= _NODE
        if isinstance(value, str):
            return self._text(value)
        if kind in {int, float}:
            return value if self._text(str(value)) == str(value) else MASK
        if not isinstance(value, Mapping | list | tuple) and not attrs.has(kind):
            return value
        if not depth:
            return MASK
        if isinstance(value, Mapping):
            return dict(self._members(cast("Mapping[Any, object]", value), depth - 1))
        if isinstance(value, list | tuple):
            parts = [*self._parts(cast("list[Any]", value), depth - 1)]
            return parts if isinstance(value, list) else tuple(parts)
        return self._instance(value, depth - 1)

    def _text(self, text: str) -> str:
        dear = any(mark in text for mark in _MARKS)
        self._left -= min(len(text), _MAX_TEXT) if dear else 0
        return MASK if self._left < 0 else self._redactor.text(text)

    def _members(self, members: Mapping[Any, object], depth: int) -> Iterator[tuple[Any, Any]]:
        """Yield *members* redacted, and dots in the place of those that are too many."""
        for name, part in members.items():
            if self._left < 0:
                yield MASK, MASK
                return
            yield self.value(name, depth), self.value(part, depth)

    def _parts(self, parts: Iterable[Any], depth: int) -> Iterator[Any]:
        """Yield *parts* redacted, and dots in the place of those that are too many; of values of a class none is."""
        for part in parts:
            if self._left < 0 and not attrs.has(cast("type[object]", type(part))):
                yield MASK
                return
            yield self.value(part, depth)

    def _instance(self, value: Any, depth: int) -> Any:
        """Return a copy of a value of an attrs class, or itself if nothing of it is secret."""
        names = [field.name for field in attrs.fields(value.__class__)]
        changed = self.changed({name: getattr(value, name) for name in names}, depth)
        if not changed:
            return value
        twin = copy.copy(value)
        for name, part in changed.items():
            object.__setattr__(twin, name, part)
        return twin

    def changed(self, fields: Mapping[str, Any], depth: int) -> dict[str, Any]:
        """Return those attributes that hold a secret, without it. A number by itself is an id or a code, and stays."""
        texts = {name: part for name, part in fields.items() if not isinstance(part, int | float)}
        return {name: redacted for name, part in texts.items() if (redacted := self.value(part, depth)) is not part}


def _text(secret: Redacted) -> str:
    return str(secret.reveal())


def _levels(text: str) -> Iterator[str]:
    """Yield *text* as it is, and unescaped once, twice, and so on."""
    for _ in range(_ROUNDS + 1):
        yield text
        text, escaped = _unescaped(text), text
        if text == escaped:
            return


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(_character, text) if any(mark in text for mark in _MARKS) else text


def _character(found: re.Match[str]) -> str:
    kind, escape = found.lastgroup, found.group()
    if kind == "low":
        units = int(found["high"], 16), int(found["low"], 16)
        return chr(0x10000 + ((units[0] & 0x3FF) << 10) + (units[1] & 0x3FF))
    if kind in {"unit", "byte"}:
        return chr(int(found[kind], 16))
    if kind == "plain":
        return _LETTERS.get(escape[1], escape[1])
    if kind == "percent":
        return bytes.fromhex(escape.replace("%", "")).decode("utf-8", "replace")
    return " " if kind == "blank" else html.unescape(escape)
