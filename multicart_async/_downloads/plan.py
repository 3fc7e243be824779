"""Which files a run has, and what each is called here: made of numbers and fixed words, never of what the service says."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Literal, TypeVar, TypeVarTuple, Unpack

import anyio

from multicart_async._core.threads import run_in_thread
from multicart_async._downloads.file_request import CheckFactory, FileRequest
from multicart_async._downloads.formats import ContentCheck
from multicart_async._downloads.formats.json_document import DocumentCheck
from multicart_async._downloads.formats.zip_archive import ArchiveCheck
from multicart_async._downloads.links import FileLocation, ResultLink, parse_link
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
    "is_ours",
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
_OURS = re.compile(r"page-[0-9]+\.json\Z")
_MANY = 200  # links: looked through off the loop, for they may hold it for tens of milliseconds


class _ArchiveOf:
    """Makes the check of a ZIP with the pages of its run. It proves its own end, whatever the transfer promised."""

    def __init__(self, pages: Sequence[FileLocation]) -> None:
        self._names = tuple(page.name for page in pages)

    def __call__(self, *, full: bool, limits: Limits = Limits()) -> ContentCheck:
        del full
        return ArchiveCheck(self._names, unpacked_bytes=limits.unpacked_bytes)


def folder_of(run: Run | CategoryRun) -> str:
    """The folder of a run: ``<collection>/<run>``."""
    return f"{run.collection}/{run.id}"


def is_ours(name: str) -> bool:
    """Whether a file of that name may be one of a run's."""
    return name in {ARCHIVE, CATEGORY_JSON, CATEGORY_CSV} or _OURS.match(name) is not None


async def plan_in_thread_if_large(
    work: Callable[[Run | CategoryRun, Unpack[Args]], T], run: Run | CategoryRun, *args: *Args
) -> T:
    """What *work* makes of the links of *run*, off the loop if they are many."""
    many = len(run.download_links.pages) > _MANY
    return await run_in_thread(work, run, *args) if many else work(run, *args)


def pages_of(run: Run | CategoryRun, base: str, check: CheckFactory = DocumentCheck) -> tuple[FileRequest, ...]:
    """The JSON files of a run, in the order of its pages, each to be checked by *check*.

    Raises:
        UnreachableResultError: A link leads elsewhere, to another run, or cannot be asked for.
    """
    links = [
        parse_link(text, base=base, collection_id=run.collection, run_id=run.id) for text in run.download_links.pages
    ]
    return tuple(
        FileRequest(link, folder_of(run), name, check)
        for link, name in sorted(zip(links, _names(links), strict=True), key=lambda pair: (len(pair[1]), pair[1]))
    )


def plan(
    run: Run | CategoryRun, files: Files, base: str, check: CheckFactory = DocumentCheck
) -> tuple[FileRequest, ...]:
    """The files of a run that are asked for. A category scrape has no ZIP: its one JSON file is meant by any of *files*.

    Raises:
        ArgumentError: The run is not finished, or has no ZIP; or no folder can be named by its ids.
        UnreachableResultError: As `pages_of`.
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
        raise ArgumentError("files", f"run {run.id} has no ZIP; ask for its pages")
    link = parse_link(text, base=base, collection_id=run.collection, run_id=run.id)
    archive = FileRequest(link, folder_of(run), ARCHIVE, _ArchiveOf([page.link for page in pages]))
    return (archive,) if files == "zip" else (*pages, archive)


def _names(links: Sequence[ResultLink]) -> list[str]:
    """``page-0001.json``: the service's own number of the page, where each has one; else its place in the list."""
    if len(links) == 1 and links[0].name == CATEGORY_JSON:
        return [CATEGORY_JSON]
    found = [_PAGE.search(link.label) for link in links]
    numbers = [int(page[1]) for page in found if page]
    if len(set(numbers)) < len(links):
        numbers = list(range(1, len(links) + 1))
    return [f"page-{number:04d}.json" for number in numbers]


FetchRun = Callable[[], Awaitable[Run | CategoryRun | None]]
"""Asks for the run's row again; ``None`` if there is no such run any more."""


class LinkRefresher:
    """Links may be signed, and hold the collection's name, which may change: both make them stale."""

    def __init__(self, relist: FetchRun, base: str) -> None:
        self._relist = relist
        self._base = base
        self._lock = anyio.Lock()
        self._links: dict[str, FileLocation] | None = None

    async def link(self, wanted: FileRequest) -> FileLocation:
        """A fresh link to the same file.

        Raises:
            UnreachableResultError: The service lists the run or the file no more.
        """
        async with self._lock:  # whoever asks first lists for all
            links = self._links = await self._all() if self._links is None else self._links
        if wanted.name not in links:
            raise UnreachableResultError(wanted.link.label, "the service lists it no more")
        return links[wanted.name]

    async def _all(self) -> dict[str, FileLocation]:
        run = await self._relist()
        if run is None:
            return {}
        wanted = await plan_in_thread_if_large(
            plan, run, "both" if run.download_links.all_pages else "pages", self._base
        )
        return {file.name: file.link for file in wanted}
