"""Python values to request bodies, and answers to models. The only module that knows cattrs.

cattrs coerces by default: ``bool("false")`` is true, ``int(1.9)`` is 1. Here nothing is converted, because a poller that
believes ``"is_download_generated": "false"`` hands out an unfinished run. Models are made without cattrs, at a third of
what it costs, and by the rule of `multicart_async._quick_rows`; it makes the classes of callers, in which every field
is strict.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Generator, Mapping
from datetime import datetime
from typing import Any, TypeVar, cast, get_args, get_origin

import cattrs
from cattrs.errors import IterableValidationError, IterableValidationNote
from cattrs.v import format_exception

from multicart_async._hidden import HiddenBytes, hidden_in
from multicart_async._quick_rows import Structure, StructureError, make_structurer
from multicart_async._unset import UNSET
from multicart_async.errors import ArgumentError, InvalidResponseError
from multicart_async.models import Model

__all__ = ["body", "decode", "decode_in_steps"]

T = TypeVar("T")

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
    """Return *data* as a value of type *returns*; *name* is what it is called in an error.

    Raises:
        InvalidResponseError: It has another shape; every wrong field of the first wrong row is named, no value is shown.
    """
    try:
        return cast("T", _structurer(cast("Any", returns))(data))
    except RecursionError:
        faults = "nested too deeply"
    except StructureError as error:
        faults = error.describe(name)
    except Exception as error:  # noqa: BLE001 -- cattrs raises groups, KeyError, TypeError, ValueError: one answer to all
        faults = "; ".join(cattrs.transform_error(error, name, format_exception=_fault))
    raise InvalidResponseError(path, f"not the documented shape: {faults[:1000]}")


def decode_in_steps(data: Any, returns: type[T], path: str) -> Generator[None, None, T]:
    """Do the same in small steps, where *returns* is a tuple of rows."""
    rows: list[Any] = data
    if not _is_rows(returns) or type(rows) is not list:
        return decode(data, returns, path)
    kind = _row_type(returns)
    structure = _structurer(kind)
    done: list[Any] = []
    for start in range(0, len(rows), _STEP):
        step = rows[start : start + _STEP]
        try:
            done += [structure(row) for row in step]
        except Exception:  # noqa: BLE001 -- one of them is wrong: which, and in what?
            done += [decode(row, kind, path, f"data[{number}]") for number, row in enumerate(step, start)]
        yield
    return cast("T", tuple(done))


@functools.lru_cache
def _structurer(kind: Any) -> Structure:
    """Return what makes values of a model or rows of one, or of anything else: in a class of the caller all is strict."""
    if _is_model(_row_type(kind)):
        return make_structurer(kind)
    hook = _converter.get_structure_hook(kind)
    return lambda value: hook(value, kind)


def _fault(error: BaseException, kind: type | None) -> str:
    text = format_exception(error, kind)
    return "invalid value" if text.startswith("unknown error") else text  # which repeats what it was


def _rows_of_caller(kind: Any, converter: cattrs.Converter) -> Callable[[object, Any], tuple[Any, ...]]:
    """Structure an array, up to the first wrong item: to describe one costs much, and there may be thousands."""
    item = _row_type(kind)

    def rows(value: Any, _: object) -> tuple[Any, ...]:
        given: list[Any] = value
        if not isinstance(given, list):  # pyright: ignore[reportUnnecessaryIsInstance] -- a string is a sequence too
            raise TypeError(f"expected an array, not {type(given).__name__}")
        structure = converter.get_structure_hook(item)
        done: list[Any] = []
        for number, one in enumerate(given):
            try:
                done.append(structure(one, item))
            except Exception as error:  # noqa: BLE001 -- it is raised again, with the number of the item
                error.add_note(IterableValidationNote(f"Structuring item {number}", number, item))
                # its __new__ takes the kind, too
                raise IterableValidationError("an item", [error], item) from None  # pyright: ignore[reportCallIssue]
        return tuple(done)

    return rows


def _row_type(kind: Any) -> Any:
    return get_args(kind)[0] if _is_rows(kind) else kind


def _is_rows(kind: Any) -> bool:
    return get_origin(kind) is tuple


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Model)


def _is_known(kind: Any) -> bool:
    return _is_model(kind) or get_origin(kind) in {dict, Mapping}


def _strictly(kind: Any) -> Callable[[object, Any], Any]:
    structure = make_structurer(kind)
    return lambda value, _: value if type(value) is kind else structure(value)


_converter = cattrs.Converter(detailed_validation=True)
_converter.register_structure_hook_factory(_is_known, _strictly)
_converter.register_structure_hook_factory(_is_rows, _rows_of_caller)
for _kind in (bool, int, float, str, datetime):  # cattrs converts to these before it asks a factory
    _converter.register_structure_hook(_kind, _strictly(_kind))
