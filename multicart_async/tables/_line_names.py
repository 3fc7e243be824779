"""The names of the members of JSON Lines, found while the lines are written. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from multicart_async.tables._column_names import REST, ColumnNames

__all__ = ["LineNames"]

_MOST: Final = 10_000  # fields whose names are remembered


class LineNames:
    """The fields of records keep their names, but for those that are taken; it is the first that has a name.

    ``amounts`` are the members for amounts, each with its field; ``fields`` are the first 10,000 of records, each with its
    member. Others that would need another name are counted in ``rest``.
    """

    def __init__(self, amounts: Sequence[str] = ()) -> None:
        self._names = ColumnNames(as_is=True)
        self._renamed: dict[str, str] = {}
        self.amounts = {self._names.new(f"{field}_amount"): field for field in amounts}
        self.fields: dict[str, str] = {}
        self.rest = 0

    def members(self, record: dict[str, Any]) -> Mapping[str, Any]:
        """Return the members of the line for *record*."""
        late = () if record.keys() <= self.fields.keys() else self._add(record)
        if not late and self._renamed.keys().isdisjoint(record):
            return record
        members = {self._renamed.get(name, name): item for name, item in record.items() if name not in late}
        self.rest += len(late)
        return {**members, REST: {name: record[name] for name in late}} if late else members

    def _add(self, record: Mapping[str, Any]) -> list[str]:
        """Give names to new fields, and return those that came too late for another one than their own, which is taken."""
        late: list[str] = []
        for field in record:
            if field in self.fields:
                continue
            if len(self.fields) == _MOST:
                late += [field] if field in self._names else []
                continue
            name = self.fields[field] = self._names.new(field)
            if name != field:
                self._renamed[field] = name
        return late
