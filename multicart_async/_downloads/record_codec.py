"""Structure records as values of a caller's class, stricter than cattrs: a string is not a list, and 1 not a string."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from itertools import islice
from types import EllipsisType, NoneType, UnionType
from typing import Any, Generic, TypeGuard, TypeVar, Union, cast, get_args, get_origin, get_type_hints, is_typeddict

import attrs
import cattrs

from multicart_async._core.redactor import MAX_ESCAPED, Redactor
from multicart_async.errors import ArgumentError

__all__ = ["RecordReader", "record_reader"]

T = TypeVar("T")
_Hook = Callable[[Any, Any], Any]

_MAX_CHARACTERS = 80  # of a value in an error
_MAX_MISMATCHES = 5  # in one error
_SCALARS = {str, bool, int, float, NoneType}
_LISTS: Mapping[Any, Any] = {list: list, Sequence: list, tuple: tuple, set: set, frozenset: frozenset}
_MAPPINGS = {dict, Mapping}


@attrs.frozen
class RecordReader(Generic[T]):
    """Convert values of a file to records. ``structure`` may raise any exception for a value that does not fit."""

    structure: Callable[[object], T]
    into: Any

    def mismatch(self, value: object, redactor: Redactor = Redactor()) -> str:
        """Return why *value* does not fit, with the secrets known to *redactor* removed."""
        if self.into is dict or not _is_object(value):
            return f"expected an object, got {_describe(value, redactor)}"
        try:
            return "; ".join(_mismatches(value, self.into, "", redactor))
        except RecursionError:
            return "it is nested too deeply"


def record_reader(into: type[T]) -> RecordReader[T]:
    """Return a reader that makes dicts, or values of an attrs class, a dataclass or a `TypedDict`.

    Raises:
        ArgumentError: *into* is something else, or has a field that cannot be made from JSON.
    """
    if into is dict or into == dict[str, Any]:
        return RecordReader(cast("Callable[[object], T]", _an_object), dict)
    if not _has_fields(into):
        got = repr(into)[:_MAX_CHARACTERS]
        raise ArgumentError("into", f"expected dict, or an attrs class, a dataclass or a TypedDict, got {got}")
    try:
        _check_supported(into, into.__name__, set())
    except Exception as error:  # evaluating annotations runs code of the caller
        raise ArgumentError("into", f"expected a class whose fields can be made from JSON: {error}") from error
    hook = _converter.get_structure_hook(into)
    return RecordReader(lambda value: hook(value, into), into)


def _check_supported(kind: Any, path: str, seen: set[Any]) -> None:
    """Raise `TypeError` if *kind*, or a type within it, cannot be made from JSON."""
    if kind in seen:
        return
    seen.add(kind)
    if _has_fields(kind):
        inner = {f"{path}.{name}": hint for name, (hint, _) in _fields_of(kind).items()}
    elif _is_list(kind) or _is_mapping(kind):
        inner = {path: _inner(kind)}
    else:
        inner = {path: _without_none(kind)}
    for place, part in inner.items():
        _check_supported(part, place, seen)
    try:
        _converter.get_structure_hook(kind)
    except Exception as error:
        raise TypeError(f"{path} is {_name(kind)}") from error


def _mismatches(value: object, kind: Any, path: str, redactor: Redactor) -> Iterator[str]:
    """Yield a description of each part of *value* that does not match *kind*."""
    if value is not None:
        kind = _without_none(kind)
    try:
        _converter.get_structure_hook(kind)(value, kind)
    except RecursionError:
        raise
    except Exception as error:  # noqa: BLE001 -- hooks raise many kinds, and so does a class of the caller
        inner = list(islice(_inner_mismatches(value, kind, path, redactor), _MAX_MISMATCHES))
        if not inner and _is_object(value) and _has_fields(kind):
            inner = [f"{path or 'it'}: {_name(kind)} raises {type(error).__name__}: {_preview(str(error), redactor)}"]
        yield from inner or [f"{path}: expected {_name(kind)}, got {_describe(value, redactor)}"]


def _inner_mismatches(value: object, kind: Any, path: str, redactor: Redactor) -> Iterator[str]:
    if _is_object(value) and _has_fields(kind):
        for name, (hint, required) in _fields_of(kind).items():
            place = f"{path}.{name}".removeprefix(".")
            if name in value:
                yield from _mismatches(value[name], hint, place, redactor)
            elif required:
                yield f"{place}: expected {_name(hint)}, got nothing"
    elif _is_object(value) and _is_mapping(kind):
        for name, item in value.items():
            yield from _mismatches(item, _inner(kind), f"{path}[{_preview(name, redactor)!r}]", redactor)
    elif _is_array(value) and _is_list(kind):
        for number, item in enumerate(value):
            yield from _mismatches(item, _inner(kind), f"{path}[{number}]", redactor)


def _describe(value: object, redactor: Redactor) -> str:
    if value is None:
        return "null"
    if _is_object(value) or _is_array(value):
        return f"{type(value).__name__} of {len(value)}"
    text = repr(_preview(value, redactor)) if isinstance(value, str) else repr(value)[:_MAX_CHARACTERS]
    return f"{type(value).__name__} {text}"


def _preview(text: str, redactor: Redactor) -> str:
    # Redact before cutting: part of a credential would not be recognized.
    return redactor.text(text[:MAX_ESCAPED])[:_MAX_CHARACTERS]


def _name(kind: Any) -> str:
    return kind.__name__ if isinstance(kind, type) and not get_args(kind) else str(kind).replace("typing.", "")


def _fields_of(kind: Any) -> dict[str, tuple[Any, bool]]:
    """Return the type of each field, and whether it is required."""
    hints = get_type_hints(kind)
    if _is_typed(kind):
        return {name: (hint, name in kind.__required_keys__) for name, hint in hints.items()}
    if attrs.has(kind):
        fields = [(field.name, field.init, field.default is attrs.NOTHING) for field in attrs.fields(kind)]
    else:
        missing = dataclasses.MISSING
        fields = [
            (field.name, field.init, field.default is missing and field.default_factory is missing)
            for field in dataclasses.fields(kind)
        ]
    return {name: (hints.get(name, Any), required) for name, init, required in fields if init}


def _has_fields(kind: Any) -> bool:
    return isinstance(kind, type) and (attrs.has(kind) or dataclasses.is_dataclass(kind) or _is_typed(kind))


def _is_typed(kind: Any) -> bool:
    return is_typeddict(kind)


def _is_list(kind: Any) -> bool:
    return (get_origin(kind) or kind) in _LISTS and get_args(kind)[1:] in {(), (...,)}


def _is_mapping(kind: Any) -> bool:
    return (get_origin(kind) or kind) in _MAPPINGS


def _is_union(kind: Any) -> bool:
    return get_origin(kind) in {Union, UnionType}


def _is_scalars(kind: Any) -> bool:
    return _is_union(kind) and _SCALARS.issuperset(get_args(kind))


def _inner(kind: Any) -> Any:
    """Return the type of the items of a list, or of the values of a mapping."""
    args = [arg for arg in get_args(kind) if not isinstance(arg, EllipsisType)]
    return args[-1] if args else Any


def _without_none(kind: Any) -> Any:
    others = tuple(arg for arg in get_args(kind) if arg is not NoneType)
    return Union[others] if _is_union(kind) and not _is_scalars(kind) else kind  # noqa: UP007 -- made at run time


def _is_object(value: object) -> TypeGuard[dict[str, Any]]:
    return type(value) is dict


def _is_array(value: object) -> TypeGuard[list[Any]]:
    return type(value) is list


def _an_object(value: Any) -> dict[str, Any]:
    fields: dict[str, Any] = value
    if type(fields) is not dict:  # without `_is_object`, because each record is checked
        raise TypeError("expected an object")
    return fields


def _exactly(value: object, kind: Any) -> Any:
    if type(value) is not kind:  # bool is an int to isinstance()
        raise TypeError("another type")
    return value


def _one_of(kind: Any) -> _Hook:
    kinds = _unchanged(kind)
    number = float if float in kinds else None
    return lambda value, _: value if type(value) in kinds else _number(value, number)


def _unchanged(kind: Any) -> frozenset[type]:
    """Return the types whose values are values of *kind* as they are, none unless it is a scalar or a union of some."""
    kinds = frozenset(get_args(kind) if _is_union(kind) else (kind,))
    return kinds if kinds <= _SCALARS else frozenset()


def _number(value: object, kind: Any) -> Any:
    return float(value) if kind is float and type(value) is int else _exactly(value, kind)


def _datetime(value: object, _: object) -> datetime:
    moment = datetime.fromisoformat(_exactly(value, str))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _items(kind: Any) -> _Hook:
    make, inner = _LISTS[get_origin(kind) or kind], _inner(kind)
    find_hook, unchanged = _hook_finder(inner), _unchanged(inner)

    def structure(value: object, _: object) -> Any:
        items: list[Any] = _exactly(value, list)
        if unchanged.issuperset(map(type, items)):
            return make(items)
        hook = find_hook()
        return make([hook(item, inner) for item in items])

    return structure


def _members(kind: Any) -> _Hook:
    inner = _inner(kind)
    find_hook = _hook_finder(inner)

    def structure(value: object, _: object) -> Any:
        hook = find_hook()
        return {name: hook(item, inner) for name, item in _an_object(value).items()}

    return structure


def _instance(kind: Any) -> _Hook:
    makers: Any = _converter  # cattrs leaves their types partly open
    if _is_typed(kind):
        make = makers.gen_structure_typeddict(kind)
    else:
        hooks = {name: cattrs.override(struct_hook=_lazy_hook(hint)) for name, hint in _resolved(kind).items()}
        make = cattrs.gen.make_dict_structure_fn(kind, _converter, **cast("Any", hooks))

    def structure(value: object, into: Any) -> Any:
        return make(_an_object(value), into)  # cattrs would accept a string as an object without fields

    return structure


def _resolved(kind: Any) -> dict[str, Any]:
    """Return the types of fields that cattrs cannot resolve: with a forward reference inside, as in ``list["Node"]``."""
    given = attrs.fields(kind) if attrs.has(kind) else dataclasses.fields(kind)
    hints = {name: hint for name, (hint, _) in _fields_of(kind).items()}
    return {
        field.name: hints[field.name]
        for field in given
        if field.name in hints and not isinstance(field.type, str) and field.type != hints[field.name]
    }


def _lazy_hook(kind: Any) -> _Hook:
    find_hook = _hook_finder(kind)
    return lambda value, _: find_hook()(value, kind)


def _hook_finder(kind: Any) -> Callable[[], _Hook]:
    """Return what finds the hook for *kind*: once, and not before it is called, because a class may contain itself."""
    return cache(lambda: _converter.get_structure_hook(kind))


_converter = cattrs.Converter(detailed_validation=False)
for _kind in (bool, int, str):
    _converter.register_structure_hook(_kind, _exactly)
_converter.register_structure_hook(float, _number)
_converter.register_structure_hook(datetime, _datetime)
_converter.register_structure_hook_func(lambda kind: kind is object, lambda value, _: value)
_converter.register_structure_hook_factory(_is_scalars, _one_of)
_converter.register_structure_hook_factory(_is_list, _items)
_converter.register_structure_hook_factory(_is_mapping, _members)
_converter.register_structure_hook_factory(_has_fields, _instance)
