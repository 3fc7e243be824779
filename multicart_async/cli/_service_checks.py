"""Whether the service can be used: reachability, proxy, clock and key."""

from __future__ import annotations

import secrets
import time
from email.utils import parsedate_to_datetime
from typing import Final

import attrs

from multicart_async.cli._call import Access
from multicart_async.cli._check import Check
from multicart_async.cli._client import base_url_of, find_access, make_client
from multicart_async.cli._options import CommonOptions
from multicart_async.config import RetryPolicy, Timeouts
from multicart_async.errors import (
    APIConnectionError,
    APIError,
    AuthenticationError,
    ConfigurationError,
    MultiCartError,
    PermissionDeniedError,
)

__all__ = ["Probe", "check_clock", "check_key", "check_proxy", "check_reachability", "find_service"]

_CLOCK_TOLERANCE: Final = 180.0  # seconds
_TIMEOUTS: Final = Timeouts(connect=10, request=20)
_RETRY: Final = RetryPolicy(attempts=2)


@attrs.define
class Probe:
    """What a call without a credential has found. ``date`` is a header of the response, and ``received`` when it came."""

    base_url: str
    access: Access | None = None
    access_error: MultiCartError | None = None
    called: bool = False
    error: MultiCartError | None = None
    seconds: float = 0.0
    date: str | None = None
    received: float = 0.0

    @property
    def reached(self) -> bool:
        """Whether there was a response, of the service or of something else."""
        return self.called and not isinstance(self.error, APIConnectionError | ConfigurationError)

    def take_date(self, value: str | None) -> None:
        """Keep the header of a response."""
        self.date, self.received = value, time.time()


def find_service(options: CommonOptions) -> Probe:
    """Return which service and credential are used, before any call."""
    try:
        access = find_access(options)
    except MultiCartError as error:
        return Probe(base_url_of(options), access_error=error)
    return Probe(access.base_url, access)


async def _call(probe: Probe, options: CommonOptions) -> None:
    from multicart_async._http.aiohttp_trace import header_trace  # noqa: PLC0415 -- imports aiohttp
    from multicart_async.client import AsyncMultiCart  # noqa: PLC0415 -- as above

    client = AsyncMultiCart(
        secrets.token_hex(16),  # never sent by a public call; without it, a wrong one in the environment would matter
        base_url=probe.base_url,
        allow_http=True,
        timeouts=_TIMEOUTS,
        retry=_RETRY,
        proxy=options.proxy,
        trust_env=options.proxy is None,
        trace_configs=[header_trace("Date", probe.take_date)],
        user_agent="multicart-cli",
    )
    async with client:
        await client.settings.domains()


async def check_reachability(probe: Probe, options: CommonOptions, proxy: Check) -> Check:
    """Make a call that needs no credential, and return whether the service has responded."""
    if proxy.made and not proxy.ok:
        return Check.impossible("reachability", "the proxy cannot be used")
    began = time.monotonic()
    probe.called = True
    try:
        await _call(probe, options)
    except MultiCartError as error:
        probe.error = error
    probe.seconds = time.monotonic() - began
    return _reachability(probe)


def _reachability(probe: Probe) -> Check:
    error = probe.error
    if error is None:
        return _found("reachability", f"{probe.base_url} responded after {probe.seconds * 1000:.0f} ms")
    if isinstance(error, ConfigurationError):
        return _failed("reachability", str(error))
    if isinstance(error, APIConnectionError):
        advice = "check the network, --base-url and the proxy, which the next line shows"
    elif isinstance(error, APIError):
        advice = "the service has a problem: try again later"
    else:
        advice = "something else than the service responds: check --base-url, and whether the network needs a login"
    return _failed("reachability", f"{probe.base_url}: {error}; {advice}")


def check_proxy(options: CommonOptions, base_url: str) -> Check:
    """Return which proxy is used, and whether it can be."""
    from yarl import URL  # noqa: PLC0415 -- not for help

    from multicart_async._http.aiohttp_proxy import environment_proxy, seal_proxy, unused_proxy  # noqa: PLC0415

    if options.proxy is not None:
        proxy = seal_proxy(options.proxy)
        if proxy is None:
            return _found("proxy", "none: --proxy is empty")
        if not proxy.is_usable:
            return _failed("proxy", "--proxy: expected an http or https URL such as http://proxy.example:3128")
        return _found("proxy", f"{proxy.address}, of --proxy")
    try:
        base = URL(base_url)
        proxy = environment_proxy(base)
    except ConfigurationError as error:
        return _failed("proxy", str(error))
    except ValueError:
        return Check.impossible("proxy", "the base URL is wrong")
    variable = unused_proxy(base.scheme)
    if proxy is not None:
        return _found("proxy", f"{proxy.address}, of {variable or 'the system'}")
    return _found("proxy", f"none: NO_PROXY excludes {base.host} from {variable}" if variable else "none")


def check_clock(probe: Probe) -> Check:
    """Return how much the clock of this computer differs from that of the service."""
    if probe.date is None:
        reason = "its response had no Date header" if probe.reached else "the service was not reached"
        return Check.impossible("clock", reason)
    try:
        difference = probe.received - parsedate_to_datetime(probe.date).timestamp()
    except (ValueError, OverflowError):
        return Check.impossible("clock", "the Date header of the service is none")
    if abs(difference) <= _CLOCK_TOLERANCE:
        return _found("clock", f"differs from the service's by {abs(difference):.0f} s")
    direction = "ahead of" if difference > 0 else "behind"
    return _failed(
        "clock",
        f"{abs(difference):,.0f} s {direction} the service's: set it, or let the system do it (timedatectl set-ntp true)",
    )


async def check_key(probe: Probe, options: CommonOptions) -> Check:
    """Return where the key comes from, and whether the service accepts it."""
    access = probe.access
    if access is None:
        return _failed("key", str(probe.access_error))
    if not probe.reached:
        return Check.impossible("key", f"the service was not reached; it would come from {access.source}")
    try:
        async with make_client(access, options, lambda _: None) as client:
            spendable = (await client.account.credits()).spendable
    except (AuthenticationError, PermissionDeniedError) as error:
        advice = "copy the key from the dashboard again, and type multicart login or set MULTICART_API_KEY"
        return _failed("key", f"{access.source} is rejected: {error}; {advice}")
    except MultiCartError as error:
        return _failed("key", f"{access.source}: {error}")
    credits_shown = "" if spendable is None else f", {spendable:,} credits can be spent"
    return _found("key", f"{access.source} is accepted{credits_shown}")


def _found(name: str, detail: str) -> Check:
    return Check(name, ok=True, detail=detail)


def _failed(name: str, detail: str) -> Check:
    return Check(name, ok=False, detail=detail)
