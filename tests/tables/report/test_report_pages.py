"""The parts of a report, rendered from plain values."""

from __future__ import annotations

import re
from typing import Any

import attrs
import html5lib
import pytest
from support.report_kit import START, record

from multicart_async.tables._report.comparison import compare, priceless
from multicart_async.tables._report.data import CollectionData, CollectionRow, Findings, Overview, Point, Totals
from multicart_async.tables._report.history import History
from multicart_async.tables._report.index import Currency, RunIndex
from multicart_async.tables._report.page import END, render_start
from multicart_async.tables._report.section import render_section

OLD, NEW = Point(86, START, 2, 5.0), Point(88, START.replace(day=4), 3, 6.0)


def index(records: list[Any]) -> RunIndex:
    """The index of a run with these records."""
    made = RunIndex()
    made.add(records)
    return made


def data(old: list[Any] | None, new: list[Any], **given: Any) -> CollectionData:
    """A collection whose last two runs have these records."""
    runs = [index(records) for records in (old, new) if records is not None]
    history = History(len(runs))
    for place, run in enumerate(runs):
        history.add(place, run)
    known: dict[str, Any] = {
        "collection_id": 101,
        "label": "AU Laptops",
        "totals": Totals(12, 24, 1000, START, START),
        "last_id": 88,
        "key_names": runs[-1].key_names,
        "points": [NEW] if old is None else [OLD, NEW],
        "new": len(runs) - 1,
        "old": None if old is None else 0,
        "currencies": list(runs[-1].currencies.values()),
        "comparison": None if old is None else compare(*runs),
        "priceless": priceless(runs[-1]),
        "history": history,
    }
    return CollectionData(**{**known, **given})


def overview(*rows: CollectionRow, findings: Findings | None = None) -> Overview:
    """The beginning of a report with these collections."""
    made = Overview("mirror", 30, START, findings=findings or Findings())
    for row in rows:
        made.add(row)
    return made


def plain(html: str) -> str:
    """What a reader sees, as one line."""
    return " ".join(re.sub(r"<style.*?</style>|<title>.*?</title>|<[^>]+>", " ", html).split())


def checked(start: str, *sections: str) -> str:
    """A whole report, which a strict parser accepts."""
    page = start + "".join(sections) + END
    html5lib.HTMLParser(strict=True).parse(page)
    return page


def test_a_section_counts_what_has_changed() -> None:
    """The numbers come first, with links to the tables; a kind without any has none."""
    made = render_section(
        data(
            [record("A", "$4"), record("B", "$4"), record("C", availability="Gone")],
            [record("A", "$6"), record("B", "$3"), record("C"), record("D", None)],
        )
    )
    tiles = re.findall(r'<li>(?:<a href="#c101-(\w+)">)?<b>(\d+)</b>', made)

    assert tiles == [
        ("down", "1"),
        ("up", "1"),
        ("", "0"),
        ("available", "1"),
        ("", "0"),
        ("", "0"),
        ("added", "1"),
        ("", "0"),
        ("", "0"),
        ("priceless", "1"),
    ]
    for anchor in re.findall(r'href="#([\w-]+)"', made):
        assert f'id="{anchor}"' in made or anchor == "collections"


def test_a_price_move_is_shown_with_both_prices_and_its_share() -> None:
    """The direction is said by an arrow and a sign, not by a colour alone; the numbers stand right-aligned."""
    made = plain(render_section(data([record("A", "$4"), record("B", "$4")], [record("A", "$6"), record("B", "$3")])))

    assert "▼ Price down: 1 item Item (ASIN) Change Now Before Price history" in made.replace(
        "Price down, collection 101 ", ""
    )
    assert "Item B B ▼ \u221225.0 % $3 $4" in made
    assert "Item A A ▲ +50.0 % $6 $4" in made


def test_only_the_first_rows_are_shown_at_once() -> None:
    """10 rows, 40 more on demand, and the command that prints all of them."""
    old = [record(f"K{number:03}", f"${number + 10}") for number in range(60)]
    new = [record(f"K{number:03}", f"${number + 9}") for number in range(60)]
    made = render_section(data(old, new))
    first, _, rest = made.partition("<details>")
    rest, _, after = rest.partition("</details>")

    assert "Price down: 50 of 60 items" in made
    assert (first.count('<th scope="row">'), rest.count('<th scope="row">')) == (10, 40)
    assert "Show 40 more" in rest
    assert "10 items more not shown here: multicart changes MIRROR 101 86 88 prints all changes." in re.sub(
        "</?code>", "", after
    )


