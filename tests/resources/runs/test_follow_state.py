"""What was given out is on disk, survives crashes, and does not grow with time."""

# ruff: noqa: ASYNC240 -- nothing else runs here meanwhile

from __future__ import annotations

import errno
import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from multicart_async.errors import ArgumentError, DiskError
from multicart_async.resources import _journal_file
from multicart_async.resources.runs._follow_state import FollowState
from multicart_async.resources.runs._journal import RunJournal

HEAD = b'{"journal": "multicart_async follow", "version": 1}\n'


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state"


def names(path: Path) -> list[str]:
    """What lies in the folder of a file."""
    return [beside.name for beside in path.parent.iterdir()]


async def settle(state: FollowState, collection_id: int, *runs: int) -> None:
    """Runs that were given out and acknowledged, one after the other."""
    for number in runs:
        state.delivered(collection_id).settle(number)
        state.mark_changed(collection_id)
        await state.flush()


async def kept(path: Path) -> tuple[bool, dict[int, dict[str, Any]]]:
    """What the next process finds."""
    async with FollowState(path) as state:
        return state.begun, {number: state.delivered(number).to_line() for number in sorted(state.collections)}


async def test_a_new_state_has_not_begun(path: Path) -> None:
    """It has begun when the collections were listed, even if nothing has finished."""
    assert await kept(path) == (False, {})
    assert path.read_bytes() == HEAD

    async with FollowState(path) as state:
        state.begin()
        assert state.should_flush(idle=False)
        await state.flush()
        assert not state.should_flush(idle=True)

    assert await kept(path) == (True, {})


async def test_what_was_begun_is_not_begun_again(path: Path) -> None:
    """The line is written once."""
    for _ in range(2):
        async with FollowState(path) as state:
            state.begin()
            await state.flush()

    assert path.read_bytes().count(b"begun") == 1


async def test_what_was_given_out_is_known_after_a_crash(path: Path) -> None:
    """The last line of a collection counts; an incomplete one at the end does not."""
    async with FollowState(path) as state:
        state.begin()
        await settle(state, 1, 5, 6)
        await settle(state, 2, 7)
        whole = path.read_bytes()  # while it is open, as at a crash
    path.write_bytes(whole + b'{"collection": 1, "floor"')

    assert await kept(path) == (
        True,
        {1: {"floor": 0, "recent": [5, 6], "open": []}, 2: {"floor": 0, "recent": [7], "open": []}},
    )


async def test_changes_are_written_together(path: Path) -> None:
    """While the runs are read for the first time; one by one they would take long on a slow disk."""
    async with FollowState(path) as state:
        for number in range(1, 300):
            state.delivered(number).settle(5)
            state.mark_changed(number)
            assert state.should_flush(idle=True)
            assert state.should_flush(idle=False) is (number >= 256)
        await state.flush()
        await state.flush()

    assert path.read_bytes().count(b"\n") == 300


async def test_the_file_does_not_outgrow_what_counts(path: Path) -> None:
    """Each acknowledgement is a line, and only the last of a collection counts."""
    async with FollowState(path) as state:
        state.begin()
        largest = 0
        for run in range(1, 1_500):
            await settle(state, run % 3 + 1, run)
            largest = max(largest, path.stat().st_size)

    assert 64 << 10 < largest < 70 << 10
    assert path.stat().st_size < 64 << 10
    assert names(path) == [path.name]
    begun, deliveries = await kept(path)
    assert begun
    assert max(delivered["recent"][-1] for delivered in deliveries.values()) == 1_499


async def test_a_replacement_has_what_something_was_given_out_of(path: Path) -> None:
    """And no other collection."""
    async with FollowState(path) as state:
        await settle(state, 2, 6)
        state.delivered(3)
        state._limit = 0
        await settle(state, 2, 7)

    assert [json.loads(line).get("collection") for line in path.read_bytes().splitlines()] == [None, None, 2]


