"""Odd rows and unforeseen errors in a mirror: each is the failure of one run or collection."""

from __future__ import annotations

import gc
import json
import tracemalloc
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from support.fake_account import Account
from support.fake_sinks import NullSink, UnreadableSink
from support.fakes import ok
from support.groups import BASE, Groups, groups_over
from support.mirror_kit import mirror_over, runs_below

from multicart_async import RetryPolicy, errors
from multicart_async._core.failures import Listener
from multicart_async._http import MultipartForm, Response
from multicart_async.events import Event, RunDownloaded
from multicart_async.models import SyncReport
from multicart_async.sinks import DirectorySink

LIST = "/schedules/get_schedules/"
HISTORY = "/schedules/collections/results/download/"


def run_row(number: int, collection: int, **fields: Any) -> dict[str, Any]:
    """A finished run with one page."""
    page = f"{BASE}/results/{collection}/{number}/A_{number}_Results_Page_1.json"
    links = {"pages": [page], "all_pages": ""}
    row = {"id": number, "collection": collection, "is_download_generated": True, "download_links": links}
    return {**row, **fields}


class Rows(Account):
    """A service with these collections and runs; each file is one good page."""

    def __init__(self, collections: list[dict[str, Any]], runs: Mapping[int, list[dict[str, Any]]]) -> None:
        super().__init__()
        self._collections = collections
        self._runs = runs

    async def post(
        self, path: str, body: bytes | MultipartForm, *, new_connection: bool = False, public: bool = False
    ) -> Response:
        assert isinstance(body, bytes)
        if path == LIST:
            return ok(self._collections)
        fields = json.loads(body)
        return ok(self._runs.get(fields["collection_id"], [])[fields["skip"] :][: fields["limit"]])


def service(collections: list[dict[str, Any]], runs: Mapping[int, list[dict[str, Any]]]) -> Groups:
    """The groups over such a service."""
    return groups_over(Rows(collections, runs), retry=RetryPolicy(attempts=1))  # type: ignore[arg-type]


async def mirrored(groups: Groups, folder: Path, **wish: Any) -> SyncReport:
    """A mirror of everything that is listed."""
    return await mirror_over(groups, DirectorySink(folder), **wish).run(None)


@pytest.mark.parametrize("number", [0, -1, -(2**53)])
async def test_a_listed_collection_with_an_odd_id_fails_alone(tmp_path, number) -> None:
    """A collection with an id of 0 or below is a failure, and the next one is mirrored."""
    groups = service([{"id": number}, {"id": 102}], {102: [run_row(90, 102)]})

    report = await mirrored(groups, tmp_path)

    (failure,) = report.failures
    assert (failure.collection, failure.run) == (number, None)
    assert isinstance(failure.error, errors.InvalidResponseError)
    assert str(failure) == f"{number}: {LIST}: expected a positive integer as the id of a collection, got {number}"
    assert (report.collections, runs_below(tmp_path)) == (2, {"102/90"})


async def test_an_odd_id_that_was_given_is_the_callers_fault(tmp_path) -> None:
    """An id that the caller gave is an argument, so a bad one ends the call."""
    mirror = mirror_over(service([], {}), DirectorySink(tmp_path))

    with pytest.raises(errors.ArgumentError, match=r"\Acollections: expected a positive integer, got 0"):
        await mirror.run([0])


@pytest.mark.parametrize("runs", ["latest", "all"])
@pytest.mark.parametrize("dry_run", [False, True])
@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (0, "expected a positive integer as the id of a run, got 0"),
        (-88, "expected a positive integer as the id of a run, got -88"),
    ],
)
async def test_a_run_with_odd_ids_fails_alone(tmp_path, runs, dry_run, number, reason) -> None:
    """No folder can be named after such a run, so nothing of it is written."""
    groups = service([{"id": 101}, {"id": 102}], {101: [run_row(number, 101)], 102: [run_row(90, 102)]})

    report = await mirrored(groups, tmp_path, runs=runs, dry_run=dry_run)

    (failure,) = report.failures
    assert (failure.collection, failure.run) == (101, number)
    assert isinstance(failure.error, errors.InvalidResponseError)
    assert str(failure.error) == f"{HISTORY}: {reason}"
    assert runs_below(tmp_path) == (set() if dry_run else {"102/90"})
    assert not (tmp_path / "101").exists()


@pytest.mark.parametrize("collection", [0, 102])
async def test_a_run_of_another_collection_fails_its_list_alone(tmp_path, collection) -> None:
    """A run of another collection is a failure, because it would be put into the wrong folder."""
    rows = {101: [{**run_row(88, 101), "collection": collection}], 102: [run_row(90, 102)]}

    report = await mirrored(service([{"id": 101}, {"id": 102}], rows), tmp_path)

    (failure,) = report.failures
    assert (failure.collection, type(failure.error)) == (101, errors.InvalidResponseError)
    assert runs_below(tmp_path) == {"102/90"}


