"""What a mirror takes: which collections, runs and files, in which order, and what it only counts."""

from __future__ import annotations

import asyncio

import pytest
from support.eventually import until
from support.fake_sinks import WatchedSink
from support.mirror_kit import FILE, HISTORY, LIST, asked, results, runs_below, stream_of, tree

from multicart_async import Limits, errors
from multicart_async._sync.options import SyncOptions
from multicart_async.errors import ArgumentError, AuthenticationError
from multicart_async.sandbox.faults import Envelope

PAGES = ["page-0001.json", "page-0002.json", "page-0003.json"]


async def runs_of(client, collection_id: int) -> list[int]:
    """The ids of all runs of a collection, the oldest first."""
    return sorted([run.id async for run in client.runs.iterate(collection_id)])


async def test_the_newest_run_of_each_collection_is_the_default(sandbox, client, tmp_path) -> None:
    """All listed collections, one run each, its pages; and the report says so."""
    ids = sandbox.add_collections(3, runs=2, items=5)

    report = await client.sync(tmp_path)

    newest = {f"{number}/{(await runs_of(client, number))[-1]}" for number in ids}
    assert newest == runs_below(tmp_path)
    assert [f"{run}/{page}" for run in sorted(newest) for page in PAGES] == results(tmp_path)
    assert (report.collections, report.runs, report.skipped, report.failed, report.files) == (3, 3, 0, 0, 9)
    assert report.bytes == sum(len(tree(tmp_path)[name]) for name in results(tmp_path))
    assert report.ok
    assert not report.dry_run
    report.raise_for_failures()


async def test_all_runs_are_taken_when_asked_for(sandbox, client, tmp_path) -> None:
    """Beyond one page of the history too."""
    (number,) = sandbox.add_collections(1, runs=53, items=1)

    report = await client.sync(tmp_path, runs="all")

    assert {f"{number}/{run}" for run in await runs_of(client, number)} == runs_below(tmp_path)
    assert (report.collections, report.runs, report.files) == (1, 53, 53)


async def test_runs_that_are_not_finished_are_passed_over(sandbox, tmp_path) -> None:
    """They come with a later call."""
    async with type(sandbox)(clock="manual", scrape_seconds_per_item=1, row_delay=0) as slow, slow.client() as client:
        (number,) = slow.add_collections(1, runs=1, items=5)
        slow.start_run(number)
        slow.advance(2)

        both = [await client.sync(tmp_path, runs="all"), await client.sync(tmp_path)]
        slow.advance(10)
        after = await client.sync(tmp_path)

    assert [report.runs for report in both] == [1, 1]
    assert (after.runs, after.files) == (1, 1)
    assert len(runs_below(tmp_path)) == 2


@pytest.mark.parametrize(
    ("files", "names"), [("pages", PAGES), ("zip", ["all-pages.zip"]), ("both", ["all-pages.zip", *PAGES])]
)
async def test_files_are_those_that_were_asked_for(sandbox, client, tmp_path, files, names) -> None:
    """And each kind is complete for itself: the second call brings nothing."""
    sandbox.add_collections(1, items=5)

    first = await client.sync(tmp_path, files=files)
    second = await client.sync(tmp_path, files=files)

    assert names == [name.rpartition("/")[2] for name in results(tmp_path)]
    assert (len(names), 0, 1) == (first.files, second.files, second.skipped)


async def test_another_kind_of_files_is_added(sandbox, client, tmp_path) -> None:
    """What is there is not fetched again, though nothing has changed at the service."""
    sandbox.add_collections(1, items=5)
    await client.sync(tmp_path)

    report = await client.sync(tmp_path, files="both")

    assert (report.files, report.skipped) == (1, 0)
    assert [name.rpartition("/")[2] for name in results(tmp_path)] == ["all-pages.zip", *PAGES]
    assert (await client.verify(tmp_path)).ok


