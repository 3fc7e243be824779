"""``trust_env``: the proxy of the environment is checked when the client is made, and used for the one origin there is."""

from __future__ import annotations

import os

import pytest
from support.fake_transports import FINE, KEY, client_tls, fine, server_tls, settings, transport_to
from support.raw_server import RawServer
from support.tunnels import Tunnels
from yarl import URL

from multicart_async import AsyncMultiCart
from multicart_async._core.redaction import MASK
from multicart_async._core.redactor import Redactor
from multicart_async._http import NetworkOptions
from multicart_async._http.aiohttp_proxy import Proxy, environment_proxy
from multicart_async.errors import ArgumentError, ConfigurationError

HTTP = "http://service.invalid/api/v1"
HTTPS = "https://service.invalid/api/v1"
SECRET = "pr0xyp4ss"


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch) -> None:
    """The environment of whoever runs the tests has none."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name == "REQUEST_METHOD":
            monkeypatch.delenv(name)


def location(base: str) -> str:
    """Where the proxy of the environment is."""
    proxy = environment_proxy(URL(base))
    assert proxy is not None
    return proxy.location()


def made(base: str, **given) -> AsyncMultiCart:
    return AsyncMultiCart(KEY, base_url=base, trust_env=True, allow_http=True, **given)


VARIABLES = [
    (HTTP, "http_proxy"),
    (HTTP, "HTTP_PROXY"),
    (HTTPS, "https_proxy"),
    (HTTPS, "HTTPS_PROXY"),
    (HTTP, "ALL_PROXY"),
    (HTTPS, "all_proxy"),
    (HTTPS, "Https_Proxy"),
]


@pytest.mark.parametrize("scheme", ["socks5", "socks5h", "socks4", "SOCKS5", "socks"])
@pytest.mark.parametrize(("base", "variable"), VARIABLES)
def test_a_socks_proxy_is_refused_by_its_variable(monkeypatch, base, variable, scheme) -> None:
    """HTTP would be spoken to it, with the key in clear. The text says what to do, and not what was set."""
    monkeypatch.setenv(variable, f"{scheme}://user:{SECRET}@127.0.0.1:1080")
    with pytest.raises(ConfigurationError, match=rf"^{variable}: .*SOCKS.*session=.*aiohttp-socks") as caught:
        made(base)

    assert not isinstance(caught.value, ArgumentError)
    assert SECRET not in str(caught.value)


WRONG = ["ftp://{}@proxy.example:21", "http://", "http://{}@[::1", "http://u:{}@proxy.example:99999", "://{}", "//{}"]


@pytest.mark.parametrize("value", [*WRONG, "http://{}@proxy.example:0", "http://{}@proxy.example:x"])
@pytest.mark.parametrize(("base", "variable"), VARIABLES[:4])
def test_what_is_no_proxy_is_refused_by_its_variable(monkeypatch, base, variable, value) -> None:
    """Its value may hold a password, and is not shown."""
    monkeypatch.setenv(variable, value.format(SECRET))
    with pytest.raises(ConfigurationError, match=rf"^{variable}: expected an http or https URL") as caught:
        made(base)

    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(("base", "variable"), VARIABLES)
def test_a_proxy_may_lack_its_scheme(monkeypatch, base, variable) -> None:
    """``host:3128`` means http, as for curl; blanks around it do not count."""
    monkeypatch.setenv(variable, " user:word@proxy.example:3128 ")

    proxy = environment_proxy(URL(base))
    assert proxy is not None
    assert proxy.location() == "http://proxy.example:3128"
    assert proxy.headers() == {"Proxy-Authorization": "Basic dXNlcjp3b3Jk"}


@pytest.mark.parametrize("base", [HTTP, HTTPS])
def test_the_variable_of_the_scheme_goes_before_the_one_for_all(monkeypatch, base) -> None:
    """That of the other scheme does not count at all."""
    monkeypatch.setenv("HTTP_PROXY", "http://http.example:1")
    monkeypatch.setenv("HTTPS_PROXY", "http://https.example:1")
    monkeypatch.setenv("ALL_PROXY", "socks5://all.example:1")

    assert location(base) == f"http://{URL(base).scheme}.example:1"


@pytest.mark.parametrize(
    ("spared", "base"),
    [
        ("service.invalid", HTTP),
        (".invalid", HTTPS),
        ("other.example, service.invalid", HTTPS),
        ("*", HTTP),
        ("service.invalid:8443", "https://service.invalid:8443/api/v1"),
        ("127.0.0.1", "http://127.0.0.1:8000"),
        ("::1", "http://[::1]:8000"),
    ],
)
@pytest.mark.parametrize("variable", ["no_proxy", "NO_PROXY"])
def test_a_host_that_is_spared_needs_no_proxy(monkeypatch, base, spared, variable) -> None:
    """Then what the proxy is does not matter either."""
    monkeypatch.setenv("ALL_PROXY", "socks5://proxy.example:1080")
    monkeypatch.setenv(variable, spared)

    assert made(base)._transport._proxy is None


@pytest.mark.parametrize("spared", ["service.invalid.example", "invalid.service", "service.invalid:1"])
def test_another_host_is_not_spared(monkeypatch, spared) -> None:
    """Names are compared from their end, with their dots."""
    monkeypatch.setenv("ALL_PROXY", "proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", spared)

    assert location(HTTPS) == "http://proxy.example:3128"


@pytest.mark.parametrize("value", ["", "  "])
def test_an_empty_variable_names_no_proxy(monkeypatch, value) -> None:
    """As for every other program."""
    monkeypatch.setenv("ALL_PROXY", value)

    assert environment_proxy(URL(HTTPS)) is None


def test_the_settings_of_the_system_are_named_as_such(monkeypatch) -> None:
    """Where they are in no variable: some systems keep them elsewhere."""
    monkeypatch.setattr("multicart_async._http.aiohttp_proxy.getproxies", lambda: {"https": "socks5://proxy.example:1"})
    with pytest.raises(ConfigurationError, match=r"^the proxy settings of this system: "):
        environment_proxy(URL(HTTPS))


def test_the_environment_is_not_asked_without_trust_env(monkeypatch) -> None:
    """What it holds is no reason to refuse anything."""
    monkeypatch.setenv("ALL_PROXY", "socks5://proxy.example:1080")

    assert AsyncMultiCart(KEY, base_url=HTTP, allow_http=True)._transport._proxy is None


def test_the_argument_goes_before_the_environment(monkeypatch) -> None:
    """And what the environment holds is not looked at."""
    monkeypatch.setenv("ALL_PROXY", "socks5://proxy.example:1080")

    assert repr(made(HTTP, proxy="http://own.example:3128")._transport._proxy) == "<Proxy own.example:3128>"


@pytest.mark.parametrize("proxy", ["socks5://proxy.example:1080", "http://proxy.example:99999"])
def test_the_argument_is_held_to_the_same_rule(proxy) -> None:
    """The error names the argument, and the way to SOCKS."""
    with pytest.raises(ArgumentError, match=r"^proxy: .*for SOCKS pass session="):
        AsyncMultiCart(KEY, base_url=HTTP, proxy=proxy, allow_http=True)


@pytest.mark.parametrize(
    ("credentials", "repeated", "shown"),
    [
        ("ops:s3cr3t%3Apass@", "ops s3cr3t:pass s3cr3t%3Apass b3BzOnMzY3IzdDpwYXNz", f"ops {MASK} {MASK} {MASK}"),
        ("s3cr3t%40user@", "s3cr3t@user s3cr3t%40user czNjcjN0QHVzZXI6", f"{MASK} {MASK} {MASK}"),
        (":s3cr3t-pass@", "s3cr3t-pass OnMzY3IzdC1wYXNz", f"{MASK} {MASK}"),
        ("", "None of it", "None of it"),
    ],
)
def test_what_a_proxy_may_repeat_is_known(credentials, repeated, shown) -> None:
    """The password, or else the user, and what is made of both; the address holds neither."""
    proxy = Proxy(f"http://{credentials}proxy.example:3128")

    assert Redactor(proxy.secrets()).text(repeated) == shown
    assert proxy.location() == "http://proxy.example:3128"
    assert repr(proxy.headers()) == (f"{{'Proxy-Authorization': '{MASK}'}}" if credentials else "{}")


def test_a_user_with_a_colon_is_refused(monkeypatch) -> None:
    """HTTP's own form cannot tell it from the password; it is not shown."""
    proxy = f"http://{SECRET}%3Auser:word@proxy.example:3128"
    with pytest.raises(ArgumentError, match=r"^proxy: ") as caught:
        AsyncMultiCart(KEY, base_url=HTTP, proxy=proxy, allow_http=True)
    assert SECRET not in str(caught.value)

    monkeypatch.setenv("http_proxy", proxy)
    with pytest.raises(ConfigurationError, match=r"^http_proxy: ") as named:
        made(HTTP)
    assert SECRET not in str(named.value)


