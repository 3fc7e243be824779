"""Compare the items of two runs. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import attrs

from multicart_async.tables._report.index import NO_VALUE, Item, RunIndex

__all__ = ["Comparison", "Move", "Named", "compare", "priceless"]


@attrs.frozen
class Named:
    """An item of a run."""

    key: str
    item: Item


@attrs.frozen
class Move:
    """A value of an item that has changed, as texts; ``share`` is the change of a price, ``None`` from a price of 0."""

    key: str
    title: str
    old: str
    new: str
    share: Decimal | None = None


@attrs.define
class Comparison:
    """The differences of two runs. ``left_out`` items have several records in one of them.

    ``other_prices`` are prices of which one is missing, no number, or in another currency.
    """

    left_out: int = 0
    added: list[Named] = attrs.field(factory=list[Named])
    removed: list[Named] = attrs.field(factory=list[Named])
    up: list[Move] = attrs.field(factory=list[Move])
    down: list[Move] = attrs.field(factory=list[Move])
    other_prices: list[Move] = attrs.field(factory=list[Move])
    in_stock: list[Move] = attrs.field(factory=list[Move])
    not_in_stock: list[Move] = attrs.field(factory=list[Move])
    availability: list[Move] = attrs.field(factory=list[Move])

    @property
    def counts(self) -> tuple[int, int, int, int]:
        """The numbers of prices down and up, of added and removed items."""
        return len(self.down), len(self.up), len(self.added), len(self.removed)

    def add(self, key: str, old: Item, new: Item) -> None:
        """Compare an item that both runs have."""
        title = new.title or old.title
        self._add_price(key, title, old, new)
        self._add_stock(key, title, old, new)

    def _add_price(self, key: str, title: str, old: Item, new: Item) -> None:
        texts = old.price_text or NO_VALUE, new.price_text or NO_VALUE
        if old.price is None or new.price is None or old.currency.differs(new.currency):
            if texts[0] != texts[1]:
                self.other_prices.append(Move(key, title, *texts))
        elif old.price != new.price:
            share = (new.price - old.price) / abs(old.price) if old.price else None
            (self.up if new.price > old.price else self.down).append(Move(key, title, *texts, share))

    def _add_stock(self, key: str, title: str, old: Item, new: Item) -> None:
        move = Move(key, title, old.availability or NO_VALUE, new.availability or NO_VALUE)
        if move.old.casefold() == move.new.casefold():
            return
        kinds: Mapping[tuple[bool | None, bool | None], list[Move]] = {
            (False, True): self.in_stock,
            (True, False): self.not_in_stock,
        }
        kinds.get((old.in_stock, new.in_stock), self.availability).append(move)

    def sort(self) -> None:
        """Put the biggest moves of a price first, and all else in the order of its keys."""
        for named in (self.added, self.removed):
            named.sort(key=lambda one: one.key)
        for moves in (self.up, self.down):
            moves.sort(key=_biggest_first)
        for moves in (self.other_prices, self.in_stock, self.not_in_stock, self.availability):
            moves.sort(key=lambda move: move.key)


def _biggest_first(move: Move) -> tuple[bool, Decimal, str]:
    return move.share is not None, -abs(move.share or Decimal(0)), move.key


def compare(old: RunIndex, new: RunIndex) -> Comparison:
    """Return the differences of two runs of a collection."""
    repeated = old.repeated | new.repeated
    found = Comparison(left_out=len(repeated))
    for key, item in new.items.items():
        if key in repeated:
            continue
        before = old.items.get(key)
        if before is None:
            found.added.append(Named(key, item))
        else:
            found.add(key, before, item)
    found.removed = [Named(key, item) for key, item in old.items.items() if not new.has(key)]
    found.sort()
    return found


def priceless(run: RunIndex) -> list[Named]:
    """Return the items of a run whose price is missing or no clear number, in the order of their keys."""
    return [Named(key, item) for key, item in sorted(run.items.items()) if item.price is None]
