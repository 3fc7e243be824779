"""Passwords, stored only as salted hashes."""

from __future__ import annotations

import hashlib
import hmac
import os

_SALT = 16
_ROUNDS = 1000  # few, because these passwords protect only test data, and a sandbox starts once per test


def hash_password(password: str) -> bytes:
    """Return the salted hash of a password."""
    salt = os.urandom(_SALT)
    return salt + _derived(password, salt)


def verify_password(password: str, stored: bytes | None) -> bool:
    """Return whether the password matches the stored hash; without a hash, none does."""
    return stored is not None and hmac.compare_digest(_derived(password, stored[:_SALT]), stored[_SALT:])


def _derived(password: str, salt: bytes) -> bytes:
    return hashlib.pbkdf2_hmac("sha256", password.encode(), salt, _ROUNDS)
