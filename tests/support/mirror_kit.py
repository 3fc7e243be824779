"""What the tests of mirrors share: paths of the service, and what lies in a folder."""

from __future__ import annotations

import os
import re
import time
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import Any

from multicart_async._sync.engine import Synchronizer
from multicart_async._sync.options import SyncOptions
from multicart_async.sandbox import Sandbox
from multicart_async.sinks import Sink
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
