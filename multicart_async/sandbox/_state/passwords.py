"""Passwords, kept as salted hashes only."""

from __future__ import annotations

import hashlib
import hmac
import os

_SALT = 16
_ROUNDS = 1000  # few: nothing behind these passwords is worth more, and a sandbox starts once per test


def hashed(password: str) -> bytes:
    """What is kept of a password."""
    salt = os.urandom(_SALT)
    return salt + _derived(password, salt)


def fits(password: str, kept: bytes | None) -> bool:
    """Whether this is the password; of a user without one, none is."""
    return kept is not None and hmac.compare_digest(_derived(password, kept[:_SALT]), kept[_SALT:])


def _derived(password: str, salt: bytes) -> bytes:
    return hashlib.pbkdf2_hmac("sha256", password.encode(), salt, _ROUNDS)