async def test_a_run_with_odd_ids_cannot_be_downloaded(tmp_path) -> None:
    """A run without positive ids is an ArgumentError, because its folder would not belong to the mirror."""
    groups = service([], {101: [run_row(0, 101)]})
    (run,) = await groups.runs.list(101)

    with pytest.raises(errors.ArgumentError, match=r"\Arun: expected positive ids, got run 0 of collection 101"):
        await groups.runs.download(run, tmp_path)


ODD: list[Any] = ["n/a", -1, 2**53 + 1, 1.5, [], {}, "", "0000-00-00", [[]], {"a": [None]}, "\x1b"]
LENIENT = ["total_exacted_result", "total_results", "created_at", "updated_at", "asin_count", "extra", "ambiguous", "x"]


@pytest.mark.parametrize("name", LENIENT)
async def test_an_odd_value_of_a_run_stops_nothing(tmp_path, name) -> None:
    """A run with an odd value in another field is mirrored."""
    rows = {number: [run_row(number, number, **{name: value})] for number, value in enumerate(ODD, 101)}
    groups = service([{"id": number} for number in rows], rows)

    report = await mirrored(groups, tmp_path, count_records=True)

    assert report.failures == ()
    assert runs_below(tmp_path) == {f"{number}/{number}" for number in rows}


UNFORESEEN = [ValueError("n/a\x1b"), OverflowError("no"), RecursionError("no"), MemoryError(), KeyError("x")]


@pytest.mark.parametrize("error", UNFORESEEN, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("check", ["changed", "all"])
async def test_an_unforeseen_error_is_one_failure(tmp_path, error, check) -> None:
    """An unexpected error is a failure of its collection or run, with a safe text; the others are mirrored."""
    date = "2026-06-20T10:00:00Z"
    groups = service([{"id": 101, "updated_at": date}, {"id": 102}], {101: [run_row(88, 101)], 102: [run_row(90, 102)]})
    (tmp_path / "101/88").mkdir(parents=True)
    (tmp_path / "101/88/manifest.json").write_text("{}")

    report = await mirror_over(groups, UnreadableSink(tmp_path, "101/", error), check=check).run(None)

    (failure,) = report.failures
    assert (failure.collection, failure.run) == (101, None if check == "changed" else 88)
    assert type(failure.error) is errors.MultiCartError
    assert failure.error.__cause__ is error
    assert error.__traceback__ is None
    assert str(failure).isprintable()
    assert (tmp_path / "102/90/manifest.json").exists()
    with pytest.raises(ExceptionGroup, match="1 of the mirror"):
        report.raise_for_failures()


async def test_an_error_of_the_listener_ends_the_mirror(tmp_path) -> None:
    """An error of the caller's listener ends the call unchanged, and is not a failure of a run."""
    groups = service([{"id": 101}], {101: [run_row(88, 101)]})

    def listen(event: Event) -> None:
        raises = isinstance(event, RunDownloaded)
        if raises:
            raise LookupError("mine")

    groups.downloader.emit = Listener(listen)

    with pytest.raises(LookupError, match=r"\Amine\Z"):
        await mirrored(groups, tmp_path)


class Refusing(Account):
    """Refuses each collection in many words."""

    def __init__(self, answer: bytes) -> None:
        super().__init__()
        self._answer = answer

    async def post(
        self, path: str, body: bytes | MultipartForm, *, new_connection: bool = False, public: bool = False
    ) -> Response:
        return Response(200, bytes(bytearray(self._answer)), {})  # a copy, as each response is


MIB = b"x" * (1 << 20)
ANSWERS = {
    "a sentence": b'{"code": 400, "status": 0, "data": "' + MIB + b'"}',
    "an object": b'{"code": 400, "status": 0, "data": {"why": "' + MIB + b'"}}',
    "a message": b'{"code": 400, "status": 0, "message": "' + MIB + b'"}',
    "a wrong row": b'{"code": 200, "status": 1, "data": [{"id": "' + MIB + b'"}]}',
    "a wrong shape": b'{"code": 200, "status": 1, "data": "' + MIB + b'"}',
    "no envelope": b"<html>" + MIB,
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
@pytest.mark.parametrize("work", ["a mirror", "starts"])
@pytest.mark.heavy
async def test_refusals_of_many_words_are_not_kept(answer, work, monkeypatch) -> None:
    """Of 6 refusals of 1 MiB neither text nor response stays in memory, not even in a frame of a traceback."""
    groups = groups_over(Refusing(answer), retry=RetryPolicy(attempts=1))  # type: ignore[arg-type]
    ids = range(1, 7)
    tracemalloc.start()
    try:
        if work == "a mirror":
            mirror = mirror_over(groups, NullSink())
            monkeypatch.setattr(groups.collections, "list", _nothing)
            failed: list[Any] = [failure.error for failure in (await mirror.run(ids)).failures]
        else:
            failed = [outcome.error async for outcome in groups.runs.start_many(ids)]
        gc.collect()
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert len(failed) == 6
    assert max(len(str(error)) for error in failed) <= 500
    assert kept < 1 << 20


async def _nothing() -> tuple[Any, ...]:
    return ()
