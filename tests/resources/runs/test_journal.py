"""What was started, on disk: written before and after, read back whatever happened to the file, never somebody else's."""

# ruff: noqa: ASYNC220, ASYNC240 -- nothing else runs here meanwhile

from __future__ import annotations

import errno
import json
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from multicart_async.errors import ArgumentError, DiskError
from multicart_async.models import StartedRun
from multicart_async.resources.runs._journal import JournalEntry, RunJournal

HEAD = b'{"journal": "multicart_async", "version": 1}\n'
ONE = StartedRun(101, 87)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs.journal"


async def noted(path: Path) -> dict[int, JournalEntry]:
    """What a journal holds for whoever opens it next."""
    async with RunJournal(path) as journal:
        return dict(journal.entries)


async def test_a_new_journal_says_what_it_is(path: Path) -> None:
    """It is a text of lines, and begins with its name and version."""
    assert await noted(path) == {}

    assert path.read_bytes() == HEAD


async def test_a_note_is_in_the_file_when_it_returns(path: Path) -> None:
    """Ids, and nothing else."""
    async with RunJournal(path) as journal:
        await journal.record("intent", ONE)

        assert json.loads(path.read_bytes().splitlines()[-1]) == {"state": "intent", "collection": 101, "after": 87}

        await journal.record("done", ONE, 88)

        assert json.loads(path.read_bytes().splitlines()[-1])["run"] == 88


async def test_the_last_note_of_a_collection_counts(path: Path) -> None:
    """For who opens it later, and at once."""
    two = StartedRun(102, 0)
    async with RunJournal(path) as journal:
        await journal.record("intent", ONE)
        await journal.record("intent", two)
        await journal.record("started", ONE)
        await journal.record("done", ONE, 88)
        await journal.record("refused", two)
        inside = dict(journal.entries)

    assert inside == {101: JournalEntry("done", ONE, 88), 102: JournalEntry("refused", two)}
    assert inside == await noted(path)


async def test_a_torn_last_line_is_as_if_it_had_not_been_written(path: Path) -> None:
    """Nothing was sent after it: a note is whole on the disk before anything follows from it."""
    async with RunJournal(path) as journal:
        await journal.record("intent", ONE)
    whole = path.read_bytes()
    line = b'{"state": "started", "collection": 101, "after": 87}'
    for size in range(1, len(line) + 1):
        path.write_bytes(whole + line[:size])

        assert await noted(path) == {101: JournalEntry("intent", ONE)}
        assert path.read_bytes() == whole


async def test_after_a_torn_line_the_journal_goes_on(path: Path) -> None:
    """The next note stands on a line of its own."""
    path.write_bytes(HEAD + b'{"state": "int')
    async with RunJournal(path) as journal:
        await journal.record("intent", ONE)

    assert await noted(path) == {101: JournalEntry("intent", ONE)}


async def test_a_torn_head_is_a_new_journal(path: Path) -> None:
    """A process that was killed at the very first write has started nothing."""
    for size in range(len(HEAD)):
        path.write_bytes(HEAD[:size])

        assert await noted(path) == {}
        assert path.read_bytes() == HEAD


@pytest.mark.parametrize(
    "content",
    [
        b"my only copy, without an end of line",
        b"\n",
        b"name,asin\nA,B\n",
        b"\xff\xfe\n",
        b'{"journal": "multicart_async", "version": 2}\n',
        b'[{"journal": "multicart_async", "version": 1}]\n',
        HEAD[:-1] + b" ",
    ],
)
async def test_a_file_that_is_no_journal_is_refused_and_left_alone(path: Path, content: bytes) -> None:
    """A path that was mistyped costs nobody a file."""
    path.write_bytes(content)

    with pytest.raises(ArgumentError, match="expected a journal of this kind"):
        await noted(path)
    assert content == path.read_bytes()


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"null",
        b"[]",
        b'{"state": "intent"',
        b'{"state": "intent", "collection": 101}',
        b'{"state": "intent", "collection": "101", "after": 87}',
        b'{"state": "intent", "collection": true, "after": 87}',
        b'{"state": "intent", "collection": 101, "after": 87.0}',
        b'{"state": "begun", "collection": 101, "after": 87}',
        b'{"state": "done", "collection": 101, "after": 87, "run": null}',
    ],
)
async def test_a_damaged_journal_is_refused_and_left_alone(path: Path, line: bytes) -> None:
    """What it said there may have been a start: nothing is started on its account."""
    content = HEAD + line + b'\n{"state": "intent", "collection": 102, "after": 0}\n'
    path.write_bytes(content)

    with pytest.raises(ArgumentError, match="damaged"):
        await noted(path)
    assert content == path.read_bytes()


