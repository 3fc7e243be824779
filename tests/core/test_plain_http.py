"""A credential does not cross a network in plain http, unless that is asked for."""

from __future__ import annotations

import pytest
from support.leaks import Haul

from multicart_async import AsyncMultiCart
from multicart_async.errors import ConfigurationError

KEY = "c4n4ry/+Zm9v=b4r~7f3a9d"
LOOPBACK = [
    "http://localhost",
    "http://LOCALHOST:8080/api/v1",
    "http://localhost.",
    "http://127.0.0.1",
    "http://127.255.255.254:80",
    "http://[::1]:8080",
    "http://[0:0:0:0:0:0:0:1]",
    "http://[0000::0001]",
    "http://[::ffff:127.0.0.1]",
    "http://[::FFFF:7f00:1]",
]
ELSEWHERE = [
    "http://multicartapi.com/api/v1",
    "HTTP://Service.Example",
    "http://localhost.example",
    "http://api.localhost",
    "http://notlocalhost",
    "http://10.0.0.7",
    "http://0.0.0.0",
    "http://128.0.0.1",
    "http://127.0.0.1.example",
    "http://127.1",
    "http://[::]",
    "http://[::2]",
    "http://[fe80::1]",
    "http://[::ffff:10.0.0.7]",
]
REASON = "would be readable on the network with http; use https, or pass allow_http=True if that is no risk"


@pytest.mark.parametrize("url", ELSEWHERE)
@pytest.mark.parametrize("kind", ["api_key", "token"])
def test_a_credential_does_not_go_over_plain_http(url, kind) -> None:
    """The client cannot be made; the error names argument, URL and the way out, and shows no key."""
    with pytest.raises(ConfigurationError) as caught:
        AsyncMultiCart(**{kind: KEY}, base_url=url)
    haul = Haul()
    haul.add_error(caught.value)

    assert str(caught.value) == f"base_url {url!r}: the credential {REASON}"
    assert haul.where(KEY) == []


def test_the_variable_that_names_plain_http_is_named(monkeypatch) -> None:
    """If the URL is from the environment the error names the variable; a key from there counts too."""
    monkeypatch.setenv("MULTICART_BASE_URL", ELSEWHERE[0])
    monkeypatch.setenv("MULTICART_API_KEY", KEY)

    with pytest.raises(ConfigurationError, match=f"^MULTICART_BASE_URL '{ELSEWHERE[0]}': the credential {REASON}$"):
        AsyncMultiCart()


def test_a_file_and_a_command_are_credentials_too(tmp_path) -> None:
    """The file is not read and the command not run if their key could not be used."""
    for given in ({"api_key_file": tmp_path / "none"}, {"api_key_command": ["no-such-program"]}):
        with pytest.raises(ConfigurationError, match=r"^base_url '.+': the credential would be readable"):
            AsyncMultiCart(base_url=ELSEWHERE[0], **given)


@pytest.mark.parametrize("url", [*LOOPBACK, "https://10.0.0.7", "HTTPS://Service.Example"])
def test_loopback_and_https_take_a_credential(url) -> None:
    """The credential does not leave the machine, or is encrypted."""
    assert AsyncMultiCart(KEY, base_url=url)._settings.exposed == ""


@pytest.mark.parametrize("url", ELSEWHERE)
def test_plain_http_can_be_allowed(url) -> None:
    """``allow_http=True`` permits it, for a network that is encrypted otherwise, for instance."""
    assert AsyncMultiCart(KEY, base_url=url, allow_http=True)._settings.credential is not None


@pytest.mark.parametrize("value", ["yes", 1, None])
def test_allow_http_is_true_or_false(value) -> None:
    """Any value but True and False is rejected."""
    with pytest.raises(ConfigurationError, match=r"^allow_http: expected True or False, got "):
        AsyncMultiCart(KEY, allow_http=value)


async def test_a_password_does_not_go_over_plain_http() -> None:
    """A client without a credential can be made, but a call with a password is rejected before anything is sent."""
    mail, new = "a@example.com", {"name": "A", "country": "Australia", "otp": 1}
    async with AsyncMultiCart(base_url="http://service.invalid") as client:
        for call in (
            lambda: client.account.login(mail, KEY),
            lambda: client.account.register(email=mail, password=KEY, **new),
        ):
            with pytest.raises(ConfigurationError) as caught:
                await call()

            assert str(caught.value).endswith(f": base_url: what is sent or received {REASON}")
            haul = Haul()
            haul.add_error(caught.value)
            assert haul.where(KEY) == []


async def test_what_is_public_needs_no_https() -> None:
    """A public call has no secret, so it is sent."""
    async with AsyncMultiCart(base_url="http://127.0.0.1:1", allow_http=False) as client:
        client._api._exposed = "base_url"
        with pytest.raises(ConnectionError):
            await client.settings.domains()
