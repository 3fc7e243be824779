"""A user without rights works in the destination at the same time: nothing outside of it is touched, and nothing hangs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
import pytest

from multicart_async import errors

ROUNDS = int(os.environ.get("MULTICART_ATTACKS", "12"))  # of each call; many more at length
LIMIT = 20.0  # seconds for a call that takes one: who waits longer is held by a pipe
CANARY = b"nothing of this may be read"
pytestmark = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root, to have another user beside it"
)


@contextmanager
def attacked(folder: Path, outside: Path, seed: int) -> Iterator[None]:
    """Another user harms *folder* meanwhile."""
    script = Path(__file__).parents[1] / "support" / "attacker.py"
    attacker = subprocess.Popen(
        [sys.executable, str(script), str(folder), str(outside), str(seed)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert attacker.stdout is not None
        assert attacker.stdout.readline() == "ready\n"
        yield
        told, _ = attacker.communicate("", timeout=20)
        assert int(told) > 10
    finally:
        attacker.kill()
        attacker.communicate()


@pytest.fixture
def places(tmp_path) -> Iterator[tuple[Path, Path]]:
    """A destination in which all users may write, and a folder that only this user may enter."""
    for path in (tmp_path, *tmp_path.parents[:-1]):
        path.chmod(path.stat().st_mode | 0o711)
    dest, outside = tmp_path / "dest", tmp_path / "outside"
    dest.mkdir()
    dest.chmod(0o777)
    outside.mkdir(0o700)
    before = os.umask(0)  # what we make, the other may change
    yield dest, outside
    os.umask(before)


def copied(source: Path, outside: Path) -> None:
    """Make *outside* look as the mirror in *source*, with other content: what a link leads to looks right."""
    for path in sorted(source.rglob("*")):
        there = outside / path.relative_to(source)
        if path.is_dir():
            there.mkdir(exist_ok=True)
        else:
            there.write_bytes(CANARY * 100)
    (outside / "precious").write_bytes(CANARY)


def age(folder: Path) -> None:
    """Give all files below a folder such an old time of access that any read of them renews it."""
    for path in folder.rglob("*"):
        if path.is_file():
            os.utime(path, (1, 2))


def looks(folder: Path) -> dict[str, tuple[float, float, int]]:
    """Times of access and change, and the mode, of all that lies below a folder."""
    found = {str(path.relative_to(folder)): (path, path.stat()) for path in folder.rglob("*")}
    return {
        name: (seen.st_atime if path.is_file() else 0, seen.st_mtime, seen.st_mode)
        for name, (path, seen) in found.items()
    }


@pytest.mark.parametrize("seed", [1, 2])
async def test_nothing_outside_is_read_written_or_removed(sandbox, client, places, seed) -> None:
    """No call reads, writes or removes anything outside, and each ends in time, with a value or an error of ours."""
    dest, outside = places
    ids = sandbox.add_collections(3, runs=2, items=5)
    await client.sync(dest, runs="all", files="both")
    copied(dest, outside)
    run = await client.runs.latest(ids[0])
    assert run is not None
    works: dict[str, Callable[[], Awaitable[object]]] = {
        "sync": lambda: client.sync(dest, runs="all", files="both"),
        "overwrite": lambda: client.sync(dest, overwrite=True),
        "prune": lambda: client.sync(dest, prune=True, keep=1),
        "verify": lambda: client.verify(dest),
        "repair": lambda: client.verify(dest, repair=True),
        "download": lambda: client.runs.download(run, dest, overwrite=True),
        "export": lambda: client.asins.export_csv(ids[0], dest / "asins.csv"),
    }
    age(outside)
    before = looks(outside)
    outcomes: Counter[str] = Counter()

    with attacked(dest, outside, seed):
        for _ in range(ROUNDS):
            for name, work in works.items():
                with anyio.fail_after(LIMIT):
                    try:
                        await work()
                        outcomes[name, "done"] += 1
                    except errors.MultiCartError as error:
                        outcomes[name, type(error).__name__] += 1

    assert looks(outside) == before
    assert {path.read_bytes() for path in outside.rglob("*") if path.is_file()} == {CANARY * 100, CANARY}
    assert sum(outcomes.values()) == ROUNDS * len(works)
    for path in dest.rglob("*"):
        if path.is_file() and not path.is_symlink():
            assert CANARY not in path.read_bytes()
