"""Make the report on a mirror: one collection after the other is read, compared and written."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, TypeVar, TypeVarTuple, Unpack

import attrs

from multicart_async._core.threads import open_in_thread, run_in_thread
from multicart_async._core.validation import check_int
from multicart_async.models import VerifyFailure
from multicart_async.models._serialization import Serializable
from multicart_async.sinks import DirectorySink
from multicart_async.sinks._atomic_file import translate_os_errors
from multicart_async.tables._report.data import CollectionData, CollectionRow, Overview
from multicart_async.tables._report.destination import check_target, open_draft, publish
from multicart_async.tables._report.gathering import gather
from multicart_async.tables._report.page import END, render_start
from multicart_async.tables._report.section import render_section
from multicart_async.tables._source import AnySource, Source, open_source

__all__ = ["ReportSummary", "report"]

T = TypeVar("T")
Args = TypeVarTuple("Args")


@attrs.frozen(kw_only=True)
class ReportSummary(Serializable):
    """What `report` has written to ``file``: ``bytes`` about so many collections and complete runs.

    ``records`` are those of the newest runs. ``failures`` name what could not be read, and is therefore not in the report;
    ``differences`` are runs whose files do not add up to the totals of the service. Both stand in the report, too.
    """

    file: Path
    collections: int
    runs: int
    records: int
    bytes: int
    failures: tuple[VerifyFailure, ...] = ()
    differences: tuple[VerifyFailure, ...] = ()

    _also_written = ("ok",)

    @property
    def ok(self) -> bool:
        """Whether nothing failed."""
        return not self.failures


async def report(
    source: AnySource,
    dest: str | os.PathLike[str],
    *,
    collections: Iterable[int] | None = None,
    runs: int = 30,
) -> ReportSummary:
    """Write a report on *source* to the HTML file *dest*, replacing an earlier one, and return what it is about.

    The file is complete in itself: it needs no script, no other file and no network. For each collection it has the
    changes between the last two runs that can be read, and the price history of the items that have changed. All
    manifests are read, and the pages of the last *runs* runs of each collection. A run that cannot be read does not stop
    the report: it stands under the failures. One collection at a time is in memory, with one number for each of its items
    and runs.

    Args:
        source: A folder or sink that `AsyncMultiCart.sync` or ``runs.download`` has made, the folder of one run, or a
            `RunDownload`.
        dest: The path of the file. Its folder must exist.
        collections: Ids of collections; all, if it is ``None``.
        runs: How many of the newest runs of each collection the history has, at least 2.

    Raises:
        ArgumentError: *source* is not a mirror, or lacks one of *collections*; or *dest* cannot be a file. Nothing was read
            or written.
        DownloadError: *source* cannot be listed, or *dest* cannot be written; nothing is left of it.
    """
    check_int("runs", runs, minimum=2)
    target = await run_in_thread(check_target, dest)
    place = await open_source(source)
    wanted = await place.check_collections(collections)
    overview = Overview(_name_of(place), runs, datetime.now(UTC).replace(microsecond=0))
    async with _drafted(target) as draft:
        for collection_id in await place.collections() if wanted is None else wanted:
            data = await gather(place, collection_id, runs, overview.findings)
            overview.add(await _on_disk(target, _append, draft, data))
        size = await _on_disk(target, _complete, target, overview, draft)
    totals, findings = overview.totals, overview.findings
    return ReportSummary(
        file=target,
        collections=len(overview.rows),
        runs=totals.runs,
        records=overview.records,
        bytes=size,
        failures=tuple(findings.failures),
        differences=tuple(findings.differences),
    )


def _name_of(source: Source) -> str:
    """Return the name of the mirror's folder; not its path, which is not for each reader of a report."""
    root = source.sink.root.name if isinstance(source.sink, DirectorySink) else ""
    return root or "the mirror"


@asynccontextmanager
async def _drafted(target: Path) -> AsyncGenerator[BinaryIO, None]:
    draft = await open_in_thread(translate_os_errors, target, open_draft, target)
    try:
        yield draft
    finally:
        await run_in_thread(draft.close)


async def _on_disk(target: Path, work: Callable[[Unpack[Args]], T], *args: *Args) -> T:
    return await run_in_thread(translate_os_errors, target, work, *args)


def _append(draft: BinaryIO, data: CollectionData) -> CollectionRow:
    draft.write(render_section(data).encode())
    return data.row()


def _complete(target: Path, overview: Overview, draft: BinaryIO) -> int:
    return publish(target, render_start(overview).encode(), draft, END.encode())
