"""Tables as JSON Lines: the first columns, then the record as it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

from multicart_async.tables._column_names import FIRST, RECORD, REST
from multicart_async.tables._field_path import Sought, field_of
from multicart_async.tables._file_writer import FileWriter
from multicart_async.tables._frames import Place, exact_amount
from multicart_async.tables._layout import path_name
from multicart_async.tables._line_names import LineNames
from multicart_async.tables._options import ExportOptions, Target
from multicart_async.tables._pages import Values
from multicart_async.tables._text import json_of

__all__ = ["JsonLinesWriter"]


class JsonLinesWriter(FileWriter):
    """Write one object a line. Only the names that the first columns have are changed."""

    as_is = True

    def __init__(self, target: Target, options: ExportOptions) -> None:
        super().__init__(target)
        self._options = options
        self._names = LineNames(options.amounts)
        self._sought = Sought(options.columns)
        self._loose = 0

    def write(self, place: Place, values: Values) -> None:
        """Write a line for each value."""
        records: list[dict[str, Any]] = [value for value in values.values if type(value) is dict]
        self._sought.observe(records)
        first = dict(zip(FIRST, (place.collection_id, place.run_id, place.scraped_at, place.page), strict=False))
        head = f'{json_of(first)[:-1]},"number":'
        lines = [
            f"{head}{number}{self._tail(value, odd=values.odd_text)}}}\n"
            for number, value in enumerate(values.values, values.number)
        ]
        self.stream.binary.write("".join(lines).encode())
        self.written.rows += len(lines)
        self.written.rest = self._loose + self._names.rest
        self.written.columns = {path_name((field,)): name for field, name in self._names.fields.items()}

    def finish(self) -> None:
        """Give the file its name.

        Raises:
            ArgumentError: No record has a field that the options ask for.
        """
        self._sought.check()
        super().finish()

    def _tail(self, value: Any, *, odd: bool) -> str:
        """Return the members of a line after the first columns, each with a comma before it."""
        members: Mapping[str, Any]
        record: dict[str, Any]
        if isinstance(value, dict):
            record, columns = cast("dict[str, Any]", value), self._options.columns
            members = self._names.members(record if columns is None else _project(record, columns))
        else:
            record, members = {}, {REST: value}
            self._loose += 1
        tail = f",{json_of(members, odd=odd)[1:-1]}" if members else ""
        for name, field in self._names.amounts.items():
            exact = exact_amount(field_of(record, field))
            tail += f",{json_of(name, odd=True)}:{'null' if exact is None else exact}"
        if self._options.keep_record:
            tail += f',"{RECORD}":{json_of(json_of(cast("object", value), odd=odd))}'
        return tail


def _project(record: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Return *record* with the fields *names* alone; a name may be that of a member, such as ``offer.price``."""
    whole: dict[str, bool] = {}
    inner: dict[str, list[str]] = {}
    for name in names:
        if name in record:
            whole[name] = True
        for place, sign in enumerate(name):
            if sign == "." and isinstance(record.get(name[:place]), dict):
                whole.setdefault(name[:place], False)
                inner.setdefault(name[:place], []).append(name[place + 1 :])
    parts = {name: record[name] if whole[name] else _project(record[name], inner[name]) for name in whole}
    return {name: part for name, part in parts.items() if whole[name] or part}
