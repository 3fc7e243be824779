"""Journals where the file system has no locks: a lock file names the process that uses one, and is never taken for more."""

# ruff: noqa: ASYNC220 -- nothing else runs here meanwhile

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from support.shard_service import ShardService, call

from multicart_async._core import advisory_lock, file_lock
from multicart_async.errors import ArgumentError, DiskError
from multicart_async.models import StartedRun
from multicart_async.resources._items.shard_journal import ShardJournal
from multicart_async.resources.runs._journal import RunJournal

UNSUPPORTED = sorted({errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK})
NAMES = errno.errorcode.__getitem__
HERE = socket.gethostname()
LOCKLESS = """
import asyncio, errno, fcntl, os, sys, time
from multicart_async.resources.runs._journal import RunJournal
def refuse(*_):
    raise OSError(errno.ENOLCK, "No locks available")
fcntl.flock = refuse
async def main():
    async with RunJournal(sys.argv[1]):
        print("open", flush=True)
        sys.stdin.read()
asyncio.run(main())
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs.journal"


@pytest.fixture
def lock(path: Path) -> Path:
    """The lock file of that journal."""
    return path.with_name("runs.journal.lock")


def refuse_locks(monkeypatch: pytest.MonkeyPatch, number: int = errno.ENOLCK) -> None:
    """A file system that has no locks."""

    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)


@pytest.fixture
def no_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_locks(monkeypatch)


async def opened_once(path: Path) -> None:
    """As any program does it."""
    async with RunJournal(path):
        pass


@contextmanager
def another_process(path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """One that has the journal open, without locks, until its input ends."""
    command = [sys.executable, "-c", LOCKLESS, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"open\n"
            yield process
        finally:
            process.kill()


def ended() -> int:
    """The number of a process that is no more."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        return process.pid


def owned_by(host: str, pid: int, token: str = "0" * 16) -> str:
    """What a lock file holds."""
    return json.dumps({"host": host, "pid": pid, "token": token})


@pytest.mark.parametrize("number", [*UNSUPPORTED, None], ids=lambda number: "none" if number is None else NAMES(number))
async def test_a_journal_needs_no_locks(path, lock, monkeypatch, number) -> None:
    """Each error that means so is accepted; the lock file is there while the journal is open, and no longer."""
    if number is None:
        monkeypatch.setattr(advisory_lock, "fcntl", None)
    else:
        refuse_locks(monkeypatch, number)

    async with RunJournal(path) as journal:
        await journal.record("intent", StartedRun(101, 87))
        owner = json.loads(lock.read_text())

    assert (owner["host"], owner["pid"]) == (HERE, os.getpid())
    assert [each.name for each in path.parent.iterdir()] == ["runs.journal"]
    async with RunJournal(path) as journal:
        assert list(journal.entries) == [101]


@pytest.mark.parametrize("number", [errno.EIO, errno.EINVAL, errno.EBADF, errno.EINTR], ids=NAMES)
async def test_a_lock_that_fails_otherwise_is_a_disk_error(path, lock, monkeypatch, number) -> None:
    """Only what means that there are no locks is passed over."""
    refuse_locks(monkeypatch, number)

    with pytest.raises(DiskError) as caught:
        await opened_once(path)

    assert caught.value.errno == number
    assert not lock.exists()


async def test_with_locks_there_is_no_lock_file(path, lock) -> None:
    """Nothing can be left behind."""
    async with RunJournal(path):
        assert not lock.exists()


@pytest.mark.usefixtures("no_locks")
async def test_a_journal_of_shards_is_locked_in_the_same_way(tmp_path) -> None:
    """Both kinds of journal rest on one mechanism."""
    path = tmp_path / "shards.journal"
    async with ShardJournal("AU", "amazon.com.au", "4500", path):
        assert path.with_name("shards.journal.lock").exists()
        with pytest.raises(ArgumentError, match=f"process {os.getpid()} of this host"):
            await call(ShardService(), ["A"], path)

    assert len(await call(ShardService(), ["A"], path)) == 1
    assert [each.name for each in tmp_path.iterdir()] == ["shards.journal"]


@pytest.mark.usefixtures("no_locks")
async def test_a_journal_in_use_in_this_process_is_refused(path, lock) -> None:
    """By a sentence that names file, process and host; the first one goes on, and keeps its lock file."""
    async with RunJournal(path) as first:
        with pytest.raises(ArgumentError) as caught:
            await opened_once(path)
        assert lock.exists()
        await first.record("intent", StartedRun(101, 87))

    text = str(caught.value)
    assert text.startswith(f"journal: {path} is in use by another process: {lock} names ")
    assert f"process {os.getpid()} of this host ({HERE})" in text
    assert not lock.exists()


