"""Export the ASINs of a collection to a CSV that can be imported again, written completely or not at all."""

from __future__ import annotations

import errno
from collections.abc import AsyncIterable, Callable
from functools import partial
from pathlib import Path
from typing import TypeVarTuple, Unpack

from multicart_async._core.threads import run_in_thread
from multicart_async.errors import ArgumentError, DiskError, IncompleteDownloadError, InvalidResponseError
from multicart_async.models import Asin, AsinRow
from multicart_async.resources._items.csv_schema import AMAZON, rows_to_csv
from multicart_async.sinks._atomic_file import AtomicFile, disk_error, remove_stale_files
from multicart_async.sinks._open_folder import OpenFolder

__all__ = ["export_asins"]

Args = TypeVarTuple("Args")

_ROWS = 100  # rows per write, as many as in a page


async def export_asins(items: AsyncIterable[Asin], target: Path, endpoint: str) -> int:
    """Write *items*, which *endpoint* has returned, to *target*, and return their number.

    Raises:
        InvalidResponseError: An item cannot be represented in the CSV.
        DiskError: The disk is full, read-only, or there is no such folder.
    """
    folder = partial(_opened, target.parent)
    temporary = AtomicFile(folder, target, durable=False)
    count = 0
    held: list[AsinRow] = []
    try:
        await run_in_thread(_on_disk, target, remove_stale_files, folder)
        header = rows_to_csv([], AMAZON)
        await run_in_thread(_on_disk, target, temporary.write, header)  # reports an invalid folder first
        async for item in items:
            held.append(_as_row(item, endpoint))
            count += 1
            if len(held) == _ROWS:
                await run_in_thread(_on_disk, target, temporary.write, rows_to_csv(held, AMAZON, header=False))
                held.clear()
        await run_in_thread(_on_disk, target, temporary.commit, rows_to_csv(held, AMAZON, header=False))
    finally:
        await run_in_thread(temporary.abort)
    return count


def _opened(folder: Path, create: bool) -> OpenFolder:  # noqa: FBT001 -- a `FolderOpener`
    return OpenFolder.open(folder, create=create)


def _as_row(item: Asin, endpoint: str) -> AsinRow:
    domain, postcode = item.domain_name, item.postcode_text
    if domain is None or postcode is None or item.include_raw_html is None:
        reason = f"item {item.id} lacks the name of its domain, its postcode or include_raw_html; no CSV was written"
        raise InvalidResponseError(endpoint, reason)
    try:
        return AsinRow(domain, postcode, item.asin, item.include_raw_html)
    except ArgumentError as error:
        raise InvalidResponseError(endpoint, f"item {item.id} cannot be written to a CSV: {error}") from error


def _on_disk(target: Path, work: Callable[[Unpack[Args]], None], *args: *Args) -> None:
    try:
        work(*args)
    except IncompleteDownloadError as error:  # its rows were deleted with the temporary file
        raise DiskError(str(target), f"{error.reason}; call again", errno.ENOENT) from error
    except OSError as error:
        raise disk_error(target, error) from error
