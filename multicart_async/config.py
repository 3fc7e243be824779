"""What a client is told once: credential, base URL, time limits, retries, bounds. Frozen values; the key never prints."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import attrs

from multicart_async._extra_headers import ExtraHeaders
from multicart_async._hidden import DOTS, HiddenText, Redacted
from multicart_async._redaction import Redactor
from multicart_async._short_repr import short_repr
from multicart_async.errors import ConfigurationError

__all__ = ["Limits", "RetryPolicy", "Secret", "Settings", "Timeouts"]

BASE_URL = "https://multicartapi.com/api/v1"
_PRINTABLE = re.compile(r"[\x21-\x7e]{1,512}\Z")
_LEAST = 8  # bytes of a credential that is looked for in what the service sends
_LONGEST = 1e12  # seconds, or so many a second; not a number and infinity are not below it either


def _number(*, zero: bool = False) -> Callable[[Any, attrs.Attribute[Any], Any], None]:
    def check(owner: object, field: attrs.Attribute[Any], value: object) -> None:
        good = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _LONGEST
        if not good or value < 0 or (value == 0 and not zero):  # type: ignore[operator]
            least = "0 or more" if zero else "above 0"
            name = f"{type(owner).__name__}.{field.name}"
            raise ConfigurationError(f"{name}: expected seconds, {least}, got {short_repr(value)}")

    return check


def _count(owner: object, field: attrs.Attribute[Any], value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        name = f"{type(owner).__name__}.{field.name}"
        raise ConfigurationError(f"{name}: expected a positive integer, got {short_repr(value)}")


def _rate(owner: object, field: attrs.Attribute[Any], value: object) -> None:
    good = isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < _LONGEST
    if value is not None and not good:
        name = f"{type(owner).__name__}.{field.name}"
        raise ConfigurationError(f"{name}: expected a number above 0, or None for no limit, got {short_repr(value)}")


@attrs.frozen
class Timeouts:
    """How long to wait for the network, in seconds.

    ``connect`` bounds getting a connection. ``request`` bounds one JSON call, and the headers of a download.
    ``read`` is the longest silence on a download; less than 1 KiB/s for that long is a stall too. ``transfer`` bounds
    one attempt to receive a file: only waiting for the network counts, and it is not tried again. By default there is no
    such bound: a download may take as long as it moves. How long to wait for a *run* is `PollPolicy.wait_timeout`.
    """

    connect: float = attrs.field(default=10.0, validator=_number())
    request: float = attrs.field(default=60.0, validator=_number())
    read: float = attrs.field(default=60.0, validator=_number())
    transfer: float | None = attrs.field(default=None, validator=attrs.validators.optional(_number()))


@attrs.frozen
class RetryPolicy:
    """When and how often a call or a transfer is tried again; ``attempts=1`` is never.

    The pause grows from ``wait_initial`` to ``wait_max`` seconds, plus up to ``wait_jitter``. A pause that the service
    asks for (Retry-After) is kept by the whole client; above ``retry_after_max`` seconds it is not waited for: the error is
    raised, with ``retry_after``.
    """

    attempts: int = attrs.field(default=5, validator=_count)
    wait_initial: float = attrs.field(default=0.5, validator=_number(zero=True))
    wait_max: float = attrs.field(default=8.0, validator=_number(zero=True))
    wait_jitter: float = attrs.field(default=1.0, validator=_number(zero=True))
    retry_after_max: float = attrs.field(default=120.0, validator=_number(zero=True))


@attrs.frozen
class Limits:
    """Bounds of the whole client: calls and files under way, and sizes in bytes.

    ``response_bytes`` bounds one JSON answer in memory, ``record_bytes`` one record of a result file in memory,
    ``file_bytes`` one file, as it is received and as it is kept, and ``unpacked_bytes`` all that one ZIP archive may
    unpack to while it is checked (nothing of it is kept).

    ``requests_per_second`` spaces requests evenly: each attempt of a call and each transfer of a file begins at least
    ``1 / requests_per_second`` seconds after the one before; idle time is not saved up. ``bytes_per_second`` bounds all
    files under way together; each piece is counted when it has arrived, and the pauses do not count as silence.

    The service's whole fleet scrapes about 20 pages at a time: more requests at once do not make it faster.
    """

    requests: int = attrs.field(default=8, validator=_count)
    downloads: int = attrs.field(default=8, validator=_count)
    response_bytes: int = attrs.field(default=64 * 2**20, validator=_count)
    record_bytes: int = attrs.field(default=64 * 2**20, validator=_count)
    unpacked_bytes: int = attrs.field(default=2**38, validator=_count)
    requests_per_second: float | None = attrs.field(default=None, validator=_rate)
    bytes_per_second: float | None = attrs.field(default=None, validator=_rate)
    file_bytes: int | None = attrs.field(default=None, validator=attrs.validators.optional(_count))


class Secret:
    """A key or token that shows only its public prefix. It cannot be pickled."""

    __slots__ = ("_header", "_value")

    def __init__(self, value: object, header: str) -> None:
        self._value = Redacted(value)
        self._header = header

    def check(self, argument: str) -> None:
        """Raises `ConfigurationError` unless it is one word of ASCII; the message does not hold it."""
        if not self._is_word():
            raise ConfigurationError(
                f"{argument}: expected 1 to 512 visible ASCII characters without whitespace; copy it from the dashboard again"
            )

    def headers(self) -> dict[str, str]:
        """The header that carries it, ``x-api-key`` or ``Authorization``."""
        text = str(self._value.reveal())
        return {self._header: HiddenText(f"Token {text}" if self._header == "Authorization" else text)}

    def secrets(self) -> list[Redacted]:
        """Return itself and its part after the public prefix; parts below 8 characters are left out, as they match any text."""
        text = str(self._value.reveal())
        return [Redacted(part) for part in (text, text.partition(".")[2]) if len(part) >= _LEAST]

    def _is_word(self) -> bool:
        text = self._value.reveal()
        return isinstance(text, str) and _PRINTABLE.match(text) is not None

    def __repr__(self) -> str:
        prefix, dot, _ = str(self._value.reveal()).partition(".")
        return f"{prefix[:16]}.{DOTS}" if dot else DOTS

    def __reduce__(self) -> str | tuple[Any, ...]:
        raise TypeError("a credential cannot be pickled or copied; make the client where it is used")


@attrs.frozen
class Settings:
    """Credential and base URL, headers of the caller's own.

    ``exposed`` is the name of the setting with the base URL if no secret may go there (plain http to another machine).
    """

    base_url: str
    credential: Secret | None = None
    exposed: str = attrs.field(default="", kw_only=True)
    extra: ExtraHeaders = attrs.field(factory=ExtraHeaders, eq=False)

    @property
    def redactor(self) -> Redactor:
        """A redactor of the credential and of the caller's own headers, which a service may repeat."""
        return Redactor([*(self.credential.secrets() if self.credential else ()), *self.extra.secrets()])


def seal(value: object, header: str) -> Secret | None:
    """The value out of sight, as early as possible, so that no traceback with local variables can show it."""
    return None if value is None else Secret(value, header)
