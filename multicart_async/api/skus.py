"""``client.skus``: the Officeworks SKUs of a collection. Documentation: api-docs/officeworks-items."""

from __future__ import annotations

from multicart_async._caller import Caller

__all__ = ["Skus"]


class Skus:
    """``client.skus``"""

    def __init__(self, call: Caller) -> None:
        self._call = call
