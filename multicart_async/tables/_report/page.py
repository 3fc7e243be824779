"""The beginning and the end of a report: what was mirrored, what failed, and a row for each collection. No I/O."""

from __future__ import annotations

from collections.abc import Sequence

from multicart_async._core.version import __version__
from multicart_async.models import VerifyFailure
from multicart_async.tables._report.data import CollectionRow, Overview
from multicart_async.tables._report.markup import Html, element, join, text, void
from multicart_async.tables._report.palette import STYLE
from multicart_async.tables._report.tables import scrollable
from multicart_async.tables._report.wording import (
    MINUS,
    NONE,
    counted,
    day,
    moment,
    name_of,
    number,
    plain_moment,
    size,
)

__all__ = ["END", "render_start"]

_NAME = 120  # characters
_NUMBERS = ("▼ Down", "▲ Up", "+ Added", f"{MINUS} Removed", "Failures", "Records", "Runs", "Newest run")
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"

_ORIGIN = (
    f"Written by multicart_async {__version__} from the files of the mirror alone. Times are in UTC. The time of a run is "
    "that of its last change; the service documents no time at which it was finished."
)

_START = Html('<!doctype html>\n<html lang="en">\n')
END = join([Html("</main>\n"), element("footer.quiet.small", element("p", _ORIGIN)), Html("\n</body>\n</html>\n")])
"""What stands behind the last section."""


def render_start(overview: Overview) -> Html:
    """Return all that stands before the first section of a collection."""
    head = [
        void("meta", {"charset": "utf-8"}),
        void("meta", {"http-equiv": "Content-Security-Policy", "content": _POLICY}),
        void("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}),
        void("meta", {"name": "color-scheme", "content": "light dark"}),
        void("meta", {"name": "referrer", "content": "no-referrer"}),
        element("title", f"Report on {overview.mirror}"),
        element("style", Html(STYLE)),
    ]
    parts = [_header(overview), Html("<main>"), _mirrored(overview), _failures(overview), _collections(overview)]
    return join([_START, element("head", *_lines(head)), Html("\n<body>\n"), *_lines(parts)])


def _lines(parts: Sequence[Html]) -> list[Html]:
    return [Html(f"{part}\n") for part in parts]


def _header(overview: Overview) -> Html:
    links = [("mirrored", "What was mirrored"), ("failures", _failed(overview)), ("collections", "Collections")]
    items = [element("li", element("a", label, attributes={"href": f"#{anchor}"})) for anchor, label in links]
    title = element("h1", "Report on ", element("bdi", text(overview.mirror, _NAME)))
    written = element("p.quiet", f"Written on {plain_moment(overview.written)}")
    nav = element("nav", element("ul", *items), attributes={"aria-label": "Sections"})
    return element("header", title, written, nav)


def _failed(overview: Overview) -> str:
    count = len(overview.findings.failures)
    return counted(count, "failure") if count else "No failures"


def _section(anchor: str, title: str, *parts: Html, kind: str = "section") -> Html:
    heading = element("h2", title, attributes={"id": f"{anchor}-title"})
    return element(kind, heading, *parts, attributes={"id": anchor, "aria-labelledby": f"{anchor}-title"})


def _mirrored(overview: Overview) -> Html:
    totals = overview.totals
    facts = [
        (number(len(overview.rows)), "collection" if len(overview.rows) == 1 else "collections"),
        (number(totals.runs), "complete run" if totals.runs == 1 else "complete runs"),
        (number(totals.files), "file" if totals.files == 1 else "files"),
        (size(totals.bytes), "in these files"),
        (number(overview.records), "records in the newest runs"),
    ]
    tiles = [element("li", element("b", value), element("span.quiet", label)) for value, label in facts]
    first, last = day(totals.first), day(totals.last)
    days = f"Runs of {first}." if first == last else f"Runs from {first} to {last}."
    period = [element("p", days)] if totals.first else []
    read = (
        f"The pages of the last {overview.runs} runs of each collection were read, and compared with the SHA-256 in their "
        "manifests. "
    )
    more = join([read, element("code", "multicart verify MIRROR"), " reads all files."])
    return _section(
        "mirrored", "What was mirrored", element("ul.tiles", *tiles), *period, element("p.quiet.small", more)
    )


def _failures(overview: Overview) -> Html:
    findings = overview.findings
    parts: list[Html] = []
    if findings.failures:
        parts += [
            element("p", "What is listed here could not be read. It is in no chart and in no comparison below."),
            _findings_table("Failures", "What is wrong, and what to do", findings.failures),
        ]
    else:
        parts.append(element("p.good", "✓ Nothing failed: each run has a manifest that can be trusted, and the pages that "
                             "were read match it."))  # fmt: skip
    if findings.differences:
        parts += [
            element("h3", "Differences"),
            element("p.quiet.small", "Runs whose files are complete, but do not add up to the totals of the service. How the "
                    "service counts is not documented."),
            _findings_table("Differences", "Difference", findings.differences),
        ]  # fmt: skip
    return _section("failures", "Failures", *parts, kind="section.failed" if findings.failures else "section")


def _findings_table(name: str, heading: str, rows: Sequence[VerifyFailure]) -> Html:
    heads = [element("th", label, attributes={"scope": "col"}) for label in ("Where", heading)]
    body = [
        element("tr", element("th", element("code", row.path), attributes={"scope": "row"}), element("td", row.reason))
        for row in rows
    ]
    caption = element("caption", element("span.hidden", name))
    table = element("table.prose", caption, element("thead", element("tr", *heads)), element("tbody", *body))
    return scrollable(name, table)


def _collections(overview: Overview) -> Html:
    if not overview.rows:
        return _section("collections", "Collections", element("p", "The mirror has no collection."))
    heads = [("", "Collection"), *((".n", label) for label in _NUMBERS), (".when", "Time (UTC)")]
    head = [element(f"th{classes}", label, attributes={"scope": "col"}) for classes, label in heads]
    caption = element("caption", element("span.hidden", "All collections of the mirror"))
    body = [_row(row) for row in overview.rows]
    table = element("table", caption, element("thead", element("tr", *head)), element("tbody", *body))
    note = element("p.quiet.small", "Changes are those between the last two runs of a collection that could be read.")
    return _section("collections", "Collections", note, scrollable("Collections", table))


def _row(row: CollectionRow) -> Html:
    name = element("bdi", text(name_of(row), _NAME))
    link = element("a", name, attributes={"href": f"#c{row.collection_id}"})
    title = element("th", link, element("span.key", str(row.collection_id)), attributes={"scope": "row"})
    newest = row.newest
    cells = [
        *(NONE if count is None else number(count) for count in row.changes or (None, None, None, None)),
        _to_failures(row.failures) if row.failures else "0",
        NONE if newest is None else number(newest.records or 0),
        number(row.totals.runs),
        NONE if newest is None else str(newest.run_id),
    ]
    when = element("td.when", NONE if newest is None else moment(newest.moment))
    return element("tr", title, *(element("td.n", cell) for cell in cells), when)


def _to_failures(count: int) -> Html:
    return element("a.bad", number(count), attributes={"href": "#failures"})
