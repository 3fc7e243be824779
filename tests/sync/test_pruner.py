"""What `Pruner` asks before it deletes runs, and which runs are worth being fetched at all."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from multicart_async import errors
from multicart_async._pruning import PruneOptions, Pruner, PruneService
from multicart_async.manifest import Manifest, render_manifest
from multicart_async.sinks import MemorySink, put_bytes


async def mirror_of(*runs: int, collection: int = 101) -> MemorySink:
    """A mirror with these runs, without any file."""
    sink = MemorySink()
    for run in runs:
        content = render_manifest(Manifest(collection, run, {"id": run}, ()))
        await put_bytes(sink, f"{collection}/{run}/manifest.json", content)
    return sink


def pruner_of(sink: MemorySink, second: Callable[[], set[int]] = set, **options: object) -> Pruner:
    """A pruner whose second reading of the runs is *second*."""

    async def get(_: int) -> None:
        raise AssertionError("it is listed")

    async def run_ids(_: int) -> set[int]:
        return second()

    fields = {"prune": True, "keep": None, "dry_run": False, "named": False, "includes": lambda _: True, **options}
    return Pruner(sink, PruneService(get=get, run_ids=run_ids), PruneOptions(**fields), workers=2)  # type: ignore[arg-type]


async def test_a_run_that_moved_while_it_was_listed_is_kept() -> None:
    """A list that lacks it once is no proof: it is read again before anything goes, and what is there then is not gone."""
    sink = await mirror_of(88, 89, 90)
    pruner = pruner_of(sink, lambda: {89, 90})
    await pruner.begin()
    await pruner.compare(101, {90})

    done = await pruner.finish([101], [])

    assert (done.gone, done.removed) == (("101/88",), ("101/88",))
    assert sorted(sink.files) == ["101/89/manifest.json", "101/90/manifest.json"]


async def test_an_empty_second_list_of_runs_deletes_nothing() -> None:
    """It may be the service's mistake."""
    sink = await mirror_of(88, 89)
    pruner = pruner_of(sink)
    await pruner.begin()
    await pruner.compare(101, {89})

    done = await pruner.finish([101], [])

    assert (done.gone, done.removed) == (("101/88",), ())
    assert len(sink.files) == 2


async def test_a_second_reading_that_fails_deletes_nothing() -> None:
    """It is a failure, and other collections are not affected."""
    sink = await mirror_of(88, 89)
    sink.files |= (await mirror_of(98, 99, collection=102)).files
    replies = iter([errors.BadRequestError("/x", 400, "no"), {99}])

    def second() -> set[int]:
        reply = next(replies)
        if isinstance(reply, Exception):
            raise reply
        return reply

    pruner = pruner_of(sink, second)
    await pruner.begin()
    await pruner.compare(101, {89})
    await pruner.compare(102, {99})

    done = await pruner.finish([101, 102], [])

    assert [failure.collection for failure in done.failures] == [101]
    assert (done.gone, done.removed) == (("101/88", "102/98"), ("102/98",))


async def test_a_closed_client_ends_it() -> None:
    """That is no failure of a collection."""

    def closed() -> set[int]:
        raise errors.ClientClosedError

    pruner = pruner_of(await mirror_of(88, 89), closed)
    await pruner.begin()
    await pruner.compare(101, {89})

    with pytest.raises(errors.ClientClosedError):
        await pruner.finish([101], [])


async def test_a_client_that_is_closed_while_it_asks_ends_it() -> None:
    """Nothing is said about the collection then."""

    async def closed(_: int) -> None:
        raise errors.ClientClosedError

    options = PruneOptions(prune=True, keep=None, dry_run=False, named=False, includes=lambda _: True)
    service = PruneService(get=closed, run_ids=closed)  # type: ignore[arg-type]
    pruner = Pruner(await mirror_of(88), service, options, workers=2)
    await pruner.begin()

    with pytest.raises(errors.ClientClosedError):
        await pruner.finish([102], [])


async def test_folders_of_others_do_not_make_a_run_too_many() -> None:
    """Three numbered folders, of which two are runs: both stay."""
    sink = await mirror_of(88, 89)
    sink.files["101/5000/photo.jpg"] = b"mine"
    pruner = pruner_of(sink, prune=False, keep=2)
    await pruner.begin()

    done = await pruner.finish([101], [])

    assert done.removed == ()
    assert len(sink.files) == 3


IDS = st.sets(st.integers(1, 30))


@given(mirrored=IDS, listed=IDS, keep=st.integers(1, 5), prune=st.booleans())
async def test_what_is_fetched_is_kept_and_what_is_kept_is_the_newest(mirrored, listed, keep, prune) -> None:
    """For any mirror and any service: no run that is fetched is deleted by the same call or the next one."""
    sink = await mirror_of(*mirrored)
    for _ in range(2):
        pruner = pruner_of(sink, lambda: listed, prune=prune, keep=keep)
        await pruner.begin()
        await pruner.compare(101, listed)
        wanted = pruner.wanted(101, sorted(listed)[-keep:])
        there = {int(name.split("/")[1]) for name in sink.files}
        sink.files |= (await mirror_of(*wanted)).files

        done = await pruner.finish([101], [])

        left = {int(name.split("/")[1]) for name in sink.files}
        held = there | wanted if not (prune and listed) else (there | wanted) & listed
        assert left == set(sorted(held)[-keep:])
        assert wanted <= left
        assert done.removed == tuple(f"101/{run}" for run in sorted((there | wanted) - left))
    assert wanted - there == set()
    assert done.removed == ()
