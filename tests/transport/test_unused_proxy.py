"""A proxy of the environment that is not used is named where there is no connection, and only there."""

from __future__ import annotations

import errno

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey

from multicart_async.transport._evidence import Evidence
from multicart_async.transport._faults import Route, fault_of_call

HOST = "service.example:443"
PROXY = "proxy.example:3128"
ROUTES = {
    "neither": (Route("https", HOST), True),
    "a proxy": (Route("https", HOST, PROXY), False),
    "trust_env": (Route("https", HOST, trust_env=True), False),
}


@pytest.mark.parametrize(("route", "named"), ROUTES.values(), ids=ROUTES)
def test_a_proxy_is_named_where_it_is_not_used(route: Route, named: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a proxy of the caller's, or the environment's, there is nothing left to switch on."""
    monkeypatch.setenv("https_proxy", f"http://{PROXY}")
    key = ConnectionKey("service.example", 443, True, True, None, None, None)
    error = aiohttp.ClientConnectorError(key, OSError(errno.ECONNREFUSED, "refused"))

    fault = fault_of_call("/p/", error, Evidence(tracked=False), route, usable=True)

    assert ("pass trust_env=True" in str(fault)) is named