@pytest.mark.usefixtures("no_locks")
async def test_a_journal_in_use_by_another_process_is_refused(path, lock) -> None:
    """Until it ends; that it was killed is seen at once, and its lock file is taken over."""
    with another_process(path) as other:
        with pytest.raises(ArgumentError, match=f"process {other.pid} of this host"):
            await opened_once(path)
        other.kill()
        other.wait()
        assert lock.exists()

        async with RunJournal(path):
            assert json.loads(lock.read_text())["pid"] == os.getpid()

    assert [each.name for each in path.parent.iterdir()] == ["runs.journal"]


async def test_a_lock_file_counts_where_there_are_locks_too(path, lock) -> None:
    """Another process may reach the same folder in another way, without them."""
    with another_process(path) as other:
        with pytest.raises(ArgumentError, match=f"process {other.pid} of this host"):
            await opened_once(path)
        other.kill()
        other.wait()

        await opened_once(path)

    assert not lock.exists()


@pytest.mark.usefixtures("no_locks")
async def test_the_lock_file_of_another_host_is_not_taken_over(path, lock) -> None:
    """It cannot be seen whether that process runs: the sentence names file, host and process, and says what to do."""
    lock.write_text(owned_by("worker-2", 4711))

    with pytest.raises(ArgumentError) as caught:
        await opened_once(path)

    text = str(caught.value)
    assert text.startswith(
        f"journal: {path} may be in use by another process: {lock} names process 4711 of host 'worker-2'"
    )
    assert "make sure that it has ended, remove that file, and call again" in text
    assert lock.read_text() == owned_by("worker-2", 4711)
    lock.unlink()
    await opened_once(path)


@pytest.mark.usefixtures("no_locks")
@pytest.mark.parametrize("pid", ["ended", "own"])
async def test_the_lock_file_of_a_dead_owner_is_taken_over(path, lock, pid) -> None:
    """Its process is gone; or its number is ours by now, as that of the only process of a container always is."""
    lock.write_text(owned_by(HERE, ended() if pid == "ended" else os.getpid()))

    async with RunJournal(path):
        with pytest.raises(ArgumentError, match="in use by another process"):
            await opened_once(path)

    assert [each.name for each in path.parent.iterdir()] == ["runs.journal"]


@pytest.mark.usefixtures("no_locks")
async def test_a_takeover_that_was_killed_is_taken_over_as_well(path, lock) -> None:
    """Removing a dead lock file is itself guarded by one, which may be left."""
    for each in (lock, lock.with_name("runs.journal.lock.lock"), lock.with_name("runs.journal.lock.lock.lock")):
        each.write_text(owned_by(HERE, ended()))

    async with RunJournal(path):
        assert json.loads(lock.read_text())["pid"] == os.getpid()

    assert [each.name for each in path.parent.iterdir()] == ["runs.journal"]


@pytest.mark.usefixtures("no_locks")
async def test_a_takeover_under_way_is_waited_for_by_people(path, lock) -> None:
    """A living process that is about to take over is named, and nothing is touched."""
    guard = lock.with_name("runs.journal.lock.lock")
    lock.write_text(owned_by(HERE, ended()))
    guard.write_text(owned_by(HERE, 1))

    with pytest.raises(ArgumentError, match=r"runs\.journal\.lock\.lock names process 1 of this host"):
        await opened_once(path)

    assert lock.exists()
    assert guard.exists()


@pytest.mark.usefixtures("no_locks")
async def test_a_living_process_of_another_user_is_not_dead(path, lock, monkeypatch) -> None:
    """The system does not let us signal it, which proves that it lives."""

    def forbidden(*_: int) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    lock.write_text(owned_by(HERE, 1))
    monkeypatch.setattr(os, "kill", forbidden)

    with pytest.raises(ArgumentError, match="process 1 of this host"):
        await opened_once(path)


STRANGE: dict[str, bytes] = {
    "empty": b"",
    "no JSON": b"mine",
    "no UTF-8": b"\xff\xfe",
    "a list": b"[]",
    "deep": b"[" * 3_000,
    "no pid": b'{"host": "x", "token": "0"}',
    "a text for a pid": b'{"host": "x", "pid": "7", "token": "0"}',
    "true for a pid": b'{"host": "x", "pid": true, "token": "0"}',
    "pid 0": json.dumps({"host": HERE, "pid": 0, "token": "0"}).encode(),
    "a group": json.dumps({"host": HERE, "pid": -1, "token": "0"}).encode(),
    "no pid at all": json.dumps({"host": HERE, "pid": 1 << 70, "token": "0"}).encode(),
    "no host": b'{"pid": 7, "token": "0"}',
    "no token": b'{"host": "x", "pid": 7}',
    "far too long": b'{"host": "' + b"x" * 100_000,
}


