"""The columns of a table: which field goes where, under which name, as which type. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, Self

import attrs

from multicart_async.tables._column_names import FIRST, RECORD, REST, ColumnNames
from multicart_async.tables._fields import Field, Fields, Kind

__all__ = ["Column", "ColumnKind", "Layout", "Path", "make_layout", "path_name"]

Path = tuple[str, ...]
ColumnKind = Kind | Literal["time", "decimal"]


@attrs.frozen
class Column:
    """A column for the values at *path*. If it is a *marker*, it only tells where a flat object had no members."""

    name: str
    path: Path
    kind: Kind
    marker: bool = False


@attrs.frozen
class Layout:
    """The columns of a table: those of every table, of the records, of amounts, and of what has no column.

    With *partial* only some fields were asked for, and what has no column is left out, but for values that are no objects.
    """

    columns: tuple[Column, ...] = ()
    amounts: Mapping[str, str] = attrs.field(factory=dict[str, str])  # the name of the column: that of the field
    rest: bool = False
    record: bool = False
    partial: bool = False

    @property
    def names(self) -> list[str]:
        """The names of all columns, in order."""
        own = [column.name for column in self.columns]
        return [*FIRST, *own, *self.amounts, *([REST] if self.rest else []), *([RECORD] if self.record else [])]

    @property
    def kinds(self) -> list[ColumnKind]:
        """The types of all columns, in order."""
        kinds: list[ColumnKind] = ["int64", "int64", "time", "int64", "int64"]
        kinds.extend(column.kind for column in self.columns)
        kinds.extend("decimal" for _ in self.amounts)
        kinds.extend("text" for there in (self.rest, self.record) if there)
        return kinds

    @property
    def mapping(self) -> dict[str, str]:
        """The name of the column of each field; the names of a path are joined by points."""
        return {path_name(column.path): column.name for column in self.columns}

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return attrs.asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Return what `to_json` was made of."""
        columns = tuple(
            Column(column["name"], tuple(column["path"]), column["kind"], marker=column["marker"])
            for column in value["columns"]
        )
        return cls(columns, dict(value["amounts"]), value["rest"], value["record"], value["partial"])


def path_name(path: Path) -> str:
    """Return the name of a path; a point in a name is escaped, so that it tells two paths apart."""
    return ".".join(name.replace("\\", "\\\\").replace(".", "\\.") for name in path)


class Selection:
    """Which fields the caller wants: all, or those with given names, in that order."""

    def __init__(self, names: Sequence[str] | None) -> None:
        self._places = None if names is None else {name: place for place, name in enumerate(names)}

    def rank(self, path: Path) -> int | None:
        """Return the place of *path* among the wanted fields, ``None`` if it is not wanted."""
        if self._places is None:
            return 0
        return min((self._places[name] for name in _names_of(path) if name in self._places), default=None)

    def without(self, paths: Iterable[Path]) -> list[str]:
        """Return the wanted names that none of *paths* has, and that are not part of another wanted one."""
        wanted = self._places or {}
        known = {name for path in paths for name in _names_of(path)}
        return [name for name in wanted if name not in known and wanted.keys().isdisjoint(_names_above(name))]


def _names_of(path: Path) -> list[str]:
    """Return the names by which a field may be asked for: its own, and those of the objects that it is in."""
    return [".".join(path[:length]) for length in range(1, len(path) + 1)]


def _names_above(name: str) -> list[str]:
    return [name[:place] for place, sign in enumerate(name) if sign == "."]


def make_layout(
    fields: Fields,
    *,
    selected: Sequence[str] | None = None,
    amounts: Sequence[str] = (),
    record: bool = False,
    rest: bool = False,
    most: int,
    previous: Layout | None = None,
) -> Layout:
    """Return the columns for *fields*, of which a table has room for *most*; it closes them if there are more.

    The columns of *previous* keep their names and their order. *rest* asks for the column of what has no other one.
    """
    selection = Selection(selected)
    wanted: list[tuple[Path, Kind]] = [
        (path, kind) for path, kind in fields.leaves() if selection.rank(path) is not None
    ]
    wanted += [_below(name, fields.fields) for name in selection.without([path for path, _ in wanted])]
    wanted.sort(key=lambda leaf: selection.rank(leaf[0]) or 0)
    names = ColumnNames()
    amount_names = {names.new(f"{field}_amount"): field for field in amounts}
    columns = _columns(wanted, fields, previous, names, most)
    if len(columns) < len(wanted):
        fields.closed = True
    rest = rest or (fields.closed and selected is None) or (previous is not None and previous.rest)
    return Layout(tuple(columns), amount_names, rest, record, partial=selected is not None)


def _below(name: str, fields: Mapping[str, Field]) -> tuple[Path, Kind]:
    """Return the path of a field that was asked for by *name* and has no column, as text: it is in an object with none."""
    for place, sign in enumerate(name):
        field = fields.get(name[:place]) if sign == "." else None
        if field is not None:
            above, rest = name[:place], name[place + 1 :]
            path, kind = _below(rest, field.members) if field.flat else ((*rest.split("."),), "text")
            return (above, *path), kind
    return (name,), "null"


def _columns(
    wanted: Sequence[tuple[Path, Kind]], fields: Fields, previous: Layout | None, names: ColumnNames, most: int
) -> list[Column]:
    kinds = dict(wanted)
    old = {column.path: column for column in previous.columns} if previous else {}
    names.take(column.name for path, column in old.items() if path in kinds)
    order = _ordered([*old], [*kinds])
    room = most - sum(path in old for path in order)
    columns: list[Column] = []
    for path in order:
        if path in old:
            name = old[path].name
        elif (room > 0 and not fields.was_closed) or _replaces(path, old):
            name, room = names.new(".".join(path)), room - 1
        else:
            continue
        columns.append(Column(name, path, kinds[path], marker=_is_marker(path, fields)))
    return columns


def _ordered(old: Sequence[Path], new: Sequence[Path]) -> list[Path]:
    """Return *new* in the order of *old*. What replaces the columns of an object comes in their place, the rest last."""
    place = {path: number for number, path in enumerate(old)}
    for path in new:
        if path not in place:
            inner = [number for number, one in enumerate(old) if one[: len(path)] == path and one not in new]
            place[path] = inner[0] if inner else len(place) + len(old)
    return sorted(new, key=lambda path: place[path])


def _replaces(path: Path, old: Mapping[Path, Column]) -> bool:
    """Return whether *path* had columns for its members, and has no longer."""
    return any(one[: len(path)] == path for one in old)


def _is_marker(path: Path, fields: Fields) -> bool:
    field = Field()
    members: Mapping[str, Field] = fields.fields
    for name in path:
        field = members.get(name, Field())
        members = field.members
    return field.flat
