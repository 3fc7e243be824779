"""Make one API call: encode the fields, send with retries, unwrap the envelope, decode the model."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any, Generic, TypeVar, cast

import anyio.lowlevel
import attrs

from multicart_async._core.credentials import PLAIN_HTTP
from multicart_async._core.lifetime import ClientLifetime
from multicart_async._core.redaction import MASK, RedactedBody
from multicart_async._core.redactor import Redactor
from multicart_async._core.response_headers import note_headers
from multicart_async._http import MultipartForm, Response, Transport
from multicart_async._http.codec import decode, decode_incrementally, encode_body
from multicart_async._http.endpoint import Endpoint
from multicart_async._http.envelope import REDACTED, unwrap_envelope, unwrap_large_envelope
from multicart_async._http.incremental_json import estimate_memory
from multicart_async._http.retries import Retrier
from multicart_async._http.retry_rules import is_call_retryable, is_definite_rejection
from multicart_async.config import Limits
from multicart_async.errors import (
    APIConnectionError,
    APIError,
    ConfigurationError,
    InvalidResponseError,
    MultiCartError,
    OutcomeUnknownError,
    ResponseTooLargeError,
)

__all__ = ["ApiCaller", "CallResult"]

T = TypeVar("T")

_LARGE = 1 << 18  # bytes; decoding a larger response at once would block the loop for milliseconds
_MEMORY = 8  # times `Limits.response_bytes`: memory for the decoded objects; rows of short fields take seven


@attrs.frozen
class CallResult(Generic[T]):
    """The value of a call, and whether an earlier attempt may already have taken effect."""

    value: T
    maybe_applied: bool


class ApiCaller:
    """Make API calls for all groups of one client."""

    def __init__(
        self,
        transport: Transport,
        *,
        retrier: Retrier | None = None,
        limits: Limits = Limits(),
        lifetime: ClientLifetime | None = None,
        exposed: str = "",
        redactor: Redactor = Redactor(),
    ) -> None:
        self._exposed = exposed
        self._transport = transport
        self.redactor = redactor
        self.lifetime = lifetime or ClientLifetime()
        self._retrier = retrier or Retrier(lifetime=self.lifetime)
        self._limiter = anyio.CapacityLimiter(limits.requests)
        self._memory = _MEMORY * limits.response_bytes

    async def call(self, endpoint: Endpoint[T], fields: Mapping[str, object] | MultipartForm = {}) -> T:
        """Make a call and return its data as a value of the endpoint's type."""
        return (await self.call_with_info(endpoint, fields)).value

    async def call_with_info(
        self, endpoint: Endpoint[T], fields: Mapping[str, object] | MultipartForm = {}
    ) -> CallResult[T]:
        """Make a call and also return whether an earlier attempt may have taken effect.

        If so, a rejection such as "already done" or "not found" may mean success.
        """
        if endpoint.sensitive and self._exposed:
            raise ConfigurationError(f"{endpoint.path}: {self._exposed}: what is sent or received {PLAIN_HTTP}")
        sent = fields if isinstance(fields, MultipartForm) else encode_body(fields)
        lost = False

        async def attempt(number: int) -> CallResult[T]:
            nonlocal lost
            try:
                return CallResult(await self._fitting(endpoint, fields, sent, number), maybe_applied=lost)
            except APIError as error:
                error.subject = endpoint.subject_of(fields)
                error.maybe_applied = lost
                lost = lost or not is_definite_rejection(error)
                raise
            except APIConnectionError as error:
                lost = lost or error.sent
                raise

        self.lifetime.ensure_open()  # only the waits below are tracked: tracking the whole call would make each one slower
        return await self._retrier.run(endpoint.path, attempt, lambda error: is_call_retryable(error, endpoint.safety))

    async def _fitting(
        self,
        endpoint: Endpoint[T],
        fields: Mapping[str, object] | MultipartForm,
        sent: bytes | RedactedBody | MultipartForm,
        number: int,
    ) -> T:
        """Make one attempt. A read whose response belongs to another request is repeated on a new connection."""
        value = await self._attempt(endpoint, sent, number)
        if isinstance(fields, MultipartForm):
            return value
        reason = endpoint.mismatch(fields, value)
        if reason is not None and endpoint.safety == "safe":
            value = await self._attempt(endpoint, sent, number + 1)
            reason = endpoint.mismatch(fields, value)
        if reason is not None:
            raise InvalidResponseError(endpoint.path, reason)
        return value

    async def _attempt(self, endpoint: Endpoint[T], sent: bytes | RedactedBody | MultipartForm, number: int) -> T:
        own = Redactor(sent.secrets if isinstance(sent, RedactedBody) else ())
        redactor = self.redactor.including(own.secrets)
        try:
            response = await self._send_limited(endpoint, sent, number)
        except InvalidResponseError as error:  # its headers may repeat what was sent
            redactor.error(error)
            raise
        except APIConnectionError as error:
            if not error.sent or endpoint.safety in {"safe", "idempotent"}:
                raise
            reason = f"{error.reason}; it was sent and may have taken effect, so it is not sent again"
            raise OutcomeUnknownError(endpoint.path, reason) from error
        fault: MultiCartError
        try:
            return await self._decode(endpoint, response, self.redactor if endpoint.sensitive else redactor)
        except MultiCartError as error:
            fault = error.with_traceback(None)  # its frames hold the response
        if endpoint.sensitive:
            fault = _private_fault(fault, own)
        note_headers(fault, response.headers, redactor.text)
        del response  # otherwise the frames of the error would keep it
        raise redactor.error(fault)

    async def _decode(self, endpoint: Endpoint[T], response: Response, redactor: Redactor) -> T:
        if len(response.payload) > _LARGE:
            if endpoint.sensitive:  # decoded in steps, it would appear in the traceback of an error in between
                raise ResponseTooLargeError(
                    endpoint.path, f"expected at most {_LARGE} bytes, got {len(response.payload)}"
                )
            with self.lifetime.track():
                return await _unhurried(_in_steps(endpoint, response, redactor, self._memory))
        return _value(endpoint, response, redactor)

    async def _send_limited(
        self, endpoint: Endpoint[Any], sent: bytes | RedactedBody | MultipartForm, number: int
    ) -> Response:
        try:
            self._limiter.acquire_nowait()
        except anyio.WouldBlock:
            with self.lifetime.track():
                await self._limiter.acquire()  # this yields to the loop even if there is room
        try:
            await self._retrier.wait_for_rate_limit()  # after the queue: a pause may have been requested meanwhile
            return await self._send(endpoint, sent, number)
        finally:
            self._limiter.release()

    async def _send(self, endpoint: Endpoint[Any], sent: bytes | RedactedBody | MultipartForm, number: int) -> Response:
        path, public = endpoint.path, endpoint.public
        fresh = endpoint.mutates or number > 1  # the other connections of the pool may be dead, too
        if endpoint.method == "GET":
            return await self._transport.get(path, new_connection=fresh, public=public)
        # `{}` is sent also where no body is documented: other endpoints document it as equivalent
        return await self._transport.post(path, sent, new_connection=fresh, public=public)