def test_a_proxy_shows_its_name_as_it_is_looked_up() -> None:
    """What it would be in another script may look like another name."""
    assert repr(Proxy("http://m\u00fcnchen.example:3128")) == "<Proxy xn--mnchen-3ya.example:3128>"


async def test_plain_calls_go_through_a_proxy_without_a_scheme(monkeypatch) -> None:
    """It is asked for the whole URL."""
    async with RawServer(fine) as proxy:
        monkeypatch.setenv("ALL_PROXY", f"127.0.0.1:{proxy.port}")
        async with transport_to(HTTP, settings=settings(HTTP), network=NetworkOptions(trust_env=True)) as transport:
            assert (await transport.post("/x/", b"{}")).payload == FINE

        assert proxy.requests[0].line == f"POST {HTTP}/x/ HTTP/1.1"


async def test_calls_over_tls_go_through_a_tunnel_of_it(monkeypatch) -> None:
    """It sees the name of the host, and nothing of the call."""
    async with RawServer(fine, tls=server_tls()) as server, RawServer(Tunnels(server.port)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"127.0.0.1:{proxy.port}")
        network = NetworkOptions(trust_env=True, ssl_context=client_tls())
        async with transport_to(server, network=network) as transport:
            assert (await transport.post("/x/", b"{}")).payload == FINE

        assert [request.line for request in proxy.requests] == [f"CONNECT localhost:{server.port} HTTP/1.1"]
