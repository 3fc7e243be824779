"""Users: how one comes into being, and the codes by which an address is proved."""

from __future__ import annotations

import zlib

import attrs

from multicart_async.sandbox._state.passwords import hashed
from multicart_async.sandbox._state.state import SandboxState

CODE_SECONDS = 10 * 60
_LOWEST_CODE, _CODES = 100_000, 900_000  # six digits; the field is an integer, so none begins with 0
_STRIDE = 7919  # no divisor of _CODES: codes that follow one another differ


@attrs.frozen(kw_only=True)
class NewUser:
    """A user to be added; an id of ``None`` takes the next one."""

    id: int | None = None
    name: str
    email: str
    api_key: str = attrs.field(repr=False)
    token: str = attrs.field(repr=False)
    password: str | None = attrs.field(repr=False)
    available: int
    created: float
    updated: float


def insert_user(world: SandboxState, user: NewUser) -> int:
    """A user's id, after adding the user; nothing is committed."""
    cursor = world.db.execute(
        "INSERT INTO users (id, name, email, api_key, token, password, available, used, frozen, created, updated)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, 0, 0, ?, ?)",
        (
            *(user.id, user.name, user.email, user.api_key, user.token),
            *(None if user.password is None else hashed(user.password), user.available, user.created, user.updated),
        ),
    )
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def is_registered(world: SandboxState, email: str) -> bool:
    """Whether an address belongs to a user."""
    return world.row("SELECT 1 FROM users WHERE email = ?", email) is not None


def mail_code(world: SandboxState, email: str) -> None:
    """Make a code and "mail" it; the same seed gives the same codes."""
    cursor = world.db.execute("INSERT INTO codes (email, sent) VALUES (?, ?)", (email, world.now()))
    start = zlib.crc32(f"{world.options.seed}:{email}".encode())
    code = _LOWEST_CODE + (start + (cursor.lastrowid or 0) * _STRIDE) % _CODES
    world.db.execute("UPDATE codes SET code = ? WHERE id = ?", (code, cursor.lastrowid))


def codes_since(world: SandboxState, email: str, moment: float) -> int:
    """How many codes an address was sent after a moment."""
    found: int = world.number("SELECT count(*) FROM codes WHERE email = ? AND sent > ?", email, moment)
    return found


def newest_code(world: SandboxState, email: str) -> tuple[int, float] | None:
    """The one code of an address that may be good, and when it was sent; each new one voids those before it."""
    row = world.row("SELECT code, sent FROM codes WHERE email = ? ORDER BY id DESC LIMIT 1", email)
    return (row["code"], row["sent"]) if row else None
