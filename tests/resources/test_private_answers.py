"""Answers that may hold a key or a token: what cannot be understood of them is not shown."""

from __future__ import annotations

import json
import traceback

import pytest
from support.fakes import FakeTransport, ok, refused
from support.groups import groups_over
from support.leaks import Haul

from multicart_async._http import Response
from multicart_async.config import RetryPolicy
from multicart_async.errors import (
    APIError,
    InvalidResponseError,
    MultiCartError,
    NotFoundError,
    ResponseTooLargeError,
    ServerError,
)

SECRET = "c4n4ry/+Zm9v=b4r~7f3a9d"


def plain(answer: object, status: int = 200) -> Response:
    """An answer that is no envelope."""
    return Response(status, answer if isinstance(answer, bytes) else json.dumps(answer).encode())


async def failure(answer: Response, verb: str) -> MultiCartError:
    """The error that the answer is worth, which must not show the secret."""
    groups = groups_over(FakeTransport(answer, answer), retry=RetryPolicy(attempts=2))
    call = groups.account.login("ops@example.com", SECRET) if verb == "login" else groups.account.details()
    with pytest.raises(MultiCartError) as caught:
        await call
    haul = Haul()
    haul.add_error(caught.value)
    for event in groups.events:
        haul.add("event", event)
    assert haul.where(SECRET) == []
    return caught.value


@pytest.mark.parametrize("verb", ["login", "details"])
@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (plain({"token": SECRET}), InvalidResponseError),
        (plain({"api_key": SECRET}, 201), InvalidResponseError),
        (plain([SECRET], 400), APIError),
        (plain(f"<html>{SECRET}".encode()), InvalidResponseError),
        (plain(f"<html>{SECRET}".encode(), 500), ServerError),
        (plain({"data": SECRET, "status": "1"}), InvalidResponseError),
        (plain({"code": 500, "data": {"token": SECRET}, "status": 1}, 500), ServerError),
        (ok({"output": {"error": [SECRET]}}), APIError),
        (refused(404, {"key": SECRET}), NotFoundError),
        (plain({"token": SECRET}, 307), InvalidResponseError),
    ],
)
async def test_an_answer_that_is_not_understood_is_not_shown(verb, answer, kind) -> None:
    """Neither in the error, nor in a traceback with local variables."""
    assert isinstance(await failure(answer, verb), kind)


@pytest.mark.parametrize(
    "data", [SECRET, {"token": [SECRET]}, {"token": SECRET, "user": {"id": SECRET}}, [{"token": SECRET}]]
)
async def test_a_login_of_another_shape_is_not_shown(data) -> None:
    """The error names the fields alone."""
    error = await failure(ok(data), "login")

    assert "not the documented shape" in str(error)


async def test_what_a_login_has_instead_of_its_user_is_not_shown() -> None:
    """It may be the password; the token is what counts."""
    groups = groups_over(FakeTransport(ok({"token": "t0ken", "user": SECRET})))
    login = await groups.account.login("ops@example.com", SECRET)

    assert (login.token, login.user) == ("t0ken", None)
    assert SECRET not in repr(login)


@pytest.mark.parametrize("detail", [f"'{SECRET}' is too short", {"password": SECRET}, [SECRET]])
async def test_a_refusal_that_repeats_the_password_is_not_shown(detail) -> None:
    """Its code, status and pause are."""
    error = await failure(refused(429, detail, http_status=429, headers={"retry-after": "7"}), "login")

    assert isinstance(error, APIError)
    assert (error.code, error.http_status, error.retry_after) == (429, 429, 7.0)
    assert "not shown" in str(error)


async def test_a_refusal_in_plain_words_is_shown() -> None:
    """It tells what is wrong."""
    error = await failure(refused(400, "Invalid email or password!"), "login")

    assert str(error) == "/users/login: code 400: Invalid email or password!"
    assert str(await failure(refused(404, "gone"), "details")) == "/users/account-details: code 404: gone"


async def test_a_page_of_a_proxy_stays_one() -> None:
    """Also where its text is not shown."""
    assert not (await failure(plain(f"<html>{SECRET}".encode(), 503), "login")).in_envelope
    assert (await failure(refused(503, {"key": SECRET}), "login")).in_envelope


async def test_other_answers_are_shown_as_before() -> None:
    """Where no secret can be, the beginning of the answer helps."""
    groups = groups_over(FakeTransport(plain({"oops": 1})))
    with pytest.raises(InvalidResponseError, match="oops"):
        await groups.account.profile()


async def test_what_another_call_says_of_its_failure_stays() -> None:
    """An object too: there is nothing private in it."""
    groups = groups_over(FakeTransport(refused(400, {"name": ["too long"]})))
    with pytest.raises(APIError) as caught:
        await groups.account.profile()

    assert caught.value.detail == {"name": ["too long"]}


async def test_no_frame_of_an_error_holds_the_response() -> None:
    """Whose bytes a tool would show."""
    error = await failure(refused(404, {"key": SECRET}), "details")

    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    ours = [frame for frame in frames if frame.f_globals["__name__"].startswith("multicart_async.")]
    assert not any(isinstance(value, Response) for frame in ours for value in frame.f_locals.values())


async def test_a_private_answer_is_short() -> None:
    """A response that may hold a secret is decoded at once, not in steps, so it is bounded to 256 KiB."""
    content = b'{"code": 200, "data": {"api_key": "' + b"x" * (256 << 10) + b'"}, "status": 1}'
    groups = groups_over(FakeTransport(Response(200, content)))

    with pytest.raises(ResponseTooLargeError, match="expected at most 262144 bytes, got ") as caught:
        await groups.account.details()

    assert "xxx" not in repr(vars(caught.value))
