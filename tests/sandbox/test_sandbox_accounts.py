"""Login, profile, key, registration."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest
from support.sandbox_api import Api

from multicart_async.sandbox._api.request import Call

LOGIN = "/users/login"
PROFILE = "/users/profile"
UPDATE = "/users/profile/update"
OTP = "/users/register/otp/sent"
REGISTER = "/users/register"
DEFAULT_USER_ID = {"email": "ops@example.com", "password": "S3cur3p@ss"}
EMAIL = "new@example.com"
NEWCOMER = {"name": "Nora New", "email": EMAIL, "password": "Gum-tree-7", "country": "Australia"}


async def request_code(api: Any, email: str = EMAIL) -> int:
    """The registration code of *email*, after a request for one."""
    await api.data(OTP, email=email)
    return api.sandbox.registration_code(email)


async def test_login_returns_the_token_and_the_user(api: Any) -> None:
    """A login returns the token and the user, as in the documentation's example."""
    user = {"id": 42, "name": "Alice Smith", "email": "ops@example.com"}
    assert await api.data(LOGIN, **DEFAULT_USER_ID) == {"token": api.sandbox.token, "user": user}


@pytest.mark.parametrize("wrong", [{"password": "s3cur3p@ss"}, {"email": "nobody@example.com"}], ids=str)
async def test_a_failed_login_does_not_tell_why(api: Any, wrong: dict[str, str]) -> None:
    """A wrong address and a wrong password give the same message."""
    expected = {"code": 400, "data": "Invalid email or password!", "status": 0}
    assert expected == await api.call(LOGIN, **{**DEFAULT_USER_ID, **wrong})


async def test_a_user_without_a_password_cannot_log_in(api: Any) -> None:
    """A user that a test adds can log in only if they were given a password."""
    api.sandbox.add_user("Bob", api_key="bob.key", email="bob@example.com")
    api.sandbox.add_user("Eve", api_key="eve.key", email="eve@example.com", password="eve's own")
    assert await api.refused(LOGIN, email="bob@example.com", password="eve's own") == 400
    assert (await api.data(LOGIN, email="eve@example.com", password="eve's own"))["token"] == "token-of-eve.key"


async def test_the_profile_is_the_documented_one(api: Any) -> None:
    """The profile equals the documented one, including its times."""
    assert await api.data(PROFILE) == {
        "id": 42,
        "name": "Alice Smith",
        "email": "ops@example.com",
        "created_at": "2025-01-15T09:00:00Z",
        "updated_at": "2026-06-01T12:00:00Z",
    }


async def test_an_update_changes_the_given_fields(api: Any) -> None:
    """An update changes the given fields and no others."""
    changed = await api.data(UPDATE, name="Alice Jones", timezone="Australia/Brisbane", notification_emails=False)
    assert (changed["name"], changed["email"]) == ("Alice Jones", "ops@example.com")
    assert changed["updated_at"] == "2026-06-20T10:00:00Z"
    assert changed == await api.data(PROFILE)


async def test_a_new_address_replaces_the_login(api: Any) -> None:
    """After a change of the address, only the new one can log in."""
    await api.data(UPDATE, email=EMAIL)
    assert (await api.data(LOGIN, **{**DEFAULT_USER_ID, "email": EMAIL}))["user"]["id"] == 42
    assert await api.refused(LOGIN, **DEFAULT_USER_ID) == 400


async def test_an_address_belongs_to_one_user(api: Any) -> None:
    """A user cannot take the address of another user, but can send their own address again."""
    api.sandbox.add_user("Bob", api_key="bob.key", email="bob@example.com")
    assert await api.refused(UPDATE, email="bob@example.com") == 409
    await api.data(UPDATE, email="ops@example.com")


async def test_fields_of_an_incomplete_table_are_accepted(api: Any) -> None:
    """Where the documentation shows only some parameters, other fields are not recorded as ignored."""
    await api.data(UPDATE, phone="07 5550 0100")
    assert api.sandbox.ignored_fields == []


async def test_the_key_is_in_the_account_details(api: Any) -> None:
    """The account details have the API key, and a session token is enough to read them."""
    async with aiohttp.ClientSession(headers={"Authorization": f"Token {api.sandbox.token}"}) as session:
        details = await Api(api.sandbox, session).data("/users/account-details")
    assert details == {**await api.data(PROFILE), "api_key": api.sandbox.api_key}


async def test_a_code_has_six_digits(api: Any) -> None:
    """A code has six digits, and the response does not contain it."""
    assert await api.data(OTP, email=EMAIL) == "Verification code sent successfully!"
    assert len(str(api.sandbox.registration_code(EMAIL))) == 6


