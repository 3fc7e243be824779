"""Unwrap the envelope ``{"code", "data", "status"}`` of a response. ``status`` decides, not HTTP's status 200."""

from __future__ import annotations

import math
import re
from collections.abc import Generator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, cast

from multicart_async._core.redactor import MAX_ESCAPED, Redactor
from multicart_async._core.text import bounded_detail
from multicart_async._http.incremental_json import STRICT, Convert, parse_incrementally
from multicart_async.errors import APIError, InvalidResponseError

__all__ = ["REDACTED", "error_from_envelope", "preview", "retry_after", "unwrap_envelope", "unwrap_large_envelope"]

REDACTED = "a response that is not shown, because it may contain a secret"

_ENVELOPE = frozenset({"code", "data", "status"})
_SECONDS = re.compile(r"[0-9]{1,10}(\.[0-9]{0,10})?\Z")
_IMF_DATE = re.compile(r"[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT\Z", re.ASCII)


def unwrap_envelope(
    path: str,
    http_status: int,
    headers: Mapping[str, str],
    payload: bytes,
    *,
    redactor: Redactor = Redactor(),
    sensitive: bool = False,
) -> Any:
    """Return the data of an envelope.

    Error messages are redacted. If the response is *sensitive* and has no envelope, they show nothing of it.

    Raises:
        APIError: ``status`` is 0, or the HTTP status is an error.
        InvalidResponseError: There is no envelope, or its ``status`` is neither 0 nor 1.
    """
    return _open(path, http_status, headers, payload, _parse(payload), redactor, sensitive=sensitive)


def unwrap_large_envelope(
    path: str,
    http_status: int,
    headers: Mapping[str, str],
    payload: bytes,
    redactor: Redactor = Redactor(),
    convert: Convert | None = None,
) -> Generator[None, None, Any]:
    """Unwrap as `unwrap_envelope` does, in small steps. If the data are an array, *convert* converts most of its items."""
    try:
        text = payload.decode()
        yield  # decoding takes about as long as a step
        answer = yield from parse_incrementally(text, convert={} if convert is None else {"data": convert})
        if convert is not None and not _is_success(answer, http_status):
            answer = yield from parse_incrementally(text)  # the error has its data as they were received
    except (ValueError, RecursionError):
        answer = None
    return _open(path, http_status, headers, payload, answer, redactor, sensitive=False)


def _is_success(answer: Any, http_status: int) -> bool:
    envelope = cast("dict[str, object]", answer) if isinstance(answer, dict) else {}
    return envelope.get("status") == 1 and 200 <= http_status <= 299


def _open(
    path: str,
    http_status: int,
    headers: Mapping[str, str],
    payload: bytes,
    answer: Any,
    redactor: Redactor,
    *,
    sensitive: bool,
) -> Any:
    if 300 <= http_status <= 399:
        # a repeated call would send its body, or lose it, at another place
        raise InvalidResponseError(
            path, "got a redirect, which calls do not follow; check base_url", http_status=http_status
        )
    good = 200 <= http_status <= 299
    if not isinstance(answer, dict) or "status" not in answer:
        if not good:
            detail: object = REDACTED
            if not sensitive:
                detail = preview(payload, redactor) if answer is None else _redacted(cast("object", answer), redactor)
            if http_status == 404 and answer is None:  # not from the service, which responds in JSON under HTTP 200
                detail = f"this server has no such path; check that base_url ends with /api/v1 ({detail})"
            raise APIError.of(
                path,
                http_status,
                detail,
                http_status=http_status,
                retry_after=retry_after(headers),
                in_envelope=False,
            )
        shown = REDACTED if sensitive else preview(payload, redactor)
        raise InvalidResponseError(
            path, f"expected an envelope with code, data and status, got {shown}", http_status=http_status
        )
    envelope: dict[str, Any] = answer  # pyright: ignore[reportUnknownVariableType] -- JSON
    status = envelope["status"]
    if type(status) is not int or status not in {0, 1}:  # True and "1" are not documented
        shown = REDACTED if sensitive else repr(redactor.text(str(status))[:20])
        raise InvalidResponseError(
            path, f"expected 0 or 1 as status of the envelope, got {shown}", http_status=http_status
        )
    if status == 0 or not good:
        raise error_from_envelope(path, envelope, http_status=http_status, headers=headers, redactor=redactor)
    data = envelope.get("data")
    if isinstance(data, dict):
        _refuse_hidden_error(path, cast("dict[str, Any]", data), http_status, redactor)
    return data  # pyright: ignore[reportUnknownVariableType] -- JSON


def error_from_envelope(
    path: str,
    envelope: Mapping[str, Any],
    *,
    http_status: int,
    headers: Mapping[str, str],
    redactor: Redactor = Redactor(),
) -> APIError:
    """Return the error for a failing envelope. Its code decides the class, never its text, which is redacted."""
    code = envelope.get("code")
    if type(code) is not int or 200 <= code <= 299:
        code = http_status if http_status >= 400 else None
    detail = _redacted(_detail(envelope), redactor)
    return APIError.of(path, code, detail, http_status=http_status, retry_after=retry_after(headers))


def _detail(envelope: Mapping[str, Any]) -> object:
    """Return the data of a failing envelope, or else its other members, such as a ``message``."""
    if envelope.get("data") is not None:
        return envelope["data"]
    rest = {name: value for name, value in envelope.items() if name not in _ENVELOPE and value is not None}
    (only, *more) = rest.values() if rest else (None,)
    return rest if more else only


def _refuse_hidden_error(path: str, data: Mapping[str, Any], http_status: int, redactor: Redactor) -> None:
    """Raise the error in ``data.output.error``, which the Playground returns with ``status`` 1 if credits are missing."""
    output = data.get("output")
    error = cast("dict[str, Any]", output).get("error") if isinstance(output, dict) else None
    if error:
        raise APIError(path, None, _redacted(error, redactor), http_status=http_status)


def _redacted(detail: object, redactor: Redactor) -> object:
    """Return *detail* without secrets. A large one is cut, to more than an error keeps."""
    return redactor.value(bounded_detail(detail, MAX_ESCAPED))


def _parse(payload: bytes) -> Any:
    """Return the parsed JSON, or ``None`` for invalid JSON, since ``null`` is no envelope either."""
    try:
        return STRICT.decode(payload.decode())  # from bytes, json.loads would also accept UTF-16
    except (ValueError, RecursionError):  # UnicodeDecodeError and JSONDecodeError are ValueErrors
        return None


def preview(payload: bytes, redactor: Redactor = Redactor()) -> str:
    """Return the beginning of an unexpected response as one line, redacted before it is cut."""
    text = " ".join(redactor.text(payload[:MAX_ESCAPED].decode("utf-8", "replace")).split())
    return repr(text[:200]) if text else "an empty body"


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that Retry-After asks to wait, rounded up to an integer, or ``None`` without a valid header.

    The header holds seconds, to which some servers add a fraction, or an IMF date, which is compared with the Date of the
    response.
    """
    text = headers.get("retry-after", "")
    if _SECONDS.match(text):
        return float(math.ceil(float(text)))
    if not _IMF_DATE.match(text):
        return None
    try:
        until = parsedate_to_datetime(text)
        answered = headers.get("date", "")
        now = parsedate_to_datetime(answered) if _IMF_DATE.match(answered) else datetime.now(UTC)
    except ValueError:  # an impossible date, such as 31 June
        return None
    return float(max(0, math.ceil((until - now).total_seconds())))
