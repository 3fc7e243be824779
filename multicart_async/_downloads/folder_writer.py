"""Write the folder of one run: record its files, save progress, and write the manifest at the end."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, Final

import anyio
import attrs

from multicart_async._core.log import error_info, log_warning
from multicart_async._core.text import as_line
from multicart_async._downloads.diff import FolderDiff
from multicart_async._downloads.file_request import FetchedFile
from multicart_async._downloads.folder import STAGING, SUMS, iter_sums, without_query
from multicart_async._downloads.link_family import AnyLocation
from multicart_async._downloads.manifest import MANIFEST, PROGRESS, Manifest, ManifestFile, iter_manifest
from multicart_async._downloads.plan import folder_of, is_run_file
from multicart_async._downloads.staging import Staging, discard, forget_state, swap_in
from multicart_async.errors import DiskError
from multicart_async.models import CategoryRun, Run
from multicart_async.sinks import ListableSink
from multicart_async.sinks._protocol import VerifyingSink, join_name, put_pieces

__all__ = ["FolderWriter"]

_SAVE_EVERY: Final = 0.25  # seconds between two progress files: a killed process loses no more than that,
_FILES_PER_SECOND: Final = 10_000  # or one second for this many files, because each progress file lists all of them


class FolderWriter:
    """Record the files of one run as they complete, and write its progress file and its manifest.

    With *staging*, a new version is built in a subfolder, beside the old one, and swapped in by `finish`. ``changed`` is
    true if the manifest has to be written.
    """

    def __init__(
        self,
        sink: VerifyingSink,
        run: Run | CategoryRun,
        snapshot: Mapping[str, Any],
        changes: FolderDiff,
        *,
        staging: Staging | None,
        now: Callable[[], float],
    ) -> None:
        self.files = dict(changes.present)
        self.changed = not changes.complete
        self._sink = sink
        self._listable = sink if isinstance(sink, ListableSink) else None  # a costly question
        self._run = run
        self._snapshot = snapshot
        self._folder = folder_of(run)
        self._staging = staging
        self._written: set[str] = set()  # by this call
        self._adds = changes.has_manifest and staging is None  # files to a complete run
        self._expected = {file.name for file in changes.missing}
        self._sealing: Manifest | None = None  # the manifest that is being written
        self._sealed = False  # it is in place, or a sealed new version is being swapped in
        self._now = now
        self._saved = now()

    @property
    def target(self) -> str:
        """The folder that this call writes to."""
        return self._folder if self._staging is None else join_name(self._folder, STAGING)

    def folder_with(self, name: str) -> str:
        """Return the folder that contains the file *name* now."""
        return self.target if name in self._written else self._folder

    def expect(self, name: str) -> None:
        """Announce a file that is about to be generated."""
        self._expected.add(name)

    def record(self, name: str, fetched: FetchedFile, link: AnyLocation | None = None) -> None:
        """Record a file that is in place; *link* is its source, ``None`` for a file that was generated here."""
        self.changed = True
        self._written.add(name)
        self.files[name] = ManifestFile(
            name=name,
            size=fetched.size,
            sha256=fetched.sha256,
            url=None if link is None else without_query(link.url),
            service_name=None if link is None else link.name,
            records=fetched.records,
        )

    def record_count(self, name: str, records: int | None) -> None:
        """Record the number of records in a file that was present but not counted."""
        self.changed = True
        self.files[name] = attrs.evolve(self.files[name], records=records)

    async def save_if_due(self) -> None:
        """Write the progress file if the last one is old enough, and the sink can delete it later."""
        now = self._now()
        interval = max(_SAVE_EVERY, len(self.files) / _FILES_PER_SECOND)
        if self._staging is None and now - self._saved >= interval and self._listable is not None:
            self._saved = now
            await self._save()

    async def finish(self, differences: tuple[str, ...]) -> None:
        """Write the checksums and then the manifest; swap in a new version.

        Raises:
            DiskError: The sink failed, or another process has taken over the folder or removed files of the new version.
        """
        manifest = self._manifest(differences)
        if self._staging is not None:
            await self._staging.confirm()
            await forget_state(self._staging.sink, self._folder)
        if self._listable is not None:
            await self._write(SUMS, manifest, iter_sums)
        self._sealing = manifest
        await self._write(MANIFEST, manifest, iter_manifest)
        self._sealed = True  # an interrupted swap of a new version is completed later
        if self._staging is None:
            await self.remove(PROGRESS)
        else:
            await self._staging.confirm()
            if not await swap_in(self._staging.sink, self._folder, manifest):
                reason = (
                    "another process has removed files of the new version; the old one is unchanged; repeat the call"
                )
                raise DiskError(self.target, reason, errno.EIO)

    async def abandon(self) -> None:
        """Clean up after an error or a cancellation. Errors of the cleanup are logged, so that the first error is raised.

        Complete files need not be fetched again, so a progress file is written, even in a sink that cannot delete it: there
        the next call writes its manifest beside it. A file that was added to a complete run is removed if it is not listed,
        because the cancellation came just after it was in place: nothing would look for it again. A new version is removed
        unless its manifest was written: in that case the next call completes it.
        """
        if self._sealed:
            return
        with anyio.CancelScope(shield=True):
            if self._staging is not None:
                await self._log_errors("files of the failed refresh could not be removed", self._discard)
            else:
                await self._log_errors("progress could not be saved", self._keep_written)
                await self._log_errors("files that were added could not be removed", self._remove_unlisted)

    async def remove_stale(self, names: Iterable[str]) -> None:
        """Remove files of another version, unless a new version is staged: then the old one stays until the swap."""
        if self._staging is None:
            for name in sorted(filter(is_run_file, names)):
                await self.remove(name)

    async def forget(self, name: str) -> None:
        """Remove a file that can no longer be generated; the file of an old version is removed by the swap."""
        self.files.pop(name, None)
        if self._staging is None:
            await self.remove(name)

    async def remove(self, name: str) -> None:
        """Remove a file from the folder if the sink can delete."""
        if self._listable is not None:
            await self._listable.delete(join_name(self._folder, name))

    async def _discard(self) -> None:
        assert self._staging is not None
        await self._staging.confirm()  # or these would be the files of the process that has taken over
        await discard(self._staging.sink, self._folder)

    async def _keep_written(self) -> None:
        if self._sealing is not None:  # its writing was interrupted, perhaps after it was in place
            sealed = b"".join(iter_manifest(self._sealing))
            if await self._sink.read(join_name(self._folder, MANIFEST)) == sealed:
                await self.remove(PROGRESS)
                return
        if self._written:
            await self._save()

    async def _remove_unlisted(self) -> None:
        unlisted = self._expected - self.files.keys()
        if self._adds and unlisted:
            assert self._listable is not None  # it has shown that there is a manifest
            for name in sorted(unlisted & (await self._listable.list(self._folder)).keys()):
                await self.remove(name)

    async def _save(self) -> None:
        await self._write(PROGRESS, self._manifest(), iter_manifest)

    async def _log_errors(self, what: str, work: Callable[[], Any]) -> None:
        try:
            await work()
        except Exception as error:  # noqa: BLE001 -- a sink may raise anything
            log_warning("%s: %s: %s", self._folder, what, as_line(str(error)), extra=error_info(error))

    def _manifest(self, differences: tuple[str, ...] = ()) -> Manifest:
        files = tuple(self.files[name] for name in sorted(self.files))
        return Manifest(self._run.collection, self._run.id, self._snapshot, files, differences)

    async def _write(self, name: str, manifest: Manifest, render: Callable[[Manifest], Iterator[bytes]]) -> None:
        await put_pieces(self._sink, join_name(self.target, name), partial(render, manifest))
