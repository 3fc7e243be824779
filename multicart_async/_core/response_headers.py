"""Response headers that help to find a request in server logs, kept on the errors that the response causes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

__all__ = ["FromResponse", "note_headers"]

_IDS: Final = (  # in order of preference
    "x-request-id",
    "request-id",
    "x-correlation-id",
    "x-amzn-requestid",
    "x-amz-request-id",
    "x-amz-cf-id",
    "cf-ray",
    "x-trace-id",
    "traceparent",
    "correlation-id",
    "apigw-requestid",
    "x-ms-request-id",
    "x-azure-ref",
    "x-cloud-trace-context",
    "x-amzn-trace-id",
    "x-b3-traceid",
)
_OTHERS: Final = ("date", "retry-after", "server", "via", "content-type")
_RATE_LIMIT: Final = re.compile(r"(x-)?ratelimit(-[a-z0-9_-]{1,40})?\Z")
_MAX_LENGTH = 200  # characters of a value
_MAX_RATE_LIMITS = 16
_LOOKED_AT = 30 * _MAX_LENGTH  # characters of a value that are redacted, because a secret may be escaped


class FromResponse:
    """Attributes of the errors that a response causes.

    ``headers`` is a selection, with names in lower case: request ids, and headers about servers and limits. Cookies are
    never included.
    """

    headers: Mapping[str, str] = MappingProxyType({})

    @property
    def request_id(self) -> str | None:
        """The id that the service, or a proxy in front of it, gave the request; ``None`` if the response has none."""
        return next((self.headers[name] for name in _IDS if self.headers.get(name)), None)


def note_headers(error: BaseException, headers: Mapping[str, str], conceal: Callable[[str], str]) -> None:
    """Set ``error.headers`` to the selection of *headers*, if *error* is one that a response causes.

    Names must be in lower case. *conceal* redacts the credential in a value.
    """
    if isinstance(error, FromResponse):
        rates = [name for name in headers if _RATE_LIMIT.match(name)][:_MAX_RATE_LIMITS]
        names = [name for name in (*_IDS, *_OTHERS, *rates) if name in headers]
        error.headers = {name: _shown(conceal(headers[name][:_LOOKED_AT])) for name in names}


def _shown(value: str) -> str:
    """Return the beginning of *value* with a replacement for each character that a terminal would interpret."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in value[:_MAX_LENGTH])
