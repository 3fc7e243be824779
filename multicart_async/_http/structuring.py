"""Convert JSON values to models in one pass: strict for fields that the client relies on, lenient for others. No I/O.

A strict field that is missing or has another JSON type makes the response invalid; the error names every such field of
the object. Any other field of another type becomes ``None``, and its value is kept in ``extra``. Nothing is converted.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Union, cast, get_args, get_origin, get_type_hints

import attrs

from multicart_async._core.validation import MAX_INTEGER
from multicart_async.models import DomainRef, Model, PostcodeRef, Undocumented
from multicart_async.models._base import STRICT, Extra, no_extra

__all__ = [
    "CONTAINERS",
    "MOST_MEMBERS",
    "Field",
    "Structure",
    "StructureError",
    "fields_of",
    "make_structurer",
    "noted",
    "reference",
]

Structure = Callable[[Any], Any]
"""Convert a JSON value to a value of one type, or raise `StructureError`."""

MOST_MEMBERS: Final = 10_000
"""The maximum for one object: a model has a few dozen fields, and all other members are kept in ``extra``."""
CONTAINERS: Final = frozenset({list, dict})
"""Types whose value may equal the field's default, as null may: such fields are recorded as received."""
_JSON_NAMES: Final[Mapping[type, str]] = {
    NoneType: "null",
    bool: "a boolean",
    int: "an integer",
    float: "a number",
    str: "a string",
    list: "an array",
    dict: "an object",
}


class StructureError(ValueError):
    """A JSON value does not fit a type. ``faults`` are pairs of a path below the value and a description.

    If ``strict`` is true, the object that holds the value is invalid even if the field is lenient.
    """

    def __init__(self, faults: list[tuple[str, str]], *, strict: bool) -> None:
        super().__init__(faults)
        self.faults = faults
        self.strict = strict

    @classmethod
    def of(cls, expected: str, value: object) -> StructureError:
        """Return the error for *value*, of which only the type is shown."""
        got = _JSON_NAMES.get(type(value), type(value).__name__)
        return cls([("", f"expected {expected}, got {got}")], strict=False)

    def below(self, prefix: str) -> list[tuple[str, str]]:
        """Return the faults with *prefix* before each path."""
        return [(prefix + path, fault) for path, fault in self.faults]

    def describe(self, name: str) -> str:
        """Return one line with all faults; *name* stands for the value."""
        return "; ".join(f"{fault} @ {path}" for path, fault in self.below(name))


@functools.cache
def make_structurer(hint: Any) -> Structure:
    """Return the function that converts values to *hint*: a model, a tuple of models, or the type of a field."""
    if hint in _SIMPLE:
        return _SIMPLE[hint]
    if get_origin(hint) is tuple:
        return _array_of(get_args(hint)[0])
    if get_origin(hint) in {dict, Mapping}:
        return _object
    if hint is DomainRef or hint is PostcodeRef:
        return reference(hint, _model(hint))
    return _model(hint)


def _model(kind: type[Model]) -> Structure:
    fields = fields_of(kind)
    required = [field.name for field in attrs.fields(kind) if field.default is attrs.NOTHING]
    field_of = fields.get

    def structure(value: Any) -> Model:
        row: dict[str, Any] = value
        if type(row) is not dict:
            raise StructureError.of(f"a {kind.__name__} object", row)
        if len(row) > MOST_MEMBERS:
            raise StructureError([("", f"expected at most {MOST_MEMBERS} members, got {len(row)}")], strict=True)
        extra: dict[str, Any] = {}
        given: dict[str, Any] = {"extra": extra}
        faults: list[tuple[str, str]] | None = None
        received = 0
        for name, found in row.items():
            field = field_of(name)
            if field is None:
                extra[name] = found
            elif type(found) in field.exact:
                given[field.name] = found
            elif found is None and field.nullable:
                given[field.name] = None
                received |= field.bit
            else:
                if type(found) in CONTAINERS:
                    received |= field.bit
                try:
                    given[field.name] = field.structure(found)
                except StructureError as error:
                    faults = [*(faults or ()), *field.set_aside(found, error, given)]
        if received:
            given["extra"] = noted(extra, received)
        if not faults:
            try:
                return kind(**given)
            except TypeError:  # a required field is missing
                faults = []
        missing = [(f".{name}", "required field missing") for name in required if name not in row]
        raise StructureError(faults + missing, strict=True)

    return structure


def noted(extra: dict[str, Any], received: int) -> Extra:
    """Return *extra* with the bits *received*."""
    if not extra:
        return no_extra(received)
    own = Extra(extra)
    own.received = received
    return own


def fields_of(kind: type[Model]) -> dict[str, Field]:
    """Return the fields of a model by their names, in the order of their declaration."""
    hints = get_type_hints(kind, include_extras=True)
    declared = enumerate(attrs.fields(kind))
    return {field.name: _field(field, hints[field.name], 1 << at) for at, field in declared if field.name != "extra"}


