"""``client.account``: what is sent, what comes back, what is refused before."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import pytest
from support.fakes import FakeTransport, ok, refused
from support.groups import Groups, groups_over
from support.leaks import Haul

from multicart_async import UNSET
from multicart_async.errors import (
    APIConnectionError,
    APIError,
    ArgumentError,
    BadRequestError,
    OutcomeUnknownError,
)
from multicart_async.models import Login, Profile, Undocumented, User

SECRET = "c4n4ry/+Zm9v=b4r~7f3a9d"
EMAIL = "ops@example.com"
ANSWER = {"token": SECRET, "user": {"id": 42, "name": "Alice Smith", "email": EMAIL}}
NEW: Mapping[str, Any] = {
    "name": "Alice Smith",
    "email": EMAIL,
    "password": SECRET,
    "otp": 482931,
    "country": "Australia",
}
ANYTHING = [None, "done", 7, ["a"], {"id": 42}, {"data": 1, "extra": 2}]


def answering(*answers: Any) -> Groups:
    """Groups over a service that gives these answers."""
    return groups_over(FakeTransport(*answers))


async def test_a_login_is_a_token_and_a_user() -> None:
    """Address and password go out as they are."""
    groups = answering(ok(ANSWER))
    login = await groups.account.login(EMAIL, SECRET)

    assert Login(token=SECRET, user=User(id=42, name="Alice Smith", email=EMAIL)) == login
    assert groups.transport.sent == [("/users/login", {"email": EMAIL, "password": SECRET})]
    assert (groups.transport.public, groups.transport.fresh) == ([True], [True])


def test_a_login_does_not_show_its_token() -> None:
    """It is as secret as the key."""
    assert SECRET not in repr(Login(token=SECRET, user=User(id=42)))


async def test_a_refused_login_is_the_error_of_its_code() -> None:
    """Whatever code that is; the service's sentence is in it."""
    groups = answering(refused(400, "Invalid email or password!"), refused(418, "Invalid email or password!"))
    with pytest.raises(BadRequestError, match="Invalid email or password!"):
        await groups.account.login(EMAIL, SECRET)
    with pytest.raises(APIError, match="Invalid email or password!") as caught:
        await groups.account.login(EMAIL, SECRET)

    assert caught.value.code == 418


@pytest.mark.parametrize("call", ["login", "register", "code"])
async def test_what_lost_its_answer_is_not_sent_again(call) -> None:
    """A code voids the one before, an account is made once."""
    groups = answering(APIConnectionError("/", "broken"))
    account = groups.account
    calls = {
        "login": lambda: account.login(EMAIL, SECRET),
        "register": lambda: account.register(**NEW),
        "code": lambda: account.send_registration_code(EMAIL),
    }
    with pytest.raises(OutcomeUnknownError):
        await calls[call]()

    assert len(groups.transport.sent) == 1


async def test_a_profile_is_the_callers_row() -> None:
    """Only its id is certain."""
    groups = answering(ok({"id": 42, "colour": "red"}))
    profile = await groups.account.profile()

    assert Profile(id=42) == profile
    assert profile.extra == {"colour": "red"}
    assert groups.transport.sent == [("/users/profile", {})]
    assert groups.transport.public == [False]


async def test_an_update_sends_only_what_was_given() -> None:
    """What is left out is not on the wire; false is a value."""
    groups = answering(ok("done"))
    await groups.account.update_profile(email="new@example.com", notification_emails=False)

    assert (groups.transport.sent) == [
        ("/users/profile/update", {"email": "new@example.com", "notification_emails": False})
    ]


async def test_an_update_can_have_undocumented_fields() -> None:
    """update_profile takes undocumented fields from any mapping, also alone; those that are `UNSET` are not sent."""
    groups = answering(ok({"id": 42}))
    extra = MappingProxyType({"company": "ACME", "address": {"lines": ["1", 2]}, "none": None, "not": UNSET})
    answer = await groups.account.update_profile(extra=extra)

    ((_, sent),) = groups.transport.sent
    assert sent == {"company": "ACME", "address": {"lines": ["1", 2]}, "none": None}
    assert (Undocumented(data={"id": 42}), {"id": 42}) == (answer, answer.extra)


@pytest.mark.parametrize("answer", ANYTHING)
@pytest.mark.parametrize("call", ["update", "details", "register"])
async def test_an_undocumented_answer_is_taken_whatever_it_is(call, answer) -> None:
    """The call has taken effect: its answer must not make an error of it."""
    account = answering(ok(answer)).account
    calls: dict[str, Callable[[], Any]] = {
        "update": lambda: account.update_profile(name="Alice"),
        "details": account.details,
        "register": lambda: account.register(**NEW),
    }
    value = await calls[call]()

    assert answer == value.data
    assert (answer if isinstance(answer, dict) else {}) == value.extra
    assert repr(value) == "Undocumented()"


async def test_details_are_asked_for_with_an_empty_object() -> None:
    """No body is documented; `{}` is one without content."""
    groups = answering(ok({"api_key": SECRET}))
    details = await groups.account.details()

    assert SECRET == details.data["api_key"] == details.extra["api_key"]
    assert groups.transport.sent == [("/users/account-details", {})]


