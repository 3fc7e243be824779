"""Encode Python values to request bodies, and decode responses to models by the rules of `structuring`.

Nothing is converted: a poller that took ``"is_download_generated": "false"`` for true would return an unfinished run.
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
    try:
        return cast("T", make_structurer(cast("Any", returns))(data))
    except RecursionError:
        faults = "nested too deeply"
    except StructureError as error:
        faults = error.describe(name)
    raise InvalidResponseError(path, f"not the documented shape: {faults}")


def decode_incrementally(data: Any, returns: type[T], path: str) -> Generator[None, None, T]:
    """Decode as `decode` does, but in small steps if *returns* is a tuple of rows."""
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
        if values is None:  # decode again, outside the block: the error names the row and must not hold the others
            values = [decode(row, kind, path, f"data[{number}]") for number, row in enumerate(step, start)]
        done += values
        rows[start : start + _STEP] = [None] * len(step)  # freeing all of them at once would take long
        del step, values
        yield
    return cast("T", tuple(done))
