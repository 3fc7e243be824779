"""Python values to request bodies, and answers to models. The only module that knows cattrs.

cattrs coerces by default: ``bool("false")`` is true, ``int(1.9)`` is 1. Here a wrong type is an error that names the
field, because a poller that believes ``"is_download_generated": "false"`` hands out an unfinished run.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Mapping
from datetime import UTC, datetime
from typing import Any, TypeGuard, TypeVar, cast, get_args, get_origin

import attrs
import cattrs
from cattrs.errors import IterableValidationError, IterableValidationNote
from cattrs.gen import make_dict_structure_fn
from cattrs.v import format_exception

from multicart_async._hidden import HiddenBytes, hidden_in
from multicart_async._quick_rows import Hook, quick_reader
from multicart_async._unset import UNSET
from multicart_async.errors import ArgumentError, InvalidResponseError
from multicart_async.models import DomainRef, Model, PostcodeRef, Undocumented
from multicart_async.models._base import Tentative

__all__ = ["body", "decode", "decode_in_steps"]

T = TypeVar("T")
_Factory = Callable[[Any, cattrs.Converter], Hook]

_STEP = 250  # rows: about a millisecond

_encoder = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def body(fields: Mapping[str, object]) -> bytes:
    """JSON of *fields* without those that are `UNSET`. Nothing else is left out: None, 0, False and "" are values.

    With something hidden in them it is `HiddenBytes`.

    Raises:
        ArgumentError: Something in them is not JSON.
    """
    given = {name: value for name, value in fields.items() if value is not UNSET}
    secrets: tuple[str, ...] = ()
    try:
        secrets = tuple(hidden_in(given))
        return HiddenBytes.of(_json(given), secrets) if secrets else _json(given)
    except (TypeError, ValueError, RecursionError) as error:
        reason = f"cannot be sent as JSON: {error}"
        cause = None if secrets else error  # which can be a UnicodeEncodeError: it holds the whole text
    raise ArgumentError("fields", reason) from cause


def _json(given: Mapping[str, object]) -> bytes:
    return _encoder.encode(given).encode()


def decode(data: object, returns: type[T], path: str, name: str = "data") -> T:
    """*data* as a value of type *returns*; *name* is what it is called in an error.

    Raises:
        InvalidResponseError: It has another shape; every wrong field of the first wrong row is named, no value is shown.
    """
    try:
        return _quick.structure(data, returns)
    except RecursionError:
        faults = "nested too deeply"
    except Exception:  # noqa: BLE001 -- whatever is unusual; the careful one says what it is, or takes it
        faults = ""
    if not faults:
        try:
            return _careful.structure(data, returns)
        except Exception as error:  # noqa: BLE001 -- cattrs raises groups, KeyError, TypeError, ValueError: one answer to all
            faults = "; ".join(cattrs.transform_error(error, name, format_exception=_fault))
    raise InvalidResponseError(path, f"not the documented shape: {faults[:1000]}")


def decode_in_steps(data: object, returns: type[T], path: str) -> Generator[None, None, T]:
    """The same in small steps, where *returns* is a tuple of rows."""
    if not _is_rows(returns) or not _is_array(data):
        return decode(data, returns, path)
    (row,) = get_args(returns)[:1]
    structure = _quick.get_structure_hook(row)
    done: list[Any] = []
    for start in range(0, len(data), _STEP):
        rows = data[start : start + _STEP]
        try:
            done += [structure(item, row) for item in rows]
        except Exception:  # noqa: BLE001 -- one of them is unusual: which of them, and in what?
            done += [decode(item, row, path, f"data[{number}]") for number, item in enumerate(rows, start)]
        yield
    return cast("T", tuple(done))


def _fault(error: BaseException, kind: type | None) -> str:
    text = format_exception(error, kind)
    return "invalid value" if text.startswith("unknown error") else text  # which repeats what it was


def _strict(kind: type[T]) -> Callable[[object, Any], T]:
    def structure(value: object, _: object) -> T:
        if type(value) is not kind:  # bool is an int to isinstance()
            raise TypeError(f"expected {kind.__name__}, not {type(value).__name__}")
        return value

    return structure


def _number(value: object, _: object) -> float:
    if type(value) not in {int, float}:
        raise TypeError(f"expected a number, not {type(value).__name__}")
    return float(cast("float", value))


def _moment(value: object, _: object) -> datetime:
    if not isinstance(value, str):
        raise TypeError(f"expected an ISO 8601 text, not {type(value).__name__}")
    moment = datetime.fromisoformat(value)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _mapping(value: object, _: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError(f"expected an object, not {type(value).__name__}")
    return cast("dict[str, Any]", value)


def _quick_rows(kind: Any, converter: cattrs.Converter) -> Hook:
    (row,) = get_args(kind)[:1]

    def rows(value: object, _: object) -> tuple[Any, ...]:
        structure = converter.get_structure_hook(row)  # not before: a row may hold rows of its own kind
        return tuple([structure(item, row) for item in _array(value)])

    return rows


def _numbered_rows(kind: Any, converter: cattrs.Converter) -> Hook:
    """Only the first wrong row is looked at with care: that costs a hundred times as much, and there may be thousands."""
    (row,) = get_args(kind)[:1]

    def rows(value: object, _: object) -> tuple[Any, ...]:
        quickly, carefully = _quick.get_structure_hook(row), converter.get_structure_hook(row)
        done: list[Any] = []
        for number, item in enumerate(_array(value)):
            try:
                done.append(quickly(item, row))
            except Exception:  # noqa: BLE001 -- whatever is unusual
                done.append(_numbered(number, row, carefully, item))
        return tuple(done)

    return rows


def _numbered(number: int, row: Any, structure: Hook, item: object) -> Any:
    try:
        return structure(item, row)
    except Exception as error:  # noqa: BLE001 -- as above
        error.add_note(IterableValidationNote(f"Structuring row {number}", number, row))
        # its __new__ takes the kind, too
        raise IterableValidationError("a row", [error], row) from None  # pyright: ignore[reportCallIssue]


def _quick_model(kind: type[Model], converter: cattrs.Converter) -> Hook:
    quickly = quick_reader(kind, converter.get_structure_hook)
    if not issubclass(kind, Tentative):
        return quickly
    carefully = _careful_model(kind, converter)

    def structured(value: object, _: object) -> Model:
        try:
            return quickly(value, kind)
        except Exception:  # noqa: BLE001 -- a field is of another type: it goes into ``extra``
            return carefully(value, kind)

    return structured


def _careful_model(kind: type[Model], converter: cattrs.Converter) -> Callable[[object, Any], Model]:
    """Structure *kind*: unknown names go into ``extra``; null where only a default makes sense counts as absent.

    So does what has another type than expected where nobody documents the type; it goes into ``extra`` too.
    """
    fields = [field for field in attrs.fields(kind) if field.name != "extra"]
    known = {field.name for field in fields}
    defaults = {field.name for field in fields if field.default is not attrs.NOTHING and field.default is not None}
    loose = _types(kind) if issubclass(kind, Tentative) else {}
    structure = make_dict_structure_fn(kind, converter)

    def structured(value: object, _: object) -> Model:
        row = _mapping(value, None)
        absent = {name for name in defaults if name in row and row[name] is None}
        loosened = {name for name in row.keys() & loose.keys() - absent if not _fits(row[name], loose[name])}
        model = structure({name: row[name] for name in (row.keys() & known) - absent - loosened}, kind)
        kept = {name: row[name] for name in row if name in loosened or name not in known}
        object.__setattr__(model, "extra", kept)
        return model

    return structured


def _types(kind: type[Tentative]) -> dict[str, Any]:
    return {field.name: field.type for field in attrs.fields(attrs.resolve_types(kind)) if field.name != "extra"}


def _fits(value: object, kind: Any) -> bool:
    try:
        _quick.structure(value, kind)
    except Exception:  # noqa: BLE001 -- as in `decode`
        return False
    return True


def _reference(kind: type[DomainRef | PostcodeRef], joined: Hook) -> Hook:
    def structure(value: object, _: object) -> Any:
        return kind(id=value) if type(value) is int else joined(value, None)  # an id when created, a row when read

    return structure


def _undocumented(value: object, _: object) -> Undocumented:
    fields = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
    return Undocumented(data=value, extra=fields)


def _is_array(value: object) -> TypeGuard[list[Any]]:
    return isinstance(value, list)


def _array(value: object) -> list[Any]:
    if not _is_array(value):  # a text is a sequence too
        raise TypeError(f"expected an array, not {type(value).__name__}")
    return value


def _is_rows(kind: Any) -> bool:
    return get_origin(kind) is tuple


def _is_mapping(kind: Any) -> bool:
    return get_origin(kind) in {dict, Mapping}


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Model)


def _converter(rows: _Factory, model: _Factory, *, detailed: bool) -> cattrs.Converter:
    converter = cattrs.Converter(detailed_validation=detailed)
    converter.register_structure_hook(bool, _strict(bool))
    converter.register_structure_hook(int, _strict(int))
    converter.register_structure_hook(str, _strict(str))
    converter.register_structure_hook(float, _number)
    converter.register_structure_hook(datetime, _moment)
    converter.register_structure_hook_func(_is_mapping, _mapping)
    converter.register_structure_hook_factory(_is_rows, rows)
    converter.register_structure_hook_factory(_is_model, model)
    converter.register_structure_hook(Undocumented, _undocumented)
    for kind in (DomainRef, PostcodeRef):
        converter.register_structure_hook(kind, _reference(kind, model(kind, converter)))
    return converter


# Two: the quick one never asks the other. If each row could be tried in both ways at every level, n rows in each other
# would be 2 ** n attempts.
_quick = _converter(_quick_rows, _quick_model, detailed=False)
_careful = _converter(_numbered_rows, _careful_model, detailed=True)