@pytest.mark.parametrize("kind", [list, tuple, set, iter, stream_of])
async def test_collections_come_as_any_iterable(sandbox, client, tmp_path, kind) -> None:
    """Only those are taken."""
    ids = sandbox.add_collections(4, items=1)

    report = await client.sync(tmp_path, collections=kind(ids[1:3]))

    assert {str(number) for number in ids[1:3]} == {path.name for path in tmp_path.iterdir()}
    assert report.collections == 2


async def test_an_account_without_collections_is_an_empty_mirror(client, tmp_path) -> None:
    """And no failure."""
    report = await client.sync(tmp_path)

    assert (report.collections, report.runs, report.ok) == (0, 0, True)


async def test_a_draft_is_taken_when_it_is_named(sandbox, client, tmp_path) -> None:
    """It is not listed, so nothing says whether it has changed: it is asked at each call."""
    draft = await client.collections.create("Draft", notification_email="ops@example.com")
    asked(sandbox)

    reports = [await client.sync(tmp_path, collections=[draft.id]) for _ in range(2)]

    assert [(report.collections, report.runs, report.ok) for report in reports] == [(1, 0, True)] * 2
    assert asked(sandbox) == {LIST: 2, HISTORY: 2}
    assert tree(tmp_path) == {}


async def test_ids_that_are_none_end_the_call(sandbox, client, tmp_path) -> None:
    """A mistake of the caller's is no failure of a run."""
    ids = sandbox.add_collections(1, items=1)

    with pytest.raises(errors.ArgumentError, match="collections: expected a positive integer, got '102'"):
        await client.sync(tmp_path, collections=[ids[0], "102"])


@pytest.mark.parametrize("kind", [iter, stream_of])
async def test_an_error_of_the_ids_leaves_as_itself(sandbox, client, tmp_path, kind) -> None:
    """Whatever the caller's iterable raises is the caller's."""

    def broken():
        yield sandbox.add_collections(1, items=1)[0]
        raise LookupError("the caller's own")

    with pytest.raises(LookupError, match="the caller's own"):
        await client.sync(tmp_path, collections=kind(broken()))


# Worked out with gzip, whose trailer has the same CRC-32: workers of any version, on any machine, must agree.
SHARDS = {1: 2, 2: 1, 3: 1, 100: 0, 101: 2, 102: 0, 103: 0, 4_294_967_296: 2, 10**18: 1}


@pytest.mark.parametrize(("number", "worker"), SHARDS.items())
def test_a_collection_falls_to_the_same_worker_everywhere(number: int, worker: int) -> None:
    """Of three workers, only that one takes it."""
    assert [place for place in range(3) if SyncOptions(shard=(place, 3)).includes(number)] == [worker]


@pytest.mark.parametrize("workers", [1, 2, 3, 7, 64])
def test_shards_are_a_partition(workers: int) -> None:
    """Each collection in exactly one, and none is much larger than the others."""
    ids = range(1, 3_001)
    shares = [
        [number for number in ids if SyncOptions(shard=(place, workers)).includes(number)] for place in range(workers)
    ]

    assert list(ids) == sorted(number for share in shares for number in share)
    assert max(map(len, shares)) < 1.6 * len(ids) / workers


async def test_a_worker_mirrors_its_shard_alone(sandbox, client, tmp_path) -> None:
    """Of all collections, and of those that are named."""
    ids = sandbox.add_collections(12, items=1)
    named = stream_of(ids)

    first = await client.sync(tmp_path / "0", shard=(0, 2))
    second = await client.sync(tmp_path / "1", shard=(1, 2), collections=named)

    theirs = [{path.name for path in (tmp_path / place).iterdir()} for place in "01"]
    assert first.collections + second.collections == 12
    assert {str(number) for number in ids} == theirs[0] | theirs[1]
    assert set() == theirs[0] & theirs[1]


