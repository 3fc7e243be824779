"""The proxy on the way to the service, as the argument or the environment names it."""

from __future__ import annotations

import os
from typing import Final
from urllib.request import getproxies, proxy_bypass

from yarl import URL

from multicart_async.errors import ConfigurationError

__all__ = ["SOCKS_ADVICE", "address", "environment_proxy", "is_proxy_url", "unused_proxy"]

SOCKS_ADVICE: Final = "for SOCKS pass session= with a connector of aiohttp-socks instead"
_SYSTEM: Final = "the proxy settings of this system"


def is_proxy_url(value: object) -> bool:
    """Return whether *value* is an absolute http or https URL with a host."""
    try:
        parts = URL(value) if isinstance(value, str) else None  # yarl looks at some parts when they are asked for
        return parts is not None and parts.scheme in {"http", "https"} and bool(parts.raw_host) and bool(parts.port)
    except ValueError:
        return False


def environment_proxy(base: URL) -> str | None:
    """Return the proxy that the environment names for the one origin that is ever asked.

    aiohttp's own ``trust_env`` would also read netrc, and send the password there beside our key.

    Raises:
        ConfigurationError: aiohttp cannot use it. The text names the variable, not its value, which may hold a password.
    """
    host = base.host or ""
    if proxy_bypass(host) or proxy_bypass(f"{host}:{base.port}"):
        return None
    proxies = getproxies()
    for scheme in (base.scheme, "all"):
        if proxy := proxies.get(scheme, "").strip():
            return _usable(proxy, _variable(scheme) or _SYSTEM)
    return None


def unused_proxy(scheme: str) -> str | None:
    """Return the variable of the environment that names a proxy for *scheme*, if there is one."""
    return _variable(scheme) or _variable("all")


def address(host: str | None, port: int | None) -> str:
    """Return ``host:port`` for a text, without credentials."""
    return f"[{host}]:{port}" if host and ":" in host else f"{host}:{port}"


def _usable(proxy: str, variable: str) -> str:
    url = proxy if "://" in proxy else f"http://{proxy}"
    if url.lower().startswith("socks"):
        reason = "names a SOCKS proxy, which aiohttp cannot use by itself"
        raise ConfigurationError(f"{variable}: {reason}; {SOCKS_ADVICE}, and leave out trust_env")
    if not is_proxy_url(url):
        raise ConfigurationError(f"{variable}: expected an http or https URL such as http://proxy.example:3128")
    return url


def _variable(scheme: str) -> str | None:
    """Return the name that holds the value; the one in lower case wins, as in `urllib.request.getproxies`."""
    wanted = f"{scheme}_proxy"
    names = [name for name, value in os.environ.items() if name.lower() == wanted and value]
    return wanted if wanted in names else next(iter(names), None)
