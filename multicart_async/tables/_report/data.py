"""What a report shows, as plain values. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import attrs

from multicart_async.models import VerifyFailure
from multicart_async.tables._report.comparison import Comparison, Named
from multicart_async.tables._report.history import History, Missing
from multicart_async.tables._report.index import Currency

__all__ = ["CollectionData", "CollectionRow", "Findings", "Overview", "Point", "Totals"]


@attrs.frozen
class Point:
    """A run of the history. ``records`` and ``median`` are ``None`` if its pages could not be read."""

    run_id: int
    moment: datetime | None
    records: int | None = None
    median: float | None = None


@attrs.define
class Totals:
    """What the manifests of some runs say together."""

    runs: int = 0
    files: int = 0
    bytes: int = 0
    first: datetime | None = None
    last: datetime | None = None

    def add_time(self, moment: datetime | None) -> None:
        """Widen the period by a moment."""
        if moment is not None:
            self.first = moment if self.first is None else min(self.first, moment)
            self.last = moment if self.last is None else max(self.last, moment)

    def add(self, other: Totals) -> None:
        """Add the totals of other runs."""
        self.runs += other.runs
        self.files += other.files
        self.bytes += other.bytes
        self.add_time(other.first)
        self.add_time(other.last)


@attrs.define
class Findings:
    """What is wrong: ``failures`` keep data out of the report, ``differences`` are what manifests say about their runs."""

    failures: list[VerifyFailure] = attrs.field(factory=list[VerifyFailure])
    differences: list[VerifyFailure] = attrs.field(factory=list[VerifyFailure])

    def fail(self, path: str, reason: str) -> None:
        """Add a failure."""
        self.failures.append(VerifyFailure(path, reason))

    def differ(self, path: str, reason: str) -> None:
        """Add a difference."""
        self.differences.append(VerifyFailure(path, reason))


@attrs.frozen(kw_only=True)
class CollectionData:
    """A collection. ``points`` are its last runs with a manifest.

    ``new`` and ``old`` are the places of the last two of them that could be read, ``None`` if there are fewer;
    ``last_id`` is the id of the last run, of which there may be no manifest.
    """

    collection_id: int
    label: str | None = None
    key_names: Sequence[str] = ("asin",)
    totals: Totals = attrs.field(factory=Totals)
    last_id: int | None = None
    points: Sequence[Point] = ()
    new: int | None = None
    old: int | None = None
    keyless: int = 0
    repeated: int = 0
    currencies: Sequence[Currency] = ()
    comparison: Comparison | None = None
    priceless: Sequence[Named] = ()
    missing: Sequence[Missing] = ()
    history: History = attrs.field(factory=lambda: History(0))
    failures: int = 0

    @property
    def newest(self) -> Point | None:
        """The last run that could be read."""
        return None if self.new is None else self.points[self.new]

    @property
    def previous(self) -> Point | None:
        """The run before it that could be read."""
        return None if self.old is None else self.points[self.old]

    def row(self) -> CollectionRow:
        """Return what the overview shows of it; all else can be forgotten."""
        found = self.comparison
        return CollectionRow(
            collection_id=self.collection_id,
            label=self.label,
            totals=self.totals,
            newest=self.newest,
            failures=self.failures,
            changes=None if found is None else found.counts,
        )


@attrs.frozen(kw_only=True)
class CollectionRow:
    """A collection in the overview; ``changes`` are the numbers of prices down and up, of added and removed items."""

    collection_id: int
    label: str | None
    totals: Totals
    newest: Point | None
    failures: int
    changes: tuple[int, int, int, int] | None


@attrs.define
class Overview:
    """The beginning of a report: the mirror's name, a row for each collection, and what is wrong."""

    mirror: str
    runs: int
    written: datetime
    rows: list[CollectionRow] = attrs.field(factory=list[CollectionRow])
    totals: Totals = attrs.field(factory=Totals)
    records: int = 0
    findings: Findings = attrs.field(factory=Findings)

    def add(self, row: CollectionRow) -> None:
        """Add a collection."""
        self.rows.append(row)
        self.totals.add(row.totals)
        if row.newest is not None:
            self.records += row.newest.records or 0
