"""Credential, base URL and settings: what is refused, and that nothing shows a key."""

from __future__ import annotations

import copy
import pickle
import traceback
from typing import Any

import attrs
import pytest

from multicart_async import AsyncMultiCart
from multicart_async._core.credentials import BASE_URL, Given, Settings
from multicart_async._core.credentials import resolve as resolve_settings
from multicart_async._core.redaction import Credential
from multicart_async._core.short_repr import short_repr
from multicart_async.config import Limits, RetryPolicy, Timeouts
from multicart_async.errors import ConfigurationError

CANARY = "Zq7canary"
BAD_KEYS = {
    "empty": "",
    "CR in the middle": f"pre.{CANARY}\rx",
    "LF in the middle": f"pre.{CANARY}\nx",
    "two LF at the end": f"pre.{CANARY}\n\n",
    "header injection": f"pre.{CANARY}\r\nHost: evil",
    "NUL": f"pre.{CANARY}\0",
    "DEL": f"pre.{CANARY}\x7f",
    "leading blank": f" pre.{CANARY}",
    "trailing blank": f"pre.{CANARY} ",
    "inner blank": f"bad {CANARY}",
    "tab": f"pre.{CANARY}\t",
    "non-ASCII letter": f"pre.{CANARY}é",
    "full-width digit": f"pre.{CANARY}\uff11",
    "half a character": f"pre.{CANARY}\ud800",
    "10,000 characters": CANARY * 1112,
    "bytes": f"pre.{CANARY}".encode(),
    "a number": 7,
}
GOOD_KEY = f"173axcs.{CANARY}"


def shown(error: BaseException) -> str:
    """All that a crash reporter could show of *error*, local variables of each frame included."""
    report = traceback.TracebackException.from_exception(error, capture_locals=True)
    return "".join(report.format()) + repr(error) + repr(error.args)


@pytest.mark.parametrize("name", BAD_KEYS)
@pytest.mark.parametrize("argument", ["api_key", "token"])
def test_a_malformed_credential_is_refused_and_not_shown(name: str, argument: str) -> None:
    """The error names the argument; neither its text nor a traceback with local variables holds the value."""
    with pytest.raises(ConfigurationError, match=rf"\A{argument}: ") as caught:
        AsyncMultiCart(**{argument: BAD_KEYS[name]})

    assert CANARY not in shown(caught.value)


