"""Python values to request bodies, and answers to models, by the rule of `multicart_async._http.structuring`.

Nothing is converted, because a poller that believes ``"is_download_generated": "false"`` hands out an unfinished run.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from contextlib import suppress
from typing import Any, TypeVar, cast, get_args, get_origin

from multicart_async._core.redaction import Redacted, RedactedBody, find_redacted
from multicart_async._core.unset import UNSET
from multicart_async._http.structuring import StructureError, make_structurer
from multicart_async.errors import ArgumentError, InvalidResponseError

__all__ = ["decode", "decode_incrementally", "encode_body"]

T = TypeVar("T")

_STEP = 250  # rows: about a millisecond


def _revealed(value: object) -> object:
    if isinstance(value, Redacted):
        return value.reveal()
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


_encoder = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=_revealed)


def encode_body(fields: Mapping[str, object]) -> bytes | RedactedBody:
    """JSON of *fields* without those that are `UNSET`. Nothing else is left out: None, 0, False and "" are values.

    With something redacted in them it is a `RedactedBody`.

    Raises:
        ArgumentError: Something in them is not JSON.
    """
    given = {name: value for name, value in fields.items() if value is not UNSET}
    secrets: tuple[Redacted, ...] = ()
    try:
        secrets = tuple(find_redacted(given))
        return RedactedBody(_json(given), secrets) if secrets else _json(given)
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
        return cast("T", make_structurer(cast("Any", returns))(data))
    except RecursionError:
        faults = "nested too deeply"
    except StructureError as error:
        faults = error.describe(name)
    raise InvalidResponseError(path, f"not the documented shape: {faults}")


def decode_incrementally(data: Any, returns: type[T], path: str) -> Generator[None, None, T]:
    """Do the same in small steps, where *returns* is a tuple of rows."""
    rows: list[Any] = data
    if get_origin(returns) is not tuple or type(rows) is not list:
        return decode(data, returns, path)
    kind: Any = get_args(returns)[0]
    structure = make_structurer(kind)
    done: list[Any] = []
    for start in range(0, len(rows), _STEP):
        step = rows[start : start + _STEP]
        values: list[Any] | None = None
        with suppress(StructureError, RecursionError):
            values = [structure(row) for row in step]
        if values is None:  # which row, and what of it? Asked outside of the block: an error would hold the rows
            values = [decode(row, kind, path, f"data[{number}]") for number, row in enumerate(step, start)]
        done += values
        rows[start : start + _STEP] = [None] * len(step)  # all at once, they would take long to be freed
        del step, values
        yield
    return cast("T", tuple(done))
