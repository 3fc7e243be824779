"""``client.settings``: the domains and stores of the service. Documentation: docs/authentication, docs/guides/officeworks-skus."""

from __future__ import annotations

from multicart_async._caller import Caller
from multicart_async.models import Domain

__all__ = ["ServiceSettings"]


class ServiceSettings:
    """``client.settings``"""

    def __init__(self, call: Caller) -> None:
        self._call = call

    async def domains(self, *, refresh: bool = False) -> tuple[Domain, ...]:
        """Placeholder."""
        raise NotImplementedError
