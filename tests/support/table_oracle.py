"""What the table of some values has to be, derived from the documented rules alone, without the package."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Sequence
from typing import Any

import attrs

FIRST = ("collection_id", "run_id", "scraped_at", "page", "number")
OWN = (*FIRST, "_rest", "_record")
MEMBERS = 32
NOTHING = object()
Path = tuple[str, ...]


@attrs.frozen
class Leaf:
    """A column before it has a name: where its values are, their type, and the values."""

    path: Path
    kind: str
    values: list[Any]


@attrs.frozen
class Expected:
    """The columns by name with their types, the cells of each row, and the JSON value of what has no column, by row."""

    kinds: dict[str, str]
    mapping: dict[str, str]
    rows: list[list[Any]]
    rest: list[Any]
    has_rest: bool

    @property
    def rest_count(self) -> int:
        """The number of values without a column."""
        return sum(len(value) if isinstance(value, dict) else value is not NOTHING for value in self.rest)


def expect(values: Sequence[Any], *, flatten: int = 1, most: int = 256) -> Expected:
    """The table of *values*, in the order of the source."""
    records = [value if isinstance(value, dict) else {} for value in values]
    seen = [*dict.fromkeys(name for record in records for name in record)]
    flat: set[Path] = set()
    found = leaves((), records, flatten, seen[:most], flat)
    table = found[:most]
    names = column_names([".".join(leaf.path) for leaf in table], OWN, clean=True)
    paths = {leaf.path for leaf in table}
    loose = len(records) and not all(isinstance(value, dict) for value in values)
    return Expected(
        kinds=dict(zip(names, [leaf.kind for leaf in table], strict=True)),
        mapping={joined(leaf.path): name for leaf, name in zip(table, names, strict=True)},
        rows=[[cell(leaf.kind, leaf.values[row]) for leaf in table] for row in range(len(values))],
        rest=[remaining(value, paths, flat) for value in values],
        has_rest=bool(loose) or len(seen) > most or len(found) > most,
    )


def leaves(path: Path, objects: Sequence[Any], level: int, names: Iterable[str], flat: set[Path]) -> list[Leaf]:
    """The columns for the members *names* of some objects; the paths of those with columns below go to *flat*."""
    found: list[Leaf] = []
    for name in names:
        here = (*path, name)
        values = [one.get(name) if isinstance(one, dict) else None for one in objects]
        members = [*dict.fromkeys(member for value in values if isinstance(value, dict) for member in value)]
        there = [value for value in values if value is not None]
        if not level or not there or len(members) > MEMBERS or not all(isinstance(value, dict) for value in there):
            found.append(Leaf(here, kind_of(there), values))
            continue
        flat.add(here)
        if {} in there:
            found.append(Leaf(here, "text", [value if value == {} else None for value in values]))
        found += leaves(here, values, level - 1, members, flat)
    return found


def kind_of(there: Sequence[Any]) -> str:
    """The least type above all of these values, none of which is null."""
    kinds = {type(value) for value in there}
    integers = [value for value in there if type(value) is int]
    if not there:
        return "null"
    if kinds == {bool}:
        return "bool"
    if kinds == {int}:
        return "int64" if all(-(2**63) <= value < 2**63 for value in integers) else "text"
    finite = all(math.isfinite(value) for value in there if type(value) is float)
    exact = all(abs(value) <= 2**53 for value in integers)
    return "double" if kinds <= {int, float} and finite and exact else "text"


def cell(kind: str, value: Any) -> Any:
    """What a column of that type holds."""
    if value is None or kind not in {"text", "double"}:
        return value
    return text_of(value) if kind == "text" else float(value)


def text_of(value: Any) -> str:
    """A string as it is, all else its JSON; what UTF-8 or JSON lacks is an escape or a word."""
    value = plain(value)
    if isinstance(value, str):
        return escaped(value)
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return json.dumps(value, separators=(",", ":")) if escaped(text) != text else text


def escaped(text: str) -> str:
    """*text* with escapes in place of lone surrogates."""
    return re.sub("[\ud800-\udfff]", lambda found: f"\\u{ord(found[0]):x}", text)


def plain(value: Any) -> Any:
    """Words in place of the numbers that JSON lacks."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


def column_names(wanted: Iterable[str], taken: Iterable[str], *, clean: bool) -> list[str]:
    """Names that differ in more than case, from *taken* too; unless *clean*, as they are if the case alone differs."""
    here, names = set(taken), list[str]()
    for text in wanted:
        name = (escaped(text).replace("\0", "\\u0000") or "_") if clean else text
        tries = (name if number == 1 else f"{name}_{number}" for number in range(1, 100))
        names.append(
            next(one for one in tries if one.casefold() not in here)
            if clean
            else next(one for one in tries if one.casefold() not in taken and one not in here)
        )
        here.add(names[-1].casefold() if clean else names[-1])
    return names


def joined(path: Path) -> str:
    """The names of a path with points between them."""
    return ".".join(name.replace("\\", "\\\\").replace(".", "\\.") for name in path)


def remaining(value: Any, columns: set[Path], flat: set[Path], path: Path = ()) -> Any:
    """What of *value* is in no column, as JSON; `NOTHING` if all of it is."""
    if path in flat or (not path and isinstance(value, dict)):
        if value is None and not any(column[: len(path)] == path for column in columns):
            return None  # neither it nor a member has a column
        if value is None or (value == {} and (not path or path in columns)):
            return NOTHING
        parts = {name: remaining(item, columns, flat, (*path, name)) for name, item in value.items()}
        kept = {name: part for name, part in parts.items() if part is not NOTHING}
        return kept or (NOTHING if value else value)
    return NOTHING if path in columns else plain(value)


def expected_lines(values: Sequence[Any]) -> list[dict[str, Any]]:
    """The lines of JSON, without the first columns: the records as they are, but for names that those columns have."""
    seen = [*dict.fromkeys(name for value in values if isinstance(value, dict) for name in value)]
    names = dict(zip(seen, column_names(seen, OWN, clean=False), strict=True))
    return [
        {names[name]: plain(item) for name, item in value.items()}
        if isinstance(value, dict)
        else {"_rest": plain(value)}
        for value in values
    ]
