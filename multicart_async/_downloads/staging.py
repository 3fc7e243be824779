"""Stage a new version of a run's folder, and swap it in when it is complete.

New files are written to ``<run>/.new/``; the manifest is written there last and seals the new version. Then each file is
moved into the folder, stale files are removed, and the manifest is moved last. If the process ends after the seal, the
next call that works in the folder completes the swap without any request.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

import anyio
import attrs

from multicart_async._downloads.folder import COLLECTION_STATE, STAGING, SUMS, FolderState, decode_manifest
from multicart_async._downloads.manifest import MANIFEST, PROGRESS, Manifest
from multicart_async._downloads.plan import is_run_file
from multicart_async.sinks import DirectorySink, ListableSink, ObjectStoreSink

__all__ = ["Confirm", "Staging", "discard", "forget_state", "recover", "recover_if_abandoned", "swap_in", "working_in"]

Confirm = Callable[[], Awaitable[None]]
"""Raise `DiskError` if another process has taken over the folder that this call works in."""


@attrs.frozen
class Staging:
    """A new version of a folder of *sink* is staged inside `working_in`, which has given *confirm*."""

    sink: ListableSink
    confirm: Confirm


@asynccontextmanager
async def working_in(sink: ListableSink, folder: str, lock: anyio.Lock) -> AsyncGenerator[Confirm, None]:
    """Exclude other calls that stage in *folder*, in this client and in other processes.

    Other processes are excluded in a local folder, and in an object store with conditional puts. There a process that was
    killed in such a block costs the next one a minute, and one that stops for a minute loses the folder: call what is
    yielded before a step that would disturb the next one.

    Raises:
        DiskError: The sink failed, or another process has taken over.
    """
    async with lock, _exclusive(sink, folder, wait=True) as confirm:
        yield confirm or _confirm_nothing


@asynccontextmanager
async def _exclusive(sink: ListableSink, folder: str, *, wait: bool) -> AsyncGenerator[Confirm | None, None]:
    """Exclude other processes if the sink can; yield ``None`` if they are not excluded."""
    if isinstance(sink, ObjectStoreSink):
        async with sink.exclusive(folder, wait=wait) as held:
            yield None if held is None else held.confirm
    elif isinstance(sink, DirectorySink):
        async with sink.exclusive(folder, wait=wait) as had:
            yield _confirm_nothing if had else None
    else:
        yield None


async def _confirm_nothing() -> None:
    """Do nothing, because the lock cannot be lost."""


async def recover_if_abandoned(sink: ListableSink, folder: str, lock: anyio.Lock) -> None:
    """Call `recover`, except for a new version that another call is still fetching."""
    if await sink.size(f"{folder}/{STAGING}/{MANIFEST}") is not None:
        async with working_in(sink, folder, lock):  # waiting is fine, because a swap is short
            await recover(sink, folder)
    elif not lock.locked():
        async with _exclusive(sink, folder, wait=False) as confirm:
            if confirm is not None:
                await recover(sink, folder)


async def recover(sink: ListableSink, folder: str) -> None:
    """Complete a sealed new version, or remove one that is not sealed. Call it inside `working_in`."""
    payload = await sink.read(f"{folder}/{STAGING}/{MANIFEST}")  # an error here leaves everything unchanged
    manifest = None if payload is None else await decode_manifest(payload, folder)
    if isinstance(manifest, Manifest):
        await swap_in(sink, folder, manifest)
    else:
        await discard(sink, folder)


async def swap_in(sink: ListableSink, folder: str, manifest: Manifest) -> bool:
    """Move a sealed new version into its folder, and return true; repeat the call after an interruption.

    Return false if other processes, which not every sink excludes, have removed some of its files: then the new version
    is discarded, and the old one stays.
    """
    staging = f"{folder}/{STAGING}"
    staged = await sink.list(staging)
    old = await FolderState.load(sink, folder)
    if old.complete and not isinstance(sink, DirectorySink) and await _is_cut(sink, folder, manifest, staged):
        await discard(sink, folder)
        return False
    for name in (*(file.name for file in manifest.files), SUMS):
        if name in staged:
            await sink.rename(f"{staging}/{name}", f"{folder}/{name}")
    stale = old.listed - {file.name for file in manifest.files}
    for name in (*sorted(filter(is_run_file, stale)), PROGRESS):  # before the manifest that lists them is replaced
        await sink.delete(f"{folder}/{name}")
    await sink.rename(f"{staging}/{MANIFEST}", f"{folder}/{MANIFEST}")
    await discard(sink, folder)
    return True


async def _is_cut(sink: ListableSink, folder: str, manifest: Manifest, staged: Mapping[str, int | None]) -> bool:
    """Return whether a file of a sealed new version is neither in the staging folder nor moved, judging by the sizes."""
    others = [file for file in manifest.files if staged.get(file.name) != file.size]
    moved = await sink.list(folder) if others else {}
    return any(file.name in staged or moved.get(file.name) != file.size for file in others)


async def forget_state(sink: ListableSink, folder: str) -> None:
    """Remove the state of the collection before files of the run in *folder* are replaced or removed in an object store.

    There `sync` trusts the state without looking at the files.
    """
    if isinstance(sink, ObjectStoreSink):
        await sink.delete(f"{folder.partition('/')[0]}/{COLLECTION_STATE}")


async def discard(sink: ListableSink, folder: str) -> None:
    """Remove a new version that is not to be completed; a manifest, if there is one, is removed first."""
    staging = f"{folder}/{STAGING}"
    names = await sink.list(staging)
    for name in sorted(names, key=lambda name: name != MANIFEST):
        await sink.delete(f"{staging}/{name}")
    if isinstance(sink, DirectorySink):
        await sink.remove_folder(staging)
