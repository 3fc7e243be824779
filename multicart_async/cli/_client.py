"""Make the client of a command: which credential it has, where it is sent, and within which limits."""

from __future__ import annotations

import os
import shlex
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from multicart_async._core.credentials import BASE_URL
from multicart_async.cli._call import Access, Call
from multicart_async.cli._options import CommonOptions
from multicart_async.cli._profiles import DEFAULT_PROFILE, Profile, load_profile
from multicart_async.config import Limits
from multicart_async.errors import ConfigurationError
from multicart_async.events import Event

if TYPE_CHECKING:  # aiohttp is not for help and completion
    from multicart_async.client import AsyncMultiCart

__all__ = ["base_url_of", "connected", "find_access", "make_client", "variable_in_force"]

_VARIABLES: Final = ("MULTICART_API_KEY", "MULTICART_TOKEN")


def base_url_of(options: CommonOptions) -> str:
    """Return the base URL that is used without a profile."""
    return options.base_url or BASE_URL


def find_access(options: CommonOptions, *, required: bool = True) -> Access:
    """Return the credential to use: a named profile, else the environment, else the profile ``default``.

    Without *required*, for a call that sends nothing, the default profile is not read.

    Raises:
        ConfigurationError: There is none, or it belongs to another service than ``--base-url``.
    """
    if options.profile is not None:
        profile = load_profile(options.profile)
        if profile is None:
            raise ConfigurationError(
                f"--profile: there is no profile {options.profile}; make it: "
                f"multicart login --profile {shlex.quote(options.profile)}"
            )
        return _of_profile(profile, options)
    variable = variable_in_force()
    if variable is not None:
        return Access(variable, base_url_of(options))
    if not required:
        return Access("none", base_url_of(options))
    profile = load_profile(DEFAULT_PROFILE)
    if profile is None:
        raise ConfigurationError("there is no credential: type multicart login, or set MULTICART_API_KEY")
    return _of_profile(profile, options)


def variable_in_force() -> str | None:
    """Return the variable that holds the credential, if there is one."""
    return next((name for name in _VARIABLES if os.environ.get(name)), None)


def _of_profile(profile: Profile, options: CommonOptions) -> Access:
    """Return the access of a profile, whose key is sent to its own service alone."""
    own = profile.base_url or BASE_URL
    if options.explicit_base_url and options.base_url is not None and _origin(options.base_url) != _origin(own):
        raise ConfigurationError(
            f"--base-url: the key of profile {profile.name} belongs to {own}; for another service, "
            "type multicart login --profile NAME --base-url URL"
        )
    chosen = options.base_url if options.explicit_base_url and options.base_url else own
    return Access(f"profile {profile.name}", chosen, profile.api_key)


def _origin(url: str) -> tuple[str, str]:
    try:
        parts = urlsplit(url)
    except ValueError:
        return "", url
    return parts.scheme.lower(), parts.netloc.lower()


def make_client(access: Access, options: CommonOptions, on_event: Callable[[Event], None]) -> AsyncMultiCart:
    """Return a new client."""
    from multicart_async.client import AsyncMultiCart  # noqa: PLC0415

    return AsyncMultiCart(
        access.api_key,
        base_url=access.base_url,
        limits=_limits(options),
        proxy=options.proxy,
        trust_env=options.proxy is None,
        on_event=on_event,
        user_agent="multicart-cli",
    )


@asynccontextmanager
async def connected(call: Call, *, required: bool = True) -> AsyncGenerator[AsyncMultiCart]:
    """Open the client of a command; without *required*, even if there is no credential."""
    call.access = find_access(call.options, required=required)
    async with make_client(call.access, call.options, call.on_event) as client:
        call.set_client(client)
        yield client


def _limits(options: CommonOptions) -> Limits:
    given: dict[str, Any] = {
        "requests": options.requests,
        "downloads": options.downloads,
        "requests_per_second": options.rate,
    }
    return Limits(**{name: value for name, value in given.items() if value is not None})
