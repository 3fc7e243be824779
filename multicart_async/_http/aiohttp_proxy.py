"""The proxy between client and service, given as an argument or by the environment."""

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
    """A proxy URL. Only host and port are ever shown; user and password are treated like a key."""

    __slots__ = ("_url",)

    def __init__(self, url: object) -> None:
        self._url = Redacted(url)

    @property
    def is_usable(self) -> bool:
        """Whether it is an absolute http or https URL with a host, and without a colon in the user name.

        In Basic authentication a colon would end the user name.
        """
        url = self._url.reveal()
        if not isinstance(url, str):
            return False
        try:
            parts = URL(url)
            good = bool(parts.raw_host and parts.port)  # yarl validates some parts only when they are read
        except ValueError:
            return False
        return good and parts.scheme in {"http", "https"} and ":" not in (parts.user or "")

    @property
    def is_socks(self) -> bool:
        """Whether it is a URL of the SOCKS protocol."""
        return str(self._url.reveal()).lower().startswith("socks")

    @property
    def address(self) -> str:
        """``host:port``, without credentials."""
        url = URL(self._url.reveal())
        return address(url.raw_host, url.port)

    def location(self) -> str:
        """Return the URL without user and password."""
        return str(URL(self._url.reveal()).with_user(None))

    def headers(self) -> dict[str, str]:
        """Return the authentication header if the URL has a user or password.

        In a URL they would become part of the keys of aiohttp's pool, which the warning about an open connection shows.
        """
        url = URL(self._url.reveal())
        if url.raw_user is None and url.raw_password is None:
            return {}
        return {"Proxy-Authorization": RedactedStr(encode_basic_auth(url.user or "", url.password or ""))}

    def secrets(self) -> list[Redacted]:
        """Return the secrets that a proxy may repeat: the password, or else the user, and the encoded header."""
        url = URL(self._url.reveal())
        texts = [url.raw_password or url.raw_user]  # a `Redactor` also finds the unescaped forms
        texts += [value.partition(" ")[2] for value in self.headers().values()]
        return [Redacted(text) for text in texts if text]

    def __repr__(self) -> str:
        return f"<Proxy {self.address if self.is_usable else 'that is no URL'}>"


def seal_proxy(url: object) -> Proxy | None:
    """Return the `Proxy` for *url*, or ``None`` for an empty value."""
    return url if isinstance(url, Proxy) else Proxy(url) if url else None


def environment_proxy(base: URL) -> Proxy | None:
    """Return the proxy that the environment sets for the origin of *base*, the only one that is requested.

    aiohttp's own ``trust_env`` would also read netrc, and send a password from it in addition to the key.

    Raises:
        ConfigurationError: aiohttp cannot use the proxy. The message names the variable but not its value, which may
            contain a password.
    """
    if proxy_bypass(f"{base.host}:{base.port}"):  # which also looks for the host without the port
        return None
    for scheme in (base.scheme, "all"):
        if (proxy := _named(scheme)) is not None:
            _check(proxy, _variable(scheme) or _SYSTEM)
            return proxy
    return None


def unused_proxy(scheme: str) -> str | None:
    """Return the environment variable that names a proxy for *scheme*, if there is one."""
    return _variable(scheme) or _variable("all")


def address(host: str | None, port: int | None) -> str:
    """Return ``host:port``, with brackets around an IPv6 address."""
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
    """Return the name of the variable that is set; lower case has precedence, as in `urllib.request.getproxies`."""
    wanted = f"{scheme}_proxy"
    names = [name for name, value in os.environ.items() if name.lower() == wanted and value]
    return wanted if wanted in names else next(iter(names), None)
