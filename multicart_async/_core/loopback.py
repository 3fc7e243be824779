"""Recognise hosts that are this machine. No I/O: no name server is queried."""

from __future__ import annotations

import ipaddress

__all__ = ["is_loopback"]


def is_loopback(host: str) -> bool:
    """Return whether *host*, in lower case and without brackets, can only be this machine.

    Names below ``localhost`` do not count, because some resolvers query a name server for them.
    """
    if host.removesuffix(".") == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False  # also for 127.1, for which a name server may be queried
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback
