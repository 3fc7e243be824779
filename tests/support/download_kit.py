"""Runs, files and places that the tests of downloads share."""

from __future__ import annotations

import io
import json
import os
import sys
import threading
import zipfile
from collections.abc import AsyncIterator, Iterable, Sequence
from pathlib import Path
from typing import Any

from multicart_async._downloads.context import DownloadContext
from multicart_async._downloads.file_request import CheckFactory, FetchedFile, FileRequest, Refresh
from multicart_async._downloads.formats.json_document import DocumentCheck
from multicart_async._downloads.formats.zip_archive import ArchiveCheck
from multicart_async._downloads.links import parse_link
from multicart_async._downloads.manifest import Manifest, iter_manifest
from multicart_async._downloads.transfer import FileTransfer
from multicart_async.config import Limits
from multicart_async.models import DownloadLinks, Run
from multicart_async.sinks import Sink
from multicart_async.sinks._error_mapping import map_sink_errors

BASE = "https://multicartapi.com/api/v1"


def service_name(page: int | None, run: int = 88, name: str = "AU") -> str:
    """What the service calls a page, or the ZIP where *page* is ``None``."""
    return f"{name}_{run}_Results_All_Pages.zip" if page is None else f"{name}_{run}_Results_Page_{page}.json"


def url(page: int | None, *, base: str = BASE, collection: int = 101, run: int = 88, name: str = "AU") -> str:
    """The link to a page, or to the ZIP."""
    return f"{base}/results/{collection}/{run}/{service_name(page, run, name)}"


def run_of(
    *pages: int, zipped: bool = False, base: str = BASE, collection: int = 101, run: int = 88, **row: Any
) -> Run:
    """A finished run with these pages."""
    links = DownloadLinks(
        pages=tuple(url(page, base=base, collection=collection, run=run) for page in pages),
        all_pages=url(None, base=base, collection=collection, run=run) if zipped else None,
    )
    return Run(id=run, collection=collection, is_download_generated=True, download_links=links, **row)


def page_bytes(records: int, *, first: int = 0) -> bytes:
    """A page of small records."""
    return json.dumps(
        [{"asin": f"B0{number:08d}", "price": "$1.50"} for number in range(first, first + records)]
    ).encode()


def sized_page(size: int, filler: str = "x") -> bytes:
    """A page of exactly so many bytes."""
    empty = len(json.dumps([{"asin": "B0", "t": ""}]))
    content = json.dumps([{"asin": "B0", "t": filler * (size - empty)}]).encode()
    assert size == len(content)
    return content


def zip_bytes(pages: Sequence[bytes], run: int = 88) -> bytes:
    """A ZIP as the service makes one."""
    place = io.BytesIO()
    with zipfile.ZipFile(place, "w") as archive:
        for number, content in enumerate(pages, 1):
            archive.writestr(zipfile.ZipInfo(service_name(number, run)), content)
    return place.getvalue()


def wanted_page(page: int = 1, *, base: str = BASE, name: str = "101/88/page-0001.json") -> FileRequest:
    """One page that is asked for."""
    return wanted(url(page, base=base), name, DocumentCheck, base=base)


def wanted_zip(*, base: str = BASE) -> FileRequest:
    """The ZIP that is asked for."""
    return wanted(url(None, base=base), "101/88/all-pages.zip", _any_zip, base=base)


def _any_zip(*, full: bool, limits: Limits) -> ArchiveCheck:
    del full
    return ArchiveCheck(unpacked_bytes=limits.unpacked_bytes)


def wanted(link: str, name: str, check: CheckFactory, *, base: str = BASE) -> FileRequest:
    """Any file that is asked for."""
    folder, _, word = name.rpartition("/")
    return FileRequest(parse_link(link, base=base), folder, word, check)


async def fetch(context: DownloadContext, file: FileRequest, sink: Sink, refresh: Refresh | None = None) -> FetchedFile:
    """Fetch one file as a run's download does."""
    return await FileTransfer(context, file, map_sink_errors(sink), refresh).run()


def render_manifest(manifest: Manifest) -> bytes:
    """The whole content of a manifest's file."""
    return b"".join(iter_manifest(manifest))


async def chunks(*pieces: bytes) -> AsyncIterator[bytes]:
    """What a sink is given."""
    for piece in pieces:
        yield piece


def files_below(folder: Path, *, staged: bool = True) -> dict[str, bytes]:
    """Everything below a folder, temporary files too, but for the sums that follow from the manifest.

    Without what is *staged*, nothing is read that another transfer may put away meanwhile.
    """
    paths = [path for path in sorted(folder.rglob("*")) if staged or ".new" not in path.parts]
    paths = [path for path in paths if path.name != "SHA256SUMS" and path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def temporaries_below(folder: Path) -> list[str]:
    """What must not be left."""
    return [path.name for path in folder.rglob(".mc-*")]


def open_below(folder: Path) -> list[str]:
    """Descriptors of this process that point below a folder."""
    found: list[str] = []
    for entry in Path("/proc/self/fd").iterdir():
        try:
            target = os.readlink(entry)  # noqa: PTH115 -- of a deleted file it is no path
        except OSError:
            continue
        if target.startswith(str(folder)):
            found.append(target)
    return found


_BETWEEN_JOBS = {"_run", *(f"BatchExecutor.{name}" for name in ("_hop", "_run_jobs", "_report", "_next_or_end"))}
"""Functions that a thread is in before a job and after it; the work itself is done in those that they call."""


def threads_at_work() -> list[str]:
    """Threads other than this one that do something for the library; one that only looks for more does not."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    busy: list[str] = []
    for ident, top in sys._current_frames().items():
        frame = top
        while ident != threading.get_ident() and frame is not None:
            if "/multicart_async/" in frame.f_code.co_filename and frame.f_code.co_qualname not in _BETWEEN_JOBS:
                busy.append(f"{names.get(ident)}: {frame.f_code.co_qualname}")
                break
            frame = frame.f_back
    return busy


def check_nothing_left(folder: Path, good: dict[str, Iterable[bytes]]) -> None:
    """Final files are byte-equal to one of the versions in *good*; no temporary file, descriptor or busy thread is left."""
    assert threads_at_work() == []
    assert open_below(folder) == []
    assert temporaries_below(folder) == []
    for name, content in files_below(folder).items():
        if name in good:
            assert content in good[name], f"{name} is no version of the server's"
