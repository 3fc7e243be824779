"""Make one API call: encode the fields, send with retries, unwrap the envelope, decode the model."""

from __future__ import annotations

from collections.abc import Awaitable, Coroutine, Generator, Mapping
from typing import Any, Generic, TypeVar

import anyio
import attrs

from multicart_async._core.credentials import PLAIN_HTTP
from multicart_async._core.lifetime import ClientLifetime
from multicart_async._core.redaction import MASK, Redacted, RedactedBody
from multicart_async._core.redactor import Redactor
from multicart_async._core.response_headers import note_headers
from multicart_async._core.stepwise import run_stepwise
from multicart_async._http import MultipartForm, Response, Transport
from multicart_async._http.codec import decode_incrementally, decode_with, encode_body, row_converter
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
        self.transport = transport
        self.redactor = redactor
        self.lifetime = lifetime or ClientLifetime()
        self.retrier = retrier or Retrier(lifetime=self.lifetime)
        self.limiter = anyio.CapacityLimiter(limits.requests)
        self.memory = _MEMORY * limits.response_bytes

    def call(self, endpoint: Endpoint[T], fields: Mapping[str, object] | MultipartForm = {}) -> Coroutine[Any, Any, T]:
        """Return the coroutine that makes a call and returns its data as a value of the endpoint's type.

        *fields* are encoded at once.
        """
        call = self._prepare(endpoint, fields)
        return self.retrier.run(endpoint.path, call.attempt, call.may_repeat)

    async def call_with_info(
        self, endpoint: Endpoint[T], fields: Mapping[str, object] | MultipartForm = {}
    ) -> CallResult[T]:
        """Make a call and also return whether an earlier attempt may have taken effect.

        If so, a rejection such as "already done" or "not found" may mean success.
        """
        call = self._prepare(endpoint, fields)
        value = await self.retrier.run(endpoint.path, call.attempt, call.may_repeat)
        return CallResult(value, maybe_applied=call.maybe_applied)

    def _prepare(self, endpoint: Endpoint[T], fields: Mapping[str, object] | MultipartForm) -> _Call[T]:
        if endpoint.sensitive and self._exposed:
            raise ConfigurationError(f"{endpoint.path}: {self._exposed}: what is sent or received {PLAIN_HTTP}")
        sent = fields if isinstance(fields, MultipartForm) else encode_body(fields)
        self.lifetime.ensure_open()  # only the waits below are tracked: tracking the whole call would make each one slower
        return _Call(self, endpoint, fields, sent)


class _Call(Generic[T]):
    """One call: what it sends, and whether one of its attempts may already have taken effect."""

    __slots__ = ("_api", "_endpoint", "_fields", "_sent", "maybe_applied")

    def __init__(
        self,
        api: ApiCaller,
        endpoint: Endpoint[T],
        fields: Mapping[str, object] | MultipartForm,
        sent: bytes | RedactedBody | MultipartForm,
    ) -> None:
        self._api = api
        self._endpoint = endpoint
        self._fields = fields
        self._sent = sent
        self.maybe_applied = False

    def may_repeat(self, error: BaseException) -> bool:
        """Return whether the call may be sent again after *error*."""
        return is_call_retryable(error, self._endpoint.safety)

    async def attempt(self, number: int) -> T:
        """Make one attempt. A read whose response belongs to another request is repeated on a new connection."""
        endpoint = self._endpoint
        try:
            value = await self._value(number)
            reason = self._mismatch(value)
            if reason is not None and endpoint.safety == "safe":
                value = await self._value(number + 1)
                reason = self._mismatch(value)
        except APIError as error:
            error.subject = endpoint.subject_of(self._fields)
            error.maybe_applied = self.maybe_applied
            self.maybe_applied = self.maybe_applied or not is_definite_rejection(error)
            raise
        except APIConnectionError as error:
            self.maybe_applied = self.maybe_applied or error.sent
            raise
        if reason is not None:
            raise InvalidResponseError(endpoint.path, reason)
        return value

    def _mismatch(self, value: T) -> str | None:
        return None if isinstance(self._fields, MultipartForm) else self._endpoint.mismatch(self._fields, value)

    async def _value(self, number: int) -> T:
        endpoint, api = self._endpoint, self._api
        response = await self._response(number)
        fault: MultiCartError
        try:
            redactor = api.redactor if endpoint.sensitive else self._redactor()
            if len(response.payload) > _LARGE:
                return await _decode_large(api, endpoint, response, redactor)
            return _value(endpoint, response, redactor)
        except MultiCartError as error:
            fault = error.with_traceback(None)  # its frames hold the response
        if endpoint.sensitive:
            fault = _private_fault(fault, Redactor(self._secrets()))
        redactor = self._redactor()
        note_headers(fault, response.headers, redactor.text)
        del response  # otherwise the frames of the error would keep it
        raise redactor.error(fault)

    async def _response(self, number: int) -> Response:
        """Wait for the turn of the call, send it, and return the response."""
        api, endpoint = self._api, self._endpoint
        try:
            api.limiter.acquire_on_behalf_of_nowait(self)  # the task would have to be looked up
        except anyio.WouldBlock:
            with api.lifetime.track():
                await api.limiter.acquire_on_behalf_of(self)  # this yields to the loop even if there is room
        try:
            await api.retrier.wait_for_rate_limit()  # after the queue: a pause may have been requested meanwhile
            return await self._send(number)
        except InvalidResponseError as error:  # its headers may repeat what was sent
            self._redactor().error(error)
            raise
        except APIConnectionError as error:
            if not error.sent or endpoint.safety in {"safe", "idempotent"}:
                raise
            reason = f"{error.reason}; it was sent and may have taken effect, so it is not sent again"
            raise OutcomeUnknownError(endpoint.path, reason) from error
        finally:
            api.limiter.release_on_behalf_of(self)

    def _send(self, number: int) -> Awaitable[Response]:
        endpoint = self._endpoint
        path, public = endpoint.path, endpoint.public
        fresh = endpoint.mutates or number > 1  # the other connections of the pool may be dead, too
        if endpoint.method == "GET":
            return self._api.transport.get(path, new_connection=fresh, public=public)
        # `{}` is sent also where no body is documented: other endpoints document it as equivalent
        return self._api.transport.post(path, self._sent, new_connection=fresh, public=public)

    def _redactor(self) -> Redactor:
        secrets = self._secrets()
        return self._api.redactor.including(secrets) if secrets else self._api.redactor

    def _secrets(self) -> tuple[Redacted, ...]:
        return self._sent.secrets if isinstance(self._sent, RedactedBody) else ()


async def _decode_large(api: ApiCaller, endpoint: Endpoint[T], response: Response, redactor: Redactor) -> T:
    if endpoint.sensitive:  # decoded in steps, it would appear in the traceback of an error in between
        reason = f"expected at most {_LARGE} bytes, got {len(response.payload)}"
        raise ResponseTooLargeError(endpoint.path, reason)
    with api.lifetime.track():
        return await run_stepwise(_in_steps(endpoint, response, redactor, api.memory))


def _value(endpoint: Endpoint[T], response: Response, redactor: Redactor) -> T:
    data: Any = unwrap_envelope(
        endpoint.path,
        response.status,
        response.headers,
        response.payload,
        redactor=redactor,
        sensitive=endpoint.sensitive,
    )
    value: T = decode_with(endpoint.read, data, endpoint.path)
    return value


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
        endpoint.path, response.status, response.headers, response.payload, redactor, row_converter(endpoint.returns)
    )
    return (yield from decode_incrementally(data, endpoint.returns, endpoint.path))
