"""Read what a report shows of a collection: all its manifests, and the pages of its last runs, one run after the other."""

from __future__ import annotations

import re
from collections import deque
from contextlib import aclosing

import attrs

from multicart_async._core.threads import run_in_thread
from multicart_async.errors import ArgumentError, DownloadError
from multicart_async.tables._pages import read_page
from multicart_async.tables._report.comparison import compare, priceless
from multicart_async.tables._report.data import CollectionData, Findings, Point, Totals
from multicart_async.tables._report.history import History
from multicart_async.tables._report.index import Currency, RunIndex
from multicart_async.tables._source import Source, SourceRun

__all__ = ["gather"]

_NO_MANIFEST = (
    "there is no manifest: the download was interrupted or is under way; multicart sync fetches what is missing"
)
_SERVICE_NAME = re.compile(r"(.+)_([0-9]+)_Results_Page_[0-9]+\.json\Z", re.DOTALL)


@attrs.frozen
class _Read:
    """A run that was read: its place among the last runs, and its items."""

    place: int
    index: RunIndex


async def gather(source: Source, collection_id: int, runs: int, findings: Findings) -> CollectionData:
    """Return what there is to show of a collection, with the history of its last *runs* runs.

    What cannot be read is added to *findings*, and left out. Three runs are in memory at a time, and of the others one
    number for each item.
    """
    known = len(findings.failures)
    totals = Totals()
    run_ids = await _run_ids(source, collection_id, findings)
    last = await _last_runs(source, collection_id, run_ids, min(runs, len(run_ids)), totals, findings)
    history = History(len(last))
    points = [Point(run.run_id, run.scraped_at) for run in last]
    currencies: dict[str, Currency] = {}
    old: _Read | None = None
    new: _Read | None = None
    for place, run in enumerate(last):
        index = await _index_of(source, run, findings)
        if index is not None:
            old, new = new, _Read(place, index)
            points[place], found = await run_in_thread(_remember, history, points[place], new)
            currencies |= found
    data = CollectionData(
        collection_id=collection_id,
        label=_label_of(last),
        totals=totals,
        last_id=max(run_ids, default=None),
        points=points,
        history=history,
        currencies=[*currencies.values()],
        failures=len(findings.failures) - known,
    )
    return data if new is None else await run_in_thread(_with_newest, data, new, old)


async def _run_ids(source: Source, collection_id: int, findings: Findings) -> list[int]:
    try:
        return await source.run_ids(collection_id)
    except DownloadError as error:
        findings.fail(str(collection_id), f"the folder cannot be listed: {error.reason}")
        return []


async def _last_runs(
    source: Source,
    collection_id: int,
    run_ids: list[int],
    count: int,
    totals: Totals,
    findings: Findings,
) -> deque[SourceRun]:
    """Read all manifests, and return the last *count* of them."""
    last = deque[SourceRun](maxlen=count)
    for run_id in run_ids:
        path = f"{collection_id}/{run_id}"
        try:
            run = await source.run(collection_id, run_id)
        except DownloadError as error:
            findings.fail(path, error.reason)
            continue
        if run is None:
            findings.fail(path, _NO_MANIFEST)
            continue
        last.append(run)
        for difference in run.manifest.differences:
            findings.differ(path, difference)
        sizes = [file.size for file in run.manifest.files]
        totals.add(Totals(1, len(sizes), sum(sizes), run.scraped_at, run.scraped_at))
    return last


async def _index_of(source: Source, run: SourceRun, findings: Findings) -> RunIndex | None:
    """Return the items of a run, or ``None`` if one of its pages cannot be read."""
    try:
        pages = run.pages()
    except ArgumentError as error:  # only its ZIP is there
        findings.fail(run.key, error.reason)
        return None
    index = RunIndex()
    for page in pages:
        try:
            async with aclosing(read_page(source.sink, page, lambda part: index.add(part.values))) as parts:
                async for _ in parts:
                    pass
        except DownloadError as error:
            findings.fail(page.path, error.reason)  # the error may have the path on this machine
            return None
    return index


def _remember(history: History, point: Point, read: _Read) -> tuple[Point, dict[str, Currency]]:
    """Add a run to the history, and return its point in the charts and the currencies of its prices."""
    index = read.index
    history.add(read.place, index)
    return attrs.evolve(point, records=index.records, median=index.median), index.currencies


def _with_newest(data: CollectionData, new: _Read, old: _Read | None) -> CollectionData:
    """Return *data* with what the newest run shows, alone and compared with the one before."""
    index = new.index
    data = attrs.evolve(
        data,
        new=new.place,
        key_names=index.key_names,
        keyless=index.keyless,
        repeated=len(index.repeated),
        priceless=priceless(index),
    )
    if old is None:
        return data
    comparison = compare(old.index, index)
    return attrs.evolve(data, old=old.place, comparison=comparison, missing=data.history.missing(old.place))


def _label_of(runs: deque[SourceRun]) -> str | None:
    """Return the name of the collection, if the names of the newest run's files have the documented form."""
    for run in reversed(runs):
        for file in run.manifest.files:
            found = _SERVICE_NAME.match(file.service_name) if isinstance(file.service_name, str) else None
            if found and found[2] == str(run.run_id):
                return found[1]
    return None
