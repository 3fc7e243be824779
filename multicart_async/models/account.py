"""Account. Documentation: api-docs/auth-account, docs/credits-and-usage; the answer of the credits call is not documented."""

from __future__ import annotations

from datetime import datetime

import attrs

from multicart_async.models._base import SECRET, Model, Strict

__all__ = ["Credits", "Login", "Profile", "User"]


@attrs.frozen(kw_only=True)
class Credits(Model):
    """Credits of the account, one for each item that is scraped. A field that the answer lacks is ``None``."""

    available_credits: int | None = None
    used_credits: int | None = None
    frozen_credits: int | None = None

    @property
    def spendable(self) -> int | None:
        """Granted, less consumed and reserved; ``None`` unless the answer has all three."""
        if self.available_credits is None or self.used_credits is None or self.frozen_credits is None:
            return None
        return self.available_credits - (self.used_credits + self.frozen_credits)


@attrs.frozen(kw_only=True)
class User(Model):
    """Who has logged in."""

    id: Strict[int]
    name: str | None = None
    email: str | None = None


@attrs.frozen(kw_only=True)
class Login(Model):
    """A session. ``token`` is as secret as the key: it is never shown by ``repr``, nor written by `to_dict`."""

    token: Strict[str] = attrs.field(repr=False, metadata=SECRET)
    user: User | None = None


@attrs.frozen(kw_only=True)
class Profile(Model):
    """The caller's own row."""

    id: Strict[int]
    name: str | None = None
    email: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
