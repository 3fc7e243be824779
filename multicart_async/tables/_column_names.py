"""Names of columns, none of which is given twice. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from multicart_async.tables._text import encodable

__all__ = ["FIRST", "RECORD", "REST", "ColumnNames"]

FIRST: Final = ("collection_id", "run_id", "scraped_at", "page", "number")
"""The columns that each table begins with."""
REST: Final = "_rest"
RECORD: Final = "_record"
_OWN: Final = frozenset({*FIRST, REST, RECORD})


class ColumnNames:
    """Names that differ in more than case: databases and file formats do not tell those apart.

    With *as_is* names may be any text, and only those of every table must differ in more than case from others.
    """

    def __init__(self, *, as_is: bool = False) -> None:
        self._as_is = as_is
        self._taken: set[str] = set()

    def __contains__(self, name: str) -> bool:
        return self._key(name) in self._taken or name.casefold() in _OWN

    def take(self, names: Iterable[str]) -> None:
        """Give out no one of *names*."""
        self._taken.update(map(self._key, names))

    def new(self, wanted: str) -> str:
        """Return *wanted*, or if it is taken, the first free name of ``wanted_2``, ``wanted_3`` and so on."""
        if not self._as_is:
            wanted = encodable(wanted).replace("\0", "\\u0000") or "_"
        name, number = wanted, 1
        while name in self:
            number += 1
            name = f"{wanted}_{number}"
        self.take([name])
        return name

    def _key(self, name: str) -> str:
        return name if self._as_is else name.casefold()
