"""Calls without a socket: what is put on the wire, what comes back, and whose errors those are."""

from __future__ import annotations

import errno
import json
import ssl

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey
from support.fake_transports import KEY, settings, transport_to
from support.mocked_aiohttp import mocked_answers
from yarl import URL

from multicart_async import Limits, __version__
from multicart_async._http import MultipartForm, NetworkOptions
from multicart_async.errors import (
    APIConnectionError,
    APITimeoutError,
    ConfigurationError,
    MultiCartError,
    ResponseTooLargeError,
)

BASE = "https://multicartapi.com/api/v1"
PATH = "/schedules/get/"
PLACE = ConnectionKey("multicartapi.com", 443, True, True, None, None, None)
ASKED = aiohttp.RequestInfo(URL(BASE + PATH), "POST", {"x-api-key": KEY})


async def call(service, body=b"{}", **given):
    """Make one call, and return aiohttp's arguments and the answer."""
    async with transport_to(BASE, **given) as transport:
        answer = await transport.post(PATH, body)
    (requests,) = service.requests.values()
    return requests[-1].kwargs, answer


async def failure(error: Exception, **given) -> MultiCartError:
    """What the transport makes of an exception of aiohttp."""
    with mocked_answers(BASE + PATH, {"exception": error}):
        async with transport_to(BASE, **given) as transport:
            with pytest.raises(MultiCartError) as caught:
                await transport.post(PATH, b"{}")
    return caught.value


async def test_a_call_is_json_with_the_key_in_its_header() -> None:
    """The body goes out as it is, to the path below the base URL, with the key in ``x-api-key`` alone."""
    with mocked_answers(BASE + PATH, {"payload": {}}) as service:
        sent, _ = await call(service, b'{"schedule_id": 101}')

        assert list(service.requests) == [("POST", URL(BASE + PATH))]
    assert await sent["data"].as_bytes() == b'{"schedule_id": 101}'
    assert sent["headers"] == {
        "Content-Type": "application/json",
        "Accept": "application/json",
        "User-Agent": f"multicart_async/{__version__} aiohttp/{aiohttp.__version__}",
        "x-api-key": KEY,
    }


async def test_a_token_goes_into_authorization() -> None:
    """A session token is sent as the service wants it, and no key beside it."""
    with mocked_answers(BASE + PATH, {"payload": {}}) as service:
        sent, _ = await call(service, settings=settings(BASE, None, "session-token"))

    assert sent["headers"]["Authorization"] == "Token session-token"
    assert "x-api-key" not in sent["headers"]


async def test_nothing_is_left_to_the_defaults_of_a_session() -> None:
    """Redirects, raising, decoding and total time are said with each call, because a borrowed session may say otherwise."""
    with mocked_answers(BASE + PATH, {"payload": {}}) as service:
        sent, _ = await call(service, network=NetworkOptions(proxy="http://proxy.example:3128"))

    told = (sent["allow_redirects"], sent["raise_for_status"], sent["auto_decompress"], sent["timeout"].total)
    assert told == (False, False, True, None)
    assert sent["proxy"] == "http://proxy.example:3128"


async def test_an_answer_is_status_headers_and_bytes() -> None:
    """The answer's headers have names in lower case, and its body is not touched."""
    answer = {"status": 503, "body": b"\xff{", "headers": {"Retry-After": "7"}}
    with mocked_answers(BASE + PATH, answer) as service:
        _, answer = await call(service)

    assert (answer.status, answer.payload, answer.headers["retry-after"]) == (503, b"\xff{", "7")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_handed_up_as_it_is(status) -> None:
    """A call is never sent to a second place: the redirect itself is the answer."""
    redirect = {"status": status, "headers": {"Location": BASE + "/elsewhere/"}}
    with mocked_answers(BASE + PATH, redirect) as service:
        _, answer = await call(service)

        assert len(service.requests) == 1
    assert status == answer.status


async def test_a_response_of_the_limit_is_accepted_a_larger_one_not() -> None:
    """A response of exactly ``Limits.response_bytes`` is accepted, and one byte more is an error."""
    with mocked_answers(BASE + PATH, {"body": b"x" * 1000}, {"body": b"x" * 1001}):
        async with transport_to(BASE, limits=Limits(response_bytes=1000)) as transport:
            taken = await transport.post(PATH, b"{}")
            with pytest.raises(ResponseTooLargeError, match="expected at most 1000 bytes"):
                await transport.post(PATH, b"{}")

    assert len(taken.payload) == 1000


async def test_a_form_is_multipart() -> None:
    """Fields and file go out as a form, encoded beforehand, whose boundary is in its content type."""
    with mocked_answers(BASE + PATH, {"payload": {}}) as service:
        sent, _ = await call(service, MultipartForm({"schedule_id": "101"}, "file", "asins.csv", b"ASIN\n"))

    boundary = sent["headers"]["Content-Type"].removeprefix("multipart/form-data; boundary=")
    assert (await sent["data"].as_bytes()).startswith(f"--{boundary}\r\n".encode())


def connector(error: OSError) -> aiohttp.ClientConnectorError:
    """No connection, for that reason."""
    return aiohttp.ClientConnectorError(PLACE, error)


def untrusted() -> aiohttp.ClientConnectorCertificateError:
    """aiohttp's error for a certificate of an unknown authority."""
    return aiohttp.ClientConnectorCertificateError(PLACE, ssl.SSLCertVerificationError(1, "self-signed"))