async def test_a_registered_address_gets_no_code(api: Any) -> None:
    """A request for a code to a registered address is a conflict."""
    assert await api.refused(OTP, email=DEFAULT_USER_ID["email"]) == 409
    assert await api.refused(REGISTER, **{**NEWCOMER, "email": DEFAULT_USER_ID["email"]}, otp=123456) == 409


async def test_an_invalid_address_is_rejected(api: Any) -> None:
    """An invalid e-mail address gets code 400."""
    assert await api.refused(OTP, email="nonsense") == 400


async def test_an_address_gets_three_codes_in_15_minutes(api: Any) -> None:
    """A fourth code within 15 minutes is rejected; other addresses are not affected."""
    for _ in range(3):
        await api.data(OTP, email=EMAIL)
        api.sandbox.advance(60)
    assert await api.refused(OTP, email=EMAIL) == 400
    await api.data(OTP, email="other@example.com")
    api.sandbox.advance(12 * 60)
    await api.data(OTP, email=EMAIL)
    assert await api.refused(OTP, email=EMAIL) == 400


async def test_registration_creates_an_account(api: Any) -> None:
    """A registered user has a password, a key of their own, and 500 credits."""
    made = await api.data(
        REGISTER, **NEWCOMER, otp=await request_code(api), business_name="New & Co", address_1="1 Gum St"
    )
    assert (made["name"], made["email"]) == ("Nora New", EMAIL)
    token = (await api.data(LOGIN, email=EMAIL, password="Gum-tree-7"))["token"]
    async with aiohttp.ClientSession(headers={"Authorization": f"Token {token}"}) as session:
        newcomer = Api(api.sandbox, session)
        assert made == await newcomer.data(PROFILE)
        assert (await newcomer.data("/users/credits/"))["available_credits"] == 500
        key = (await newcomer.data("/users/account-details"))["api_key"]
    async with aiohttp.ClientSession(headers={"x-api-key": key}) as session:
        assert made["id"] == (await Api(api.sandbox, session).data(PROFILE))["id"]
    assert api.sandbox.api_key != key


async def test_a_code_is_valid_once(api: Any) -> None:
    """After registration the address is registered and its code is deleted."""
    await api.data(REGISTER, **NEWCOMER, otp=await request_code(api))
    with pytest.raises(LookupError, match="unused code"):
        api.sandbox.registration_code(EMAIL)


async def test_a_wrong_code_is_rejected(api: Any) -> None:
    """A wrong, missing or malformed code is rejected, and the right code remains valid."""
    assert await api.refused(REGISTER, **NEWCOMER, otp=123456) == 400
    right = await request_code(api)
    assert await api.refused(REGISTER, **NEWCOMER, otp=right + 1) == 400
    assert await api.refused(REGISTER, **NEWCOMER, otp=str(right)) == 400
    await api.data(REGISTER, **NEWCOMER, otp=right)


async def test_a_code_of_another_address_is_rejected(api: Any) -> None:
    """A code verifies only the address that it was sent to."""
    assert await api.refused(REGISTER, **NEWCOMER, otp=await request_code(api, "other@example.com")) == 400


async def test_a_new_code_invalidates_the_previous_one(api: Any) -> None:
    """Only the last code sent to an address is valid."""
    first, second = await request_code(api), await request_code(api)
    assert first != second
    assert await api.refused(REGISTER, **NEWCOMER, otp=first) == 400
    await api.data(REGISTER, **NEWCOMER, otp=second)


@pytest.mark.parametrize(("seconds", "status"), [(600, 1), (601, 0)])
async def test_a_code_expires_after_ten_minutes(api: Any, seconds: int, status: int) -> None:
    """A code expires ten minutes after it was sent, by the sandbox's clock."""
    sent = await request_code(api)
    api.sandbox.advance(seconds)
    assert status == (await api.call(REGISTER, **NEWCOMER, otp=sent))["status"]


async def test_passwords_and_codes_are_not_recorded(api: Any) -> None:
    """Recorded requests contain no password or code, and the database contains no password in plain text."""
    sent = await request_code(api)
    await api.data(REGISTER, **NEWCOMER, otp=sent)
    seen = api.sandbox.requests[-1]
    assert tuple(seen.fields[name] for name in ("password", "otp", "email")) == ("<credential>", "<credential>", EMAIL)
    assert "Gum-tree-7" not in repr(Call(api.sandbox._state, 0, NEWCOMER, "", lambda: None))
    assert "Gum-tree-7" not in "\n".join(api.sandbox._state.db.iterdump())
