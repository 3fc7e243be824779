"""Is a mirror as it was written? Read again from end to end, without asking the service anything."""

from __future__ import annotations

import hashlib
import re

from multicart_async._delivery import understood
from multicart_async._threads import in_thread
from multicart_async.manifest import MANIFEST, PROGRESS, ManifestFile
from multicart_async.models import VerifyFailure, VerifyReport
from multicart_async.sinks import BrowsableSink, closing

__all__ = ["verify"]

_ID = re.compile(r"[0-9]{1,19}\Z")


async def verify(sink: BrowsableSink) -> VerifyReport:
    """Every file of every run below *sink*, by size and SHA-256.

    Folders that are not named by numbers are not the mirror's, and are passed over.
    """
    found = _Findings()
    for collection, size in sorted((await sink.list("")).items()):
        if size is not None or not _ID.match(collection):
            continue
        for run, inner in sorted((await sink.list(collection)).items()):
            if inner is None and _ID.match(run):
                await found.look_at(sink, f"{collection}/{run}", int(collection), int(run))
    return found.report()


class _Findings:
    def __init__(self) -> None:
        self._runs = self._files = self._bytes = 0
        self._failures: list[VerifyFailure] = []

    def report(self) -> VerifyReport:
        return VerifyReport(runs=self._runs, files=self._files, bytes=self._bytes, failures=tuple(self._failures))

    def _wrong(self, path: str, reason: str) -> None:
        self._failures.append(VerifyFailure(path, reason))

    async def look_at(self, sink: BrowsableSink, folder: str, collection: int, run: int) -> None:
        self._runs += 1
        there = await sink.list(folder)
        payload = await sink.read(f"{folder}/{MANIFEST}")
        if payload is None:
            self._wrong(folder, "there is no manifest: the run is not complete")
            return
        manifest = await understood(payload)
        if isinstance(manifest, str):
            self._wrong(f"{folder}/{MANIFEST}", f"the manifest is not believed: {manifest}")
            return
        if (manifest.collection_id, manifest.run_id) != (collection, run):
            self._wrong(f"{folder}/{MANIFEST}", "the manifest is of another run")
            return
        for file in manifest.files:
            await self._compare(sink, folder, file, there)
        surplus = there.keys() - {file.name for file in manifest.files} - {MANIFEST, PROGRESS}
        for name in sorted(surplus):
            if not name.startswith("."):
                self._wrong(f"{folder}/{name}", "surplus: the manifest does not list it")

    async def _compare(
        self, sink: BrowsableSink, folder: str, file: ManifestFile, there: dict[str, int | None]
    ) -> None:
        path = f"{folder}/{file.name}"
        size = there.get(file.name)
        if size is None:
            self._wrong(path, "missing")
            return
        self._files += 1
        if size != file.size:
            self._wrong(path, f"changed: {size} bytes, not {file.size}")
            return
        digest = hashlib.sha256()
        async with closing(sink.chunks(path)) as chunks:
            async for chunk in chunks:
                self._bytes += len(chunk)
                await in_thread(digest.update, chunk)
        if digest.hexdigest() != file.sha256:
            self._wrong(path, "changed: another SHA-256")
