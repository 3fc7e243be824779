"""Extra headers of the caller and a User-Agent suffix: checked, redacted in messages, sent with each request.

A value may be the secret of a proxy or gateway, so it is shown as dots and never part of an error.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, Self, cast

from multicart_async._core.exceptions import ArgumentError
from multicart_async._core.redaction import Redacted, RedactedStr
from multicart_async._core.short_repr import short_repr

__all__ = ["ExtraHeaders"]

_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}\Z")  # a token, as HTTP calls it
_VALUE: Final = re.compile(r"([\x21-\x7e]([\t\x20-\x7e]*[\x21-\x7e])?)?\Z")
_USER_AGENT: Final = re.compile(r"[\x21-\x7e]([\x20-\x7e]{0,254}[\x21-\x7e])?\Z")
_SCHEME: Final = re.compile(r"[A-Za-z]+ +(\S+)\Z")
_MIN_REDACTED: Final = 8  # characters: a shorter value would match ordinary words
_SET_HERE: Final = {  # what is set for each request, or would change what a request or its response means
    "x-api-key": "pass api_key instead",
    "authorization": "pass token, or api_key, instead",
    "user-agent": "pass user_agent, which is appended to ours, instead",
    "host": "pass base_url instead",
    "cookie": "pass a session with a cookie jar instead",
    "cookie2": "pass a session with a cookie jar instead",
    "range": "a range is requested only to resume a transfer",
    "accept": "responses are read as JSON, or as files",
    "accept-encoding": "the coding of a file decides whether its length can be verified",
    "expect": "the client would not wait for 100 Continue",
}
_SET_HERE_PREFIXES: Final = {
    "proxy-": "pass proxy, with user and password in its URL, instead",
    "content-": "it is set according to the body",
    "if-": "a condition would change what the response means",
}
_CONNECTION: Final = frozenset(
    {"connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "http2-settings"}
)


class ExtraHeaders:
    """Extra headers and the User-Agent suffix. `checked` validates them; nothing raises before that."""

    def __init__(self, headers: object = {}, user_agent: object = None) -> None:
        self._kind = type(headers).__name__
        self._fields: tuple[tuple[object, Redacted], ...] | None = None
        if isinstance(headers, Mapping):
            fields = cast("Mapping[object, object]", headers).items()
            self._fields = tuple((_plain(name), Redacted(_plain(value))) for name, value in fields)
        self._user_agent = user_agent

    def checked(self) -> Self:
        """Return the object itself if all of it can be sent.

        Raises:
            ArgumentError: A name is invalid or is set by the client itself, or a value contains what a header cannot.
                The error names the header and never shows a value.
        """
        if self._fields is None:
            raise ArgumentError("headers", f"expected a mapping of names to values, got {self._kind}")
        seen: set[str] = set()
        for name, good in [(name, _is_value(value)) for name, value in self._fields]:
            lower = _checked_name(name)
            if not good:
                reason = f"expected one line of ASCII without surrounding whitespace as the value of {name}, which is not shown"
                raise ArgumentError("headers", reason)
            if lower in seen:
                raise ArgumentError(
                    "headers", f"expected each header once, got {name} twice (case is ignored); remove one"
                )
            seen.add(lower)
        agent = self._user_agent
        if agent is not None and not (isinstance(agent, str) and _USER_AGENT.match(agent)):
            reason = f"expected 1 to 256 printable ASCII characters in one line, such as 'my-app/1.2', got {short_repr(agent)}"
            raise ArgumentError("user_agent", reason)
        return self

    def headers(self, user_agent: str) -> dict[str, str]:
        """Return all headers, including *user_agent* with its suffix."""
        headers = {"User-Agent": user_agent if self._user_agent is None else f"{user_agent} {self._user_agent}"}
        for name, value in self._fields or ():
            headers[cast("str", name)] = RedactedStr(value.reveal())
        return headers

    def secrets(self) -> list[Redacted]:
        """Return the values of at least 8 characters, and the part after a scheme, as in ``Bearer …``."""
        texts = [str(value.reveal()) for _, value in self._fields or ()]
        texts += [found[1] for text in texts if (found := _SCHEME.match(text))]
        return [Redacted(text) for text in texts if len(text) >= _MIN_REDACTED]

    def __repr__(self) -> str:
        return f"<ExtraHeaders {[name for name, _ in self._fields or ()]!r}>"


def _plain(value: object) -> object:
    """Return the string that a string enum member stands for; return any other value unchanged."""
    return str.__str__(value) if isinstance(value, str) else value


def _is_value(value: Redacted) -> bool:
    text = value.reveal()
    return isinstance(text, str) and _VALUE.match(text) is not None


def _checked_name(name: object) -> str:
    """Return *name* in lower case, if it may be sent with some value."""
    if not isinstance(name, str) or not _NAME.match(name):
        raise ArgumentError("headers", f"expected the name of a header, got {short_repr(name)}")
    lower = name.lower()
    instead = _SET_HERE.get(lower)
    if instead is None and lower in _CONNECTION:
        instead = "the client manages its connections"
    for prefix, reason in _SET_HERE_PREFIXES.items():
        if lower.startswith(prefix):
            instead = reason
    if instead is not None:
        raise ArgumentError("headers", f"{name} is set by the client itself and cannot be an extra header: {instead}")
    return lower
