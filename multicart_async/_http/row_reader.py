"""Convert JSON values to models as `structuring` does, and faster where they are as documented. No I/O.

For each model a function is generated, as attrs generates ``__init__``: straight code for rows whose fields have the types
of the model, or are null or absent where that is allowed. Any other value is left to `structuring` as a whole, which
knows what to set aside and which fault to name. So there is one set of rules, and what both read is equal.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final, cast, get_args, get_origin

import attrs

from multicart_async._core.validation import MAX_INTEGER
from multicart_async._http.structuring import (
    CONTAINERS,
    MOST_MEMBERS,
    Field,
    Structure,
    fields_of,
    make_structurer,
    noted,
    reference,
)
from multicart_async.models import DomainRef, Model, PostcodeRef, Undocumented
from multicart_async.models._base import no_extra

__all__ = ["make_reader"]

_EXACT: Final = frozenset({bool, int, str})
_OTHERS: Final = frozenset({DomainRef, PostcodeRef, Undocumented})  # models that are not read from objects alone
_ABSENT: Final = object()


class _UnusualError(ValueError):
    """A value is not as documented."""


@functools.cache
def make_reader(hint: Any) -> Structure:
    """Return the function that converts values to *hint*, which raises what that of `make_structurer` raises."""
    usual, detailed = _usual(hint), make_structurer(hint)

    def read(value: Any) -> Any:
        try:
            return usual(value)
        except ValueError:  # of this module, of `structuring`, or an invalid date
            pass
        return detailed(value)

    return detailed if usual is detailed else read


@functools.cache
def _usual(hint: Any) -> Structure:
    """Return the function that converts usual values to *hint*, and raises `ValueError` for any other."""
    if get_origin(hint) is tuple:
        return _array_of(get_args(hint)[0])
    kind: Any = hint
    if kind is DomainRef or kind is PostcodeRef:
        return reference(kind, _model(kind))
    return _model(kind) if _is_generated(kind) else make_structurer(kind)


def _is_generated(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, Model) and hint not in _OTHERS


def _array_of(item: Any) -> Structure:
    exact = frozenset({item}) if item in _EXACT else None
    model = item if _is_generated(item) else None

    def structure(value: Any) -> tuple[Any, ...]:
        if value is None:
            return ()
        rows: list[Any] = value
        if type(rows) is not list:
            raise _UnusualError
        if exact is not None and exact.issuperset(map(type, rows)):
            return tuple(rows)
        if model is None:
            structure_item = _usual(item)
            return tuple([structure_item(row) for row in rows])
        strings: dict[str, str] = {}  # no longer than the rows, and freed with them
        structure_row, share = _model(model), strings.setdefault  # late: a row may contain rows of its own type
        return tuple([structure_row(row, share) for row in rows])

    return structure


def _extra_of(row: dict[str, Any], known: frozenset[str], received: int) -> dict[str, Any]:
    if len(row) > MOST_MEMBERS:
        raise _UnusualError
    extra = {name: row[name] for name in row if name not in known}
    return noted(extra, received) if received else extra


@functools.cache
def _model(kind: type[Model]) -> Callable[..., Any]:
    """Return the generated function; ``share`` returns the first of all strings that are equal to its two arguments.

    In a long list most strings are repeated in each row. One object for all of them takes less memory, and a full
    collection of Python's garbage, which looks at each object that a row refers to, takes less time.
    """
    fields = fields_of(kind)
    names: dict[str, Any] = {
        "Absent": _ABSENT,
        "Containers": CONTAINERS,
        "Kind": kind,
        "Known": frozenset(fields),
        "Unusual": _UnusualError,
        "extra_of": _extra_of,
        "new": object.__new__,
        "no_extra": no_extra,
        "set_extra": _setter(kind, "extra"),
        "parse_date": datetime.fromisoformat,
        "utc": UTC,
    }
    lines = [
        "def structure(row, share=None):",
        " if type(row) is not dict: raise Unusual",
        " get, received, absent = row.get, 0, 0",
    ]
    for number, field in enumerate(fields.values()):
        names |= _names(kind, field, number)
        lines += [line.replace("#", str(number)) for line in _conversion(field)]
    lines += [
        f" if len(row) + absent != {len(fields)}: extra = extra_of(row, Known, received)",
        " else: extra = no_extra(received) if received else {}",
        " self = new(Kind)",
        " set_extra(self, extra)",
        *(f" set{number}(self, v{number})" for number in range(len(fields))),
        " return self",
    ]
    exec(compile("\n".join(lines), f"<rows of {kind.__name__}>", "exec"), names)  # noqa: S102 -- names and numbers of ours
    return cast("Structure", names["structure"])


def _setter(kind: type[Model], name: str) -> Callable[[Model, object], None]:
    """Return the function that sets a slot: ``__init__`` of a frozen class uses a slower one."""
    return cast("Callable[[Model, object], None]", getattr(kind, name).__set__)


def _names(kind: type[Model], field: Field, number: int) -> dict[str, Any]:
    """Return what the code for *field* refers to."""
    default = field.default
    return {
        f"name{number}": field.name,
        f"set{number}": _setter(kind, field.name),
        f"default{number}": default.factory if isinstance(default, attrs.Factory) else default,  # type: ignore[arg-type]
        f"read{number}": _usual(field.hint),
    }


def _conversion(field: Field) -> list[str]:
    """Return the code that converts a field; ``#`` stands for its number."""
    lines = [f" v# = get({field.name!r}, Absent)"]
    (exact,) = field.exact or (None,)
    if exact is str:
        lines += [" if type(v#) is str:", "  if share: v# = share(v#, v#)"]
    elif exact is not None:
        lines += [f" if type(v#) is {exact.__name__}: pass"]
    elif field.hint is int:
        lines += [f" if type(v#) is int and {-MAX_INTEGER} <= v# <= {MAX_INTEGER}: pass"]
    elif field.hint is datetime:
        lines += [
            " if type(v#) is str:",
            "  v# = parse_date(v#)",
            "  if v#.tzinfo is None: v# = v#.replace(tzinfo=utc)",
        ]
    else:
        lines += [" if v# is not None and v# is not Absent:"]
        lines += [f"  if type(v#) in Containers: received |= {field.bit}", "  v# = read#(v#)"]
    if field.nullable:
        lines += [f" elif v# is None: received |= {field.bit}"]
    if field.default is not attrs.NOTHING:
        call = "()" if isinstance(field.default, attrs.Factory) else ""  # type: ignore[arg-type]
        lines += [" elif v# is Absent:", f"  v# = default#{call}", "  absent += 1"]
    return [*lines, " else: raise Unusual"]
