"""Endpoint and fields to model: through retries, transport, envelope and codec."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any, Generic, TypeVar, cast

import anyio.lowlevel
import attrs

from multicart_async._core.credentials import PLAIN_HTTP
from multicart_async._core.lifetime import Lifeline
from multicart_async._core.redaction import DOTS, RedactedBody
from multicart_async._core.redactor import Redactor
from multicart_async._core.response_headers import note_headers
from multicart_async._http import Form, Response, Transport
from multicart_async._http.codec import body, decode, decode_in_steps
from multicart_async._http.endpoint import Endpoint
from multicart_async._http.envelope import NOT_SHOWN, open_envelope, open_large_envelope
from multicart_async._http.incremental_json import memory_in_steps
from multicart_async._http.retries import Attempts
from multicart_async._http.retry_rules import call_verdict, is_refusal
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

__all__ = ["Answer", "Caller"]

T = TypeVar("T")

_LARGE = 1 << 18  # bytes from which on an answer would hold the loop for milliseconds
_MEMORY = 8  # times `Limits.response_bytes`: what the objects of an answer may take; rows of short fields take seven


@attrs.frozen
class Answer(Generic[T]):
    """A value, and whether an earlier attempt of the same call may have taken effect already."""

    value: T
    repeated: bool


class Caller:
    """Makes calls. A group of methods gets one of these, not the client."""

    def __init__(
        self,
        transport: Transport,
        *,
        attempts: Attempts | None = None,
        limits: Limits = Limits(),
        life: Lifeline | None = None,
        exposed: str = "",
        redactor: Redactor = Redactor(),
    ) -> None:
        self._exposed = exposed
        self._transport = transport
        self.redactor = redactor
        self.life = life or Lifeline()
        self._attempts = attempts or Attempts(life=self.life)
        self._room = anyio.CapacityLimiter(limits.requests)
        self._memory = _MEMORY * limits.response_bytes

    async def __call__(self, endpoint: Endpoint[T], fields: Mapping[str, object] | Form = {}) -> T:
        """The answer's data as the endpoint's type."""
        return (await self.ask(endpoint, fields)).value

    async def ask(self, endpoint: Endpoint[T], fields: Mapping[str, object] | Form = {}) -> Answer[T]:
        """The same, with what a repetition needs to know to take "already so" for success."""
        if endpoint.private and self._exposed:
            raise ConfigurationError(f"{endpoint.path}: {self._exposed}: what is sent or answered {PLAIN_HTTP}")
        sent = fields if isinstance(fields, Form) else body(fields)
        lost = False

        async def attempt(number: int) -> Answer[T]:
            nonlocal lost
            try:
                return Answer(await self._fitting(endpoint, fields, sent, number), repeated=lost)
            except APIError as error:
                error.repeated = lost
                lost = lost or not is_refusal(error)
                raise
            except APIConnectionError as error:
                lost = lost or error.sent
                raise

        self.life.check()  # whatever waits below has a guard of its own: one around it all would cost each call as much
        return await self._attempts.run(endpoint.path, attempt, lambda error: call_verdict(error, endpoint.safety))

    async def _fitting(
        self,
        endpoint: Endpoint[T],
        fields: Mapping[str, object] | Form,
        sent: bytes | RedactedBody | Form,
        number: int,
    ) -> T:
        """Make one attempt; a read whose response belongs to another request is made again, on a new connection."""
        value = await self._once(endpoint, sent, number)
        if isinstance(fields, Form):
            return value
        reason = endpoint.mismatch(fields, value)
        if reason is not None and endpoint.safety == "read":
            value = await self._once(endpoint, sent, number + 1)
            reason = endpoint.mismatch(fields, value)
        if reason is not None:
            raise InvalidResponseError(endpoint.path, reason)
        return value

    async def _once(self, endpoint: Endpoint[T], sent: bytes | RedactedBody | Form, number: int) -> T:
        own = Redactor(sent.secrets if isinstance(sent, RedactedBody) else ())
        redactor = self.redactor.including(own.secrets)
        try:
            response = await self._in_room(endpoint, sent, number)
        except InvalidResponseError as error:  # whose headers may repeat what was sent
            redactor.error(error)
            raise
        except APIConnectionError as error:
            if not error.sent or endpoint.safety in {"read", "repeatable"}:
                raise
            reason = f"{error.reason}; it was sent and may have taken effect, so it is not sent again"
            raise OutcomeUnknownError(endpoint.path, reason) from error
        fault: MultiCartError
        try:
            return await self._understood(endpoint, response, self.redactor if endpoint.private else redactor)
        except MultiCartError as error:
            fault = error.with_traceback(None)  # its frames hold the answer
        if endpoint.private:
            fault = _private_fault(fault, own)
        note_headers(fault, response.headers, redactor.text)
        del response  # or the frames of the error would keep it
        raise redactor.error(fault)

    async def _understood(self, endpoint: Endpoint[T], response: Response, redactor: Redactor) -> T:
        if len(response.payload) > _LARGE:
            if endpoint.private:  # it would be read in steps, and a traceback of what comes in between would show it
                raise ResponseTooLargeError(endpoint.path, f"more than {_LARGE} bytes, expected a short answer")
            with self.life.guard():
                return await _unhurried(_in_steps(endpoint, response, redactor, self._memory))
        return _value(endpoint, response, redactor)

    async def _in_room(self, endpoint: Endpoint[Any], sent: bytes | RedactedBody | Form, number: int) -> Response:
        try:
            self._room.acquire_nowait()
        except anyio.WouldBlock:
            with self.life.guard():
                await self._room.acquire()  # which costs a turn of the loop even where there is room
        try:
            await self._attempts.hold()  # not before the queue: a pause may have been asked for meanwhile
            return await self._send(endpoint, sent, number)
        finally:
            self._room.release()

    async def _send(self, endpoint: Endpoint[Any], sent: bytes | RedactedBody | Form, number: int) -> Response:
        path, public = endpoint.path, endpoint.public
        fresh = endpoint.changes or number > 1  # the pool may be full of connections that died together
        if endpoint.method == "GET":
            return await self._transport.get(path, fresh=fresh, public=public)
        # where no body is documented `{}` goes too: for those that say more about it, it is the same
        return await self._transport.post(path, sent, fresh=fresh, public=public)


def _value(endpoint: Endpoint[T], response: Response, redactor: Redactor) -> T:
    data: Any = open_envelope(
        endpoint.path,
        response.status,
        response.headers,
        response.payload,
        redactor=redactor,
        private=endpoint.private,
    )
    return decode(data, endpoint.returns, endpoint.path)


def _private_fault(fault: MultiCartError, own: Redactor) -> MultiCartError:
    """Return *fault*, or a copy without its detail, if that may hold a key or token or repeats a secret that was sent."""
    if not isinstance(fault, APIError) or _is_harmless(fault.detail, own):
        return fault
    return APIError.of(
        fault.path,
        fault.code,
        NOT_SHOWN,
        http_status=fault.http_status,
        retry_after=fault.retry_after,
        in_envelope=fault.in_envelope,
    )


def _is_harmless(detail: object, own: Redactor) -> bool:
    return isinstance(detail, str) and DOTS not in detail and not own.echoes(detail)


def _in_steps(endpoint: Endpoint[T], response: Response, redactor: Redactor, most: int) -> Generator[None, None, T]:
    if (yield from memory_in_steps(response.payload)) > most:
        reason = f"takes more than {most:,} bytes of memory: raise Limits.response_bytes to read it"
        raise ResponseTooLargeError(endpoint.path, reason)
    data = yield from open_large_envelope(endpoint.path, response.status, response.headers, response.payload, redactor)
    return (yield from decode_in_steps(data, endpoint.returns, endpoint.path))


async def _unhurried(steps: Generator[None, None, T]) -> T:
    """What the steps lead to; between two of them it is everybody else's turn."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return cast("T", end.value)
        await anyio.lowlevel.checkpoint()