@pytest.mark.parametrize("variable", ["MULTICART_API_KEY", "MULTICART_TOKEN"])
def test_a_malformed_variable_is_refused_and_not_shown(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the variable; a traceback with local variables does not hold the environment."""
    monkeypatch.setenv(variable, BAD_KEYS["inner blank"])

    with pytest.raises(ConfigurationError, match=rf"\A{variable}: ") as caught:
        AsyncMultiCart()

    assert CANARY not in shown(caught.value)


def test_a_bad_base_url_does_not_show_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """A good key stays out of sight when something else is wrong."""
    monkeypatch.setenv("MULTICART_API_KEY", GOOD_KEY)

    with pytest.raises(ConfigurationError, match=r"\Abase_url: ") as caught:
        AsyncMultiCart(base_url="nowhere")

    assert CANARY not in shown(caught.value)


def test_a_setting_of_another_kind_does_not_show_the_key() -> None:
    """The same when a setting is of the wrong kind."""
    with pytest.raises(ConfigurationError, match=r"\Atimeouts: ") as caught:
        AsyncMultiCart(GOOD_KEY, timeouts=5)  # type: ignore[arg-type]

    assert CANARY not in shown(caught.value)


def test_key_and_token_together_are_refused() -> None:
    """The service wants one of them; guessing would use the wrong one."""
    with pytest.raises(ConfigurationError, match=r"\Aapi_key and token: expected one of them, got both") as caught:
        AsyncMultiCart(GOOD_KEY, token=GOOD_KEY)

    assert CANARY not in shown(caught.value)


def test_key_and_token_together_in_the_environment_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same for variables, which are named."""
    monkeypatch.setenv("MULTICART_API_KEY", GOOD_KEY)
    monkeypatch.setenv("MULTICART_TOKEN", GOOD_KEY)

    with pytest.raises(
        ConfigurationError, match=r"\AMULTICART_API_KEY and MULTICART_TOKEN: expected one of them, got both"
    ) as caught:
        AsyncMultiCart()

    assert CANARY not in shown(caught.value)


def resolve(key: str | None = None, token: str | None = None, url: str | None = None, **environ: str) -> Settings:
    """Settings as a client resolves them, over an environment of its own."""
    return resolve_settings(Given(key, token), url, environ)


def headers(settings: Settings) -> dict[str, str]:
    """What the credential puts into a request."""
    assert settings.credential is not None
    return settings.credential.as_headers()


def test_the_default_is_no_credential_and_the_live_service() -> None:
    """A client without any setting has no credential, which some calls do not need, and uses the live service."""
    assert Settings(BASE_URL, None) == resolve()


def test_the_key_goes_into_its_header() -> None:
    """A key is sent as ``x-api-key``."""
    assert headers(resolve("a.b")) == {"x-api-key": "a.b"}


def test_the_token_goes_into_its_header() -> None:
    """A token is sent as ``Authorization: Token …``."""
    assert headers(resolve(token="a.b")) == {"Authorization": "Token a.b"}


def test_the_environment_is_used_where_no_argument_is_given() -> None:
    """Key, token and base URL can come from variables."""
    assert headers(resolve(MULTICART_API_KEY="e.k")) == {"x-api-key": "e.k"}
    assert headers(resolve(MULTICART_TOKEN="e.t")) == {"Authorization": "Token e.t"}
    assert resolve(MULTICART_BASE_URL="https://h/v1").base_url == "https://h/v1"


@pytest.mark.parametrize("variable", ["MULTICART_API_KEY", "MULTICART_TOKEN"])
def test_an_argument_beats_every_variable(variable: str) -> None:
    """A key as argument with a token in the environment is no conflict, and the other way round neither."""
    assert headers(resolve("a.k", **{variable: "e"})) == {"x-api-key": "a.k"}
    assert headers(resolve(token="a.t", **{variable: "e"})) == {"Authorization": "Token a.t"}


def test_the_base_url_as_argument_beats_the_variable() -> None:
    """As for the credential."""
    assert resolve(url="https://a/v1", MULTICART_BASE_URL="https://e/v1").base_url == "https://a/v1"


def test_an_empty_variable_is_none() -> None:
    """A variable that is set to nothing counts as not set."""
    assert Settings(BASE_URL, None) == resolve(MULTICART_API_KEY="", MULTICART_TOKEN="", MULTICART_BASE_URL="")


@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["LF", "CRLF"])
def test_one_final_line_break_of_a_variable_is_ignored(end: str) -> None:
    """One line break at the end of a variable, as from a file read by a shell, is ignored; in an argument it is an error."""
    assert headers(resolve(MULTICART_API_KEY=f"a.b{end}")) == {"x-api-key": "a.b"}
    assert headers(resolve(MULTICART_TOKEN=f"a.b{end}")) == {"Authorization": "Token a.b"}
    with pytest.raises(ConfigurationError, match="api_key"):
        resolve(f"a.b{end}")


def test_a_base_url_that_is_empty_is_refused() -> None:
    """It is not as if none was given: the key would go to another place than the caller thinks."""
    with pytest.raises(ConfigurationError, match=r"^base_url: "):
        resolve(url="", MULTICART_BASE_URL="https://e/v1")


def test_a_variable_that_is_no_base_url_is_named() -> None:
    """Where the argument was not given."""
    for wrong in ("e/v1", "https://user@e/v1", "https://:0/", "e e"):
        with pytest.raises(ConfigurationError, match=r"^MULTICART_BASE_URL: "):
            resolve(MULTICART_BASE_URL=wrong)


@pytest.mark.parametrize("length", [1, 512])
def test_a_key_may_have_1_to_512_characters(length: int) -> None:
    """The bounds are within."""
    assert length == len(headers(resolve("k" * length))["x-api-key"])


def test_a_key_of_513_characters_is_refused() -> None:
    """One more is not a key."""
    with pytest.raises(ConfigurationError):
        resolve("k" * 513)


def test_a_credential_shows_its_public_prefix_and_dots() -> None:
    """What stands before the first dot is public; without a dot nothing is."""
    assert repr(Credential(GOOD_KEY, "x-api-key")) == "173axcs.••••••••"
    assert repr(Credential(CANARY, "x-api-key")) == "••••••••"
    assert f"{'p' * 16}.••••••••" == repr(Credential(f"{'p' * 100}.{CANARY}", "x-api-key"))


