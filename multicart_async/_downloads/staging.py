"""Stage a new version of a run's folder, and swap it in when it is complete.

New files are written to ``<run>/.new/``; the manifest is written there last and seals the new version. Then each file is
moved into the folder, stale files are removed, and the manifest is moved last. If the process ends after the seal, the
next call that works in the folder completes the swap without any request.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio

from multicart_async._downloads.folder import STAGING, SUMS, FolderState, decode_manifest
from multicart_async._downloads.manifest import MANIFEST, PROGRESS, Manifest
from multicart_async._downloads.plan import is_run_file
from multicart_async.sinks import DirectorySink, ListableSink

__all__ = ["discard", "recover", "recover_if_abandoned", "swap_in", "working_in"]


@asynccontextmanager
async def working_in(sink: ListableSink, folder: str, lock: anyio.Lock) -> AsyncGenerator[None, None]:
    """Exclude other calls that stage in *folder*, in this client and in other processes.

    Other processes are excluded only if the sink is a local folder.
    """
    async with lock:
        if isinstance(sink, DirectorySink):
            async with sink.exclusive(folder):
                yield
        else:
            yield


async def recover_if_abandoned(sink: ListableSink, folder: str, lock: anyio.Lock) -> None:
    """Call `recover`, except for a new version that another call is still fetching."""
    if await sink.size(f"{folder}/{STAGING}/{MANIFEST}") is not None:
        async with working_in(sink, folder, lock):  # waiting is fine, because a swap is short
            await recover(sink, folder)
    elif not lock.locked() and isinstance(sink, DirectorySink):
        async with sink.exclusive(folder, wait=False) as acquired:
            if acquired:
                await recover(sink, folder)


async def recover(sink: ListableSink, folder: str) -> None:
    """Complete a sealed new version, or remove one that is not sealed. Call it inside `working_in`."""
    payload = await sink.read(f"{folder}/{STAGING}/{MANIFEST}")  # an error here leaves everything unchanged
    manifest = None if payload is None else await decode_manifest(payload, folder)
    if isinstance(manifest, Manifest):
        await swap_in(sink, folder, manifest)
    else:
        await discard(sink, folder)


async def swap_in(sink: ListableSink, folder: str, manifest: Manifest) -> None:
    """Move a sealed new version into its folder; repeat the call after an interruption."""
    staging = f"{folder}/{STAGING}"
    staged = await sink.list(staging)
    old = await FolderState.load(sink, folder)
    for name in (*(file.name for file in manifest.files), SUMS):
        if name in staged:
            await sink.rename(f"{staging}/{name}", f"{folder}/{name}")
    stale = old.listed - {file.name for file in manifest.files}
    for name in (*sorted(filter(is_run_file, stale)), PROGRESS):  # before the manifest that lists them is replaced
        await sink.delete(f"{folder}/{name}")
    await sink.rename(f"{staging}/{MANIFEST}", f"{folder}/{MANIFEST}")
    await discard(sink, folder)


async def discard(sink: ListableSink, folder: str) -> None:
    """Remove a new version that is not to be completed; a manifest, if there is one, is removed first."""
    staging = f"{folder}/{STAGING}"
    names = await sink.list(staging)
    for name in sorted(names, key=lambda name: name != MANIFEST):
        await sink.delete(f"{staging}/{name}")
    if isinstance(sink, DirectorySink):
        await sink.remove_folder(staging)