def _value(endpoint: Endpoint[T], response: Response, redactor: Redactor) -> T:
    data: Any = unwrap_envelope(
        endpoint.path,
        response.status,
        response.headers,
        response.payload,
        redactor=redactor,
        sensitive=endpoint.sensitive,
    )
    return decode(data, endpoint.returns, endpoint.path)


def _private_fault(fault: MultiCartError, own: Redactor) -> MultiCartError:
    """Return *fault*, without its detail if that may contain a key or token, or repeats a secret that was sent."""
    if not isinstance(fault, APIError) or _is_harmless(fault.detail, own):
        return fault
    return APIError.of(
        fault.path,
        fault.code,
        REDACTED,
        http_status=fault.http_status,
        retry_after=fault.retry_after,
        in_envelope=fault.in_envelope,
    )


def _is_harmless(detail: object, own: Redactor) -> bool:
    return isinstance(detail, str) and MASK not in detail and not own.echoes(detail)


def _in_steps(endpoint: Endpoint[T], response: Response, redactor: Redactor, most: int) -> Generator[None, None, T]:
    if (yield from estimate_memory(response.payload)) > most:
        reason = f"expected at most {most:,} bytes of memory for its content, got more; raise Limits.response_bytes to read it"
        raise ResponseTooLargeError(endpoint.path, reason)
    data = yield from unwrap_large_envelope(
        endpoint.path, response.status, response.headers, response.payload, redactor
    )
    return (yield from decode_incrementally(data, endpoint.returns, endpoint.path))


async def _unhurried(steps: Generator[None, None, T]) -> T:
    """Run all steps, let other tasks run after each, and return the result."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return cast("T", end.value)
        await anyio.lowlevel.checkpoint()
