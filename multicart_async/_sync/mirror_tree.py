"""List the collections and runs of a mirror, and tell them from folders of other programs."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping

import attrs

from multicart_async._core.threads import run_in_thread
from multicart_async._downloads.folder import STAGING, SUMS
from multicart_async._downloads.manifest import MANIFEST, PROGRESS, Manifest, parse_manifest
from multicart_async._downloads.plan import is_run_file
from multicart_async._sync.state import load_state
from multicart_async.errors import DownloadError
from multicart_async.sinks import DirectorySink, ListableSink
from multicart_async.sinks._names import LOCK

__all__ = ["MirrorTree", "RunFolder", "folder_ids"]

_ID = re.compile(r"[1-9][0-9]{0,18}\Z")
_PLAIN = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*\Z")
_FIXED = frozenset({MANIFEST, PROGRESS, SUMS, LOCK})


@attrs.frozen
class RunFolder:
    """The folder of a run: *names* are its entries, *listed* the names in its manifest and its progress file.

    It is *complete* if it has a manifest and all files listed there. *of_another_run* is true if its manifest belongs to
    another run.
    """

    path: str
    names: Mapping[str, int | None]
    listed: frozenset[str] = frozenset()
    complete: bool = False
    of_another_run: bool = False

    @property
    def own_files(self) -> list[str]:
        """The files that this library has written, or may have written."""
        names = (name for name, size in self.names.items() if size is not None)
        return [name for name in names if _is_own_name(name) or name in self.listed]

    @property
    def foreign_files(self) -> list[str]:
        """All other entries."""
        own = {*self.own_files, *([STAGING] if self.has_staging else [])}
        return sorted(name for name in self.names if name not in own)

    @property
    def has_staging(self) -> bool:
        """Whether there is a staging folder."""
        return self.names.get(STAGING, 0) is None

    @property
    def has_files(self) -> bool:
        """Whether the folder contains files of this run."""
        return not self.of_another_run and (self.has_staging or bool(self.own_files))


class MirrorTree:
    """The folders of *sink*. Nothing is cached, because other processes may work there too."""

    def __init__(self, sink: ListableSink) -> None:
        self.sink = sink

    async def collections(self) -> set[int]:
        """Return the ids of the collections that have a folder."""
        return folder_ids(await self.sink.list(""))

    async def runs(self, collection: int) -> set[int]:
        """Return the ids of the runs that have a folder in that of the collection."""
        return folder_ids(await self.sink.list(str(collection)))

    async def is_collection(self, collection: int) -> bool:
        """Return whether a folder belongs to a collection: it has a state file, or one of its runs has a manifest.

        A folder with nothing but empty folders of runs counts too: its removal was interrupted.
        """
        if await load_state(self.sink, collection) is not None:
            return True
        names = await self.sink.list(str(collection))
        runs = folder_ids(names)
        empty = len(runs) == len(names)
        for run in sorted(runs):
            folder = await self.run(collection, run)
            if folder.listed:
                return True
            empty = empty and self._is_empty(folder)
        return bool(runs) and empty

    async def is_run(self, collection: int, run: int) -> bool:
        """Return whether a folder belongs to a run, judging only by the names in it."""
        path = f"{collection}/{run}"
        return self.holds_run(RunFolder(path, await self.sink.list(path)))

    async def run(self, collection: int, run: int) -> RunFolder:
        """Return the entries of the folder of a run, and the state according to its manifest and progress file."""
        path = f"{collection}/{run}"
        names = await self.sink.list(path)
        listed: set[str] = set()
        complete = of_another_run = False
        for name in (MANIFEST, PROGRESS):
            manifest = await self._manifest(f"{path}/{name}") if names.get(name) is not None else None
            if manifest is None:
                continue
            if (manifest.collection_id, manifest.run_id) != (collection, run):
                of_another_run = True
                continue
            listed |= {name, *(file.name for file in manifest.files if _PLAIN.match(file.name))}
            if name == MANIFEST:
                complete = all(names.get(file.name) == file.size for file in manifest.files)
        return RunFolder(path, names, frozenset(listed), complete, of_another_run)

    async def unfinished_runs(self, collection: int) -> set[int]:
        """Return the runs of a collection whose folders have no manifest, because their download was interrupted.

        Folders that cannot be listed are skipped.
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
        """Return whether a folder belongs to a run, or is left from the interrupted removal of one."""
        return folder.has_files or self._is_empty(folder)

    def _is_empty(self, folder: RunFolder) -> bool:
        return not folder.names and isinstance(self.sink, DirectorySink)  # other sinks have no empty folders

    async def _manifest(self, name: str) -> Manifest | None:
        payload = await self._read(name)
        manifest = None if payload is None else await run_in_thread(parse_manifest, payload)
        return manifest if isinstance(manifest, Manifest) else None

    async def _read(self, name: str) -> bytes | None:
        try:
            return await self.sink.read(name)
        except DownloadError:  # such as a pipe or an unreadable file, which proves nothing
            return None


def folder_ids(names: Mapping[str, int | None]) -> set[int]:
    """Return the ids that are names of folders in *names*; the size of a folder is ``None``."""
    return {int(name) for name, size in names.items() if size is None and _ID.match(name)}


def _is_own_name(name: str) -> bool:
    return name in _FIXED or is_run_file(name)
