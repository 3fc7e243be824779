"""Models of the account. The response of the credits call is not documented.

Service documentation: https://multicartapi.com/api-docs/auth-account, https://multicartapi.com/docs/credits-and-usage
"""

from __future__ import annotations

from datetime import datetime

import attrs

from multicart_async.models._base import SECRET, Model, Strict

__all__ = ["Credits", "Login", "Profile", "User"]


@attrs.frozen(kw_only=True)
class Credits(Model):
    """Credits of the account, one for each scraped item. A field that the response lacks is ``None``."""

    available_credits: int | None = None
    used_credits: int | None = None
    frozen_credits: int | None = None

    @property
    def spendable(self) -> int | None:
        """Granted credits minus consumed and reserved ones; ``None`` unless the response has all three."""
        if self.available_credits is None or self.used_credits is None or self.frozen_credits is None:
            return None
        return self.available_credits - (self.used_credits + self.frozen_credits)


@attrs.frozen(kw_only=True)
class User(Model):
    """The user who has logged in."""

    id: Strict[int]
    name: str | None = None
    email: str | None = None


@attrs.frozen(kw_only=True)
class Login(Model):
    """A session. ``token`` is as secret as the key: neither `repr` nor `to_dict` shows it."""

    token: Strict[str] = attrs.field(repr=False, metadata=SECRET)
    user: User | None = None


@attrs.frozen(kw_only=True)
class Profile(Model):
    """The caller's own profile."""

    id: Strict[int]
    name: str | None = None
    email: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
