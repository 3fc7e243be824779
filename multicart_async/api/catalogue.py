"""``client.catalogue``: the Officeworks catalogue. Documentation: api-docs/officeworks-catalogue."""

from __future__ import annotations

from multicart_async._caller import Caller

__all__ = ["Catalogue"]


class Catalogue:
    """``client.catalogue``"""

    def __init__(self, call: Caller) -> None:
        self._call = call
