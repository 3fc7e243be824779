"""Models of the runs of a collection and their result files.

Service documentation: https://multicartapi.com/api-docs/collections, https://multicartapi.com/docs/concepts/results
"""

from __future__ import annotations

from datetime import datetime

import attrs

from multicart_async.models._base import Model, Strict
from multicart_async.models._serialization import Serializable

__all__ = ["DownloadLinks", "Run", "RunState", "StartedRun"]


@attrs.frozen(kw_only=True)
class DownloadLinks(Model):
    """The links to the files of a run, unreliable before the run is finished. ``all_pages`` is empty for a category."""

    pages: Strict[tuple[str, ...]] = ()
    all_pages: Strict[str | None] = None


@attrs.frozen(kw_only=True)
class Run(Model):
    """One execution of a collection (called runner by the service).

    ``is_download_generated`` is the only sign that it is finished. ``ambiguous`` is set by this library: there was more
    than one new run when this one was waited for, so it may belong to another start.
    """

    id: Strict[int]
    collection: Strict[int]
    is_download_generated: Strict[bool]
    download_links: Strict[DownloadLinks] = attrs.field(factory=DownloadLinks)
    total_exacted_result: int | None = None  # sic: the spelling of the wire format
    total_results: int | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    ambiguous: bool = False

    @property
    def total_extracted_results(self) -> int | None:
        """``total_exacted_result``, spelled correctly. Can be below ``total_results``: some items cannot be scraped."""
        return self.total_exacted_result

    @property
    def is_empty(self) -> bool:
        """Whether it is finished and has no file."""
        return self.is_download_generated and not self.download_links.pages and not self.download_links.all_pages


@attrs.frozen
class StartedRun(Serializable):
    """A started run: the collection, and the newest run id before the start.

    Two integers, so any process can wait for it.

    The service does not return the id of a run that it starts. To store it, use ``started.to_dict()``.
    """

    collection_id: int
    after_run_id: int


@attrs.frozen(kw_only=True)
class RunState(Serializable):
    """The known state of a started run.

    ``run`` is ``None`` until the run is listed, ``schedule_status`` is the status of the collection, and ``waited`` is
    the number of seconds since the wait began.
    """

    run: Run | None
    schedule_status: str | None
    waited: float

    _also_written = ("finished",)

    @property
    def finished(self) -> bool:
        """Whether ``run`` is the finished run."""
        return self.run is not None and self.run.is_download_generated
