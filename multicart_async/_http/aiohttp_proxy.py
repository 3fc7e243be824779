"""The proxy on the way to the service, as the argument or the environment names it."""

from __future__ import annotations

import os
from typing import Final
from urllib.request import getproxies, proxy_bypass

from aiohttp import encode_basic_auth
from yarl import URL

from multicart_async._core.redaction import Redacted, RedactedStr
from multicart_async.errors import ConfigurationError

__all__ = ["SOCKS_ADVICE", "Proxy", "address", "environment_proxy", "seal_proxy", "unused_proxy"]

SOCKS_ADVICE: Final = "for SOCKS pass session= with a connector of aiohttp-socks instead"
_SYSTEM: Final = "the proxy settings of this system"


class Proxy:
    """A proxy by its URL, of which only host and port show: user and password are kept like a key."""

    __slots__ = ("_url",)

    def __init__(self, url: object) -> None:
        self._url = Redacted(url)

    @property
    def is_usable(self) -> bool:
        """Whether it is an absolute http or https URL with a host. Its user has no colon: in HTTP that ends the user."""
        url = self._url.reveal()
        if not isinstance(url, str):
            return False
        try:
            parts = URL(url)
            good = bool(parts.raw_host and parts.port)  # yarl looks at some parts when they are asked for
        except ValueError:
            return False
        return good and parts.scheme in {"http", "https"} and ":" not in (parts.user or "")

    @property
    def is_socks(self) -> bool:
        """Whether it is a URL for the SOCKS protocol."""
        return str(self._url.reveal()).lower().startswith("socks")

    @property
    def address(self) -> str:
        """``host:port``, for a text."""
        url = URL(self._url.reveal())
        return address(url.raw_host, url.port)

    def location(self) -> str:
        """Return the URL without user and password."""
        return str(URL(self._url.reveal()).with_user(None))

    def headers(self) -> dict[str, str]:
        """Return the header that proves who asks, if user or password are given.

        In the URL they would stand in the keys of aiohttp's pool, which a warning of a connection left open shows.
        """
        url = URL(self._url.reveal())
        if url.raw_user is None and url.raw_password is None:
            return {}
        return {"Proxy-Authorization": RedactedStr(encode_basic_auth(url.user or "", url.password or ""))}

    def secrets(self) -> list[Redacted]:
        """Return what a proxy may repeat of it: the password, or else the user, and both as they are sent."""
        url = URL(self._url.reveal())
        texts = [url.raw_password or url.raw_user]  # a `Redactor` finds them unescaped too
        texts += [value.partition(" ")[2] for value in self.headers().values()]
        return [Redacted(text) for text in texts if text]

    def __repr__(self) -> str:
        return f"<Proxy {self.address if self.is_usable else 'that is no URL'}>"


def seal_proxy(url: object) -> Proxy | None:
    """Return the proxy of that URL; an empty one is none."""
    return url if isinstance(url, Proxy) else Proxy(url) if url else None


def environment_proxy(base: URL) -> Proxy | None:
    """Return the proxy that the environment names for the one origin that is ever asked.

    aiohttp's own ``trust_env`` would also read netrc, and send the password there beside our key.

    Raises:
        ConfigurationError: aiohttp cannot use it. The text names the variable, not its value, which may hold a password.
    """
    if proxy_bypass(f"{base.host}:{base.port}"):  # which also looks for the host alone
        return None
    for scheme in (base.scheme, "all"):
        if (proxy := _named(scheme)) is not None:
            _check(proxy, _variable(scheme) or _SYSTEM)
            return proxy
    return None


def unused_proxy(scheme: str) -> str | None:
    """Return the variable of the environment that names a proxy for *scheme*, if there is one."""
    return _variable(scheme) or _variable("all")


def address(host: str | None, port: int | None) -> str:
    """Return ``host:port`` for a text, without credentials."""
    return f"[{host}]:{port}" if host and ":" in host else f"{host}:{port}"


def _named(scheme: str) -> Proxy | None:
    url = getproxies().get(scheme, "").strip()
    return seal_proxy(f"http://{url}" if url and "://" not in url else url)


def _check(proxy: Proxy, variable: str) -> None:
    if proxy.is_socks:
        reason = "names a SOCKS proxy, which aiohttp cannot use by itself"
        raise ConfigurationError(f"{variable}: {reason}; {SOCKS_ADVICE}, and leave out trust_env")
    if not proxy.is_usable:
        raise ConfigurationError(f"{variable}: expected an http or https URL such as http://proxy.example:3128")


def _variable(scheme: str) -> str | None:
    """Return the name that holds the value; the one in lower case wins, as in `urllib.request.getproxies`."""
    wanted = f"{scheme}_proxy"
    names = [name for name, value in os.environ.items() if name.lower() == wanted and value]
    return wanted if wanted in names else next(iter(names), None)
