"""A new version of a run's folder, made beside the old one and swapped in when it is whole.

The new files go to ``<run>/.new/``. Its manifest, written last, seals it. Then each file is moved into the folder, what
is stale is removed, and the manifest is moved last of all. Until then the folder is the old version; from the seal on,
however the process ends, the next call that works in the folder moves what is left, without the service.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio

from multicart_async._downloads.folder import STAGING, SUMS, FolderState, decode_manifest
from multicart_async._downloads.manifest import MANIFEST, PROGRESS, Manifest
from multicart_async._downloads.plan import is_ours
from multicart_async.sinks import DirectorySink, ListableSink

__all__ = ["discard", "recover", "recover_if_abandoned", "swap_in", "working_in"]


@asynccontextmanager
async def working_in(sink: ListableSink, folder: str, turn: anyio.Lock) -> AsyncGenerator[None, None]:
    """Wait for other calls that stage in *folder*, and keep them from it: of this client, and of other processes too.

    Where the sink is no local folder, other processes are not seen.
    """
    async with turn:
        if isinstance(sink, DirectorySink):
            async with sink.exclusive(folder):
                yield
        else:
            yield


async def recover_if_abandoned(sink: ListableSink, folder: str, turn: anyio.Lock) -> None:
    """Do what `recover` does, but leave alone a new version that another call is still fetching."""
    if await sink.size(f"{folder}/{STAGING}/{MANIFEST}") is not None:
        async with working_in(sink, folder, turn):  # a swap is short
            await recover(sink, folder)
    elif not turn.locked() and isinstance(sink, DirectorySink):
        async with sink.exclusive(folder, wait=False) as had:
            if had:
                await recover(sink, folder)


async def recover(sink: ListableSink, folder: str) -> None:
    """Complete a swap that was sealed, or remove what was not. Call it inside `working_in`."""
    payload = await sink.read(f"{folder}/{STAGING}/{MANIFEST}")  # if it is there and cannot be read, nothing is touched
    manifest = None if payload is None else await decode_manifest(payload, folder)
    if isinstance(manifest, Manifest):
        await swap_in(sink, folder, manifest)
    else:
        await discard(sink, folder)


async def swap_in(sink: ListableSink, folder: str, manifest: Manifest) -> None:
    """Move a sealed new version into its folder. Doing it again goes on where it ended."""
    staging = f"{folder}/{STAGING}"
    staged = await sink.list(staging)
    old = await FolderState.load(sink, folder)
    for name in (*(file.name for file in manifest.files), SUMS):
        if name in staged:
            await sink.rename(f"{staging}/{name}", f"{folder}/{name}")
    stale = old.listed - {file.name for file in manifest.files}
    for name in (*sorted(filter(is_ours, stale)), PROGRESS):  # while there is a manifest that knows of them
        await sink.delete(f"{folder}/{name}")
    await sink.rename(f"{staging}/{MANIFEST}", f"{folder}/{MANIFEST}")
    await discard(sink, folder)


async def discard(sink: ListableSink, folder: str) -> None:
    """Remove a new version that is not sealed: its manifest, should it have one, goes first."""
    staging = f"{folder}/{STAGING}"
    names = await sink.list(staging)
    for name in sorted(names, key=lambda name: name != MANIFEST):
        await sink.delete(f"{staging}/{name}")
    if isinstance(sink, DirectorySink):
        await sink.remove_folder(staging)
