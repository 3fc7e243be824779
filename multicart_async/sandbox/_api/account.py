"""The account: login, profile, key, credits."""

from __future__ import annotations

import sqlite3

from multicart_async.sandbox._api.request import Call
from multicart_async.sandbox._content.envelope import BAD_REQUEST, CONFLICT, ApiFailure
from multicart_async.sandbox._state.clock import stamp
from multicart_async.sandbox._state.passwords import verify_password
from multicart_async.sandbox._state.run_lifecycle import credits_of


def login(call: Call) -> object:
    """Return the session token and the user whom it belongs to."""
    given = call.fields
    for row in call.state.rows("SELECT * FROM users WHERE email = ? ORDER BY id", given["email"]):
        if verify_password(given["password"], row["password"]):
            return {"token": row["token"], "user": {name: row[name] for name in ("id", "name", "email")}}
    # The text is documented, and the same for both causes. The code is not documented: the sandbox uses 400.
    raise ApiFailure(BAD_REQUEST, "Invalid email or password!")


def profile(call: Call) -> object:
    """Return the profile of the caller."""
    return profile_of(_row(call))


def update(call: Call) -> object:
    """Change the profile of the caller and return it.

    The response is not documented: the sandbox returns that of the profile. ``timezone`` and ``notification_emails``
    are accepted; no documented response has them.
    """
    state, user, given = call.state, call.user, call.fields
    if state.row("SELECT 1 FROM users WHERE email = ? AND id <> ?", given.get("email"), user):
        raise ApiFailure(CONFLICT, "Email already exists")  # not documented
    row = _row(call)
    changed = (given.get("name", row["name"]), given.get("email", row["email"]), state.now())
    state.db.execute("UPDATE users SET name = ?, email = ?, updated = ? WHERE id = ?", (*changed, user))
    return profile_of(_row(call))


def details(call: Call) -> object:
    """Return the profile and ``api_key``; that it has the fields of the profile is not documented."""
    row = _row(call)
    return {**profile_of(row), "api_key": row["api_key"]}


def credits_now(call: Call) -> object:
    """Return the three documented fields of the credits page; the form of the response is not documented."""
    available, used, frozen = credits_of(call.state, call.user)
    return {"available_credits": available, "used_credits": used, "frozen_credits": frozen}


def profile_of(row: sqlite3.Row) -> dict[str, object]:
    """Return the five documented fields of a user."""
    fields = {name: row[name] for name in ("id", "name", "email")}
    return {**fields, "created_at": stamp(row["created"]), "updated_at": stamp(row["updated"])}


def _row(call: Call) -> sqlite3.Row:
    row = call.state.row("SELECT * FROM users WHERE id = ?", call.user)
    assert row is not None
    return row
