"""What lies in a mirror: collections and runs, as distinct from folders that other programs put there."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping

import attrs

from multicart_async._core.threads import run_in_thread
from multicart_async._downloads.folder import STAGING, SUMS
from multicart_async._downloads.manifest import MANIFEST, PROGRESS, Manifest, parse_manifest
from multicart_async._downloads.plan import is_ours
from multicart_async._sync.state import load_state
from multicart_async.errors import DownloadError
from multicart_async.sinks import DirectorySink, ListableSink

__all__ = ["MirrorTree", "RunFolder", "folder_ids"]

_ID = re.compile(r"[1-9][0-9]{0,18}\Z")
_PLAIN = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*\Z")
_FIXED = frozenset({MANIFEST, PROGRESS, SUMS})


@attrs.frozen
class RunFolder:
    """The folder of a run: *names* is what it holds, *listed* the names in its manifest and in its notes of progress.

    It is *complete* if it has a manifest, and all that it lists. It is of *another* run if its manifest says so.
    """

    path: str
    names: Mapping[str, int | None]
    listed: frozenset[str] = frozenset()
    complete: bool = False
    another: bool = False

    @property
    def ours(self) -> list[str]:
        """The files that this library has put there, or may have."""
        names = (name for name, size in self.names.items() if size is not None)
        return [name for name in names if _is_of_a_run(name) or name in self.listed]

    @property
    def foreign(self) -> list[str]:
        """The rest."""
        ours = {*self.ours, *([STAGING] if self.has_staging else [])}
        return sorted(name for name in self.names if name not in ours)

    @property
    def has_staging(self) -> bool:
        """Whether there is a folder with files that are to replace others."""
        return self.names.get(STAGING, 0) is None

    @property
    def has_files(self) -> bool:
        """Whether there is something of this run in it."""
        return not self.another and (self.has_staging or bool(self.ours))


class MirrorTree:
    """The folders of *sink*. Nothing is remembered: other processes may work there too."""

    def __init__(self, sink: ListableSink) -> None:
        self.sink = sink

    async def collections(self) -> set[int]:
        """Return the ids after which folders are named."""
        return folder_ids(await self.sink.list(""))

    async def runs(self, collection: int) -> set[int]:
        """Return the ids after which the folders of a collection are named."""
        return folder_ids(await self.sink.list(str(collection)))

    async def is_collection(self, collection: int) -> bool:
        """Return whether the folder is that of a collection: one of its runs has a manifest, or it has the note of a mirror.

        So is one of which nothing is left but empty folders of runs: a removal that was interrupted.
        """
        if await load_state(self.sink, collection) is not None:
            return True
        there = await self.sink.list(str(collection))
        runs = folder_ids(there)
        empty = len(runs) == len(there)
        for run in sorted(runs):
            folder = await self.run(collection, run)
            if folder.listed:
                return True
            empty = empty and self._is_left_empty(folder)
        return bool(runs) and empty

    async def is_run(self, collection: int, run: int) -> bool:
        """Return whether a folder in that of a collection is that of a run, by the names in it alone."""
        path = f"{collection}/{run}"
        return self.holds_run(RunFolder(path, await self.sink.list(path)))

    async def run(self, collection: int, run: int) -> RunFolder:
        """Return what the folder of a run holds, and what it says of itself."""
        path = f"{collection}/{run}"
        names = await self.sink.list(path)
        listed: set[str] = set()
        complete = another = False
        for name in (MANIFEST, PROGRESS):
            manifest = await self._manifest(f"{path}/{name}") if names.get(name) is not None else None
            if manifest is None:
                continue
            if (manifest.collection_id, manifest.run_id) != (collection, run):
                another = True
                continue
            listed |= {name, *(file.name for file in manifest.files if _PLAIN.match(file.name))}
            if name == MANIFEST:
                complete = all(names.get(file.name) == file.size for file in manifest.files)
        return RunFolder(path, names, frozenset(listed), complete, another)

    async def unfinished_runs(self, collection: int) -> set[int]:
        """Return the runs of a collection whose folders have no manifest: their download was interrupted.

        What cannot be listed is passed over.
        """
        found: set[int] = set()
        with contextlib.suppress(DownloadError):
            for run in await self.runs(collection):
                path = f"{collection}/{run}"
                with contextlib.suppress(DownloadError):
                    names = await self.sink.list(path)
                    if MANIFEST not in names and self.holds_run(RunFolder(path, names)):
                        found.add(run)
        return found

    def holds_run(self, folder: RunFolder) -> bool:
        """Return whether a folder in that of a collection is that of a run, or what an interrupted removal left of one."""
        return folder.has_files or self._is_left_empty(folder)

    def _is_left_empty(self, folder: RunFolder) -> bool:
        return not folder.names and isinstance(self.sink, DirectorySink)  # others could not get rid of it

    async def _manifest(self, name: str) -> Manifest | None:
        payload = await self._read(name)
        manifest = None if payload is None else await run_in_thread(parse_manifest, payload)
        return manifest if isinstance(manifest, Manifest) else None

    async def _read(self, name: str) -> bytes | None:
        try:
            return await self.sink.read(name)
        except DownloadError:  # a pipe, or a file that may not be read: it proves nothing
            return None


def folder_ids(names: Mapping[str, int | None]) -> set[int]:
    """Return the ids after which folders among *names* are named; the size of a folder is ``None``."""
    return {int(name) for name, size in names.items() if size is None and _ID.match(name)}


def _is_of_a_run(name: str) -> bool:
    return name in _FIXED or is_ours(name)
