"""Host names that a sandbox accepts, and the one in its URL.

A web page can make its own name resolve to 127.0.0.1 (DNS rebinding), and could then read the sandbox as if it were
part of its own site. The ``Host`` of such a request is the name of the page, so a sandbox accepts only its own names.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Iterable
from urllib.parse import urlsplit

from multicart_async._core.exceptions import ArgumentError
from multicart_async._core.loopback import is_loopback
from multicart_async._core.short_repr import short_repr
from multicart_async._core.validation import wrong_argument

_LABEL = r"[^.\[\]:/?#@*\s]+"
_HOST = re.compile(rf"(\[[^\[\]\s]+\]|{_LABEL}(?:\.{_LABEL})*\.?)(?::\d*)?")
_LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


def host_name(text: str) -> str | None:
    """Return the normalized name in a ``Host`` header, without its port; None if the header is invalid."""
    matched = _HOST.fullmatch(text)
    if matched is None or (matched[1].startswith("[") and _address(matched[1]) is None):
        return None
    return normalized(matched[1])


def normalized(name: str) -> str:
    """Return the normalized form of a name or address: lower case, no brackets, no final dot, IPv6 shortened."""
    bare = name.removesuffix(".").lower()
    address = _address(bare)
    if address is None:
        return bare
    return str(getattr(address, "ipv4_mapped", None) or address).partition("%")[0]


def check_host_name(value: object) -> str:
    """Return the normalized form of a host name that a user allows.

    Raises:
        ValueError: It is not a host name or address alone.
    """
    if isinstance(value, str) and (_address(value) is not None or (":" not in value and host_name(value) is not None)):
        return normalized(value)
    raise ValueError(f"expected a host name without scheme and port, such as 'sandbox', got {short_repr(value)}")


def check_host_names(names: Iterable[str]) -> frozenset[str]:
    """Return the normalized forms of the host names that a user allows.

    Raises:
        ArgumentError: One of them is not a host name or address alone, or *names* is not a list of them.
    """
    if isinstance(names, str):
        raise ArgumentError("allowed_hosts", f"expected a list of names, got a string; write [{short_repr(names)}]")
    if not hasattr(names, "__iter__"):
        raise wrong_argument("allowed_hosts", "a list of names", names)
    try:
        return frozenset(map(check_host_name, names))
    except ValueError as error:
        raise ArgumentError("allowed_hosts", str(error)) from error


def served_names(bound: str, links_base: str | None, allowed: frozenset[str]) -> frozenset[str]:
    """Return all names that a sandbox accepts: local ones, its address, the host of its links, and allowed ones."""
    names = {normalized(bound), *_LOCAL_NAMES, *allowed}
    if not is_loopback(normalized(bound)):
        names.add(normalized(socket.gethostname()))
    if links_base is not None:
        names.add(normalized(urlsplit(links_base).hostname or ""))
    return frozenset(names - {""})


def local_host(bound: str) -> str:
    """Return the host of a URL for this computer: *bound*, or loopback if *bound* stands for all addresses."""
    address = _address(bound)
    if address is None or not address.is_unspecified:
        return bound
    return "127.0.0.1" if address.version == 4 else "::1"


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text.removeprefix("[").removesuffix("]"))
    except ValueError:
        return None
