"""What a download left on disk. Not the service's: this library's."""

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
    """A file that is whole and in place. ``path`` is where; for a `Sink` of another kind, the name that it was given."""

    name: str
    path: Path
    size: int
    sha256: str


@attrs.frozen
class RunDownload(Serializable, Generic[Run_co]):
    """The files of one run: ``RunDownload[Run]`` of a collection, ``RunDownload[CategoryRun]`` of a category scrape.

    ``skipped`` of them were there already; ``bytes`` came over the network in this call.

    ``differences`` tell where the files and the run's row do not agree; what the service counts is not documented. They
    also tell what is odd about the records in the files, and what the CSV of a category scrape lacks.
    """

    run: Run_co
    directory: Path
    files: tuple[DownloadedFile, ...]
    skipped: int
    bytes: int
    differences: tuple[str, ...] = attrs.field(default=(), converter=as_lines)
