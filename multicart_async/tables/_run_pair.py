"""Choose the two runs of a collection to compare. Only manifests are read, and no more of them than are needed."""

from __future__ import annotations

from multicart_async._core.validation import check_id
from multicart_async.errors import ArgumentError
from multicart_async.tables._source import Source, SourceRun

__all__ = ["find_runs"]


async def find_runs(place: Source, collection_id: int, old: int | None, new: int | None) -> tuple[SourceRun, SourceRun]:
    """Return the runs with these ids; by default *new* is the newest one, and *old* the newest one below it.

    Raises:
        ArgumentError: One of them is not there, or both are the same.
        IntegrityError: A manifest cannot be trusted.
    """
    check_id("collection_id", collection_id)
    given = {name: check_id(name, run) for name, run in (("old", old), ("new", new)) if run is not None}
    if collection_id not in await place.collections():
        raise ArgumentError("collection_id", f"expected a collection of the source, got {collection_id}, not there")
    found = {name: await _given_run(place, collection_id, name, run) for name, run in given.items()}
    after = found.get("new") or await _newest(place, collection_id)
    before = found.get("old") or (after and await _newest(place, collection_id, below=after.run_id))
    if before is None or after is None:
        raise await _too_few(place, collection_id, after, new)
    if before.run_id == after.run_id:
        raise ArgumentError("old", f"expected another run than {after.run_id}, which is the new one")
    return before, after


async def _newest(place: Source, collection_id: int, below: int | None = None) -> SourceRun | None:
    """Return the newest run with a manifest, if there is one."""
    for run_id in reversed(await place.run_ids(collection_id)):
        if below is None or run_id < below:
            run = await place.run(collection_id, run_id)
            if run is not None:
                return run
    return None


async def _given_run(place: Source, collection_id: int, argument: str, run_id: int) -> SourceRun:
    run = await place.run(collection_id, run_id)
    if run is None:
        newest = await _newest(place, collection_id)
        there = "there is none" if newest is None else f"the newest one is {newest.run_id}"
        reason = f"expected a run of collection {collection_id} with a manifest, got {run_id}; {there}"
        raise ArgumentError(argument, reason)
    return run


async def _too_few(place: Source, collection_id: int, after: SourceRun | None, new: int | None) -> ArgumentError:
    """Return the error for a collection that lacks an older run."""
    if after is None:
        reason = f"expected a collection with two runs, got {collection_id}, which has none with a manifest; mirror it"
        return ArgumentError("collection_id", reason)
    if place.single is not None:
        reason = f"expected a collection with two runs, got the folder of run {after.key} alone; pass the mirror"
        return ArgumentError("collection_id", reason)
    newest = await _newest(place, collection_id)
    if new is not None and newest is not None and newest.run_id != new:
        return ArgumentError("new", f"expected a run with an older one, got {new}, the oldest here; pass old too")
    reason = f"expected a collection with two runs, got {collection_id}, which has one with a manifest: {after.run_id}"
    return ArgumentError("collection_id", f"{reason}; mirror more with runs='all', or again after its next run")
