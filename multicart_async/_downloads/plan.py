"""Plan the files of a run. Their names consist of numbers and fixed words, never of names from the service."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from operator import itemgetter
from typing import Literal, TypeVar, TypeVarTuple, Unpack

import anyio

from multicart_async._core.threads import run_in_thread
from multicart_async._downloads.file_request import CheckFactory, FileRequest
from multicart_async._downloads.formats import ContentCheck
from multicart_async._downloads.formats.json_document import DocumentCheck
from multicart_async._downloads.formats.zip_archive import ArchiveCheck
from multicart_async._downloads.link_family import AnyLocation, parse_page_links
from multicart_async._downloads.links import parse_link
from multicart_async.config import Limits
from multicart_async.errors import ArgumentError, UnreachableResultError
from multicart_async.models import CategoryRun, Run

__all__ = [
    "ARCHIVE",
    "CATEGORY_CSV",
    "CATEGORY_JSON",
    "FetchRun",
    "Files",
    "LinkRefresher",
    "folder_of",
    "is_run_file",
    "pages_of",
    "plan",
    "plan_in_thread_if_large",
]


T = TypeVar("T")
Args = TypeVarTuple("Args")

Files = Literal["pages", "zip", "both"]
CATEGORY_JSON = "category_asins.json"
CATEGORY_CSV = "category_asins.csv"
ARCHIVE = "all-pages.zip"
_PAGE = re.compile(r"/page ([0-9]+)\Z")
_PAGE_FILE = re.compile(r"page-[0-9]+\.json\Z")
_LARGE = 200  # links; more are parsed in a thread, because that may take tens of milliseconds


class _ArchiveCheckFactory:
    """Create the check for the ZIP of a run with these pages. An archive always proves its own end."""

    def __init__(self, pages: Sequence[AnyLocation]) -> None:
        self._names = tuple(page.name for page in pages)

    def __call__(self, *, full: bool, limits: Limits = Limits()) -> ContentCheck:
        del full
        return ArchiveCheck(self._names, unpacked_bytes=limits.unpacked_bytes)


def folder_of(run: Run | CategoryRun) -> str:
    """Return the folder of a run: ``<collection>/<run>``."""
    return f"{run.collection}/{run.id}"


def is_run_file(name: str) -> bool:
    """Return whether a file with this name may belong to a run."""
    return name in {ARCHIVE, CATEGORY_JSON, CATEGORY_CSV} or _PAGE_FILE.match(name) is not None


async def plan_in_thread_if_large(
    work: Callable[[Run | CategoryRun, Unpack[Args]], T], run: Run | CategoryRun, *args: *Args
) -> T:
    """Return what *work* makes of the links of *run*; it runs in a thread if there are many."""
    many = len(run.download_links.pages) > _LARGE
    return await run_in_thread(work, run, *args) if many else work(run, *args)


def pages_of(run: Run | CategoryRun, base: str, check: CheckFactory = DocumentCheck) -> tuple[FileRequest, ...]:
    """Return the requests for the JSON files of a run, in the order of its pages, with *check* for each.

    Raises:
        UnreachableResultError: A link leads to another host or run, or cannot be requested.
    """
    parse = partial(parse_link, base=base, collection_id=run.collection, run_id=run.id)
    links, folder = parse_page_links(run.download_links.pages, parse), folder_of(run)
    if len(links) == 1 and links[0].name == CATEGORY_JSON:
        return (FileRequest(links[0], folder, CATEGORY_JSON, check),)
    numbered = sorted(zip(_numbers(links), links, strict=True), key=itemgetter(0))
    return tuple(FileRequest(link, folder, f"page-{number:04d}.json", check) for number, link in numbered)


def plan(
    run: Run | CategoryRun, files: Files, base: str, check: CheckFactory = DocumentCheck
) -> tuple[FileRequest, ...]:
    """Return the requests for *files* of a run.

    A category scrape has no ZIP: any value of *files* stands for its only JSON file.

    Raises:
        ArgumentError: The run is not finished or has no ZIP, or its ids cannot name a folder.
        UnreachableResultError: A link leads to another host or run, or cannot be requested.
    """
    if not run.is_download_generated:
        raise ArgumentError("run", f"run {run.id} is not finished; wait for it")
    if run.id < 1 or run.collection < 1:
        raise ArgumentError("run", f"expected positive ids, got run {run.id} of collection {run.collection}")
    pages = pages_of(run, base, check)
    if files == "pages" or any(page.name == CATEGORY_JSON for page in pages):
        return pages
    text = run.download_links.all_pages
    if not text:
        if not pages:
            return ()
        raise ArgumentError("files", f"run {run.id} has no ZIP; pass files='pages'")
    link = parse_link(text, base=base, collection_id=run.collection, run_id=run.id)
    archive = FileRequest(link, folder_of(run), ARCHIVE, _ArchiveCheckFactory([page.link for page in pages]))
    return (archive,) if files == "zip" else (*pages, archive)


def _numbers(links: Sequence[AnyLocation]) -> Sequence[int]:
    """Return the numbers of pages, as the service has them if each page has its own, else in order."""
    numbers = [int(page[1]) for link in links if (page := _PAGE.search(link.label))]
    return numbers if len(set(numbers)) == len(links) else range(1, len(links) + 1)


FetchRun = Callable[[], Awaitable[Run | CategoryRun | None]]
"""Fetch the run again; ``None`` if it no longer exists."""


class LinkRefresher:
    """Fetch fresh links. Links become stale when a signature expires or the collection, whose name they contain, is renamed."""

    def __init__(self, relist: FetchRun, base: str) -> None:
        self._relist = relist
        self._base = base
        self._lock = anyio.Lock()
        self._links: dict[str, AnyLocation] | None = None

    async def link(self, request: FileRequest) -> AnyLocation:
        """Return a fresh link to the same file.

        Raises:
            UnreachableResultError: The run or the file is no longer listed by the service.
        """
        async with self._lock:  # the first caller fetches the links for all
            links = self._links = await self._fetch_links() if self._links is None else self._links
        if request.name not in links:
            raise UnreachableResultError(request.link.label, "no longer listed by the service")
        return links[request.name]

    async def _fetch_links(self) -> dict[str, AnyLocation]:
        run = await self._relist()
        if run is None:
            return {}
        requests = await plan_in_thread_if_large(
            plan, run, "both" if run.download_links.all_pages else "pages", self._base
        )
        return {file.name: file.link for file in requests}