@pytest.mark.usefixtures("no_locks")
@pytest.mark.parametrize("content", STRANGE.values(), ids=STRANGE)
async def test_a_lock_file_that_says_nothing_is_respected(path, lock, content) -> None:
    """A process may be about to write it, or a power cut has left it: no signal is sent, and it is for people to decide."""
    lock.write_bytes(content)

    with pytest.raises(
        ArgumentError, match=r"cannot be read as a lock file.*remove that file, and call again"
    ) as caught:
        await opened_once(path)

    assert lock.read_bytes() == content
    assert len(str(caught.value)) < 400


@pytest.mark.usefixtures("no_locks")
async def test_a_lock_file_is_read_again_while_it_is_being_written(path, lock, monkeypatch) -> None:
    """Between its making and its writing it is empty."""
    lock.write_bytes(b"")
    slept: list[float] = []

    def written_meanwhile(seconds: float) -> None:
        slept.append(seconds)
        lock.write_text(owned_by(HERE, 1))

    monkeypatch.setattr(file_lock.time, "sleep", written_meanwhile)

    with pytest.raises(ArgumentError, match="process 1 of this host"):
        await opened_once(path)
    assert len(slept) == 1


@pytest.mark.usefixtures("no_locks")
@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
async def test_planted_things_of_that_name_are_respected(path, lock, kind) -> None:
    """None is followed, none hangs, none is removed."""
    victim = path.with_name("victim")
    victim.write_text(owned_by(HERE, ended()))
    {"link": lambda: lock.symlink_to(victim), "pipe": lambda: os.mkfifo(lock), "folder": lock.mkdir}[kind]()

    with pytest.raises(ArgumentError, match="cannot be read as a lock file"):
        await opened_once(path)

    assert lock.is_symlink() or not lock.is_file()
    assert victim.read_text()


@pytest.mark.usefixtures("no_locks")
@pytest.mark.parametrize("owner", ["of this host", "of another host", "of an earlier process", "none"])
async def test_a_lock_file_that_is_not_ours_is_not_removed(path, lock, owner) -> None:
    """Another process, after its user did what the error says, may have removed ours and made its own meanwhile."""
    owners = {
        "of this host": (HERE, 1),
        "of another host": ("worker-2", 4711),
        "of an earlier process": (HERE, os.getpid()),
    }
    other = owned_by(*owners[owner]) if owner in owners else ""
    async with RunJournal(path):
        lock.write_text(other)

    assert lock.read_text() == other


@pytest.mark.usefixtures("no_locks")
async def test_a_lock_file_that_is_gone_at_the_end_is_no_error(path, lock) -> None:
    """Nor is a folder that is gone."""
    async with RunJournal(path):
        lock.unlink()

    assert not lock.exists()


@pytest.mark.usefixtures("no_locks")
async def test_a_lock_file_that_cannot_be_removed_has_no_owner(path, lock, monkeypatch) -> None:
    """The journal is closed all the same, and can be opened again in this process."""
    with monkeypatch.context() as patch:
        async with RunJournal(path):
            patch.setattr(Path, "unlink", refuse)
    assert lock.exists()

    async with RunJournal(path):
        assert lock.exists()
    assert not lock.exists()


@pytest.mark.usefixtures("no_locks")
async def test_a_lock_file_that_stays_after_a_failure_has_no_owner(path, lock, monkeypatch) -> None:
    """It could be neither flushed nor removed: once the disk is well again, the journal can be opened."""
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", refuse)
        patch.setattr(Path, "unlink", refuse)
        with pytest.raises(DiskError):
            await opened_once(path)
    assert lock.exists()

    await opened_once(path)
    assert not lock.exists()


def refuse(*_: object) -> None:
    """A folder that has become read-only."""
    raise OSError(errno.EROFS, "Read-only file system")


@pytest.mark.usefixtures("no_locks")
async def test_the_journal_that_was_refused_leaves_no_lock_file(path, lock) -> None:
    """A damaged journal, once put right, can be opened at once."""
    path.write_bytes(b"something else\n")
    with pytest.raises(ArgumentError, match="expected a journal of this kind"):
        await opened_once(path)

    assert not lock.exists()
    assert path.read_bytes() == b"something else\n"


FORK = """
import os, sys
from pathlib import Path
from multicart_async._core import advisory_lock, file_lock
advisory_lock.fcntl = None
one = file_lock.FileLock(Path(sys.argv[1]))
one.acquire(None)
child = os.fork()
if not child:
    one.release()
    os._exit(0)
os.waitpid(child, 0)
print(os.listdir(os.path.dirname(sys.argv[1])))
one.release()
"""


