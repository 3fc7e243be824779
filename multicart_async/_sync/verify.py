"""Is a mirror as it was written? Read again from end to end, without asking the service anything."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Iterable

import attrs

from multicart_async._core.threads import run_in_thread
from multicart_async._downloads.folder import STAGING, SUMS, decode_manifest
from multicart_async._downloads.manifest import MANIFEST, PROGRESS, Manifest, ManifestFile
from multicart_async._sync.mirror_tree import folder_ids
from multicart_async.errors import ArgumentError, DownloadError, MultiCartError
from multicart_async.models import VerifyFailure, VerifyReport
from multicart_async.sinks import ListableSink
from multicart_async.sinks._protocol import closing

__all__ = ["DamagedRun", "verify"]

_OURS = frozenset({MANIFEST, PROGRESS, SUMS})


@attrs.frozen
class DamagedRun:
    """A run that is not as its manifest says.

    ``names`` lie in its folder, ``files`` are those that its manifest lists, ``damaged`` those of them that are missing
    or changed. Without a manifest that can be trusted the latter two are empty.
    """

    collection: int
    run: int
    names: frozenset[str]
    files: frozenset[str]
    damaged: frozenset[str]


Repair = Callable[[DamagedRun], Awaitable[frozenset[str]]]
"""Fetches what is damaged; returns the names of the files that are good now."""


async def verify(
    sink: ListableSink, recover: Callable[[str], Awaitable[None]], repair: Repair | None = None
) -> VerifyReport:
    """Compare every file of every run below *sink* with its manifest, by size and SHA-256.

    Folders that are not named by ids are not the mirror's, and are passed over. What cannot be read is a failure like
    any other, but for the top. *recover* completes a new version that was sealed in a folder and not swapped in.
    """
    found = _Findings(sink, recover, repair)
    for collection in sorted(folder_ids(await sink.list(""))):
        for run in sorted(folder_ids(await found.listed(str(collection)) or {})):
            await found.check(collection, run)
    return found.report()


class _Findings:
    def __init__(self, sink: ListableSink, recover: Callable[[str], Awaitable[None]], repair: Repair | None) -> None:
        self._sink = sink
        self._recover = recover
        self._repair = repair
        self._runs = self._files = self._bytes = 0
        self._failures: list[VerifyFailure] = []
        self._repaired: list[str] = []

    def report(self) -> VerifyReport:
        """All that was found."""
        return VerifyReport(
            runs=self._runs,
            files=self._files,
            bytes=self._bytes,
            failures=tuple(self._failures),
            repaired=tuple(self._repaired),
        )

    async def listed(self, folder: str) -> dict[str, int | None] | None:
        """List *folder*; return ``None``, and note a failure, where it cannot be read."""
        try:
            return await self._sink.list(folder)
        except MultiCartError as error:
            self._failures.append(_unreadable(folder, error))
            return None

    async def check(self, collection: int, run: int) -> None:
        """Check a run, and repair it where that was asked for."""
        self._runs += 1
        folder = f"{collection}/{run}"
        there = await self.listed(folder)
        if there is not None and STAGING in there:
            there = await self._recovered(folder)
        if there is None:
            return
        failures, damaged = await self._failures_of(DamagedRun(collection, run, frozenset(there), *_NOTHING), there)
        if failures and self._repair is not None:
            failures = await self._repaired_of(self._repair, folder, failures, damaged)
        self._failures += failures

    async def _recovered(self, folder: str) -> dict[str, int | None] | None:
        try:
            await self._recover(folder)
        except MultiCartError as error:
            self._failures.append(_unreadable(f"{folder}/{STAGING}", error))
        return await self.listed(folder)

    async def _repaired_of(
        self, repair: Repair, folder: str, failures: list[VerifyFailure], damaged: DamagedRun
    ) -> list[VerifyFailure]:
        """Return the failures that stay. Without a trusted manifest, only the new one shows what is surplus."""
        try:
            good = await repair(damaged)
        except MultiCartError as error:  # of a client that was closed too: the next wait ends the call
            tried = {folder, f"{folder}/{MANIFEST}", *(f"{folder}/{name}" for name in damaged.damaged)}
            return [
                VerifyFailure(one.path, f"{one.reason}; not repaired: {error}") if one.path in tried else one
                for one in failures
            ]
        self._repaired += sorted(f"{folder}/{name}" for name in good)
        if damaged.files:
            return [one for one in failures if one.path.removeprefix(f"{folder}/") not in good]
        there = await self.listed(folder) or {}
        failures, _ = await self._failures_of(attrs.evolve(damaged, names=frozenset(there)), there)
        return failures

    async def _failures_of(
        self, found: DamagedRun, there: dict[str, int | None]
    ) -> tuple[list[VerifyFailure], DamagedRun]:
        folder = f"{found.collection}/{found.run}"
        path = f"{folder}/{MANIFEST}"
        try:
            payload = await self._sink.read(path)
        except MultiCartError as error:
            return [_unreadable(path, error)], found
        if payload is None:
            return [VerifyFailure(folder, "there is no manifest: the run is not complete")], found
        manifest = await decode_manifest(payload, folder)
        if isinstance(manifest, str):
            return [VerifyFailure(path, f"the manifest is not trusted: {manifest}")], found
        failures = [failure for file in manifest.files if (failure := await self._compare(folder, file, there))]
        damaged = frozenset(failure.path.rpartition("/")[2] for failure in failures)
        listed = frozenset(file.name for file in manifest.files)
        failures += [
            VerifyFailure(f"{folder}/{name}", "surplus: the manifest does not list it")
            for name in await self._surplus(folder, there, manifest)
        ]
        return failures, attrs.evolve(found, files=listed, damaged=damaged)

    async def _surplus(self, folder: str, there: Iterable[str], manifest: Manifest) -> list[str]:
        """Return the files that neither the manifest nor the progress file of an interrupted download lists."""
        surplus = {name for name in there if not name.startswith(".")} - _OURS
        surplus -= {file.name for file in manifest.files}
        if surplus and PROGRESS in there:
            notes = await self._notes(folder)
            surplus -= {file.name for file in notes.files} if notes else set()
        return sorted(surplus)

    async def _notes(self, folder: str) -> Manifest | None:
        try:
            payload = await self._sink.read(f"{folder}/{PROGRESS}")
        except DownloadError:
            return None
        notes = None if payload is None else await decode_manifest(payload, folder)
        return notes if isinstance(notes, Manifest) else None

    async def _compare(self, folder: str, file: ManifestFile, there: dict[str, int | None]) -> VerifyFailure | None:
        path = f"{folder}/{file.name}"
        size = there.get(file.name)
        if size is None:
            return VerifyFailure(path, "missing: what has its name is not a file" if file.name in there else "missing")
        self._files += 1
        if size != file.size:
            return VerifyFailure(path, f"changed: {size} bytes, not {file.size}")
        try:
            digest = await self._digest(path)
        except MultiCartError as error:
            return _unreadable(path, error)
        return None if digest == file.sha256 else VerifyFailure(path, "changed: another SHA-256")

    async def _digest(self, path: str) -> str:
        digest = hashlib.sha256()
        async with closing(self._sink.iter_bytes(path)) as chunks:
            async for chunk in chunks:
                self._bytes += len(chunk)
                await run_in_thread(digest.update, chunk)
        return digest.hexdigest()


_NOTHING: tuple[frozenset[str], frozenset[str]] = (frozenset(), frozenset())


def _unreadable(path: str, error: MultiCartError) -> VerifyFailure:
    if isinstance(error, ArgumentError):
        return VerifyFailure(path, "the manifest lists a file name that cannot occur in a run")
    reason = error.reason if isinstance(error, DownloadError) else str(error)
    return VerifyFailure(path, f"cannot be read: {reason}")
