"""A proxy of the environment that is not used is named where there is no connection, and only there."""

from __future__ import annotations

import errno
import os

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey

from multicart_async._http.aiohttp_connector import SendEvidence
from multicart_async._http.aiohttp_errors import Route, call_error
from multicart_async._http.aiohttp_proxy import unused_proxy

HOST = "service.example:443"
PROXY = "proxy.example:3128"
ROUTES = {
    "neither": (Route("https", HOST), True),
    "a proxy": (Route("https", HOST, PROXY), False),
    "trust_env": (Route("https", HOST, trust_env=True), False),
}


@pytest.mark.parametrize("variable", ["https_proxy", "ALL_PROXY"])
@pytest.mark.parametrize(("route", "named"), ROUTES.values(), ids=ROUTES)
def test_a_proxy_is_named_where_it_is_not_used(
    route: Route, named: bool, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a proxy of the caller's, or the environment's, there is nothing left to switch on."""
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv(variable, f"http://{PROXY}")
    key = ConnectionKey("service.example", 443, True, True, None, None, None)
    error = aiohttp.ClientConnectorError(key, OSError(errno.ECONNREFUSED, "refused"))

    fault = call_error("/p/", error, SendEvidence(tracked=False), route, usable=True)

    assert (f"{variable} names a proxy that is not used, pass trust_env=True" in str(fault)) is named


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"HTTPS_PROXY": PROXY, "https_proxy": PROXY}, "https_proxy"),
        ({"https_proxy": "", "HTTPS_PROXY": PROXY}, "HTTPS_PROXY"),
        ({"HTTPS_PROXY": ""}, None),
        ({"http_proxy": PROXY}, None),
    ],
)
def test_the_name_is_that_of_the_variable_that_counts(
    variables: dict[str, str], named: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one in lower case, if it has a value."""
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert unused_proxy("https") == named