async def test_a_replacement_is_durable(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So is the new name, which would otherwise be that of the old file after a power cut."""
    flushed: list[Path] = []
    monkeypatch.setattr(_journal_file.JournalFile, "_flush_folder", lambda file: flushed.append(file.path))
    async with FollowState(path) as state:
        state._limit = 0
        flushed.clear()
        await settle(state, 1, 5)

    assert flushed == [path]


async def test_a_replaced_file_is_still_locked(path: Path) -> None:
    """Also for a process that had opened it before."""
    async with FollowState(path) as state:
        state._limit = 0
        await settle(state, 1, 5)

        with pytest.raises(ArgumentError, match=r"state: .* in use by another process"):
            await kept(path)

    assert (await kept(path))[1][1]["recent"] == [5]


@pytest.mark.parametrize("other", [True, False])
async def test_a_file_replaced_before_the_lock_is_in_use(
    path: Path, monkeypatch: pytest.MonkeyPatch, other: bool
) -> None:
    """A process that opens the file just before it is replaced gets the lock of a file that nobody will read."""
    await kept(path)
    acquire = _journal_file.FileLock.acquire

    def replaced_before(lock: Any, file: Any) -> None:
        path.unlink()
        if other:
            path.write_bytes(HEAD)
        acquire(lock, file)

    monkeypatch.setattr(_journal_file.FileLock, "acquire", replaced_before)

    with pytest.raises(ArgumentError, match="in use by another process; wait until it has ended"):
        await kept(path)


async def test_a_replaced_file_keeps_its_mode(path: Path) -> None:
    """A new one can be read by its owner alone; someone may have changed that."""
    async with FollowState(path) as state:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        path.chmod(0o640)
        state._limit = 0
        await settle(state, 1, 5)

    assert stat.S_IMODE(path.stat().st_mode) == 0o640


async def test_what_a_killed_process_left_is_removed(path: Path) -> None:
    """It was killed while it replaced the file."""
    await kept(path)
    path.with_name("state.new").write_bytes(HEAD[:10])

    await kept(path)

    assert names(path) == ["state"]


async def test_leftovers_that_cannot_be_removed_are_an_error(path: Path) -> None:
    """Such as a folder of that name."""
    path.with_name("state.new").mkdir()

    with pytest.raises(DiskError, match="state: "):
        await kept(path)


@pytest.mark.parametrize("call", ["fsync", "fchmod"])
async def test_a_file_that_cannot_be_replaced_is_appended_to(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, call: str
) -> None:
    """It has all that counts; the attempt is repeated when it has grown further, and leaves nothing behind."""

    async with FollowState(path) as state:
        await settle(state, 1, 5)
        state._limit = 0
        works: Callable[..., Any] = getattr(os, call)
        opened = path.stat().st_ino

        def fails(descriptor: int, *args: Any) -> Any:
            if call == "fsync" and os.fstat(descriptor).st_ino == opened:
                return works(descriptor, *args)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        with monkeypatch.context() as patch:
            patch.setattr(os, call, fails)
            await settle(state, 1, 6, 7)
        assert names(path) == [path.name]
        assert caplog.text.count("could not be made smaller") == 1
        await settle(state, 1, 8)

    assert (await kept(path))[1][1]["recent"] == [5, 6, 7, 8]


@pytest.mark.parametrize(
    "line",
    [
        b"[]",
        b"{}",
        b'{"collection": "1", "floor": 0, "recent": [], "open": []}',
        b'{"collection": 0, "floor": 0, "recent": [], "open": []}',
        b'{"collection": 1, "floor": 0, "recent": [], "open": [null]}',
    ],
)
async def test_a_damaged_state_is_an_error(path: Path, line: bytes) -> None:
    """Nothing is given out, and the file is left as it is."""
    path.write_bytes(HEAD + line + b"\n")

    with pytest.raises(ArgumentError, match=r"state: .* is damaged, so nothing is given out; restore it, or use a new"):
        await kept(path)
    assert path.read_bytes() == HEAD + line + b"\n"


async def test_a_journal_of_runs_is_no_state(path: Path) -> None:
    """Nor the other way round."""
    async with RunJournal(path):
        pass
    with pytest.raises(ArgumentError, match="state: expected a state of this kind"):
        await kept(path)

    path.write_bytes(HEAD)
    with pytest.raises(ArgumentError, match="journal: expected a journal of this kind"):
        async with RunJournal(path):
            pass


async def test_without_a_file_nothing_is_written(tmp_path: Path) -> None:
    """The deliveries are kept in memory."""
    async with FollowState(None) as state:
        state.begin()
        await settle(state, 1, 5)

    assert [*tmp_path.iterdir()] == []


async def test_a_cancelled_opening_releases_the_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lock would keep the next process out."""
    opening = FollowState._open

    def interrupted(state: FollowState, file: Any) -> None:
        opening(state, file)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(FollowState, "_open", interrupted)
        await kept(path)

    assert await kept(path) == (False, {})


async def test_a_full_disk_is_named_when_the_file_is_made(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the reason of the system."""

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(_journal_file, "_write", full)

    with pytest.raises(DiskError, match="state: No space left on device") as caught:
        async with FollowState(path):
            pass
    assert caught.value.errno == errno.ENOSPC
