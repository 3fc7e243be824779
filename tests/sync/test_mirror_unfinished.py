"""A run that is listed and not finished: the mirror does not take the one before it for the last word."""

from __future__ import annotations

from pathlib import Path

from support.fakes import FakeTransport, ok
from support.groups import groups_over
from support.mirror_kit import HISTORY, LIST, mirror_over, runs_below

from multicart_async.sinks import DirectorySink


def finished(number: int, *, collection: int = 1, ready: bool = True) -> dict[str, object]:
    """A run without pages, as it is listed."""
    return {"id": number, "collection": collection, "is_download_generated": ready}


async def mirrored(folder: Path, status: str, *runs: dict[str, object]) -> list[int]:
    """The runs in the mirror after a sync of a service with one collection, whose row never changes."""
    row = {"id": 1, "name": "AU", "updated_at": "2026-06-20T10:00:00Z", "schedule_status": status}
    answers = {LIST: [row], HISTORY: list(runs)}

    class Service(FakeTransport):
        async def post(self, path, body, **_):
            return ok(answers[path])

    assert (await mirror_over(groups_over(Service()), DirectorySink(folder)).run(None)).ok
    return sorted(int(path.partition("/")[2]) for path in runs_below(folder))


async def test_a_listed_unfinished_run_is_checked_by_the_next_sync(tmp_path) -> None:
    """While a listed run is unfinished, the next sync checks its collection again, even if the row does not change."""
    first = await mirrored(tmp_path, "Completed", finished(88), finished(89, ready=False))
    then = await mirrored(tmp_path, "Completed", finished(88), finished(89))

    assert first == [88]
    assert then == [88, 89]


async def test_a_run_that_has_failed_is_not_looked_for_for_ever(tmp_path) -> None:
    """It stays as it is: with a row that says Failed, the next call asks for the list alone."""
    await mirrored(tmp_path, "Failed", finished(88), finished(89, ready=False))

    assert (tmp_path / "1" / "collection.json").exists()


async def test_a_first_run_that_is_not_finished_is_looked_for_again(tmp_path) -> None:
    """There is none before it."""
    assert await mirrored(tmp_path, "Completed", finished(1, ready=False)) == []
    assert await mirrored(tmp_path, "Completed", finished(1)) == [1]


async def test_a_folder_of_a_run_without_files_is_not_filled(tmp_path) -> None:
    """The service has nothing to fill it with yet, or no longer."""
    (tmp_path / "1" / "87").mkdir(parents=True)
    (tmp_path / "1" / "87" / "page-0001.json").write_bytes(b"[]")

    assert await mirrored(tmp_path, "Completed", finished(87, ready=False), finished(88)) == [88]
