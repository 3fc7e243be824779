"""Registration: a code to the address, then the account."""

from __future__ import annotations

from multicart_async.sandbox._api.account import profile_of
from multicart_async.sandbox._api.request import Call
from multicart_async.sandbox._content.envelope import BAD_REQUEST, CONFLICT, ApiFailure
from multicart_async.sandbox._state.state import SandboxState
from multicart_async.sandbox._state.users import (
    CODE_SECONDS,
    NewUser,
    codes_since,
    insert_user,
    is_registered,
    mail_code,
    newest_code,
)

_MOST_CODES = 3
_WINDOW_SECONDS = 15 * 60
_STARTER_CREDITS = 500  # once, never reset


def send_code(call: Call) -> object:
    """A sentence; the code itself is on its way to the address. Texts and codes of the failures are not documented."""
    world, email = call.world, call.fields["email"]
    _refuse_registered(world, email)
    if codes_since(world, email, world.now() - _WINDOW_SECONDS) >= _MOST_CODES:
        raise ApiFailure(BAD_REQUEST, "Too many verification codes. Please try again later.")
    mail_code(world, email)
    return "Verification code sent successfully!"


def register(call: Call) -> object:
    """The new user's row. Not documented: the sandbox answers what the profile does. Address fields are accepted."""
    world, given = call.world, call.fields
    _refuse_registered(world, given["email"])
    code, sent = newest_code(world, given["email"]) or (None, 0.0)
    if given["otp"] != code or world.now() - sent > CODE_SECONDS:
        raise ApiFailure(BAD_REQUEST, "Invalid or expired verification code.")
    number, now = world.number("SELECT max(id) + 1 FROM users"), world.now()
    user = NewUser(
        id=number,
        name=given["name"],
        email=given["email"],
        api_key=f"sandbox.{number:04}-not-a-real-secret",
        token=f"sandbox-session-token-{number}-not-a-real-secret",
        password=given["password"],
        available=_STARTER_CREDITS,
        created=now,
        updated=now,
    )
    insert_user(world, user)
    world.db.execute("DELETE FROM codes WHERE email = ?", (given["email"],))
    row = world.row("SELECT * FROM users WHERE id = ?", number)
    assert row is not None
    return profile_of(row)


def _refuse_registered(world: SandboxState, email: str) -> None:
    if is_registered(world, email):
        raise ApiFailure(CONFLICT, "Email already exists")
