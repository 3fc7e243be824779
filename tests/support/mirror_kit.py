"""What the tests of mirrors share: paths of the service, sinks that watch or refuse, and looks at a folder."""

from __future__ import annotations

import errno
import os
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import Any

from multicart_async._sync.engine import Synchronizer
from multicart_async._sync.options import SyncOptions
from multicart_async.errors import DiskError
from multicart_async.sandbox import Sandbox
from multicart_async.sinks import DirectorySink, Sink
from support.groups import Groups

LIST = "/schedules/get_schedules/"
HISTORY = "/schedules/collections/results/download/"
FILE = "/results/{collection_id}/{runner_id}/{file_name}"
_RESULT = re.compile(r"(page-\d{4}\.json|all-pages\.zip|category_asins\.\w+)\Z")


def mirror_over(
    groups: Groups,
    sink: Sink,
    *,
    workers: tuple[int, int] = (1, 1),
    now: Callable[[], float] = time.monotonic,
    **options: Any,
) -> Synchronizer:
    """What `AsyncMultiCart.sync` makes, over these groups; *workers* are those that list and those that fetch."""
    return Synchronizer(
        SyncOptions(**options),
        sink,
        collections=groups.collections,
        runs=groups.runs,
        downloads=groups.results,
        listers=workers[0],
        fetchers=workers[1],
        now=now,
    )


def asked(sandbox: Sandbox) -> dict[str, int]:
    """The requests that came since the last call; a history counts once, though an empty page shows that it has ended."""
    counts = dict(sandbox.counts)
    if HISTORY in counts:
        counts[HISTORY] = sum(request.path == HISTORY and not request.fields["skip"] for request in sandbox.requests)
    sandbox.recording.clear()
    return counts


def tree(folder: Path) -> dict[str, bytes]:
    """Everything below a folder, temporary files too, but for the sums that follow from the manifest."""
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != "SHA256SUMS"]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def results(folder: Path) -> list[str]:
    """The result files below a folder."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if _RESULT.search(path.name))


def runs_below(folder: Path) -> set[str]:
    """The runs below a folder that are complete."""
    return {str(path.parent.relative_to(folder)) for path in folder.rglob("manifest.json")}


def temporaries(folder: Path) -> list[str]:
    """What must not be left."""
    return [name for name in tree(folder) if Path(name).name.startswith(".mc-")]


def open_below(folder: Path) -> list[str]:
    """What this process has open below a folder."""
    found = [os.path.realpath(link) for link in Path("/proc/self/fd").iterdir()]
    return [path for path in found if path.startswith(f"{folder}/")]


async def stream_of(ids: Iterable[int]) -> AsyncIterator[int]:
    """Ids as they come."""
    for number in ids:
        yield number


class WatchedSink(DirectorySink):
    """A folder that counts what is done with it: ``seen["read manifest.json"]``."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.seen: Counter[str] = Counter()

    async def put(self, name: str, chunks: AsyncIterator[bytes]) -> None:
        self._note("put", name)
        await super().put(name, chunks)

    async def read(self, name: str) -> bytes | None:
        self._note("read", name)
        return await super().read(name)

    def iter_bytes(self, name: str) -> AsyncIterator[bytes]:
        self._note("chunks", name)
        return super().iter_bytes(name)

    def _note(self, verb: str, name: str) -> None:
        self.seen[f"{verb} {name.rpartition('/')[2]}"] += 1


class FullSink(DirectorySink):
    """A folder on a disk that refuses after so many files."""

    def __init__(self, root: Path, room: int, number: int = errno.ENOSPC) -> None:
        super().__init__(root)
        self._room = room
        self._number = number

    async def put(self, name: str, chunks: AsyncIterator[bytes]) -> None:
        self._room -= 1
        if self._room < 0:
            raise DiskError(name, "no", self._number)
        await super().put(name, chunks)


class PlainSink:
    """The least that a `Sink` can do."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    async def put(self, name: str, chunks: AsyncIterator[bytes]) -> None:
        self.files[name] = b"".join([chunk async for chunk in chunks])

    async def read(self, name: str) -> bytes | None:
        return self.files.get(name)

    async def size(self, name: str) -> int | None:
        return len(self.files[name]) if name in self.files else None