async def test_a_code_is_asked_for_by_address() -> None:
    """The sentence that comes back says nothing new."""
    groups = answering(ok("Verification code sent successfully!"))

    assert await groups.account.send_registration_code(EMAIL) is None
    assert groups.transport.sent == [("/users/register/otp/sent", {"email": EMAIL})]
    assert groups.transport.public == [True]


@pytest.mark.parametrize(
    ("otp", "sent"), [(482931, 482931), ("482931", 482931), ("012345", 12345), (12345, 12345), (0, 0), ("000000", 0)]
)
async def test_a_code_is_sent_as_a_number(otp, sent) -> None:
    """As documented, also where it begins with a zero."""
    groups = answering(ok(None))
    await groups.account.register(**{**NEW, "otp": otp})

    assert groups.transport.sent == [("/users/register", {**NEW, "otp": sent})]
    assert groups.transport.public == [True]


async def test_a_registration_can_have_more_fields() -> None:
    """Those that are documented by name, and others."""
    groups = answering(ok(None))
    await groups.account.register(**NEW, business_name="ACME", address_1="1 High St", extra={"city": "Brisbane"})

    assert groups.transport.sent[0][1] == {**NEW, "business_name": "ACME", "address_1": "1 High St", "city": "Brisbane"}


@pytest.mark.parametrize(
    ("named", "given"),
    [
        ("update_profile", {}),
        ("update_profile", {"extra": {"city": UNSET}}),
        ("name", {"name": ""}),
        ("email", {"email": None}),
        ("timezone", {"timezone": 10}),
        ("notification_emails", {"notification_emails": "yes"}),
        ("extra", {"extra": {"name": "Alice"}}),
        ("extra", {"extra": {"": 1}}),
        ("extra", {"extra": {5: 1}}),
        ("extra", {"extra": ["city"]}),
        ("fields", {"extra": {"city": {1, 2}}}),
    ],
)
async def test_an_update_that_cannot_be_right_is_not_sent(named, given) -> None:
    """The error names the argument."""
    groups = answering()
    with pytest.raises(ArgumentError) as caught:
        await groups.account.update_profile(**given)

    assert (named, []) == (caught.value.argument, groups.transport.sent)


@pytest.mark.parametrize(
    ("named", "given"),
    [
        ("name", {"name": " "}),
        ("email", {"email": ""}),
        ("email", {"email": UNSET}),
        ("country", {"country": 61}),
        ("business_name", {"business_name": ""}),
        ("address_1", {"address_1": b"x"}),
        ("password", {"password": ""}),
        ("password", {"password": SECRET.encode()}),
        ("password", {"password": f"{SECRET}\ud800"}),
        ("password", {"password": {"is": SECRET}}),
        ("otp", {"otp": 1_000_000}),
        ("otp", {"otp": -1}),
        ("otp", {"otp": True}),
        ("otp", {"otp": 1.0}),
        ("otp", {"otp": "12345"}),
        ("otp", {"otp": "1234567"}),
        ("otp", {"otp": "\uff11\uff12\uff13\uff14\uff15\uff16"}),
        ("otp", {"otp": SECRET}),
        ("otp", {"otp": None}),
        ("extra", {"extra": {"otp": SECRET}}),
        ("extra", {"extra": SECRET}),
        ("fields", {"extra": {"note": f"{SECRET}\ud800"}}),
    ],
)
async def test_a_registration_that_cannot_be_right_is_not_sent(named, given) -> None:
    """The error names the argument; it shows neither password nor code."""
    groups = answering()
    with pytest.raises(ArgumentError) as caught:
        await groups.account.register(**{**NEW, **given})
    del given
    haul = Haul()
    haul.add_error(caught.value.with_traceback(_ours(caught.value)))

    assert (named, []) == (caught.value.argument, groups.transport.sent)
    assert haul.where(SECRET) == []
    assert haul.where("482931") == []


@pytest.mark.parametrize("password", ["", "  ", None, 7734123456789012, SECRET.encode(), f"{SECRET}\udfff"])
async def test_a_login_that_cannot_be_right_is_not_sent(password) -> None:
    """Nor is the password shown that cannot be right."""
    groups = answering()
    with pytest.raises(ArgumentError, match=r"^password: ") as caught:
        await groups.account.login(EMAIL, password)
    with pytest.raises(ArgumentError, match=r"^email: "):
        await groups.account.login("", SECRET)
    haul = Haul()
    haul.add_error(caught.value.with_traceback(_ours(caught.value)))

    assert groups.transport.sent == []
    assert [*haul.where(SECRET), *haul.where("7734123456789012")] == []


def _ours(error: BaseException) -> Any:
    """The traceback without the frame of the test, which holds what it has given."""
    assert error.__traceback__ is not None
    return error.__traceback__.tb_next


@pytest.mark.parametrize("value", [482931.5, (482931.5,), {482931.5}], ids=type)
async def test_a_secret_of_an_odd_type_is_not_in_the_message(value: Any) -> None:
    """What is neither a string nor a number cannot be hidden, so only its type is told."""
    account = answering().account
    for call in (
        account.login(EMAIL, value),
        account.register(**{**NEW, "password": value}),
        account.register(**{**NEW, "otp": value}),
    ):
        with pytest.raises(ArgumentError, match=r"\A(password|otp): expected ") as caught:
            await call
        assert "482931.5" not in str(caught.value)