HOST = "multicartapi.com:443"
CANNOT = f"cannot connect to {HOST}"
BEFORE = {
    "refused": (connector(OSError(errno.ECONNREFUSED, "Connection refused")), f"{CANNOT}: Connection refused"),
    "no name": (aiohttp.ClientConnectorDNSError(PLACE, OSError(None, "Name unknown")), f"{CANNOT}: Name unknown"),
    "no reason": (connector(OSError("everything failed")), f"{CANNOT}: everything failed"),
    "files of this process": (connector(OSError(errno.EMFILE, "x")), "too many open files on this machine"),
    "files of this machine": (connector(OSError(errno.ENFILE, "x")), "too many open files on this machine"),
    "certificate": (untrusted(), f"the certificate of {HOST} is not trusted: self-signed"),
    "proxy refused": (
        aiohttp.ClientProxyConnectionError(PLACE, OSError(errno.ECONNREFUSED, "Connection refused")),
        f"{CANNOT}: Connection refused",
    ),
    "disconnected": (
        aiohttp.ServerDisconnectedError(),
        f"the connection to {HOST} broke before anything was sent (ServerDisconnectedError)",
    ),
    "bare reset": (
        ConnectionResetError(errno.ECONNRESET, "reset"),
        f"the request to {HOST} could not be sent (ConnectionResetError: [Errno {errno.ECONNRESET}] reset)",
    ),
}


@pytest.mark.parametrize("case", BEFORE)
async def test_what_happened_before_sending_says_so(case) -> None:
    """A request that cannot have arrived is marked ``sent=False``, with the reason in words."""
    error, reason = BEFORE[case]
    fault = await failure(error)

    assert (APIConnectionError, False) == (type(fault), fault.sent)
    assert f"{PATH}: {reason}" == str(fault)


async def test_a_connection_that_takes_too_long_was_not_used() -> None:
    """A connect timeout proves that nothing was sent, and names the setting."""
    fault = await failure(aiohttp.ConnectionTimeoutError("connect"))

    assert (APITimeoutError, False) == (type(fault), fault.sent)
    assert "Timeouts.connect" in str(fault)


async def test_a_time_out_before_sending_names_the_other_setting() -> None:
    """``Timeouts.request`` bounds the connecting too, and then nothing was sent either."""
    fault = await failure(TimeoutError())

    assert (APITimeoutError, False) == (type(fault), fault.sent)
    assert f"connecting to {HOST} timed out (Timeouts.request)" in str(fault)


async def test_a_proxy_that_is_no_url_is_a_wrong_setting() -> None:
    """aiohttp looks at it when it connects: nothing was sent, and no answer is to blame."""
    fault = await failure(aiohttp.InvalidURL("::"), network=NetworkOptions(proxy="::"))

    assert ConfigurationError is type(fault)
    assert "proxy" in str(fault)


async def test_only_an_untrusted_certificate_stays_as_it_is() -> None:
    """Another attempt may find the service back, but never another certificate."""
    found = {case: (await failure(error)).retryable for case, (error, _) in BEFORE.items()}

    assert [case for case, passing in found.items() if not passing] == ["certificate"]


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "all_proxy"])
@pytest.mark.parametrize(("trust_env", "hinted"), [(False, True), (True, False)])
async def test_an_unused_proxy_is_mentioned(monkeypatch, variable, trust_env, hinted) -> None:
    """Who set a proxy and cannot connect is told that it was not used."""
    monkeypatch.setenv(variable, "http://proxy.example:3128")
    fault = await failure(connector(OSError(errno.ENETUNREACH, "x")), network=NetworkOptions(trust_env=trust_env))

    assert hinted == (f"{variable} names a proxy that is not used, pass trust_env=True" in str(fault))


@pytest.mark.parametrize("case", BEFORE)
async def test_no_exception_of_aiohttp_gets_out(case) -> None:
    """Neither cause nor context is one of aiohttp's: those hold the request's headers."""
    fault = await failure(BEFORE[case][0])

    assert fault.__context__ is None
    assert type(fault.__cause__).__module__ in {"builtins", "ssl", "socket"}


async def test_the_operating_system_error_is_the_cause() -> None:
    """Its number is within reach for programs."""
    fault = await failure(connector(OSError(errno.ECONNREFUSED, "Connection refused")))

    assert isinstance(fault.__cause__, OSError)
    assert fault.__cause__.errno == errno.ECONNREFUSED


async def test_a_call_without_a_credential_is_rejected_unsent() -> None:
    """A call that needs a credential raises an error before it is sent, which names both ways to give one."""
    with mocked_answers(BASE + PATH) as service:
        async with transport_to(BASE, settings=settings(BASE, None)) as transport:
            with pytest.raises(
                ConfigurationError, match="pass api_key or token, or set MULTICART_API_KEY or MULTICART_TOKEN"
            ):
                await transport.post(PATH, b"{}")

        assert service.requests == {}


async def test_a_public_call_needs_no_credential() -> None:
    """It goes out without one, and takes the one there is."""
    with mocked_answers(BASE + PATH, {"payload": json.loads("[]")}) as service:
        async with transport_to(BASE, settings=settings(BASE, None)) as transport:
            await transport.post(PATH, b"{}", public=True)
        ((request,),) = service.requests.values()

    assert not {"x-api-key", "Authorization"} & set(request.kwargs["headers"])
