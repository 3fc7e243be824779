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


async def code(api: Any, email: str = EMAIL) -> int:
    await api.data(OTP, email=email)
    return api.sandbox.registration_code(email)


async def test_login_gives_the_token_and_the_user(api: Any) -> None:
    """As the documentation's example."""
    user = {"id": 42, "name": "Alice Smith", "email": "ops@example.com"}
    assert await api.data(LOGIN, **DEFAULT_USER_ID) == {"token": api.sandbox.token, "user": user}


@pytest.mark.parametrize("wrong", [{"password": "s3cur3p@ss"}, {"email": "nobody@example.com"}], ids=str)
async def test_a_wrong_login_has_one_text(api: Any, wrong: dict[str, str]) -> None:
    """Whether address or password is wrong is not told."""
    expected = {"code": 400, "data": "Invalid email or password!", "status": 0}
    assert expected == await api.call(LOGIN, **{**DEFAULT_USER_ID, **wrong})


async def test_a_user_without_a_password_cannot_log_in(api: Any) -> None:
    """One that a test added; with a password they can."""
    api.sandbox.add_user("Bob", api_key="bob.key", email="bob@example.com")
    api.sandbox.add_user("Eve", api_key="eve.key", email="eve@example.com", password="eve's own")
    assert await api.refused(LOGIN, email="bob@example.com", password="eve's own") == 400
    assert (await api.data(LOGIN, email="eve@example.com", password="eve's own"))["token"] == "token-of-eve.key"


async def test_the_profile_is_the_documented_one(api: Any) -> None:
    """Down to its times."""
    assert await api.data(PROFILE) == {
        "id": 42,
        "name": "Alice Smith",
        "email": "ops@example.com",
        "created_at": "2025-01-15T09:00:00Z",
        "updated_at": "2026-06-01T12:00:00Z",
    }


async def test_an_update_changes_what_was_given(api: Any) -> None:
    """And leaves the rest."""
    changed = await api.data(UPDATE, name="Alice Jones", timezone="Australia/Brisbane", notification_emails=False)
    assert (changed["name"], changed["email"]) == ("Alice Jones", "ops@example.com")
    assert changed["updated_at"] == "2026-06-20T10:00:00Z"
    assert changed == await api.data(PROFILE)


async def test_a_new_address_is_the_login_at_once(api: Any) -> None:
    """The old one is none any more."""
    await api.data(UPDATE, email=EMAIL)
    assert (await api.data(LOGIN, **{**DEFAULT_USER_ID, "email": EMAIL}))["user"]["id"] == 42
    assert await api.refused(LOGIN, **DEFAULT_USER_ID) == 400


async def test_an_address_belongs_to_one_user(api: Any) -> None:
    """Another user's cannot be taken; one's own can be given again."""
    api.sandbox.add_user("Bob", api_key="bob.key", email="bob@example.com")
    assert await api.refused(UPDATE, email="bob@example.com") == 409
    await api.data(UPDATE, email="ops@example.com")


async def test_fields_beyond_a_cut_table_are_let_pass(api: Any) -> None:
    """What the documentation does not show is not said to be unknown."""
    await api.data(UPDATE, phone="07 5550 0100")
    assert api.sandbox.ignored_fields == []


async def test_the_key_is_in_the_account_details(api: Any) -> None:
    """A session token is enough to read it."""
    async with aiohttp.ClientSession(headers={"Authorization": f"Token {api.sandbox.token}"}) as session:
        details = await Api(api.sandbox, session).data("/users/account-details")
    assert details == {**await api.data(PROFILE), "api_key": api.sandbox.api_key}


async def test_a_code_has_six_digits(api: Any) -> None:
    """And the sentence that is answered does not hold it."""
    assert await api.data(OTP, email=EMAIL) == "Verification code sent successfully!"
    assert len(str(api.sandbox.registration_code(EMAIL))) == 6


async def test_a_registered_address_gets_no_code(api: Any) -> None:
    """There is an account already."""
    assert await api.refused(OTP, email=DEFAULT_USER_ID["email"]) == 409
    assert await api.refused(REGISTER, **{**NEWCOMER, "email": DEFAULT_USER_ID["email"]}, otp=123456) == 409


async def test_an_address_must_look_like_one(api: Any) -> None:
    """Or else code 400."""
    assert await api.refused(OTP, email="nonsense") == 400


async def test_an_address_gets_three_codes_in_a_quarter_of_an_hour(api: Any) -> None:
    """Then it must wait; other addresses need not."""
    for _ in range(3):
        await api.data(OTP, email=EMAIL)
        api.sandbox.advance(60)
    assert await api.refused(OTP, email=EMAIL) == 400
    await api.data(OTP, email="other@example.com")
    api.sandbox.advance(12 * 60)
    await api.data(OTP, email=EMAIL)
    assert await api.refused(OTP, email=EMAIL) == 400


async def test_registration_makes_an_account(api: Any) -> None:
    """With a password, a key of its own, and 500 credits once."""
    made = await api.data(REGISTER, **NEWCOMER, otp=await code(api), business_name="New & Co", address_1="1 Gum St")
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


async def test_a_code_is_good_once(api: Any) -> None:
    """Afterwards the address is registered, and the code is gone."""
    await api.data(REGISTER, **NEWCOMER, otp=await code(api))
    with pytest.raises(LookupError, match="no code"):
        api.sandbox.registration_code(EMAIL)


async def test_a_wrong_code_is_refused(api: Any) -> None:
    """One off, none sent, or no number; the right one still works then."""
    assert await api.refused(REGISTER, **NEWCOMER, otp=123456) == 400
    right = await code(api)
    assert await api.refused(REGISTER, **NEWCOMER, otp=right + 1) == 400
    assert await api.refused(REGISTER, **NEWCOMER, otp=str(right)) == 400
    await api.data(REGISTER, **NEWCOMER, otp=right)


async def test_a_code_of_another_address_is_refused(api: Any) -> None:
    """It proves that address only."""
    assert await api.refused(REGISTER, **NEWCOMER, otp=await code(api, "other@example.com")) == 400


async def test_a_new_code_voids_the_one_before(api: Any) -> None:
    """The last one counts."""
    first, second = await code(api), await code(api)
    assert first != second
    assert await api.refused(REGISTER, **NEWCOMER, otp=first) == 400
    await api.data(REGISTER, **NEWCOMER, otp=second)


@pytest.mark.parametrize(("seconds", "status"), [(600, 1), (601, 0)])
async def test_a_code_is_good_for_ten_minutes(api: Any, seconds: int, status: int) -> None:
    """By the sandbox's clock."""
    sent = await code(api)
    api.sandbox.advance(seconds)
    assert status == (await api.call(REGISTER, **NEWCOMER, otp=sent))["status"]


async def test_passwords_and_codes_are_not_noted(api: Any) -> None:
    """Requests are kept for tests, secrets in them are not; nor is a password in the database as it was sent."""
    sent = await code(api)
    await api.data(REGISTER, **NEWCOMER, otp=sent)
    seen = api.sandbox.requests[-1]
    assert tuple(seen.fields[name] for name in ("password", "otp", "email")) == ("<credential>", "<credential>", EMAIL)
    assert "Gum-tree-7" not in repr(Call(api.sandbox._world, 0, NEWCOMER, "", lambda: None))
    assert "Gum-tree-7" not in "\n".join(api.sandbox._world.db.iterdump())
