"""The account: login, profile, key, credits."""

from __future__ import annotations

import sqlite3

from multicart_async.sandbox._api.request import Call
from multicart_async.sandbox._content.envelope import BAD_REQUEST, CONFLICT, ApiFailure
from multicart_async.sandbox._state.clock import stamp
from multicart_async.sandbox._state.passwords import fits
from multicart_async.sandbox._state.run_lifecycle import credits_of


def login(call: Call) -> object:
    """The session token, and who it belongs to."""
    given = call.fields
    for row in call.world.rows("SELECT * FROM users WHERE email = ? ORDER BY id", given["email"]):
        if fits(given["password"], row["password"]):
            return {"token": row["token"], "user": {name: row[name] for name in ("id", "name", "email")}}
    # The text is documented, for both causes alike. The code is not: the sandbox answers 400.
    raise ApiFailure(BAD_REQUEST, "Invalid email or password!")


def profile(call: Call) -> object:
    """The caller's row."""
    return profile_of(_row(call))


def update(call: Call) -> object:
    """The changed row. Not documented: the sandbox answers what the profile does.

    ``timezone`` and ``notification_emails`` are accepted; no documented answer shows them.
    """
    world, user, given = call.world, call.user, call.fields
    if world.row("SELECT 1 FROM users WHERE email = ? AND id <> ?", given.get("email"), user):
        raise ApiFailure(CONFLICT, "Email already exists")  # not documented
    row = _row(call)
    changed = (given.get("name", row["name"]), given.get("email", row["email"]), world.now())
    world.db.execute("UPDATE users SET name = ?, email = ?, updated = ? WHERE id = ?", (*changed, user))
    return profile_of(_row(call))


def details(call: Call) -> object:
    """The way to the key. Not documented: the sandbox answers the profile and ``api_key``."""
    row = _row(call)
    return {**profile_of(row), "api_key": row["api_key"]}


def credits_now(call: Call) -> object:
    """The three documented fields of the credits page; how the service's own answer is laid out is not documented."""
    available, used, frozen = credits_of(call.world, call.user)
    return {"available_credits": available, "used_credits": used, "frozen_credits": frozen}


def profile_of(row: sqlite3.Row) -> dict[str, object]:
    """The five documented fields of a user."""
    fields = {name: row[name] for name in ("id", "name", "email")}
    return {**fields, "created_at": stamp(row["created"]), "updated_at": stamp(row["updated"])}


def _row(call: Call) -> sqlite3.Row:
    row = call.world.row("SELECT * FROM users WHERE id = ?", call.user)
    assert row is not None
    return row
