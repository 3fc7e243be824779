"""A file to fetch, and what is known of it when it is in place."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

import attrs

from multicart_async._downloads.formats import ContentCheck
from multicart_async._downloads.links import FileLocation
from multicart_async.config import Limits
from multicart_async.sinks._protocol import join_name

__all__ = ["CheckFactory", "FetchedFile", "FileRequest", "Refresh"]


class CheckFactory(Protocol):
    """Makes the check of a file's content. ``full``: the transfer does not prove its end, so the content must."""

    def __call__(self, *, full: bool, limits: Limits = ...) -> ContentCheck:
        """Return a check for one file."""
        ...


@attrs.frozen
class FileRequest:
    """A file to fetch: where it comes from, where it belongs, how its content is checked.

    On a disk, a *sensitive* one can be read by its owner alone.
    """

    link: FileLocation
    folder: str
    name: str
    check: CheckFactory
    sensitive: bool = False

    @property
    def path(self) -> str:
        """The name of the file for events and sinks."""
        return join_name(self.folder, self.name)


@attrs.frozen
class FetchedFile:
    """A file that is in place; ``records`` where its check has counted them."""

    name: str
    size: int
    sha256: str
    records: int | None = None


Refresh = Callable[[FileRequest], Awaitable[FileLocation]]
"""Asks the service for a fresh link to the same file."""
