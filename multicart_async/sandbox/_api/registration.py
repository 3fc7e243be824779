"""Registration: send a code to the address, then create the account."""

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

_MAX_CODES = 3
_WINDOW_SECONDS = 15 * 60
_STARTER_CREDITS = 500  # granted once, never reset


def send_code(call: Call) -> object:
    """Send a code to the address and return a sentence; messages and codes of failures are not documented."""
    state, email = call.state, call.fields["email"]
    _check_unregistered(state, email)
    if codes_since(state, email, state.now() - _WINDOW_SECONDS) >= _MAX_CODES:
        raise ApiFailure(BAD_REQUEST, "Too many verification codes. Please try again later.")
    mail_code(state, email)
    return "Verification code sent successfully!"


def register(call: Call) -> object:
    """Create a user and return their profile.

    The response is not documented: the sandbox returns that of the profile. Address fields are accepted.
    """
    state, given = call.state, call.fields
    _check_unregistered(state, given["email"])
    code, sent = newest_code(state, given["email"]) or (None, 0.0)
    if given["otp"] != code or state.now() - sent > CODE_SECONDS:
        raise ApiFailure(BAD_REQUEST, "Invalid or expired verification code.")
    number, now = state.number("SELECT max(id) + 1 FROM users"), state.now()
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
    insert_user(state, user)
    state.db.execute("DELETE FROM codes WHERE email = ?", (given["email"],))
    row = state.row("SELECT * FROM users WHERE id = ?", number)
    assert row is not None
    return profile_of(row)


def _check_unregistered(state: SandboxState, email: str) -> None:
    if is_registered(state, email):
        raise ApiFailure(CONFLICT, "Email already exists")
