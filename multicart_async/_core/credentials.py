"""Decide which credential a client uses, where it is sent, and whether it may be sent there."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from urllib.parse import SplitResult, urlsplit

import attrs
from yarl import URL

from multicart_async._core.exceptions import ArgumentError, ConfigurationError
from multicart_async._core.extra_headers import ExtraHeaders
from multicart_async._core.key_sources import KeyCommand, KeyFile, without_line_break
from multicart_async._core.loopback import is_loopback
from multicart_async._core.redaction import Credential, seal
from multicart_async._core.redactor import Redactor
from multicart_async._core.short_repr import short_repr
from multicart_async._core.validation import check_bool

__all__ = ["BASE_URL", "PLAIN_HTTP", "Given", "Settings", "resolve"]

BASE_URL = "https://multicartapi.com/api/v1"

PLAIN_HTTP = "would be readable on the network with http; use https, or pass allow_http=True if that is no risk"
"""Why a secret must not be sent to such a base URL, and what to do."""

_VISIBLE = re.compile(r"[\x21-\x7e]{1,512}\Z")


@attrs.frozen
class Settings:
    """Credential, base URL and the caller's extra headers.

    ``exposed`` is the name of the setting that gave the base URL if no secret may be sent there (plain http to another
    machine), else empty.
    """

    base_url: str
    credential: Credential | None = None
    exposed: str = attrs.field(default="", kw_only=True)
    extra: ExtraHeaders = attrs.field(factory=ExtraHeaders, eq=False)

    @property
    def redactor(self) -> Redactor:
        """A redactor of the credential and of the caller's extra headers, which a service may repeat."""
        return Redactor([*(self.credential.secrets() if self.credential else ()), *self.extra.secrets()])


class Given:
    """The credential arguments of the client: sealed immediately, checked later."""

    def __init__(
        self, api_key: object = None, token: object = None, file: object = None, command: object = None
    ) -> None:
        self.api_key = seal(api_key, "x-api-key")
        self.token = seal(token, "Authorization")
        self.file = None if file is None else KeyFile(file)
        self.command = None if command is None else KeyCommand(command)


def resolve(
    given: Given, base_url: str | None, environ: Mapping[str, str] = os.environ, *, allow_http: bool = False
) -> Settings:
    """Return the credential and the base URL: from the arguments, a file or a command, or else from the environment.

    The variables are ``MULTICART_API_KEY``, ``MULTICART_TOKEN`` and ``MULTICART_BASE_URL``; an empty one counts as
    unset. A file is not opened, and a command is not run, unless it is needed.

    Raises:
        ConfigurationError: Two credentials are given where one is expected, a credential is malformed, the file or the
            command gives none, or the base URL is not absolute http(s) or must not receive a credential.
    """
    check_bool("allow_http", allow_http)
    if given.file and given.command:
        raise ArgumentError("api_key_file", "expected one of api_key_file and api_key_command, got both; remove one")
    api_key, token, source = given.api_key, given.token, given.file or given.command
    names = ("api_key", "token")
    if api_key is None and token is None and source is None:
        names = ("MULTICART_API_KEY", "MULTICART_TOKEN")
        api_key = seal(without_line_break(environ.get(names[0], "")) or None, "x-api-key")
        token = seal(without_line_break(environ.get(names[1], "")) or None, "Authorization")
    origin, url = "base_url", base_url
    if base_url is None:
        origin, url = "MULTICART_BASE_URL", environ.get("MULTICART_BASE_URL") or BASE_URL
    del environ  # a traceback with local variables must not find the key in it
    if api_key is not None and token is not None:
        raise ConfigurationError(f"{names[0]} and {names[1]}: expected one of them, got both; remove one")
    place, parts = _base_url(url, origin)
    exposed = "" if allow_http or parts.scheme == "https" or is_loopback(parts.hostname or "") else origin
    credential = api_key or token
    if exposed and (credential or source):
        raise ConfigurationError(f"{origin} {short_repr(place)}: the credential {PLAIN_HTTP}")
    if credential is not None:
        credential.check(names[0] if api_key else names[1])
    elif source is not None:
        credential = source.read()  # last, because a command may take a minute
    return Settings(place, credential, exposed=exposed)


def _base_url(text: object, origin: str) -> tuple[str, SplitResult]:
    parts = _absolute(text) if isinstance(text, str) and _VISIBLE.match(text) else None
    if not isinstance(text, str) or parts is None:
        raise ConfigurationError(f"{origin}: expected an absolute http or https URL such as {BASE_URL}")
    if parts.username is not None or not set("?#\\").isdisjoint(text):
        raise ConfigurationError(
            f"{origin}: expected no user name, query, fragment or backslash; remove it from the URL"
        )
    return text.rstrip("/"), parts


def _absolute(text: str) -> SplitResult | None:
    try:
        parts = urlsplit(text)
        URL(text)  # requests are made with it, and it is stricter
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return None
    return parts if good else None
