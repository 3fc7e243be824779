"""Verify a mirror: read all its files again and compare them with the manifests, without any request."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Iterable

import attrs

from multicart_async._core.tasks import run_workers
from multicart_async._core.threads import run_in_thread
from multicart_async._downloads.folder import STAGING, SUMS, decode_manifest
from multicart_async._downloads.manifest import MANIFEST, PROGRESS, Manifest, ManifestFile
from multicart_async._sync.mirror_tree import folder_ids
from multicart_async.errors import ArgumentError, DownloadError, MultiCartError
from multicart_async.models import VerifyFailure, VerifyReport
from multicart_async.sinks import ListableSink, ObjectStoreSink
from multicart_async.sinks._object_calls import MAX_CALLS
from multicart_async.sinks._protocol import closing

__all__ = ["DamagedRun", "verify"]

_OWN_NAMES = frozenset({MANIFEST, PROGRESS, SUMS})


@attrs.frozen
class DamagedRun:
    """A run that does not match its manifest.

    ``names`` are the entries of its folder, ``files`` the names in its manifest, and ``damaged`` those of them that are
    missing or changed. Without a trusted manifest, the last two are empty.
    """

    collection: int
    run: int
    names: frozenset[str]
    files: frozenset[str]
    damaged: frozenset[str]


Repair = Callable[[DamagedRun], Awaitable[frozenset[str]]]
"""Fetch the damaged files again; return the names of the files that are valid now."""


async def verify(
    sink: ListableSink, recover: Callable[[str], Awaitable[None]], repair: Repair | None = None
) -> VerifyReport:
    """Compare every file of every run below *sink* with its manifest, by size and SHA-256.

    Folders whose names are not ids do not belong to the mirror and are skipped. A file or folder that cannot be read is
    a failure, except for the destination itself. *recover* completes a sealed new version that was not swapped in.
    """
    verifier = _Verifier(sink, recover, repair)

    async def check_collection(collection: int) -> None:
        for run in sorted(folder_ids(await verifier.listed(str(collection)) or {})):
            await verifier.check(collection, run)

    workers = MAX_CALLS if isinstance(sink, ObjectStoreSink) else 1  # of a disk, one reads as fast as several
    await run_workers(workers, sorted(folder_ids(await sink.list(""))), check_collection)
    return verifier.report()


class _Verifier:
    def __init__(self, sink: ListableSink, recover: Callable[[str], Awaitable[None]], repair: Repair | None) -> None:
        self._sink = sink
        self._recover = recover
        self._repair = repair
        self._runs = self._files = self._bytes = 0
        self._failures: list[VerifyFailure] = []
        self._repaired: list[str] = []

    def report(self) -> VerifyReport:
        """Return the report on everything that was checked."""
        return VerifyReport(
            runs=self._runs,
            files=self._files,
            bytes=self._bytes,
            failures=tuple(sorted(self._failures, key=lambda failure: _ids_in(failure.path))),
            repaired=tuple(sorted(self._repaired, key=_ids_in)),
        )

    async def listed(self, folder: str) -> dict[str, int | None] | None:
        """List *folder*; if it cannot be read, record a failure and return ``None``."""
        try:
            return await self._sink.list(folder)
        except MultiCartError as error:
            self._failures.append(_unreadable(folder, error))
            return None

    async def check(self, collection: int, run: int) -> None:
        """Check a run, and repair it if requested."""
        folder = f"{collection}/{run}"
        entries = await self.listed(folder)
        if not entries and entries is not None and isinstance(self._sink, ObjectStoreSink):
            return  # some stores go on listing folders whose objects were deleted
        self._runs += 1
        if entries is not None and STAGING in entries:
            entries = await self._recovered(folder)
        if entries is None:
            return
        failures, damaged = await self._failures_of(DamagedRun(collection, run, frozenset(entries), *_EMPTY), entries)
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
        """Repair a run; return the failures that remain. Without a trusted manifest, only the new one shows surplus files."""
        try:
            good = await repair(damaged)
        except MultiCartError as error:  # also of a closed client: then the next operation ends the call
            tried = {folder, f"{folder}/{MANIFEST}", *(f"{folder}/{name}" for name in damaged.damaged)}
            return [
                attrs.evolve(failure, reason=f"{failure.reason}; not repaired: {error}")
                if failure.path in tried
                else failure
                for failure in failures
            ]
        self._repaired += sorted(f"{folder}/{name}" for name in good)
        if damaged.files:
            return [failure for failure in failures if failure.path.removeprefix(f"{folder}/") not in good]
        entries = await self.listed(folder) or {}
        failures, _ = await self._failures_of(attrs.evolve(damaged, names=frozenset(entries)), entries)
        return failures

    async def _failures_of(
        self, run: DamagedRun, entries: dict[str, int | None]
    ) -> tuple[list[VerifyFailure], DamagedRun]:
        folder = f"{run.collection}/{run.run}"
        path = f"{folder}/{MANIFEST}"
        try:
            payload = await self._sink.read(path)
        except MultiCartError as error:
            return [_unreadable(path, error)], run
        if payload is None:
            return [VerifyFailure(folder, "no manifest, so the run is incomplete")], run
        manifest = await decode_manifest(payload, folder)
        if isinstance(manifest, str):
            return [VerifyFailure(path, f"the manifest is not trusted: {manifest}")], run
        failures = [failure for file in manifest.files if (failure := await self._compare(folder, file, entries))]
        damaged = frozenset(failure.path.rpartition("/")[2] for failure in failures)
        listed = frozenset(file.name for file in manifest.files)
        failures += [
            VerifyFailure(f"{folder}/{name}", "surplus: not listed in the manifest")
            for name in await self._surplus(folder, entries, manifest)
        ]
        return failures, attrs.evolve(run, files=listed, damaged=damaged)

    async def _surplus(self, folder: str, entries: Iterable[str], manifest: Manifest) -> list[str]:
        """Return the files that neither the manifest nor the progress file of an interrupted download lists."""
        surplus = {name for name in entries if not name.startswith(".")} - _OWN_NAMES
        surplus -= {file.name for file in manifest.files}
        if surplus and PROGRESS in entries:
            progress = await self._load_progress(folder)
            surplus -= {file.name for file in progress.files} if progress else set()
        return sorted(surplus)

    async def _load_progress(self, folder: str) -> Manifest | None:
        try:
            payload = await self._sink.read(f"{folder}/{PROGRESS}")
        except DownloadError:
            return None
        progress = None if payload is None else await decode_manifest(payload, folder)
        return progress if isinstance(progress, Manifest) else None

    async def _compare(self, folder: str, file: ManifestFile, entries: dict[str, int | None]) -> VerifyFailure | None:
        path = f"{folder}/{file.name}"
        size = entries.get(file.name)
        if size is None:
            return VerifyFailure(
                path, "missing: expected a file, got something else" if file.name in entries else "missing"
            )
        self._files += 1
        if size != file.size:
            return VerifyFailure(path, f"changed: expected {file.size} bytes, got {size}")
        try:
            digest = await self._digest(path)
        except MultiCartError as error:
            return _unreadable(path, error)
        return None if digest == file.sha256 else VerifyFailure(path, "changed: the SHA-256 does not match")

    async def _digest(self, path: str) -> str:
        digest = hashlib.sha256()
        async with closing(self._sink.iter_bytes(path)) as chunks:
            async for chunk in chunks:
                self._bytes += len(chunk)
                await run_in_thread(digest.update, chunk)
        return digest.hexdigest()


def _ids_in(path: str) -> tuple[int, ...]:
    return tuple(int(part) for part in path.split("/")[:2])


_EMPTY: tuple[frozenset[str], frozenset[str]] = (frozenset(), frozenset())


def _unreadable(path: str, error: MultiCartError) -> VerifyFailure:
    if isinstance(error, ArgumentError):
        return VerifyFailure(path, "the manifest lists a name that no file of a run can have")
    reason = error.reason if isinstance(error, DownloadError) else str(error)
    return VerifyFailure(path, f"cannot be read: {reason}")