def test_a_child_process_does_not_let_go_of_its_parents_journal(path, lock) -> None:
    """What a fork inherits is not the child's to remove."""
    done = subprocess.run([sys.executable, "-c", FORK, str(path)], capture_output=True, text=True, check=True)

    assert done.stdout == "['runs.journal.lock']\n"
    assert not lock.exists()


@pytest.mark.usefixtures("no_locks")
async def test_a_full_disk_leaves_no_lock_file_without_an_owner(path, lock, monkeypatch) -> None:
    """One that cannot be written is removed again, and the error is the disk's."""

    def full(*_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(DiskError) as caught:
        await opened_once(path)

    assert caught.value.errno == errno.ENOSPC
    assert not lock.exists()


@pytest.mark.usefixtures("no_locks")
async def test_a_folder_that_takes_no_lock_file_is_named(path, lock, monkeypatch) -> None:
    """The journal itself could be written, so the error says which file could not be made."""
    make = os.open

    def refuse(name: Any, flags: int, *mode: int, **more: Any) -> int:
        if str(name) == str(lock) and flags & os.O_CREAT:
            raise PermissionError(errno.EACCES, "Permission denied", str(name))
        return make(name, flags, *mode, **more)

    monkeypatch.setattr(os, "open", refuse)

    with pytest.raises(DiskError, match="Permission denied") as caught:
        await opened_once(path)

    assert (caught.value.name, caught.value.errno) == (str(lock), errno.EACCES)


@pytest.mark.usefixtures("no_locks")
def test_two_that_find_a_dead_owner_do_not_both_take_over(path, lock, monkeypatch) -> None:
    """The slower one, at any step, finds the other one there, and does not remove its lock file."""
    for step in range(12):
        lock.write_text(owned_by(HERE, ended()))
        got = takers(path, monkeypatch, step)
        assert got.count("open") == 1, (step, got)
        assert sorted(each.name for each in path.parent.iterdir()) == [], step


def takers(path: Path, monkeypatch: pytest.MonkeyPatch, step: int) -> list[str]:
    """What becomes of two locks: the first one is held up before its system call of that number until the second is done."""
    got: list[str] = []
    first, second = file_lock.FileLock(path), file_lock.FileLock(path)

    def take(one: file_lock.FileLock) -> None:
        try:
            one.acquire(None)  # type: ignore[arg-type] -- there are no locks, so the file is not looked at
        except BlockingIOError:
            got.append("refused")
        else:
            got.append("open")

    calls = 0
    held = threading.get_ident()

    def stepwise(real: Any) -> Any:
        def called(*arguments: Any, **more: Any) -> Any:
            nonlocal calls
            if threading.get_ident() == held:
                calls += 1
                if calls == step + 1:
                    other = threading.Thread(target=take, args=(second,))
                    other.start()
                    other.join()
            return real(*arguments, **more)

        return called

    with monkeypatch.context() as patch:
        for module, name in ((os, "open"), (os, "kill"), (Path, "unlink")):
            patch.setattr(module, name, stepwise(getattr(module, name)))
        take(first)
    if calls <= step:
        take(second)
    for one in (first, second):
        one.release()
    return got


@pytest.mark.usefixtures("no_locks")
@pytest.mark.heavy
async def test_many_processes_take_over_one_after_another(path) -> None:
    """Of several that are started at once, each that opens the journal has it alone."""
    script = LOCKLESS.replace(
        "sys.stdin.read()",
        "open(sys.argv[1] + '.seen', 'a').write('in '), time.sleep(0.02), "
        "open(sys.argv[1] + '.seen', 'a').write('out ')",
    )
    path.with_name("runs.journal.lock").write_text(owned_by(HERE, ended()))
    command = [sys.executable, "-c", script, str(path)]
    running = [subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for _ in range(6)]
    ends = [process.wait() for process in running]

    seen = path.with_name("runs.journal.seen").read_text().split()
    assert seen == ["in", "out"] * (len(seen) // 2)
    assert ends.count(0) == len(seen) // 2 >= 1


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
@pytest.mark.heavy
def test_the_system_may_have_no_locks(path) -> None:
    """The same with the real system call: open, noted, closed, and no lock file left."""
    script = LOCKLESS.replace("fcntl.flock = refuse\n", "").replace("sys.stdin.read()", "print(*sorted(os.listdir()))")
    path.parent.joinpath("f").mkdir()
    for number in UNSUPPORTED:
        watch = ["strace", "-f", "-qq", "-o", str(path), "-e", f"inject=flock:error={number}"]
        command = [*watch, sys.executable, "-c", script, "runs.journal"]
        done = subprocess.run(command, cwd=path.parent / "f", capture_output=True, text=True, check=True, timeout=50)

        assert done.stdout.split() == ["open", "runs.journal", "runs.journal.lock"]
        assert [each.name for each in (path.parent / "f").iterdir()] == ["runs.journal"]
