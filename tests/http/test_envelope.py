"""``{"code", "data", "status"}``: what is success, what is an error, and which."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from multicart_async._http.envelope import preview, retry_after, unwrap_envelope
from multicart_async.errors import (
    APIError,
    AuthenticationError,
    BadRequestError,
    InvalidResponseError,
    MultiCartError,
    NotFoundError,
    RateLimitError,
    ServerError,
)


def opened(payload: bytes | object, http_status: int = 200, **headers: str) -> Any:
    """The data of an envelope; anything but bytes is made JSON first."""
    raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return unwrap_envelope("/p/", http_status, {name.replace("_", "-"): text for name, text in headers.items()}, raw)


def failure(payload: bytes | object, http_status: int = 200, **headers: str) -> MultiCartError:
    """The error that an answer is worth."""
    with pytest.raises(MultiCartError) as caught:
        opened(payload, http_status, **headers)
    return caught.value


def envelope(status: object = 1, code: object = 200, data: object = None) -> dict[str, object]:
    """An answer in the service's form."""
    return {"code": code, "data": data, "status": status}


@pytest.mark.parametrize("data", [None, 0, False, "", [], {}, [1], {"a": 1}, "text"], ids=repr)
def test_status_1_gives_the_data(data: object) -> None:
    """Whatever it is."""
    assert data == opened(envelope(data=data))


def test_success_without_data_is_none() -> None:
    """An envelope may lack ``data``."""
    assert opened({"status": 1}) is None


@pytest.mark.parametrize("code", [500, 404, "x", None, True], ids=repr)
def test_the_status_decides_not_the_code(code: object) -> None:
    """``code`` only refines an error: with ``status`` 1 it says nothing."""
    assert opened(envelope(code=code, data="fine")) == "fine"


@pytest.mark.parametrize("status", [True, False, 1.0, 0.0, "1", "0", "ok", None, [1], 2, -1], ids=repr)
def test_another_status_is_never_success(status: object) -> None:
    """Only the whole numbers 0 and 1 are documented."""
    error = failure(envelope(status=status))

    assert isinstance(error, InvalidResponseError)
    assert "expected 0 or 1 as status of the envelope, got " in str(error)


def test_a_missing_status_is_never_success() -> None:
    """An object without ``status`` is no envelope."""
    assert isinstance(failure({"code": 200, "data": []}), InvalidResponseError)


def test_of_a_repeated_status_the_last_one_counts() -> None:
    """As every JSON parser does it."""
    assert opened(b'{"status":0,"data":5,"status":1}') == 5
    assert isinstance(failure(b'{"status":1,"data":5,"status":0}'), APIError)


def test_a_long_status_is_not_shown_whole() -> None:
    """An error is a line, not a page."""
    assert len(str(failure(envelope(status="x" * 10_000)))) < 200


CODES = [
    (400, BadRequestError),
    (401, AuthenticationError),
    (404, NotFoundError),
    (429, RateLimitError),
    (500, ServerError),
]


@pytest.mark.parametrize(("code", "kind"), CODES)
def test_a_refusal_has_the_class_of_its_code(code: int, kind: type[APIError]) -> None:
    """HTTP says 200; the envelope's code decides."""
    error = failure(envelope(0, code, "Not there."))

    assert kind is type(error)
    assert (code, "Not there.", 200, "/p/") == (error.code, error.detail, error.http_status, error.path)


@pytest.mark.parametrize("code", [200, 201, None, "404", True, 404.0], ids=repr)
def test_a_refusal_without_a_usable_code_has_none(code: object) -> None:
    """A failing envelope that says 200 is no success, and no other code is made up."""
    error = failure(envelope(0, code, "no"))

    assert APIError is type(error)
    assert error.code is None


def test_http_stands_in_for_a_missing_code() -> None:
    """Where the envelope names none, HTTP's status is one."""
    error = failure(envelope(0, None, "gone"), 404)

    assert NotFoundError is type(error)
    assert (error.code, error.http_status) == (404, 404)
    assert BadRequestError is type(failure(envelope(0, None, "no"), 400))


@pytest.mark.parametrize(("http_status", "kind"), [(404, NotFoundError), (500, ServerError), (503, ServerError)])
def test_a_failure_of_http_is_one_whatever_the_envelope_says(http_status: int, kind: type[APIError]) -> None:
    """``status`` 1 under HTTP 500 is no success."""
    assert kind is type(failure(envelope(1, 200, []), http_status))


@pytest.mark.parametrize("http_status", [502, 503, 504, 500])
def test_a_page_of_a_proxy_is_a_server_error(http_status: int) -> None:
    """An HTTP 5xx is an answer, in HTML too, with the beginning of it."""
    error = failure(b"<html><h1>Bad gateway</h1>", http_status, retry_after="7")

    assert ServerError is type(error)
    assert (http_status, http_status, 7.0) == (error.code, error.http_status, error.retry_after)
    assert "Bad gateway" in str(error)