def test_nothing_that_holds_a_credential_shows_it() -> None:
    """Client, settings, their dicts and the header itself show prefix and dots at most."""
    client = AsyncMultiCart(GOOD_KEY)
    settings = resolve(GOOD_KEY)
    secret = settings.credential
    things = [client, settings, secret, f"{secret}", attrs.asdict(settings), headers(settings), vars(client)]

    assert f"<AsyncMultiCart {BASE_URL} 173axcs.••••••••>" == repr(client)
    for thing in things:
        assert CANARY not in repr(thing)


def test_a_client_without_a_credential_says_so() -> None:
    """Its repr tells why calls will be refused."""
    assert f"<AsyncMultiCart {BASE_URL} 'no credential'>" == repr(AsyncMultiCart())


@pytest.mark.parametrize("carry", [pickle.dumps, copy.copy, copy.deepcopy], ids=lambda carry: carry.__name__)
def test_a_credential_cannot_be_carried_away(carry: object) -> None:
    """Neither pickled nor copied, and the refusal does not show it."""
    with pytest.raises(TypeError, match="cannot be pickled or copied") as caught:
        carry(resolve(GOOD_KEY).credential)  # type: ignore[operator]

    assert CANARY not in str(caught.value)


GOOD_URLS = {
    "http://127.0.0.1:8080/api/v1": "http://127.0.0.1:8080/api/v1",
    "https://multicartapi.com/api/v1///": "https://multicartapi.com/api/v1",
    "HTTPS://Host": "HTTPS://Host",
    "http://[::1]:80/x": "http://[::1]:80/x",
}


@pytest.mark.parametrize("url", GOOD_URLS)
def test_a_base_url_is_absolute_and_loses_slashes_at_its_end(url: str) -> None:
    """Paths begin with a slash, so the base has none at its end."""
    assert GOOD_URLS[url] == resolve(url=url).base_url


BAD_URLS = [
    "multicartapi.com/api/v1",
    "//multicartapi.com/api/v1",
    "/api/v1",
    "ftp://multicartapi.com",
    "file:///etc/passwd",
    "https://",
    "https:///api",
    "https://host:port/",
    "https://host:0/",
    "https://host:99999/",
    "https://[::1",
    "https://[::1].host/",
    "https://[::1]host/",
    "https://user@host/",
    "https://user:pw@host/",
    "https://@host/",
    "https://host/?a=b",
    "https://host/api?",
    "https://host/#part",
    "https://host/api#",
    "https://host\\evil/",
    "https://host/ api",
    "https://host/\n",
    "https://höst/",
    f"https://host/{'a' * 600}",
    7,
    b"https://host/",
]


@pytest.mark.parametrize("url", BAD_URLS, ids=repr)
def test_another_base_url_is_refused(url: str) -> None:
    """Not absolute, not http(s), or with parts that no path can be appended to."""
    with pytest.raises(ConfigurationError, match=r"\Abase_url: "):
        resolve(url=url)


SECONDS = [
    *[(Timeouts, name) for name in ("connect", "request", "read")],
    *[(RetryPolicy, name) for name in ("wait_initial", "wait_max", "wait_jitter", "retry_after_max")],
]


@pytest.mark.parametrize(("kind", "name"), SECONDS)
@pytest.mark.parametrize("value", [-1, -0.001, float("nan"), float("inf"), 10**400, True, "5", None], ids=repr)
def test_seconds_are_finite_numbers(kind: type, name: str, value: object) -> None:
    """Nothing else is, and the error names the field."""
    with pytest.raises(ConfigurationError, match=rf"\A{kind.__name__}\.{name}: "):
        kind(**{name: value})


def test_a_setting_says_what_is_expected_and_what_came() -> None:
    """At most 80 characters of it, however long it is."""
    settings: list[tuple[Any, str]] = [
        (lambda: Timeouts(read="x" * 10**6), "Timeouts.read: expected seconds above 0, got 'xxx"),  # type: ignore[arg-type]
        (lambda: Timeouts(read=10**5000), "Timeouts.read: expected seconds above 0, got an integer of 16610 bits"),
        (lambda: RetryPolicy(wait_max=-1), "RetryPolicy.wait_max: expected seconds, 0 or more, got -1"),
        (lambda: Limits(requests=0), "Limits.requests: expected a positive integer, got 0"),
    ]
    for make, message in settings:
        with pytest.raises(ConfigurationError) as caught:
            make()
        assert str(caught.value).startswith(message)
        assert len(str(caught.value)) <= len("Timeouts.read: expected seconds above 0, got ") + 80


