"""``client.billing``: plans and invoices. Documentation: api-docs/plans, docs/response-envelope."""

from __future__ import annotations

from multicart_async._caller import Caller
from multicart_async._results import Results

__all__ = ["Billing"]


class Billing:
    """``client.billing``"""

    def __init__(self, call: Caller, *, results: Results) -> None:
        self._call = call
        self._results = results
