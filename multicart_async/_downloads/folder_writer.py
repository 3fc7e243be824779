"""The folder of one run while it is filled: what lies in it so far, the notes of progress, in the end the manifest."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import anyio
import attrs

from multicart_async._core.log import LOGGER, error_info
from multicart_async._core.text import as_line
from multicart_async._core.threads import run_in_thread
from multicart_async._downloads.diff import FolderDiff
from multicart_async._downloads.file_request import FetchedFile
from multicart_async._downloads.folder import STAGING, SUMS, render_sums, without_query
from multicart_async._downloads.links import FileLocation
from multicart_async._downloads.manifest import MANIFEST, PROGRESS, Manifest, ManifestFile, render_manifest
from multicart_async._downloads.plan import folder_of, is_ours
from multicart_async._downloads.staging import discard, swap_in
from multicart_async.models import CategoryRun, Run
from multicart_async.sinks import ListableSink
from multicart_async.sinks._protocol import VerifyingSink, join_name, put_bytes

__all__ = ["FolderWriter"]

_SAVE_EVERY: Final = 0.25  # seconds between two notes of progress: a killed process loses no more than that,
_NOTED_FAST: Final = 10_000  # or a second for each so many files: all of them are noted each time
_MANY: Final = 100  # files from which on their list is encoded off the loop


class FolderWriter:
    """Record the files of one run as they come, and write its notes and its manifest.

    With *staging*, a new version is made beside the old one, in a folder inside of it, and swapped in by `finish`.
    ``changed`` is whether the manifest has to be written.
    """

    def __init__(
        self,
        sink: VerifyingSink,
        run: Run | CategoryRun,
        snapshot: Mapping[str, Any],
        changes: FolderDiff,
        *,
        staging: ListableSink | None,
        now: Callable[[], float],
    ) -> None:
        self.files = dict(changes.present)
        self.changed = not changes.complete
        self._sink = sink
        self._run = run
        self._snapshot = snapshot
        self._folder = folder_of(run)
        self._staging = staging
        self._written: set[str] = set()  # by this call
        self._ending = False  # the manifest is being written, or a new version is to be completed
        self._now = now
        self._saved = now()

    @property
    def target(self) -> str:
        """The folder to which this call writes."""
        return self._folder if self._staging is None else join_name(self._folder, STAGING)

    def folder_with(self, name: str) -> str:
        """Return the folder in which a file is now."""
        return self.target if name in self._written else self._folder

    def record(self, name: str, fetched: FetchedFile, link: FileLocation | None = None) -> None:
        """Record a file that is in place; *link* is where it came from, if it was not made here."""
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
        """Record how many records a file holds that was there before it was counted."""
        self.changed = True
        self.files[name] = attrs.evolve(self.files[name], records=records)

    async def save_if_due(self) -> None:
        """Note what is there, if the last notes are old enough. Only a sink that can be listed can lose the notes again."""
        now = self._now()
        pause = max(_SAVE_EVERY, len(self.files) / _NOTED_FAST)
        if self._staging is None and now - self._saved >= pause and isinstance(self._sink, ListableSink):
            self._saved = now
            await self._write(PROGRESS, self._manifest(), render_manifest)

    async def finish(self, differences: tuple[str, ...]) -> None:
        """Write the sums and then the manifest beside the files; swap a new version in."""
        manifest = self._manifest(differences)
        self._ending = self._staging is None
        if isinstance(self._sink, ListableSink):
            await self._write(SUMS, manifest, render_sums)
        await self._write(MANIFEST, manifest, render_manifest)
        if self._staging is None:
            await self.remove(PROGRESS)
        else:
            self._ending = True  # from here on the new version is the one that is completed
            await swap_in(self._staging, self._folder, manifest)

    async def abandon(self) -> None:
        """Clean up after an error, also of a cancelled call; a failure to do so is logged, because the first error counts.

        Files that are whole need not be fetched again, so they are noted, also in a sink that cannot lose the notes: then
        the next call writes its manifest beside them. A new version is removed, unless its manifest is there: then the
        next call completes it.
        """
        if self._ending:
            return
        with anyio.CancelScope(shield=True):
            if self._staging is not None:
                await self._logged("files of the refresh that failed could not be removed", self._discard)
            elif self._written:
                await self._logged("progress could not be noted", self._save)

    async def remove_stale(self, names: Iterable[str]) -> None:
        """Remove files of another version, but not those of an old version that stays until the new one is whole."""
        if self._staging is None:
            for name in sorted(filter(is_ours, names)):
                await self.remove(name)

    async def forget(self, name: str) -> None:
        """Remove a file that cannot be made any more; the swap removes that of an old version."""
        self.files.pop(name, None)
        if self._staging is None:
            await self.remove(name)

    async def remove(self, name: str) -> None:
        """Remove a file from the folder, where the sink can."""
        if isinstance(self._sink, ListableSink):
            await self._sink.delete(join_name(self._folder, name))

    async def _discard(self) -> None:
        assert self._staging is not None
        await discard(self._staging, self._folder)

    async def _save(self) -> None:
        await self._write(PROGRESS, self._manifest(), render_manifest)

    async def _logged(self, what: str, work: Callable[[], Any]) -> None:
        try:
            await work()
        except Exception as error:  # noqa: BLE001 -- a sink may raise anything
            LOGGER.warning("%s: %s: %s", self._folder, what, as_line(str(error)), extra=error_info(error))

    def _manifest(self, differences: tuple[str, ...] = ()) -> Manifest:
        files = tuple(self.files[name] for name in sorted(self.files))
        return Manifest(self._run.collection, self._run.id, self._snapshot, files, differences)

    async def _write(self, name: str, manifest: Manifest, render: Callable[[Manifest], bytes]) -> None:
        many = len(manifest.files) >= _MANY
        content = await run_in_thread(render, manifest) if many else render(manifest)
        await put_bytes(self._sink, join_name(self.target, name), content)