@pytest.mark.parametrize("name", ["connect", "request", "read"])
def test_no_time_limit_is_zero(name: str) -> None:
    """Aiohttp takes 0 for no limit at all, which nobody means."""
    with pytest.raises(ConfigurationError):
        Timeouts(**{name: 0})


def test_a_pause_may_be_zero() -> None:
    """Who wants no pauses between attempts gets none."""
    assert RetryPolicy(wait_initial=0, wait_max=0, wait_jitter=0, retry_after_max=0).wait_max == 0


COUNTS = [(RetryPolicy, "attempts"), *[(Limits, name) for name in ("requests", "downloads", "response_bytes")]]


@pytest.mark.parametrize(("kind", "name"), COUNTS)
@pytest.mark.parametrize("value", [0, -1, 1.0, True, "5", None], ids=repr)
def test_counts_are_whole_numbers_above_0(kind: type, name: str, value: object) -> None:
    """Nothing else is, and the error names the field."""
    with pytest.raises(ConfigurationError, match=rf"\A{kind.__name__}\.{name}: "):
        kind(**{name: value})


@pytest.mark.parametrize("name", ["requests_per_second", "bytes_per_second"])
@pytest.mark.parametrize("value", [0, -1, -0.5, float("nan"), float("inf"), 10**400, True, "5", [1]], ids=repr)
def test_a_rate_is_a_number_above_0_or_none(name: str, value: object) -> None:
    """None is no limit; a limit of nothing would wait for ever. The error names the field and what came."""
    with pytest.raises(ConfigurationError, match=rf"\ALimits\.{name}: expected a number above 0, or None") as caught:
        Limits(**{name: value})

    assert str(caught.value).endswith(f"got {short_repr(value)}")


@pytest.mark.parametrize("name", ["requests_per_second", "bytes_per_second"])
@pytest.mark.parametrize("value", [None, 1, 0.01, 10**9], ids=repr)
def test_any_other_rate_is_taken(name: str, value: object) -> None:
    """Also less than one a second."""
    assert getattr(Limits(**{name: value}), name) == value


@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf"), True, "5", [1]], ids=repr)
def test_time_of_a_transfer_and_bytes_of_a_file_are_checked(value: object) -> None:
    """A wrong value is an error that names the field, as for other times and sizes."""
    with pytest.raises(
        ConfigurationError, match=r"\ATimeouts\.transfer: expected seconds above 0, or None for no limit, got "
    ):
        Timeouts(transfer=value)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match=r"\ALimits\.file_bytes: expected a positive integer, got "):
        Limits(file_bytes=value)  # type: ignore[arg-type]


def test_a_transfer_may_take_for_ever_and_a_file_be_of_any_size() -> None:
    """``None`` means no bound, and is the default."""
    assert (Timeouts(transfer=None), Limits(file_bytes=None)) == (Timeouts(), Limits())
    assert (Timeouts(transfer=0.5).transfer, Limits(file_bytes=1).file_bytes) == (0.5, 1)


def test_the_documented_defaults() -> None:
    """What the documentation promises to who sets nothing."""
    assert Timeouts(10, 60, 60) == Timeouts()
    assert RetryPolicy(5, 0.5, 8, 1, 120) == RetryPolicy()
    assert Limits(8, 8, 64 * 2**20) == Limits()
    assert (Limits().requests_per_second, Limits().bytes_per_second) == (None, None)


@pytest.mark.parametrize("value", [Timeouts(), RetryPolicy(), Limits()], ids=lambda value: type(value).__name__)
def test_settings_are_frozen_and_evolve(value: attrs.AttrsInstance) -> None:
    """They are changed by ``attrs.evolve``, which checks again."""
    name = attrs.fields(type(value))[0].name
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        setattr(value, name, 1)
    with pytest.raises(ConfigurationError):
        attrs.evolve(value, **{name: -1})

    assert getattr(attrs.evolve(value, **{name: 3}), name) == 3
