"""Is this ZIP whole? Every member unpacked and summed."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from contenders.access import MIB
from multicart_async._core.threads import run_in_thread
from multicart_async._downloads.formats.zip_archive import ArchiveCheck


async def ours(options: Mapping[str, Any]) -> None:
    """The check that each ZIP passes while it comes: MiB after MiB, in a thread."""
    check = ArchiveCheck()
    with Path(options["source"]).open("rb") as file:
        while piece := await run_in_thread(file.read, MIB):
            await run_in_thread(check.feed, piece)
    await run_in_thread(check.finish)


def with_zipfile(options: Mapping[str, Any]) -> None:
    """`ZipFile.testzip`."""
    with zipfile.ZipFile(options["source"]) as archive:
        assert archive.testzip() is None