SENTENCES = [
    ({"message": "No such thing"}, "No such thing"),
    ({"message": "No such thing", "data": None}, "No such thing"),
    ({"error": "E1", "message": "No"}, {"error": "E1", "message": "No"}),
    ({"errors": ["a", "b"]}, ["a", "b"]),
    ({"message": None}, None),
    ({"error": None, "message": "No such thing"}, "No such thing"),
    ({}, None),
    ({"message": "No such thing", "data": "Not found"}, "Not found"),
    ({"message": "No such thing", "data": ""}, ""),
]


@pytest.mark.parametrize(("rest", "detail"), SENTENCES, ids=repr)
def test_without_data_the_rest_of_the_envelope_is_the_detail(rest: dict[str, object], detail: object) -> None:
    """The service's sentence is never lost, wherever it stands."""
    assert failure({"status": 0, "code": 400, **rest}).detail == detail


@pytest.mark.parametrize(
    ("payload", "in_envelope"), [(b"<html>", False), ({"detail": 1}, False), ({"status": 0}, True)]
)
def test_an_error_knows_whether_the_service_itself_has_said_it(payload: object, in_envelope: bool) -> None:
    """The error page of a proxy is not the service's word."""
    assert failure(payload, 403).in_envelope is in_envelope


def test_other_json_under_a_failing_status_is_the_detail() -> None:
    """JSON without an envelope under a failing HTTP status, such as Django REST's ``{"detail": …}``, is the error's detail."""
    error = failure({"detail": "Invalid token."}, 401)

    assert AuthenticationError is type(error)
    assert error.detail == {"detail": "Invalid token."}


@pytest.mark.parametrize("http_status", [300, 301, 302, 303, 304, 307, 308, 399])
def test_a_redirect_of_a_call_is_an_error(http_status: int) -> None:
    """Following would repeat the body, or lose it, elsewhere; a good envelope does not change that."""
    error = failure(envelope(), http_status, location="https://evil.test/?token=SECRET")

    assert InvalidResponseError is type(error)
    assert http_status == error.http_status
    assert "redirect" in str(error)
    assert "SECRET" not in str(error)


NO_ENVELOPES = {
    "HTML": b"<!doctype html><title>Welcome</title>",
    "empty": b"",
    "blank": b" \r\n\t ",
    "null": b"null",
    "a number": b"1",
    "a text": b'"status"',
    "an array": b'[{"status": 1}]',
    "invalid UTF-8": b'{"status": 1, "data": "\xff\xfe"}',
    "UTF-16": '{"status": 1}'.encode("utf-16"),
    "rot13": b'{"fgnghf": 1}',
    "NaN": b'{"status": 1, "data": NaN}',
    "Infinity": b'{"status": 1, "data": -Infinity}',
    "200,000 deep": b'{"status": 1, "data": ' + b"[" * 200_000 + b"]" * 200_000 + b"}",
    "100,000 deep": b"[" * 100_000,
    "a number of 5,000 digits": b'{"status": 1, "data": ' + b"9" * 5000 + b"}",
    "BOM": b'\xef\xbb\xbf{"status": 1}',
    "cut": b'{"status": 1, "data": [1, 2',
    "twice": b'{"status": 1}{"status": 1}',
}


@pytest.mark.parametrize("name", NO_ENVELOPES)
def test_what_is_no_envelope_is_an_invalid_response(name: str) -> None:
    """One error for all of it, with HTTP's status and the beginning of what came."""
    error = failure(NO_ENVELOPES[name], content_type="application/json; charset=rot13")

    assert InvalidResponseError is type(error)
    assert error.http_status == 200
    assert "HTTP 200: expected an envelope with code, data and status, got " in str(error)


@pytest.mark.parametrize("name", NO_ENVELOPES)
def test_what_is_no_envelope_is_a_server_error_under_http_503(name: str) -> None:
    """A failing service need not speak JSON to be understood."""
    assert ServerError is type(failure(NO_ENVELOPES[name], 503))


def test_a_hidden_error_is_found() -> None:
    """Playground-like answers hide an error in ``data.output.error`` under status 1."""
    error = failure(envelope(data={"output": {"error": "Insufficient credits"}}))

    assert APIError is type(error)
    assert (error.code, error.detail, error.path) == (None, "Insufficient credits", "/p/")


@pytest.mark.parametrize(
    "data",
    [
        {"output": {"error": None}},
        {"output": {"error": ""}},
        {"output": {}},
        {"output": "JSON"},
        {"error": "x"},
        [{"output": {"error": "x"}}],
    ],
    ids=repr,
)
def test_other_outputs_hide_nothing(data: object) -> None:
    """Only that very place with something in it."""
    assert data == opened(envelope(data=data))


@given(st.binary(max_size=200), st.integers(100, 599))
def test_any_bytes_are_data_or_an_error_of_ours(payload: bytes, http_status: int) -> None:
    """Nothing that a server sends raises anything else."""
    try:
        opened(payload, http_status)
    except (APIError, InvalidResponseError) as error:
        text = str(error)
        assert len(text) < 1000
    else:
        assert json.loads(payload)["status"] == 1


