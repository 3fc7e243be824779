"""Reports of `sync` and `verify`. Objects of this library, not of the service."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from multicart_async._core.text import MAX_TEXT, as_line, as_lines, printable
from multicart_async.models._serialization import Serializable

__all__ = ["SyncFailure", "SyncReport", "VerifyFailure", "VerifyReport"]


@attrs.frozen
class SyncFailure(Serializable):
    """A part of the mirror that failed, and why. ``run`` and ``file`` are ``None`` if the failure came before them.

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
    """The outcome of `AsyncMultiCart.sync`.

    ``runs`` finished runs were examined; ``skipped`` of them were complete already. ``failed`` runs or collections
    could not be mirrored, each with an entry in ``failures``. ``files`` and ``bytes`` were received in this call (with
    ``dry_run``: ``files`` would have been). ``differences`` say where a run's files disagree with its totals; how the
    service counts is not documented. ``gone`` are collections, as ``101``, and runs, as ``101/88``, that are in the
    mirror but no longer at the service; ``removed`` are the folders of runs that ``prune`` or ``keep`` deleted (with
    ``dry_run``: would have deleted). ``stopped``: the last of ``failures`` would have affected everything else too, so
    the rest was not examined.
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
        """Raise an `ExceptionGroup` of all failures, if there are any."""
        if self.failures:
            errors: Sequence[Exception] = [failure.error for failure in self.failures]
            raise ExceptionGroup(f"{len(errors)} of the mirror's runs or collections failed", errors)


@attrs.frozen
class VerifyFailure(Serializable):
    """A file that does not match the manifest or has none: ``path`` below the destination, and the reason."""

    path: str
    reason: str = attrs.field(converter=as_line)

    def __str__(self) -> str:
        return f"{printable(self.path, MAX_TEXT)}: {self.reason}"


@attrs.frozen(kw_only=True)
class VerifyReport(Serializable):
    """The findings of `AsyncMultiCart.verify`: ``runs`` folders, ``files`` and ``bytes`` that were read, and failures.

    ``repaired`` are the paths of the files that were fetched again, with ``repair=True``; ``failures`` are the
    remaining ones.
    """

    runs: int = 0
    files: int = 0
    bytes: int = 0
    failures: tuple[VerifyFailure, ...] = ()
    repaired: tuple[str, ...] = ()

    _also_written = ("ok",)

    @property
    def ok(self) -> bool:
        """Whether every file is present, complete and unchanged, and there are no others."""
        return not self.failures
