"""Account. Documentation: docs/credits-and-usage; the answer of the credits call itself is not documented."""

from __future__ import annotations

import attrs

from multicart_async.models._base import Model

__all__ = ["Credits"]


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
