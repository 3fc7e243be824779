"""The prices of all items over some runs: one double for each item and run. No I/O."""

from __future__ import annotations

import math
from array import array

import attrs

from multicart_async.tables._report.index import Currency, RunIndex

__all__ = ["History", "Missing"]

_NONE = math.nan


@attrs.frozen
class Missing:
    """An item that the newest run lacks; ``last`` is the place, among the runs of the history, of the last that had it."""

    key: str
    title: str
    last: int


class History:
    """The prices of *runs* runs. A price that is not known, or in an earlier currency of its item, is NaN."""

    def __init__(self, runs: int) -> None:
        self._runs = runs
        self._prices: dict[str, array[float]] = {}
        self._titles: dict[str, str] = {}
        self._currencies: dict[str, Currency] = {}
        self._last: dict[str, int] = {}

    def add(self, place: int, run: RunIndex) -> None:
        """Take the run at *place*, from the oldest to the newest."""
        for key in run.repeated:
            self._last[key] = place
        for key, item in run.items.items():
            self._last[key] = place
            self._titles[key] = item.title or self._titles.get(key, "")
            if item.price is not None:
                self._prices_of(key, item.currency)[place] = float(item.price)

    def _prices_of(self, key: str, currency: Currency) -> array[float]:
        known = self._currencies.get(key)
        if known is None or known.differs(currency):  # prices of another currency are no history of this one
            self._prices[key] = array("d", [_NONE]) * self._runs
        if known is None or currency.code is not None:
            self._currencies[key] = currency
        return self._prices[key]

    def prices(self, key: str) -> array[float]:
        """Return the price of an item in each run."""
        return self._prices.get(key) or array("d", [_NONE]) * self._runs

    def currency(self, key: str) -> Currency:
        """Return the currency of these prices."""
        return self._currencies.get(key, Currency())

    def missing(self, before: int) -> list[Missing]:
        """Return the items that were last seen before the run at *before*, the latest first."""
        found = [Missing(key, self._titles.get(key, ""), last) for key, last in self._last.items() if last < before]
        return sorted(found, key=lambda one: (-one.last, one.key))
