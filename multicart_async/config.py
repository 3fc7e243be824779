"""Settings of a client: time limits, retries, bounds and polling, as frozen values."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import attrs

from multicart_async._core.short_repr import short_repr
from multicart_async.errors import ConfigurationError

__all__ = ["Limits", "PollPolicy", "RetryPolicy", "Timeouts"]

_LONGEST = 1e12  # seconds, or a rate per second; NaN and infinity are not below it either

Validator: TypeAlias = "Callable[[Any, attrs.Attribute[Any], Any], None]"


def _number(
    what: str = "a number", *, minimum: float = 0, maximum: float = math.inf, zero: bool = True, none: str = ""
) -> Validator:
    """Return a validator of finite numbers; *none* says what ``None`` means, where it is allowed."""
    bounds = f"{minimum:g} or more" if maximum == math.inf else f"{minimum:g} to {maximum:g}"
    expected = f"{what}{f', {bounds}' if zero else ' above 0'}{none and f', or None {none}'}"

    def check(owner: object, field: attrs.Attribute[Any], value: object) -> None:
        if value is None and none:
            return
        good = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _LONGEST
        if not good or not minimum <= value <= maximum or (value == 0 and not zero):  # type: ignore[operator]
            raise ConfigurationError(f"{_name(owner, field)}: expected {expected}, got {short_repr(value)}")

    return check


def _count(owner: object, field: attrs.Attribute[Any], value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ConfigurationError(f"{_name(owner, field)}: expected a positive integer, got {short_repr(value)}")


def _warn_or_raise(owner: object, field: attrs.Attribute[Any], value: object) -> None:
    if not isinstance(value, str) or value not in {"warn", "raise"}:
        raise ConfigurationError(f"{_name(owner, field)}: expected 'warn' or 'raise', got {short_repr(value)}")


def _name(owner: object, field: attrs.Attribute[Any]) -> str:
    return f"{type(owner).__name__}.{field.name}"


@attrs.frozen
class Timeouts:
    """How long to wait for the network, in seconds.

    ``connect`` limits getting a connection, including a wait for a free one. ``request`` limits one JSON call, and the
    headers of a download. ``read`` is the longest silence during a download; less than 1 KiB/s for that long is a stall
    too. ``transfer`` limits one attempt to receive a file: only the time spent waiting for the network counts, and
    exceeding it is not retried. It is unlimited by default: a download may take as long as it makes progress. The time
    limit for a *run* is `PollPolicy.wait_timeout`.
    """

    connect: float = attrs.field(default=10.0, validator=_number("seconds", zero=False))
    request: float = attrs.field(default=60.0, validator=_number("seconds", zero=False))
    read: float = attrs.field(default=60.0, validator=_number("seconds", zero=False))
    transfer: float | None = attrs.field(default=None, validator=_number("seconds", zero=False, none="for no limit"))


@attrs.frozen
class RetryPolicy:
    """When and how often a call or a transfer is retried; ``attempts=1`` never retries.

    The pause grows from ``wait_initial`` to ``wait_max`` seconds, plus up to ``wait_jitter``. A pause that the service
    asks for (Retry-After) applies to the whole client; above ``retry_after_max`` seconds there is no waiting: the error
    is raised, with ``retry_after``.
    """

    attempts: int = attrs.field(default=5, validator=_count)
    wait_initial: float = attrs.field(default=0.5, validator=_number("seconds"))
    wait_max: float = attrs.field(default=8.0, validator=_number("seconds"))
    wait_jitter: float = attrs.field(default=1.0, validator=_number("seconds"))
    retry_after_max: float = attrs.field(default=120.0, validator=_number("seconds"))


@attrs.frozen
class Limits:
    """Bounds of the whole client: concurrent calls and files, and sizes in bytes.

    ``response_bytes`` bounds one JSON response in memory, ``record_bytes`` one record of a result file in memory,
    ``file_bytes`` one file, as received and as stored, and ``unpacked_bytes`` the total that one ZIP archive may unpack
    to while it is verified (the unpacked data is not kept).

    ``requests_per_second`` spaces requests evenly: each attempt of a call and each transfer of a file starts at least
    ``1 / requests_per_second`` seconds after the previous one; idle time is not accumulated. ``bytes_per_second``
    bounds all concurrent downloads together; each piece is counted when it has arrived, and the pauses do not count as
    silence.

    The service's whole fleet scrapes about 20 pages at a time, so more concurrent requests do not make it faster.
    """

    requests: int = attrs.field(default=8, validator=_count)
    downloads: int = attrs.field(default=8, validator=_count)
    response_bytes: int = attrs.field(default=64 * 2**20, validator=_count)
    record_bytes: int = attrs.field(default=64 * 2**20, validator=_count)
    unpacked_bytes: int = attrs.field(default=2**38, validator=_count)
    requests_per_second: float | None = attrs.field(default=None, validator=_number(zero=False, none="for no limit"))
    bytes_per_second: float | None = attrs.field(default=None, validator=_number(zero=False, none="for no limit"))
    file_bytes: int | None = attrs.field(default=None, validator=attrs.validators.optional(_count))


@attrs.frozen
class PollPolicy:
    """How often to poll, and for how long, in seconds.

    The pause between two polls starts at ``poll_interval`` and grows by the factor ``growth`` up to
    ``max_poll_interval``, varied by ``jitter`` (0.1 is plus or minus 10 %) so that many waits do not poll in step.
    ``wait_timeout`` limits the whole wait; ``None`` waits forever. ``on_ambiguous`` says what to do when there is more
    than one new run.
    """

    poll_interval: float = attrs.field(default=5.0, validator=_number("seconds"))
    growth: float = attrs.field(default=1.5, validator=_number(minimum=1))
    max_poll_interval: float = attrs.field(default=60.0, validator=_number("seconds"))
    wait_timeout: float | None = attrs.field(default=3600.0, validator=_number("seconds", none="for no limit"))
    jitter: float = attrs.field(default=0.1, validator=_number(maximum=1))
    on_ambiguous: Literal["warn", "raise"] = attrs.field(default="warn", validator=_warn_or_raise)