async def test_a_refused_journal_is_let_go(path: Path) -> None:
    """Neither its lock nor its descriptor is kept: put right, it can be opened, while the error is still around."""
    path.write_bytes(HEAD + b"?\n")
    with pytest.raises(ArgumentError) as refusal:
        await noted(path)
    path.write_bytes(HEAD)

    assert await noted(path) == {}
    assert refusal.value.argument == "journal"


async def test_a_journal_in_use_is_refused(path: Path) -> None:
    """Two that start the same collections at the same time would each take the other's runs for none."""
    async with RunJournal(path) as first:
        with pytest.raises(ArgumentError, match="in use by another process"):
            await noted(path)
        await first.record("intent", ONE)

    assert await noted(path) == {101: JournalEntry("intent", ONE)}


async def test_a_journal_in_use_by_another_process_is_refused(path: Path) -> None:
    """Until that process ends, however it ends."""
    script = (
        "import asyncio, sys, time\n"
        "from multicart_async.resources.runs._journal import RunJournal\n"
        "async def main():\n"
        "    async with RunJournal(sys.argv[1]):\n"
        "        print('open', flush=True)\n"
        "        time.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    with subprocess.Popen([sys.executable, "-c", script, path], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        try:
            with pytest.raises(ArgumentError, match="in use by another process"):
                await noted(path)
        finally:
            other.kill()

    assert await noted(path) == {}


@pytest.mark.parametrize("place", ["missing/runs.journal", "."])
async def test_a_place_that_cannot_be_written_is_a_disk_error(tmp_path: Path, place: str) -> None:
    """No such folder, or a folder itself."""
    with pytest.raises(DiskError, match="journal: ") as refusal:
        await noted(tmp_path / place)

    assert refusal.value.errno in {errno.ENOENT, errno.EISDIR}


@contextmanager
def at_most(size: int) -> Iterator[None]:
    """No file of this process can be longer: a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_a_full_disk_is_reported_on_write_but_not_on_close(path: Path) -> None:
    """On a full disk a note is a DiskError, so nothing is started; closing adds no error, and the journal can be read later."""
    with at_most(len(HEAD) + 20):
        async with RunJournal(path) as journal:
            with pytest.raises(DiskError) as refusal:
                await journal.record("intent", ONE)

    assert refusal.value.errno == errno.EFBIG
    assert await noted(path) == {}


async def test_a_journal_is_sound_after_a_full_disk_has_room_again(path: Path) -> None:
    """When a full disk has room again, the rest of the torn note is written before the next one."""
    async with RunJournal(path) as journal:
        with at_most(len(HEAD) + 20), pytest.raises(DiskError):
            await journal.record("intent", ONE)
        await journal.record("intent", StartedRun(102, 0))

    assert set(await noted(path)) == {101, 102}


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_notes_and_the_name_of_a_new_journal_are_flushed(path: Path) -> None:
    """Each note is flushed before the call returns; the folder is flushed once, for the new file."""
    script = (
        "import asyncio, sys\n"
        "from multicart_async.resources.runs._journal import RunJournal\n"
        "from multicart_async.models import StartedRun\n"
        "async def main():\n"
        "    async with RunJournal(sys.argv[1]) as journal:\n"
        "        await journal.record('intent', StartedRun(101, 87))\n"
        "        await journal.record('started', StartedRun(101, 87))\n"
        "asyncio.run(main())\n"
    )
    tracing = [
        "strace",
        "-f",
        "-y",
        "-e",
        "trace=write,fsync",
        "-o",
        f"{path}.trace",
        sys.executable,
        "-c",
        script,
        path,
    ]

    subprocess.run(tracing, check=True, timeout=50)

    lines = Path(f"{path}.trace").read_text().splitlines()
    calls = ["write" if "write(" in line else "fsync" for line in lines if f"<{path}>" in line]
    assert calls == ["write", "fsync"] * 3
    assert sum("fsync(" in line and f"<{path.parent}>" in line for line in lines) == 1
