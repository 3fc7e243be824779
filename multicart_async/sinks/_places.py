"""The sink for what a caller names as the place of files: the path of a folder, or the URL of a bucket."""

from __future__ import annotations

import errno
import os
from typing import TypeAlias

from multicart_async._core.threads import run_in_thread
from multicart_async._core.validation import check_local_path, is_url
from multicart_async.errors import DiskError
from multicart_async.sinks._atomic_file import translate_os_errors
from multicart_async.sinks._directory import DirectorySink
from multicart_async.sinks._object_store import ObjectStoreSink, store_at

__all__ = ["Place", "find_place", "is_in_place", "missing_place", "name_place"]

Place: TypeAlias = DirectorySink | ObjectStoreSink


async def find_place(argument: str, place: str | os.PathLike[str]) -> Place:
    """Return the sink for *place*.

    Raises:
        ArgumentError: It is no path, or a URL of another kind, or obstore is not installed.
    """
    if isinstance(place, str) and is_url(place):
        return await run_in_thread(store_at, place, argument)  # obstore is imported
    check_local_path(argument, place)
    return DirectorySink(place)


async def is_in_place(place: Place) -> bool:
    """Return whether there is a folder, or whether any object has the prefix.

    Raises:
        DiskError: The folder or the bucket cannot be read, or there is no such bucket.
    """
    if isinstance(place, DirectorySink):
        return await run_in_thread(translate_os_errors, place.root, place.root.is_dir)
    return await place.holds_any()


def name_place(place: Place) -> str:
    """Return the path or the URL of *place*."""
    return str(place.root) if isinstance(place, DirectorySink) else place.location


def missing_place(argument: str, place: Place) -> DiskError:
    """Return the error for a *place* in which there is nothing."""
    if isinstance(place, DirectorySink):
        reason = "expected an existing folder; check the path"
    else:
        reason = "expected a mirror, got a prefix without any object; check the URL"
    return DiskError(name_place(place), f"{argument}: {reason}", errno.ENOENT)