async def test_a_dry_run_counts_and_leaves_everything(sandbox, client, tmp_path) -> None:
    """No file is asked for, none is written."""
    sandbox.add_collections(2, runs=2, items=5)
    await client.sync(tmp_path)
    before, _ = tree(tmp_path), asked(sandbox)

    report = await client.sync(tmp_path, runs="all", dry_run=True)

    assert report.dry_run
    assert (report.collections, report.runs, report.skipped, report.files, report.bytes) == (2, 4, 2, 6, 0)
    assert FILE not in asked(sandbox)
    assert before == tree(tmp_path)


async def test_a_dry_run_into_nothing_makes_not_even_a_folder(sandbox, client, tmp_path) -> None:
    """Collections without a run are no reason to write either."""
    sandbox.add_collections(1, runs=1, items=5)
    sandbox.add_collections(1, runs=0, items=5)

    report = await client.sync(tmp_path / "new", dry_run=True)

    assert report.files == 3
    assert not (tmp_path / "new").exists()


async def test_a_dry_run_that_overwrites_counts_everything(sandbox, client, tmp_path) -> None:
    """As the real one would fetch it."""
    sandbox.add_collections(1, items=5)
    await client.sync(tmp_path)

    assert (await client.sync(tmp_path, dry_run=True, overwrite=True)).files == 3
    assert (await client.sync(tmp_path, dry_run=True)).files == 0


async def test_overwrite_fetches_what_is_there(sandbox, client, tmp_path) -> None:
    """Whatever became of it."""
    sandbox.add_collections(1, items=5)
    await client.sync(tmp_path)
    before = tree(tmp_path)
    page = tmp_path / results(tmp_path)[0]
    page.write_bytes(page.read_bytes().swapcase())
    asked(sandbox)

    report = await client.sync(tmp_path, overwrite=True)

    assert (report.files, report.skipped) == (3, 0)
    assert asked(sandbox) == {LIST: 1, HISTORY: 1, FILE: 3}
    assert before == tree(tmp_path)


async def test_a_category_scrape_gets_its_csv(sandbox, client, tmp_path) -> None:
    """Beside its JSON, whichever files are asked for; both belong to the mirror."""
    started = await client.categories.submit(
        "https://www.amazon.com.au/b/?node=4913309051", domain="amazon.com.au", postcode="4500"
    )
    asked(sandbox)

    first = await client.sync(tmp_path, files="both")
    second = await client.sync(tmp_path, files="both")

    folder = tmp_path / str(started.collection_id)
    assert [name.rpartition("/")[2] for name in results(folder)] == ["category_asins.csv", "category_asins.json"]
    assert (first.runs, second.skipped) == (1, 1)
    assert asked(sandbox) == {LIST: 2, HISTORY: 1, FILE: 1}
    assert (await client.verify(tmp_path)).files == 2


async def test_a_category_that_is_looked_at_again_costs_no_file(sandbox, client, tmp_path) -> None:
    """Its CSV is not made again either."""
    await client.categories.submit(
        "https://www.amazon.com.au/b/?node=4913309051", domain="amazon.com.au", postcode="4500"
    )
    await client.sync(tmp_path)
    sink = WatchedSink(tmp_path)
    asked(sandbox)

    report = await client.sync(sink, check="all")

    assert (report.skipped, report.files) == (1, 0)
    assert FILE not in asked(sandbox)
    assert sink.seen["put category_asins.csv"] == 0


@pytest.mark.timeout(30)
async def test_the_first_file_is_asked_for_before_the_last_listing(sandbox, tmp_path) -> None:
    """Planning, listing and transfer overlap: nothing waits until everything is known."""
    sandbox.add_collections(60, items=1)
    async with sandbox.client(limits=Limits(requests=2, downloads=2)) as client:
        await client.sync(tmp_path)

    kinds = ["file" if request.path.startswith("/results/") else request.path for request in sandbox.requests]
    last_listing = len(kinds) - 1 - kinds[::-1].index(HISTORY)
    assert kinds.index("file") < last_listing
    assert kinds[:last_listing].count("file") > 40


