"""The files that a download has stored. Objects of this library, not of the service."""

from __future__ import annotations

from pathlib import Path
from typing import Generic, TypeVar

import attrs

from multicart_async._core.text import as_lines
from multicart_async.models._serialization import Serializable
from multicart_async.models.categories import CategoryRun
from multicart_async.models.runs import Run

__all__ = ["DownloadedFile", "RunDownload"]

Run_co = TypeVar("Run_co", bound=Run | CategoryRun, covariant=True)


@attrs.frozen
class DownloadedFile(Serializable):
    """A complete, stored file. ``path`` is its location; for other kinds of `Sink`, the name passed to it."""

    name: str
    path: Path
    size: int
    sha256: str


@attrs.frozen
class RunDownload(Serializable, Generic[Run_co]):
    """The files of one run: ``RunDownload[Run]`` of a collection, ``RunDownload[CategoryRun]`` of a category scrape.

    ``skipped`` of them were present already; ``bytes`` is the number of bytes received in this call.

    ``differences`` say where the files disagree with the totals of the run; how the service counts is not documented.
    They also report unusual values in the files, and what the CSV of a category scrape lacks.
    """

    run: Run_co
    directory: Path
    files: tuple[DownloadedFile, ...]
    skipped: int
    bytes: int
    differences: tuple[str, ...] = attrs.field(default=(), converter=as_lines)
