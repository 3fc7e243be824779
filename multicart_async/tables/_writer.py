"""What each format does: it is opened, gets the columns, then runs with their values, and is finished or closed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

import attrs

from multicart_async.tables._frames import Place
from multicart_async.tables._pages import Values
from multicart_async.tables._state import TableState

__all__ = ["RunKey", "TableWriter", "Written"]


@attrs.frozen
class RunKey:
    """A run, the checksum of its manifest, and whether the table has an earlier version of it."""

    collection_id: int
    run_id: int
    checksum: str
    scraped_at: datetime | None = None
    replaces: bool = False

    @property
    def name(self) -> str:
        """Its name in a mirror, such as ``101/88``."""
        return f"{self.collection_id}/{self.run_id}"


@attrs.define
class Written:
    """What was written so far: rows, files, bytes, and values that had no column of their own.

    ``columns`` are those of a table ``as_is``: the fields with the names that they have there.
    """

    rows: int = 0
    parts: int = 0
    bytes: int = 0
    rest: int = 0
    columns: Mapping[str, str] = attrs.field(factory=dict[str, str])


class TableWriter(Protocol):
    """Write one table. All methods block; `close` is called at the end in any case.

    A table that ``grows`` keeps what it has, and one that ``keeps_runs`` has each run as soon as it has ended, also if the
    call fails later. One that is ``as_is`` has the records as they are: no field needs a column,
    so that they are read only once, and the layout of its state is empty.
    """

    grows: bool
    keeps_runs: bool
    as_is: bool
    written: Written

    def open(self) -> TableState | None:
        """Take the table into use, complete what a killed process has left, and return its state, if there is any.

        Raises:
            ArgumentError: There is something else, or another process uses it.
            DownloadError: It was damaged, or the disk failed.
        """
        ...

    def begin(self, state: TableState, replaced: frozenset[str]) -> None:
        """Prepare for the columns of *state*. The runs *replaced* will be written again."""
        ...

    def rewrite(self) -> bool:
        """Write again a piece of the table that has to change; return whether there may be more."""
        ...

    def moment(self, moment: datetime | None) -> object:
        """Return the form of a time that the table has."""
        ...

    def start_run(self, run: RunKey) -> None:
        """Begin with a run."""
        ...

    def write(self, place: Place, values: Values) -> None:
        """Write values of the run."""
        ...

    def end_run(self) -> None:
        """The run is complete."""
        ...

    def finish(self) -> None:
        """Make everything part of the table."""
        ...

    def close(self) -> None:
        """Give up what was not finished, and leave the table."""
        ...
