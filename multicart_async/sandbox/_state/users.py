"""Users, and the codes that verify their e-mail addresses."""

from __future__ import annotations

import zlib

import attrs

from multicart_async.sandbox._state.passwords import hash_password
from multicart_async.sandbox._state.state import SandboxState

CODE_SECONDS = 10 * 60
_LOWEST_CODE, _CODES = 100_000, 900_000  # six digits, without leading zeros, as the field is an integer
_STRIDE = 7919  # coprime to _CODES, so consecutive codes differ


@attrs.frozen(kw_only=True)
class NewUser:
    """A user to be added; with an id of None, under the next free one."""

    id: int | None = None
    name: str
    email: str
    api_key: str = attrs.field(repr=False)
    token: str = attrs.field(repr=False)
    password: str | None = attrs.field(repr=False)
    available: int
    created: float
    updated: float


def insert_user(state: SandboxState, user: NewUser) -> int:
    """Insert a user without committing, and return their id."""
    cursor = state.db.execute(
        "INSERT INTO users (id, name, email, api_key, token, password, available, used, frozen, created, updated)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, 0, 0, ?, ?)",
        (
            *(user.id, user.name, user.email, user.api_key, user.token),
            *(
                None if user.password is None else hash_password(user.password),
                user.available,
                user.created,
                user.updated,
            ),
        ),
    )
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def is_registered(state: SandboxState, email: str) -> bool:
    """Return whether an address belongs to a user."""
    return state.row("SELECT 1 FROM users WHERE email = ?", email) is not None


def mail_code(state: SandboxState, email: str) -> None:
    """Create a code and "mail" it; the same seed gives the same codes."""
    cursor = state.db.execute("INSERT INTO codes (email, sent) VALUES (?, ?)", (email, state.now()))
    start = zlib.crc32(f"{state.options.seed}:{email}".encode())
    code = _LOWEST_CODE + (start + (cursor.lastrowid or 0) * _STRIDE) % _CODES
    state.db.execute("UPDATE codes SET code = ? WHERE id = ?", (code, cursor.lastrowid))


def codes_since(state: SandboxState, email: str, moment: float) -> int:
    """Return how many codes were sent to an address after a moment."""
    found: int = state.number("SELECT count(*) FROM codes WHERE email = ? AND sent > ?", email, moment)
    return found


def newest_code(state: SandboxState, email: str) -> tuple[int, float] | None:
    """Return the last code sent to an address, and when; each new code invalidates those before it."""
    row = state.row("SELECT code, sent FROM codes WHERE email = ? ORDER BY id DESC LIMIT 1", email)
    return (row["code"], row["sent"]) if row else None
