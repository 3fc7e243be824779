r"""Remove secrets from messages of the service, or of a proxy, before they become part of an error.

Secrets are found as they are and in any mixture of escapes: those of JSON and Python (``\u003d``, ``\x3d``, ``\/``),
percent-encoding (``%3D``, ``+`` for a space) and HTML (``&#61;``, ``&#x3D;``, ``&equals;``), also where a string was
escaped up to three times.
"""

from __future__ import annotations

import copy
import functools
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, TypeVar, cast

import attrs

from multicart_async._core.redaction import MASK, Redacted

__all__ = ["MAX_ESCAPED", "Redactor"]

E = TypeVar("E", bound=BaseException)
T = TypeVar("T")

MAX_ESCAPED: Final = 1 << 16
"""Characters to redact in a string that is cut afterwards: a credential may have 512, each of which may be escaped."""
_LONG: Final = 8  # characters of a secret that is redacted anywhere
_SHORT: Final = 3  # characters of a secret that is redacted as a whole word; a shorter one would match any text
_ROUNDS: Final = 3  # how often a string may have been escaped
_MAX_TEXT: Final = MAX_ESCAPED  # a longer string is cut to this length
_MAX_WORK: Final = 1 << 18  # characters of strings with escapes, which take longer than others
_NODE: Final = 8  # the work of visiting one value, in such characters
_MAX_DEPTH: Final = 100
_ESCAPE: Final = r"""
    \\u(?P<high>d[89ab][0-9a-f]{2})\\u(?P<low>d[c-f][0-9a-f]{2})
    | \\(?:u(?P<unit>[0-9a-f]{4}) | x(?P<byte>[0-9a-f]{2}) | (?P<plain>.))
    | (?P<percent>%[0-7][0-9a-f] | %[cd][0-9a-f]%[89ab][0-9a-f] | %e[0-9a-f](?:%[89ab][0-9a-f]){2}
        | %f[0-7](?:%[89ab][0-9a-f]){3})
    | (?P<entity>&(?:\#[0-9]{1,7};? | \#x[0-9a-f]{1,6};? | [a-z][a-z0-9]{1,31};))
    | (?P<blank>\+)
    """
_MARKS: Final = "\\%&+"  # each escape begins with one of them
_LETTERS: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


@attrs.frozen
class _Needles:
    """The forms of the secrets: long ones are redacted anywhere in a string, short ones only as whole words."""

    parts: tuple[str, ...]
    words: re.Pattern[str] | None

    @classmethod
    def of(cls, secrets: Iterable[Redacted]) -> _Needles:
        known = {form for secret in secrets for form in _levels(_text(secret))}
        ordered = sorted(known, key=len, reverse=True)  # one may be part of another
        words = [re.escape(text) for text in ordered if _SHORT <= len(text) < _LONG]
        pattern = re.compile(rf"(?<!\w)(?:{'|'.join(words)})(?!\w)") if words else None
        return cls(tuple(text for text in ordered if len(text) >= _LONG), pattern)

    def mask(self, text: str) -> str:
        for part in self.parts:
            text = text.replace(part, MASK)
        return text if self.words is None else self.words.sub(MASK, text)

    def without_part(self, text: str) -> str:
        """Return *text*, which was cut, without the beginning of a secret at its end."""
        lengths = (size for part in self.parts for size in range(1, len(part)) if text.endswith(part[:size]))
        return text[: len(text) - max(lengths, default=0)]


class Redactor:
    """Replace *secrets* by dots: those of at least 8 characters anywhere, those of 3 to 7 only as whole words."""

    def __init__(self, secrets: Iterable[Redacted] = ()) -> None:
        self.secrets = tuple(secrets)
        self._needles: Redacted | None = None  # built on first use, which is rare

    def including(self, secrets: Iterable[Redacted]) -> Redactor:
        """Return a redactor that also covers *secrets*."""
        more = tuple(secrets)
        return Redactor(self.secrets + more) if more else self

    def text(self, text: str) -> str:
        """Return *text* with dots in place of each secret. If one was escaped, the entire string is unescaped."""
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
        """Return *value* with its strings and numbers redacted: JSON, models, and containers of them.

        Only the beginning of a very large value is examined; dots replace the rest.
        """
        return cast("T", _Walk(self).value(value, _MAX_DEPTH) if self.secrets else value)

    def error(self, error: E) -> E:
        """Redact the strings of *error*, in its arguments and attributes, and return it."""
        if not self.secrets:
            return error
        error.args = self.value(error.args)
        for name, value in _Walk(self).changed(vars(error), _MAX_DEPTH).items():
            if name != "path":  # set by this library or the caller
                setattr(error, name, value)
        return error

    def echoes(self, text: str) -> bool:
        """Return whether *text* contains a secret, however short."""
        known = {form for secret in self.secrets for form in _levels(_text(secret)) if form}
        return any(form in level for level in _levels(text) for form in known)