@attrs.frozen
class Field:
    """How the value of one field of a model is converted."""

    name: str
    """The string of the class itself, because Python finds keyword arguments faster by identity than by comparison."""
    bit: int
    """The bit of the field in `Extra.received`."""
    exact: frozenset[type]
    """The types whose values are used unchanged."""
    hint: Any
    """The type of the field, without ``Strict`` and ``None``."""
    structure: Structure
    strict: bool
    nullable: bool
    """Whether ``None`` is a value of the field."""
    null_is_absent: bool
    fallback: Any
    """The value of the field if the received one has another type: ``None``, or the default of a field that we added."""
    default: Any
    """The value of the field if it is absent: a value, `attrs.NOTHING` or an `attrs.Factory`."""

    def set_aside(self, found: object, error: StructureError, given: dict[str, Any]) -> list[tuple[str, str]]:
        """Move *found*, which has another type, to ``extra`` of *given*, or return its faults if the field is strict."""
        if found is None and self.null_is_absent:
            return []
        if error.strict or self.strict:
            return error.below(f".{self.name}")
        given[self.name], given["extra"][self.name] = self.fallback, found
        return []


def _field(field: attrs.Attribute[Any], hint: Any, bit: int) -> Field:
    strict = get_origin(hint) is Annotated and STRICT in get_args(hint)
    kind = get_args(hint)[0] if strict else hint
    nullable = get_origin(kind) in {Union, UnionType} and NoneType in get_args(kind)
    if nullable:
        kind = Union[tuple(one for one in get_args(kind) if one is not NoneType)]  # noqa: UP007 -- built at run time
    null_is_absent = field.default is not attrs.NOTHING and field.default is not None
    structure = _bounded if strict and kind is int else make_structurer(kind)
    exact = frozenset({_AS_IT_IS[structure]}) if structure in _AS_IT_IS else frozenset[type]()
    fallback = None if nullable else field.default
    takes_null = kind is Any or (nullable and not null_is_absent)
    return Field(
        field.name, bit, exact, kind, structure, strict, takes_null, null_is_absent, fallback, default=field.default
    )


def _array_of(item: Any) -> Structure:
    def structure(value: Any) -> tuple[Any, ...]:
        if value is None:  # null means that there are no rows
            return ()
        rows: list[Any] = value
        if type(rows) is not list:  # a string is iterable, too
            raise StructureError.of("an array", rows)
        structure_item = make_structurer(item)  # resolved late, because a row may contain rows of its own type
        done: list[Any] = []
        try:
            for one in rows:
                done.append(structure_item(one))  # noqa: PERF401 -- its length is the index of the wrong item
        except StructureError as error:
            raise StructureError(error.below(f"[{len(done)}]"), strict=error.strict) from None
        return tuple(done)

    return structure


def reference(kind: type[DomainRef | PostcodeRef], joined: Structure) -> Structure:
    """Return the function that converts an id, or an object with *joined*, to *kind*."""

    def structure(value: Any) -> Any:
        if type(value) is not int:
            return joined(value)
        return kind(id=_bounded(value), extra=no_extra(0))  # create responds with an id, list and get with an object

    return structure


def _exactly(kind: type, expected: str) -> Structure:
    def structure(value: Any) -> Any:
        if type(value) is not kind:  # isinstance() would accept bool as int
            raise StructureError.of(expected, value)
        return value

    return structure


def _bounded(value: Any) -> int:
    if type(value) is not int:
        raise StructureError.of("an integer", value)
    if not -MAX_INTEGER <= value <= MAX_INTEGER:
        raise StructureError([("", "expected an integer within ±2**53, got a larger one")], strict=True)
    return value


def _number(value: Any) -> float:
    if type(value) is int or type(value) is float:
        try:
            return float(value)
        except OverflowError:
            pass
    raise StructureError.of("a number", value)


def _moment(value: Any) -> datetime:
    try:
        moment = _read_date(value)
    except (TypeError, ValueError):
        raise StructureError.of("an ISO 8601 date", value) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _undocumented(value: Any) -> Undocumented:
    fields = cast("dict[str, Any]", value) if type(value) is dict else {}
    return Undocumented(data=value, extra=fields)


_read_date: Final = datetime.fromisoformat
_boolean: Final = _exactly(bool, "true or false")
_integer: Final = _exactly(int, "an integer")
_string: Final = _exactly(str, "a string")
_object: Final = _exactly(dict, "an object")
_AS_IT_IS: Final[Mapping[Structure, type]] = {
    _boolean: bool,
    _integer: int,
    _string: str,
    _number: float,
    _object: dict,
}
_SIMPLE: Final[Mapping[Any, Structure]] = {
    Any: lambda value: value,
    bool: _boolean,
    int: _integer,
    str: _string,
    float: _number,
    datetime: _moment,
    Undocumented: _undocumented,
}
