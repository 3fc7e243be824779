"""What came of a mirror, and of looking at one. Not the service's: this library's."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from multicart_async._core.text import MAX_TEXT, as_line, as_lines, printable
from multicart_async.models._serialization import Serializable

__all__ = ["SyncFailure", "SyncReport", "VerifyFailure", "VerifyReport"]


@attrs.frozen
class SyncFailure(Serializable):
    """What could not be mirrored, and why. ``run`` and ``file`` are ``None`` where it did not come so far.

    ``collection`` is ``None`` if the failure concerns the whole mirror.
    """

    collection: int | None
    run: int | None
    file: str | None
    error: Exception

    def __str__(self) -> str:
        place = "/".join(str(part) for part in (self.collection, self.run, self.file) if part is not None)
        return as_line(f"{place}: {self.error}" if place else str(self.error))


@attrs.frozen(kw_only=True)
class SyncReport(Serializable):
    """What `AsyncMultiCart.sync` did.

    ``runs`` finished runs were looked at; ``skipped`` of them were complete already. ``failed`` runs or collections could
    not be had, each with an entry in ``failures``.
    ``files`` and ``bytes`` came over the network in this call (with ``dry_run``: ``files`` would have come).
    ``differences`` tell where a run's files and its row do not agree; what the service counts is not documented.
    ``gone`` are collections, as ``101``, and runs, as ``101/88``, that the mirror holds and the service no longer has;
    ``removed`` are the folders of runs that ``prune`` or ``keep`` deleted (with ``dry_run``: would have deleted).
    ``stopped``: the last of ``failures`` would have met everything else too, and what was left was not looked at.
    """

    collections: int = 0
    runs: int = 0
    skipped: int = 0
    failed: int = 0
    files: int = 0
    bytes: int = 0
    failures: tuple[SyncFailure, ...] = ()
    differences: tuple[str, ...] = attrs.field(default=(), converter=as_lines)
    gone: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    dry_run: bool = False
    stopped: bool = False

    _also_written = ("ok",)

    @property
    def ok(self) -> bool:
        """Whether nothing failed."""
        return not self.failures

    def raise_for_failures(self) -> None:
        """Raises an `ExceptionGroup` of all failures, if there are any."""
        if self.failures:
            errors: Sequence[Exception] = [failure.error for failure in self.failures]
            raise ExceptionGroup(f"{len(errors)} of the mirror's runs or collections failed", errors)


@attrs.frozen
class VerifyFailure(Serializable):
    """A file that is not as the manifest says, or has none: ``path`` below the destination, and what is wrong."""

    path: str
    reason: str = attrs.field(converter=as_line)

    def __str__(self) -> str:
        return f"{printable(self.path, MAX_TEXT)}: {self.reason}"


@attrs.frozen(kw_only=True)
class VerifyReport(Serializable):
    """What `AsyncMultiCart.verify` found: ``runs`` folders, ``files`` and ``bytes`` that were read, and what is wrong.

    ``repaired`` are the paths of the files that were fetched again, with ``repair=True``; ``failures`` is what is left.
    """

    runs: int = 0
    files: int = 0
    bytes: int = 0
    failures: tuple[VerifyFailure, ...] = ()
    repaired: tuple[str, ...] = ()

    _also_written = ("ok",)

    @property
    def ok(self) -> bool:
        """Whether every file is there, whole and unchanged, and nothing else is."""
        return not self.failures