class _Walk:
    """Redact one value, part by part, within a bound that blocks an event loop for only some hundredths of a second."""

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
            return _replaced(value, dict(self._members(cast("Mapping[Any, object]", value), depth - 1)))
        if isinstance(value, list | tuple):
            parts = [*self._parts(cast("list[Any]", value), depth - 1)]
            return parts if isinstance(value, list) else tuple(parts)
        return self._instance(value, depth - 1)

    def _text(self, text: str) -> str:
        escaped = any(mark in text for mark in _MARKS)
        self._left -= min(len(text), _MAX_TEXT) if escaped else 0
        return MASK if self._left < 0 else self._redactor.text(text)

    def _members(self, members: Mapping[Any, object], depth: int) -> Iterator[tuple[Any, Any]]:
        """Yield *members* redacted, and dots once the bound is exceeded."""
        for name, part in members.items():
            if self._left < 0:
                yield MASK, MASK
                return
            yield self.value(name, depth), self.value(part, depth)

    def _parts(self, parts: Iterable[Any], depth: int) -> Iterator[Any]:
        """Yield *parts* redacted, and dots once the bound is exceeded; attrs instances are never replaced."""
        for part in parts:
            if self._left < 0 and not attrs.has(cast("type[object]", type(part))):
                yield MASK
                return
            yield self.value(part, depth)

    def _instance(self, value: Any, depth: int) -> Any:
        """Return a redacted copy of an attrs instance, or the instance itself if it contains no secret."""
        names = [field.name for field in attrs.fields(value.__class__)]
        changed = self.changed({name: getattr(value, name) for name in names}, depth)
        if not changed:
            return value
        duplicate = copy.copy(value)
        for name, part in changed.items():
            object.__setattr__(duplicate, name, part)
        return duplicate

    def changed(self, fields: Mapping[str, Any], depth: int) -> dict[str, Any]:
        """Return the attributes that had to be rebuilt, redacted. Plain numbers are ids or codes and are kept."""
        texts = {name: part for name, part in fields.items() if not isinstance(part, int | float)}
        return {name: redacted for name, part in texts.items() if (redacted := self.value(part, depth)) is not part}


def _replaced(mapping: Any, redacted: dict[Any, Any]) -> Any:
    """Return *mapping* if nothing in it was redacted; else *redacted*, as a copy of a class derived from `dict`."""
    if redacted == mapping:
        return mapping
    kind = cast("type[object]", type(mapping))
    if kind is dict or not issubclass(kind, dict):
        return redacted
    duplicate = copy.copy(mapping)
    duplicate.clear()
    duplicate.update(redacted)
    return duplicate


def _text(secret: Redacted) -> str:
    return str(secret.reveal())


def _levels(text: str) -> Iterator[str]:
    """Yield *text* unchanged, then unescaped once, twice, and so on."""
    for _ in range(_ROUNDS + 1):
        yield text
        text, escaped = _unescaped(text), text
        if text == escaped:
            return


def _unescaped(text: str) -> str:
    return _escape().sub(_character, text) if any(mark in text for mark in _MARKS) else text


@functools.cache
def _escape() -> re.Pattern[str]:
    """Return the pattern of one escape; compiling it would be a tenth of this package's import."""
    return re.compile(_ESCAPE, re.VERBOSE | re.IGNORECASE)


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
    if kind == "blank":
        return " "
    import html  # noqa: PLC0415 -- its table of entities is large, and few messages need it

    return html.unescape(escape)