def test_a_snippet_is_one_short_line() -> None:
    """At most 200 characters of what came, blanks folded; bytes that are no UTF-8 are replaced."""
    assert preview(b"a\r\n\r\n b\tc ") == "'a b c'"
    assert len(preview(b"x" * 10_000)) == 202
    assert preview(b"\xff") == "'\ufffd'"
    assert preview(b" \n") == "an empty body"


ANSWERED = datetime(2026, 11, 20, 10, 0, 0, tzinfo=UTC)
DATE = format_datetime(ANSWERED, usegmt=True)
RETRY_AFTER = [
    ("0", 0.0),
    ("7", 7.0),
    ("007", 7.0),
    ("9999999999", 9999999999.0),
    ("", None),
    ("-5", None),
    ("+5", None),
    (" 7 ", None),
    ("7.5", 8.0),
    ("0.001", 1.0),
    ("2.", 2.0),
    (".5", None),
    ("1.5.0", None),
    ("1e3", None),
    ("0x10", None),
    ("1_000", None),
    ("nan", None),
    ("inf", None),
    ("Infinity", None),
    ("1" + "0" * 20, None),
    ("\u0667", None),
    ("\uff17", None),
    ("\u00b2", None),
    ("7s", None),
    ("7, 8", None),
    ("soon", None),
    ("7\n", None),
    ("Fri, 20 Nov 2026 10:00:30 GMT", 30.0),
    ("Fri, 20 Nov 2026 10:00:00 GMT", 0.0),
    ("Fri, 20 Nov 2026 09:00:00 GMT", 0.0),
    ("Sat, 21 Nov 2026 10:00:00 GMT", 86_400.0),
    ("Fri, 20 Nov 2026 10:00:30 -0000", None),
    ("Fri, 20 Nov 2026 10:00:30 +0000", None),
    ("Fri, 20 Nov 2026 10:00:30", None),
    ("Fri Nov 20 10:00:30 2026", None),
    ("Friday, 20-Nov-26 10:00:30 GMT", None),
    ("Tue, 31 Jun 2026 10:00:00 GMT", None),
    ("Fri, 20 Nov 2026 10:00:30 GMT, or later", None),
    ("Fri, 20 Foo 2026 10:00:30 GMT", None),
    ("Fri, 20 Nov 2026 25:00:30 GMT", None),
    ("Fri, \u0662\u0660 Nov 2026 10:00:30 GMT", None),
    ("2026-11-20T10:00:30Z", None),
]


@pytest.mark.parametrize(("text", "seconds"), RETRY_AFTER, ids=repr)
def test_retry_after(text: str, seconds: float | None) -> None:
    """Seconds rounded up, or a date in HTTP's form relative to the answer's own date; everything else asks for nothing."""
    assert seconds == retry_after({"retry-after": text, "date": DATE})


def test_without_the_header_nothing_is_asked_for() -> None:
    """Most answers have none."""
    assert retry_after({}) is None


@pytest.mark.parametrize("date", ["", "yesterday", "Fri, 20 Nov 2026 10:00:00 -0000"], ids=repr)
def test_a_date_without_the_answers_own_is_taken_by_our_clock(date: str) -> None:
    """There is nothing better then."""
    until = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)

    seconds = retry_after({"retry-after": until, "date": date})

    assert seconds is not None
    assert 3500 < seconds <= 3600


def test_a_skewed_clock_of_the_service_does_no_harm() -> None:
    """A service that lives in 2001 and asks for 20 s means 20 s."""
    headers = {"retry-after": "Mon, 01 Jan 2001 00:00:20 GMT", "date": "Mon, 01 Jan 2001 00:00:00 GMT"}

    assert retry_after(headers) == 20.0


@given(st.text(max_size=40), st.text(max_size=40))
def test_any_header_is_seconds_or_nothing(text: str, date: str) -> None:
    """No header raises."""
    seconds = retry_after({"retry-after": text, "date": date})

    assert seconds is None or 0 <= seconds < float("inf")


def test_a_refusal_carries_the_pause_that_was_asked_for() -> None:
    """Also in an envelope with HTTP 200."""
    assert failure(envelope(0, 429, "slow down"), retry_after="9").retry_after == 9.0


def test_a_page_that_is_not_there_asks_for_the_base_url() -> None:
    """A 404 in HTML is a web server's, not the service's: mostly the base URL lacks its end."""
    error = failure(b"<!doctype html><html>Not Found</html>", 404)

    assert "base_url" in str(error)
    assert isinstance(error, NotFoundError)


def test_a_404_in_json_says_what_it_says() -> None:
    """A program has answered, at the right place: the base URL is not to blame."""
    error = failure(b'{"message": "no such run"}', 404)

    assert isinstance(error, NotFoundError)
    assert error.detail == {"message": "no such run"}