def test_the_command_is_named_where_it_works() -> None:
    """With the key of the records; not where it would reject a run whose records have no key of their own."""
    skus = [[{"sku": number, "price": f"${number + more}"} for number in range(60)] for more in (2, 1)]
    command = "multicart changes MIRROR 101 86 88 --key sku prints all changes."

    assert command in plain(render_section(data(*skus)))
    twice = [skus[0], [*skus[1], skus[1][0]]]
    mixed = [[{"asin": "A", "price": "$1"}, *records] for records in skus]
    assert "Item (ASIN or SKU)" in plain(render_section(data(*mixed)))
    for other in (data(*twice), data(*skus, keyless=1), data(*mixed)):
        assert "multicart_async.tables.read_records yields all records." in plain(render_section(other))


def test_rows_that_no_command_lists_name_the_records() -> None:
    """Items without a price are no changes."""
    made = render_section(data(None, [record(f"K{number:03}", None) for number in range(51)]))

    assert "1 item more not shown here: multicart_async.tables.read_records yields all records." in re.sub(
        "</?code>", "", made
    )


def test_missing_items_say_when_they_were_seen() -> None:
    """And that the mirror alone does not know the items of the collection."""
    history = History(3)
    for place, records in enumerate([[record("A", "$9"), record("Z", None)], [record("B")], [record("B")]]):
        history.add(place, index(records))
    last = {"points": [Point(84, START), OLD, NEW], "history": history, "missing": history.missing(1)}
    found = attrs.evolve(data([record("B")], [record("B")], **last), old=1, new=2)
    made = plain(render_section(found))

    assert "Missing for longer: 2 items" in made
    assert "client.runs.missing_items(run)" in made
    assert "Item A A run 84 2026-11-03 06:00 $9.00" in made
    assert "Item Z Z run 84 2026-11-03 06:00 \u2013 no price" in made


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "Compared: run 88 ( 2026-11-04 06:00 UTC) with 3 records and run 86 ( 2026-11-03 06:00 UTC) with 2."),
        ({"last_id": 90}, "Run 90, which is newer, could not be read: see the failures."),
        ({"keyless": 2}, "2 records of the newest run left out: without asin or sku they cannot be compared."),
        (
            {"currencies": [Currency("$"), Currency("AUD")]},
            "The prices are in several currencies ($, AUD), so there is no",
        ),
        ({"label": None}, "Collection 101 Collection 101"),
        ({"points": [OLD, Point(88, None, 3)]}, "run 88 ( time unknown )"),
    ],
)
def test_a_section_says_what_it_compares_and_leaves_out(given: dict[str, Any], said: str) -> None:
    """In a sentence each."""
    assert said in plain(render_section(data([record("A")], [record("A")], **given)))


def test_items_with_several_records_are_counted() -> None:
    """Of two runs, or of the only one."""
    twice = [record("A", "$1"), record("A", "$2")]
    said = "1 item left out: a run has several records of each, such as for several postcodes"

    assert said in plain(render_section(data(twice, [record("A")])))
    assert said in plain(render_section(data(None, twice, repeated=1)))


def test_prices_in_several_currencies_have_no_median() -> None:
    """Only the records are drawn."""
    mixed = render_section(data([record("A")], [record("A"), record("B", "€5")]))
    same = render_section(data([record("A")], [record("A"), record("B")]))

    assert (mixed.count("<figure>"), same.count("<figure>")) == (1, 2)


def test_without_any_price_the_records_are_drawn() -> None:
    """A chart of nothing is left out."""
    points = [Point(86, START, 1), Point(88, START.replace(day=4), 1)]
    made = render_section(data([record("A", None)], [record("A", None)], points=points))

    assert re.findall(r"<figcaption><b>(.*?)</b>", made) == ["Records per run"]


def test_a_single_run_is_not_compared() -> None:
    """It says so, and has neither changes nor charts of them."""
    made = plain(render_section(data(None, [record("A")])))

    assert "Newest: run 88 ( 2026-11-04 06:00 UTC), 3 records. There is no earlier run to compare it with" in made
    assert "Price down" not in made


