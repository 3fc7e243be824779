"""Which hosts are this machine itself. No I/O: a name server is not asked."""

from __future__ import annotations

import ipaddress

__all__ = ["is_loopback"]


def is_loopback(host: str) -> bool:
    """Return whether *host*, in lower case and without brackets, cannot be another machine.

    Names below ``localhost`` are not: some resolvers ask a name server for them.
    """
    if host.removesuffix(".") == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False  # also 127.1, for which a name server may be asked
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback
