"""The section of a collection: how its last two runs differ, and how its prices have moved. No I/O."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from multicart_async.tables._report.charts import median_chart, records_chart
from multicart_async.tables._report.data import CollectionData
from multicart_async.tables._report.index import Currency
from multicart_async.tables._report.markup import Html, element, join, text
from multicart_async.tables._report.tables import Block, tables_of
from multicart_async.tables._report.wording import counted, name_of, number, run_name

__all__ = ["render_section"]

_NAME = 120  # characters


def render_section(data: CollectionData) -> Html:
    """Return the section of a collection, whose anchor is ``c`` with its id."""
    heading = element(
        "h2", element("bdi", text(name_of(data), _NAME)), attributes={"id": f"c{data.collection_id}-name"}
    )
    blocks = tables_of(data)
    parts = [
        heading,
        *(element("p", part) for part in _introduction(data)),
        _tiles(blocks) if data.new is not None else Html(),
        _charts(data),
        *(block.html for block in blocks),
        element("p.quiet.small.screen", element("a", "Back to the collections", attributes={"href": "#collections"})),
    ]
    names = {"id": f"c{data.collection_id}", "aria-labelledby": f"c{data.collection_id}-name"}
    return Html(f"{element('section', *parts, attributes=names)}\n")


def _introduction(data: CollectionData) -> Iterator[Html]:
    """Yield what was compared, and what was left out of it."""
    yield element(
        "span.quiet", f"Collection {data.collection_id} · {counted(data.totals.runs, 'complete run')} in the mirror"
    )
    new, old = data.newest, data.previous
    if new is None:
        yield text("The mirror has no run." if data.last_id is None else "No run could be read: see the failures.")
        return
    records = counted(new.records or 0, "record")
    if old is None:
        alone = "There is no earlier run to compare it with: changes are shown from the second run on."
        yield join(["Newest: ", run_name(new), f", {records}. {alone}"])
    else:
        yield join(
            ["Compared: ", run_name(new), f" with {records} and ", run_name(old), f" with {number(old.records or 0)}."]
        )
    if data.last_id != new.run_id:
        yield element("strong.bad", f"Run {data.last_id}, which is newer, could not be read: see the failures.")
    yield from (element("span.quiet.small", note) for note in _left_out(data))


def _left_out(data: CollectionData) -> Iterator[str]:
    repeated = data.repeated if data.comparison is None else data.comparison.left_out
    if repeated:
        yield (
            f"{counted(repeated, 'item')} left out: a run has several records of each, such as for several postcodes, "
            "and the records do not say which is which."
        )
    if data.keyless:
        yield f"{counted(data.keyless, 'record')} of the newest run left out: without asin or sku they cannot be compared."
    if len(data.currencies) > 1:
        shown = ", ".join(sorted(str(currency.code) for currency in data.currencies))
        yield f"The prices are in several currencies ({shown}), so there is no median of them."


def _tiles(blocks: Sequence[Block]) -> Html:
    return element("ul.tiles", *(element("li", _tile(block)) for block in blocks))


def _tile(block: Block) -> Html:
    label = join([element("b", number(block.count)), element("span.quiet", block.mark, block.name)])
    return element("a", label, attributes={"href": f"#{block.anchor}"}) if block.count else label


def _charts(data: CollectionData) -> Html:
    currencies = data.currencies or [Currency()]
    median = median_chart(data.points, currencies[0]) if len(currencies) == 1 else Html()
    figures = [figure for figure in (median, records_chart(data.points)) if figure]
    return element("div.charts", *figures) if figures else Html()
