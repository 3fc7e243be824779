"""Encode Python values to request bodies, and decode responses to models by the rules of `structuring`.

Nothing is converted: a poller that took ``"is_download_generated": "false"`` for true would return an unfinished run.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from contextlib import suppress
from typing import Any, Final, TypeVar, cast, get_args, get_origin

from multicart_async._core.redaction import Redacted, RedactedBody, find_redacted
from multicart_async._core.unset import UNSET
from multicart_async._http.incremental_json import Convert
from multicart_async._http.row_reader import make_reader
from multicart_async._http.structuring import Structure, StructureError
from multicart_async.errors import ArgumentError, InvalidResponseError
from multicart_async.models import Model

__all__ = ["decode", "decode_incrementally", "decode_with", "encode_body", "row_converter"]

T = TypeVar("T")

_PLAIN: Final = frozenset({str, int, bool, float, type(None)})
_STEP = 250  # rows decoded in about a millisecond


def _revealed(value: object) -> object:
    if isinstance(value, Redacted):
        return value.reveal()
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


_encoder = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=_revealed)


def encode_body(fields: Mapping[str, object]) -> bytes | RedactedBody:
    """Encode *fields* as JSON, without those that are `UNSET`. ``None``, 0, ``False`` and "" are sent.

    The result is a `RedactedBody` if a value is redacted.

    Raises:
        ArgumentError: A value cannot be encoded as JSON.
    """
    given = {name: value for name, value in fields.items() if value is not UNSET}
    secrets: tuple[Redacted, ...] = ()
    try:
        if not _PLAIN.issuperset(map(type, given.values())):
            secrets = tuple(find_redacted(given))
        return RedactedBody(_json(given), secrets) if secrets else _json(given)
    except (TypeError, ValueError, RecursionError) as error:
        reason = f"expected values that can be sent as JSON: {error}"
        cause = None if secrets else error  # a UnicodeEncodeError would hold the whole text
    raise ArgumentError("fields", reason) from cause


def _json(given: Mapping[str, object]) -> bytes:
    return _encoder.encode(given).encode()


def decode(data: object, returns: type[T], path: str, name: str = "data") -> T:
    """Return *data* as a value of type *returns*; error messages call it *name*.

    Raises:
        InvalidResponseError: *data* has another shape. The message names every wrong field of the first wrong row, and
            shows no values.
    """
    return cast("T", decode_with(make_reader(cast("Any", returns)), data, path, name))


def decode_with(read: Structure, data: object, path: str, name: str = "data") -> Any:
    """Decode as `decode` does, with the function that `make_reader` returned for the type: finding it takes as long."""
    try:
        return read(data)
    except RecursionError:
        faults = "nested too deeply"
    except StructureError as error:
        faults = error.describe(name)
    raise InvalidResponseError(path, f"not the documented shape: {faults}")


def row_converter(returns: Any) -> Convert | None:
    """Return a function that converts rows of *returns*, a tuple of models, and leaves unusual ones to `decode_incrementally`.

    It is ``None`` for any other type.
    """
    kind: Any = get_args(returns)[0] if get_origin(returns) is tuple else None
    if not isinstance(kind, type) or not issubclass(kind, Model):
        return None
    read = make_reader(returns)

    def convert(rows: list[Any]) -> list[Any]:
        with suppress(StructureError, RecursionError):
            return [*read(rows)]
        return rows

    return convert


def decode_incrementally(data: Any, returns: type[T], path: str) -> Generator[None, None, T]:
    """Decode as `decode` does, but in small steps if *returns* is a tuple of rows. Rows may be converted already."""
    rows: list[Any] = data
    if get_origin(returns) is not tuple or type(rows) is not list:
        return decode(data, returns, path)
    kind: Any = get_args(returns)[0]
    read = make_reader(kind)
    done: list[Any] = []
    for start in range(0, len(rows), _STEP):
        step = rows[start : start + _STEP]
        values: list[Any] | None = None
        with suppress(StructureError, RecursionError):
            values = [row if type(row) is kind else read(row) for row in step]
        if values is None:  # decode again, outside the block: the error names the row and must not hold the others
            values = [_decode_row(row, kind, path, number) for number, row in enumerate(step, start)]
        done += values
        rows[start : start + _STEP] = [None] * len(step)  # freeing all of them at once would take long
        del step, values
        yield
    return cast("T", tuple(done))


def _decode_row(row: Any, kind: Any, path: str, number: int) -> Any:
    return row if type(row) is kind else decode(row, kind, path, f"data[{number}]")
