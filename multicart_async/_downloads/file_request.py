"""A file to fetch, and the result once it is in place."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

import attrs

from multicart_async._downloads.formats import ContentCheck
from multicart_async._downloads.link_family import AnyLocation
from multicart_async.config import Limits
from multicart_async.sinks._protocol import join_name

__all__ = ["CheckFactory", "FetchedFile", "FileRequest", "Refresh"]


class CheckFactory(Protocol):
    """Create content checks. With ``full`` the content must prove its own end, because the transfer does not."""

    def __call__(self, *, full: bool, limits: Limits = ...) -> ContentCheck:
        """Create the check for one file."""
        ...


@attrs.frozen
class FileRequest:
    """A file to fetch: its link, its folder and name, and the check for its content.

    On a disk, a *sensitive* file is readable only by its owner.
    """

    link: AnyLocation
    folder: str
    name: str
    check: CheckFactory
    sensitive: bool = False

    @property
    def path(self) -> str:
        """The name of the file in events and sinks."""
        return join_name(self.folder, self.name)


@attrs.frozen
class FetchedFile:
    """A file that is in place. ``records`` is set if its check has counted them."""

    name: str
    size: int
    sha256: str
    records: int | None = None


Refresh = Callable[[FileRequest], Awaitable[AnyLocation]]
"""Ask the service for a fresh link to the same file."""