@pytest.mark.parametrize(
    ("last_id", "said"), [(None, "The mirror has no run."), (88, "No run could be read: see the failures.")]
)
def test_a_collection_without_a_readable_run_has_a_section(last_id: int | None, said: str) -> None:
    """Nothing is hidden."""
    made = plain(render_section(CollectionData(collection_id=9, last_id=last_id)))

    assert made == f"Collection 9 Collection 9 · 0 complete runs in the mirror {said} Back to the collections"


def test_a_report_without_failures_says_so() -> None:
    """In the links at the top and in the section."""
    made = plain(checked(render_start(overview(data([record("A")], [record("A")]).row()))))

    assert "What was mirrored No failures Collections" in made
    assert "✓ Nothing failed" in made
    assert "Runs of 2026-11-03." in made
    assert "AU Laptops 101 0 0 0 0 0 3 12 88 2026-11-04 06:00" in made


def test_failures_and_differences_are_listed() -> None:
    """With the place and the sentence of each, escaped."""
    findings = Findings()
    findings.fail("101/88", "<b> & \x1b")
    findings.differ("101/86", "one record less")
    made = plain(checked(render_start(overview(data(None, [], failures=1).row(), findings=findings))))

    assert "1 failure" in made
    assert "101/88 &lt;b&gt; &amp; \\x1b" in made
    assert "101/86 one record less" in made
    assert "Nothing failed" not in made


def test_an_empty_mirror_has_a_report() -> None:
    """With zeros, and one of each in the singular."""
    made = plain(checked(render_start(overview())))
    single = CollectionRow(
        collection_id=1, label=None, totals=Totals(1, 1, 1), newest=None, failures=2, changes=None
    )  # fmt: skip
    other = plain(checked(render_start(overview(single))))

    assert "0 collections 0 complete runs 0 files 0 bytes in these files" in made
    assert "The mirror has no collection." in made
    assert "1 collection 1 complete run 1 file" in other
    assert "Collection 1 1 \u2013 \u2013 \u2013 \u2013 2 \u2013 1 \u2013 \u2013" in other


NASTY = (
    "<script>alert(1)</script>",
    "</title></style><img src=x onerror=alert(1)>",
    "\"quotes\" 'and' & &amp; <!-- -->",
    "\x00\x07\x1b[2J\r\n\x85",
    "\u202eright to left\u2066",
    "\ud800\udfff\ufffe\ufdd0",
    "x" * 10_000,
    "שלום עולם مرحبا",
    "javascript:alert(1)",
)


SVG = "{http://www.w3.org/2000/svg}"
ELEMENTS = """html head meta title style body header h1 nav ul li a main section h2 h3 p b bdi span strong time code
    div table caption thead tbody tr th td details summary figure figcaption footer"""
ATTRIBUTES = """lang charset http-equiv content name href id class scope role tabindex datetime
    aria-label aria-labelledby aria-hidden viewBox preserveAspectRatio vector-effect d"""


@pytest.mark.parametrize("nasty", NASTY, ids=range(len(NASTY)))
def test_any_text_is_only_text(nasty: str) -> None:
    """In each place where a report shows what came from outside, no text becomes markup, and the page stays valid."""
    old = [record(nasty, f"$4 {nasty}", nasty, nasty), record("B", "$4", nasty), record("C", f"{nasty[:8]}$1")]
    new = [record("A", nasty, nasty, nasty), record("B", "$5", f"{nasty}!", nasty), record("C", "$1")]
    found = data(old, new, label=nasty, currencies=[Currency(nasty, nasty), Currency(None, "", nasty)])
    findings = Findings()
    findings.fail(nasty, nasty)
    start = overview(found.row(), findings=findings)
    start.mirror = nasty
    page = checked(render_start(start), render_section(found))

    elements = [*html5lib.parse(page, namespaceHTMLElements=False).iter()]
    attributes = [pair for element in elements for pair in element.attrib.items()]
    assert {element.tag for element in elements} <= {*ELEMENTS.split(), f"{SVG}svg", f"{SVG}title", f"{SVG}path"}
    assert {name for name, _ in attributes} <= set(ATTRIBUTES.split())
    assert {value[0] for name, value in attributes if name == "href"} == {"#"}
    page.encode()


def test_a_report_allows_itself_nothing_from_outside() -> None:
    """Its policy forbids every script and request, in case that something slips through after all."""
    page = render_start(overview())

    assert "default-src &#x27;none&#x27;; style-src &#x27;unsafe-inline&#x27;; img-src data:" in page
    assert re.search(r"https?:|@import|url\(", page) is None
    assert page.startswith('<!doctype html>\n<html lang="en">')
    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in page
