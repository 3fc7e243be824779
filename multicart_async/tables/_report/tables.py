"""Tables of items. No I/O."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar

import attrs

from multicart_async.tables._report.charts import sparkline
from multicart_async.tables._report.comparison import Comparison, Move, Named
from multicart_async.tables._report.data import CollectionData
from multicart_async.tables._report.history import Missing
from multicart_async.tables._report.index import NO_VALUE
from multicart_async.tables._report.markup import Html, element, join, text
from multicart_async.tables._report.wording import MINUS, NONE, amount_of, counted, moment, share

__all__ = ["Block", "scrollable", "tables_of"]

T = TypeVar("T")

_SHOWN: Final = 50  # rows of one table
_AT_ONCE: Final = 10  # of them; the others appear when they are asked for
_TITLE: Final = 160  # characters


@attrs.frozen
class Block:
    """A kind of change: its anchor, how it is called in one or two words, how many there are, and its tables."""

    anchor: str
    name: str
    count: int
    mark: Html
    html: Html


@attrs.frozen
class _Column:
    """A column: its heading, and the classes of its cells."""

    heading: str
    classes: str = ""


@attrs.frozen(kw_only=True)
class _Kind(Generic[T]):
    """A kind of change: what makes the cells behind the item of a row.

    It is *narrow* if it fits on a small screen, and *listed* if the command lists such changes too.
    """

    slug: str
    name: str
    columns: Sequence[_Column]
    item: Callable[[T], tuple[str, str]]
    cells: Callable[[T], Sequence[str]]
    mark: str = ""
    note: str = ""
    narrow: bool = False
    listed: bool = True


_OTHER_PRICES: Final = "One of the two prices is missing, is no clear number, or is in another currency."
_NOT_IN_STOCK: Final = (
    "The availability was “In Stock”, and now has another text. Only “In Stock” is documented: what others mean, "
    "the service does not say."
)
_AVAILABILITY: Final = "Other changes of the text, shown as it is in the records."
_EARLIER: Final = (
    "Items of earlier runs shown here that neither of the last two runs has. A mirror does not know the items of its "
    "collection: "
)
_MISSING: Final = join([_EARLIER, element("code", "client.runs.missing_items(run)"), " compares a run with them."])
_HISTORY: Final = _Column("Price history", ".s.n")
_NOW, _BEFORE = "Now", "Before"  # in this order: a small screen shows the first columns


def scrollable(label: str, table: Html) -> Html:
    """Return a table that scrolls within itself where it is wider than the page, also by the keyboard."""
    return element("div.scroll", table, attributes={"role": "region", "aria-label": label, "tabindex": "0"})


def tables_of(data: CollectionData) -> list[Block]:
    """Return what has changed between the last two runs, and what the newest run lacks; the biggest moves first."""
    tables = _Tables(data)
    return [*(tables.changes(data.comparison) if data.comparison is not None else ()), *tables.lacking()]


class _Tables:
    """The tables of one collection."""

    def __init__(self, data: CollectionData) -> None:
        self._data = data
        self._moments = [point.moment for point in data.points]

    def changes(self, found: Comparison) -> list[Block]:
        """Return how the last two runs differ."""
        return [
            self._prices("down", "Price down", "▼", found.down),
            self._prices("up", "Price up", "▲", found.up),
            self._texts("other", "Other price changes", found.other_prices, _OTHER_PRICES),
            self._texts("available", "Became “In Stock”", found.in_stock),
            self._texts("unavailable", "No longer “In Stock”", found.not_in_stock, _NOT_IN_STOCK),
            self._texts("availability", "Availability changed", found.availability, _AVAILABILITY),
            self._items("added", "Added", "+", "Price", found.added),
            self._items("removed", "Removed", MINUS, "Last price", found.removed),
        ]

    def lacking(self) -> list[Block]:
        """Return the items that the last two runs lack, and those of the newest run without a price."""
        missing = _Kind[Missing](
            slug="missing",
            name="Missing for longer",
            columns=(_Column("Last seen in", ".w"), _Column("Last price", ".p.n"), _HISTORY),
            item=lambda one: (one.key, one.title),
            cells=lambda one: (self._run(one.last), self._last_price(one.key), self._history(one.key)),
            note=_MISSING,
            listed=False,
        )
        priceless = _Kind[Named](
            slug="priceless",
            name="Without a price",
            columns=(_Column("Price in the record", ".w"), _Column("Last price", ".p.n"), _HISTORY),
            item=lambda one: (one.key, one.item.title),
            cells=lambda one: (
                one.item.price_text or NO_VALUE,
                self._last_price(one.key),
                self._history(one.key),
            ),
            listed=False,
        )
        return [self._block(missing, self._data.missing), self._block(priceless, self._data.priceless)]

    def _prices(self, slug: str, name: str, mark: str, moves: Sequence[Move]) -> Block:
        kind = _Kind[Move](
            slug=slug,
            name=name,
            mark=mark,
            columns=(_Column("Change", ".c.n"), _Column(_NOW, ".p.n"), _Column(_BEFORE, ".p.n"), _HISTORY),
            item=lambda move: (move.key, move.title),
            cells=lambda move: (
                element(f"span.{slug}", f"{mark}\u00a0{share(move.share)}"),
                move.new,
                move.old,
                self._history(move.key),
            ),
        )
        return self._block(kind, moves)

    def _texts(self, slug: str, name: str, moves: Sequence[Move], note: str = "") -> Block:
        kind = _Kind[Move](
            slug=slug,
            name=name,
            columns=(_Column(_NOW, ".w"), _Column(_BEFORE, ".w")),
            item=lambda move: (move.key, move.title),
            cells=lambda move: (move.new, move.old),
            note=note,
            narrow=True,
        )
        return self._block(kind, moves)

    def _items(self, slug: str, name: str, mark: str, price: str, items: Sequence[Named]) -> Block:
        kind = _Kind[Named](
            slug=slug,
            name=name,
            mark=mark,
            columns=(_Column("Availability", ".w"), _Column(price, ".p.n"), _HISTORY),
            item=lambda one: (one.key, one.item.title),
            cells=lambda one: (
                one.item.availability or NO_VALUE,
                one.item.price_text or NO_VALUE,
                self._history(one.key),
            ),
        )
        return self._block(kind, items)

    def _block(self, kind: _Kind[T], rows: Sequence[T]) -> Block:
        anchor = f"c{self._data.collection_id}-{kind.slug}"
        mark = element("span", kind.mark, " ", attributes={"aria-hidden": "true"}) if kind.mark else Html()
        shown, first = rows[:_SHOWN], rows[:_AT_ONCE]
        if not rows:
            return Block(anchor, kind.name, 0, mark, Html())
        title = f"{kind.name}: {amount_of(len(rows), len(shown))}"
        parts = [element("h3", mark, title, attributes={"id": anchor})]
        if kind.note:
            parts.append(element("p.quiet.small", kind.note))
        parts.append(self._table(kind, kind.name, first))
        if len(shown) > len(first):
            more = element("summary", f"Show {len(shown) - len(first)} more")
            parts.append(element("details", more, self._table(kind, f"{kind.name}, continued", shown[len(first) :])))
        if len(rows) > len(shown):
            parts.append(self._rest(len(rows) - len(shown), listed=kind.listed))
        return Block(anchor, kind.name, len(rows), mark, join(parts))

    def _rest(self, count: int, *, listed: bool) -> Html:
        """Return how many items are not shown, and where they are."""
        new, old = self._data.newest, self._data.previous
        ways = [element("code", "multicart_async.tables.read_records"), " yields all records."]
        if listed and new is not None and old is not None and self._comparable:
            [name] = self._data.key_names
            key = "" if name == "asin" else f" --key {name}"
            command = f"multicart changes MIRROR {self._data.collection_id} {old.run_id} {new.run_id}{key}"
            ways = [element("code", command), " prints all changes."]
        return element("p.quiet.small", f"{counted(count, 'item')} more not shown here: ", *ways)

    @property
    def _comparable(self) -> bool:
        """Whether the command accepts these runs: each record has a key of its own, in the same field."""
        data = self._data
        is_unique = data.comparison is None or not data.comparison.left_out
        return is_unique and not data.keyless and len(data.key_names) == 1

    def _table(self, kind: _Kind[T], name: str, rows: Sequence[T]) -> Html:
        names = " or ".join(key.upper() for key in self._data.key_names)
        columns = (_Column(f"Item ({names})"), *kind.columns)
        heads = [element(f"th{column.classes}", column.heading, attributes={"scope": "col"}) for column in columns]
        body = [self._row(kind, row) for row in rows]
        caption = element("caption", element("span.hidden", f"{name}, collection {self._data.collection_id}"))
        tag = "table.items.narrow" if kind.narrow else "table.items"
        table = element(tag, caption, element("thead", element("tr", *heads)), element("tbody", *body))
        return scrollable(name, table)

    def _row(self, kind: _Kind[T], row: T) -> Html:
        key, title = kind.item(row)
        shown = element("bdi", text(title, _TITLE)) if title else element("span.quiet", "no title")
        first = element("th", shown, element("span.key", key), attributes={"scope": "row"})
        rest = zip(kind.columns, kind.cells(row), strict=True)
        return element("tr", first, *(element(f"td{column.classes}", cell) for column, cell in rest))

    def _run(self, place: int) -> Html:
        point = self._data.points[place]
        return join([f"run {point.run_id}", element("span.key", moment(point.moment))])

    def _history(self, key: str) -> Html:
        history = self._data.history
        return sparkline(self._moments, history.prices(key), history.currency(key))

    def _last_price(self, key: str) -> str:
        history = self._data.history
        known = [price for price in history.prices(key) if not math.isnan(price)]
        return history.currency(key).show(known[-1]) if known else NONE
