"""Read the records of one run of a mirror, for the command."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import attrs

from multicart_async._core.tasks import to_async_iter
from multicart_async._downloads.record_codec import record_reader
from multicart_async.cli._call import Call
from multicart_async.cli._errors import NoSuchRunError
from multicart_async.cli._plural import counted
from multicart_async.tables._pages import Values
from multicart_async.tables._records import read_run, records_of
from multicart_async.tables._source import Source, SourceRun, open_source

__all__ = ["mirror_records"]


async def mirror_records(
    call: Call, mirror: str, collection_id: int | None, run_id: int | None, *, skip_invalid: bool
) -> AsyncGenerator[dict[str, Any], None]:
    """Return the records of a run of *mirror*, by default of the newest one of the collection, or of each collection.

    Raises:
        ArgumentError: *mirror* is none.
        NoSuchRunError: It has no such run with a manifest.
    """
    place = await open_source(mirror, argument="--from")
    if collection_id is None:
        return _records(call, place, place.select(None, "latest"), skip_invalid=skip_invalid)
    if run_id is not None:
        run = await place.run(collection_id, run_id)
    else:
        async with aclosing(place.runs_of(collection_id, "latest")) as found:
            run = await anext(found, None)
    if run is None:
        raise NoSuchRunError(collection_id, run_id)
    return _records(call, place, to_async_iter([run]), skip_invalid=skip_invalid)


async def _records(
    call: Call, place: Source, runs: AsyncGenerator[SourceRun, None], *, skip_invalid: bool
) -> AsyncGenerator[dict[str, Any], None]:
    """Yield the records; with *skip_invalid*, say how many values of each run were none."""
    reader = record_reader(dict[str, Any])
    async with aclosing(runs):
        async for run in runs:
            skipped = 0
            async with aclosing(read_run(place, run, lambda page, part: (page, part))) as parts:
                async for page, part in parts:
                    kept = _objects(part) if skip_invalid else part
                    skipped += len(part.values) - len(kept.values)
                    for record in records_of(run, page, kept, reader):
                        yield record.value
            if skipped:
                are = "is" if skipped == 1 else "are"
                call.messages.warn(f"run {run.key}: left out {counted(skipped, 'value')} that {are} no object")


def _objects(part: Values) -> Values:
    return attrs.evolve(part, values=[value for value in part.values if type(value) is dict])