async def test_ids_are_pulled_as_they_are_needed(sandbox, tmp_path) -> None:
    """Slow files hold back the source of ids: nothing piles up between them."""
    ids = sandbox.add_collections(60, items=1)
    pulled: list[int] = []
    ahead: list[int] = []

    def source():
        for number in ids:
            pulled.append(number)
            ahead.append(len(pulled) - sum(path.startswith("/results/") for path in paths()))
            yield number

    def paths():
        return [request.path for request in sandbox.requests]

    async with sandbox.client(limits=Limits(requests=2, downloads=2)) as client:
        await client.sync(tmp_path, collections=source())

    assert list(ids) == pulled
    assert max(ahead) < 12


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("runs", "newest"),
        ("files", "csv"),
        ("check", "none"),
        ("shard", (2, 2)),
        ("shard", (-1, 2)),
        ("shard", (0, 0)),
        ("shard", (True, 2)),
        ("shard", (0, 1, 2)),
        ("shard", "01"),
    ],
)
async def test_what_cannot_be_right_is_refused_at_once(sandbox, client, tmp_path, argument, value) -> None:
    """By its name, and nothing was sent."""
    with pytest.raises(errors.ArgumentError, match=f"^{argument}: expected"):
        await client.sync(tmp_path, **{argument: value})

    assert asked(sandbox) == {}


async def test_a_destination_that_cannot_be_is_refused_at_once(sandbox, client, tmp_path) -> None:
    """A file, or no path at all."""
    (tmp_path / "file").touch()

    with pytest.raises(errors.DiskError, match="expected a folder, got the file "):
        await client.sync(tmp_path / "file")
    with pytest.raises(errors.ArgumentError, match="dest: expected a path or a Sink"):
        await client.sync(7)  # type: ignore[arg-type]

    assert asked(sandbox) == {}


async def test_calls_of_others_find_room_while_a_mirror_lists(sandbox, tmp_path) -> None:
    """It takes half of the calls at a time."""
    sandbox.add_collections(30, items=1)
    async with sandbox.client(limits=Limits(requests=2)) as client:
        async with asyncio.TaskGroup() as group:
            mirror = group.create_task(client.sync(tmp_path))
            await until(lambda: HISTORY in sandbox.counts)
            await client.collections.get(101)
            listed = sandbox.counts[HISTORY]

        assert (await mirror).runs == 30
    assert listed < 20


async def test_a_collection_that_is_named_twice_is_mirrored_once(sandbox, client, tmp_path) -> None:
    """Two fetches of one run at the same time would help nobody."""
    (collection_id,) = sandbox.add_collections(1, items=3)

    report = await client.sync(tmp_path, collections=[collection_id] * 3)

    assert (report.collections, report.runs, report.files) == (1, 1, 2)


@pytest.mark.parametrize("wrong", [5, "101", None.__class__])
async def test_collections_are_several(client, tmp_path, wrong) -> None:
    """Anything else is named before anything is sent."""
    with pytest.raises(ArgumentError, match="collections: expected an iterable such as a list, got "):
        await client.sync(tmp_path, collections=wrong)


async def test_named_collections_need_no_list(sandbox, client, tmp_path) -> None:
    """It only tells which of them have changed: without it each is asked for its runs."""
    ids = sandbox.add_collections(3, items=3)
    await client.sync(tmp_path)
    asked(sandbox)
    sandbox.faults.add(LIST, Envelope(500), times=None)

    report = await client.sync(tmp_path, collections=ids)

    assert (report.ok, report.runs, report.skipped) == (True, 3, 3)
    assert asked(sandbox)[HISTORY] == 3


async def test_a_key_that_is_refused_at_the_list_is_refused(sandbox, client, tmp_path) -> None:
    """Every other call would say the same."""
    ids = sandbox.add_collections(3, items=3)
    sandbox.faults.add(LIST, Envelope(401), times=None)

    with pytest.raises(AuthenticationError):
        await client.sync(tmp_path, collections=ids)
