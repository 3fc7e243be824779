"""The aiohttp application: record a request, apply its fault, call its handler, and send the response."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, cast
from urllib.parse import unquote

import attrs
from aiohttp import BodyPartReader, web
from aiohttp.http_exceptions import HttpProcessingError

from multicart_async.sandbox._api.params import parse_params, undocumented_fields
from multicart_async.sandbox._api.request import Call, FileResponse
from multicart_async.sandbox._api.route import Route
from multicart_async.sandbox._api.routes import find
from multicart_async.sandbox._content.envelope import (
    BAD_REQUEST,
    FORBIDDEN,
    METHOD_NOT_ALLOWED,
    UNAUTHORIZED,
    ApiFailure,
    failure,
)
from multicart_async.sandbox._state.run_lifecycle import apply_due_changes
from multicart_async.sandbox._state.state import SandboxState
from multicart_async.sandbox._web import access_log, responses
from multicart_async.sandbox._web.hosts import host_name, normalized
from multicart_async.sandbox._web.responses import Response
from multicart_async.sandbox.faults import Content, Delay, DropAfter, DropBefore, Envelope, Fault, Faults, RetryLater
from multicart_async.sandbox.faults import Status as HttpStatus
from multicart_async.sandbox.recording import RecordedRequest, Recording

PREFIX = "/api/v1"
_UPLOAD_LIMIT = 64 * 2**20
_GATEWAY_TIMEOUT = 504
_SECRET_FIELDS = frozenset({"password", "otp"})
_UNKNOWN_HOST = ApiFailure(
    FORBIDDEN,
    "This sandbox accepts only its own address and localhost as Host, so that web pages cannot reach it under their own "
    "names. To use this name, start the sandbox with Sandbox(allowed_hosts=[NAME]) or --allow-host NAME.",
)


class _ConnectionCut(Exception):  # noqa: N818 - control flow, not an error
    """Raised by the commit after which a fault closes the connection."""


@attrs.define
class Service:
    """The request handling of one sandbox."""

    state: SandboxState
    faults: Faults
    recording: Recording
    hosts: frozenset[str]
    closing: asyncio.Event = attrs.field(factory=asyncio.Event)
    active_requests: list[web.Request] = attrs.field(factory=list[web.Request])  # requests cannot be hashed

    def application(self) -> web.Application:
        """Return the application.

        It has one route, because aiohttp would normalize paths before its own routing.
        """
        app = web.Application(client_max_size=_UPLOAD_LIMIT)
        app.router.add_route("*", "/{path:.*}", self.handle)
        return app

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Handle one request, up to the end of its response."""
        began = time.perf_counter()
        self.active_requests.append(request)
        try:
            if not self._is_own_host(request):
                return await responses.send(
                    request, responses.failed(_UNKNOWN_HOST, http_status=FORBIDDEN), None, self.closing
                )
            return await self._handle(request)
        except ConnectionError:  # the client closed the connection before its body was complete
            return responses.disconnect(request)
        finally:
            self.active_requests.remove(request)
            _log(request, time.perf_counter() - began)

    def _is_own_host(self, request: web.Request) -> bool:
        """Return whether the request names this sandbox, or the local address of its connection."""
        name = host_name(request.headers.get("Host", ""))
        local_address = request.get_extra_info("sockname")
        return name is not None and (
            name in self.hosts or (bool(local_address) and name == normalized(local_address[0]))
        )

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        raw_path, _, query = request.raw_path.partition("?")
        api_path = raw_path.removeprefix(PREFIX)
        found = find(api_path) if raw_path.startswith(PREFIX) else None
        route, path_fields = found or (None, {})
        given, parse_failure = await _fields(request, route)
        self._record(request, route, unquote(api_path), given)
        fault = self.faults.take(unquote(api_path), route.path if route else None)
        early = await self._response_before_work(fault)
        if early is not None:
            return await responses.send(request, early, fault, self.closing)
        if isinstance(fault, DropBefore):
            return responses.disconnect(request, reset=fault.reset)
        if route is None:
            response = responses.page_not_found()
        elif route.method != request.method:
            response = responses.page(METHOD_NOT_ALLOWED, b"<h1>Method Not Allowed</h1>")
        else:
            self._record_ignored(route, [*(given or {}), *_query_names(query)])
            try:
                response = self._call_handler(request, route, parse_failure or {**(given or {}), **path_fields}, fault)
            except _ConnectionCut:
                return responses.disconnect(request, reset=isinstance(fault, DropAfter) and fault.reset)
        return await responses.send(request, await self._response_after_work(response, fault), fault, self.closing)

    async def _response_before_work(self, fault: Fault | None) -> Response | None:
        """Apply a delay before the work; return the response that replaces the work, or None."""
        if isinstance(fault, Delay) and fault.work == "after":
            await self._wait(fault.seconds)
        if isinstance(fault, RetryLater):
            return responses.retry_later(fault)
        if isinstance(fault, HttpStatus | Envelope) and not fault.work:
            return _fault_response(fault)
        return None

    async def _response_after_work(self, response: Response, fault: Fault | None) -> Response:
        """Apply a delay after the work; return *response*, or the response that replaces it."""
        if isinstance(fault, Delay) and fault.work == "before":
            await self._wait(fault.seconds)
        if isinstance(fault, HttpStatus | Envelope | Content):
            return _fault_response(fault)
        return response

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self.closing.wait()
        except TimeoutError:
            return

    def _call_handler(
        self, request: web.Request, route: Route, given: ApiFailure | Mapping[str, Any], fault: Fault | None
    ) -> Response:
        """Call the handler of *route* and return its response; what the response reports is committed."""
        state, options = self.state, self.state.options
        base = options.links_base or f"{request.scheme}://{request.host}{PREFIX}"
        try:
            user = 0 if route.public else self._authenticate(request)
            if isinstance(given, ApiFailure):
                raise given
            apply_due_changes(state)
            call = Call(state, user, parse_params(route.params, given), base, self._commit_function(fault))
            result = route.handler(call)
            state.db.commit()
        except ApiFailure as error:
            state.db.rollback()
            return responses.failed(error, http_status=self._failure_status(route, error.code))
        except TimeoutError:  # what has been committed stays
            return responses.page(_GATEWAY_TIMEOUT, b"<h1>504 Gateway Time-out</h1>")
        finally:
            state.db.rollback()
        if isinstance(result, FileResponse):
            return responses.file_response(result, request, ranges=options.ranges)
        return responses.succeeded(result)

    def _failure_status(self, route: Route, code: int) -> int:
        """Return the HTTP status of a failure: 200, except for two kinds whose form is not documented."""
        options = self.state.options
        if code == UNAUTHORIZED:
            return code if options.auth_errors == "http" else 200
        return code if route.method == "GET" and options.file_errors == "http" else 200

    def _commit_function(self, fault: Fault | None) -> Callable[[], None]:
        left = fault.commits if isinstance(fault, DropAfter) else None

        def commit() -> None:
            nonlocal left
            self.state.db.commit()
            if left is not None:
                left -= 1
                if not left:
                    raise _ConnectionCut

        return commit

    def _authenticate(self, request: web.Request) -> int:
        key, token = _credential(request)
        row = self.state.row("SELECT id FROM users WHERE api_key = ? OR token = ?", key, token)
        if row is None:  # the form of this failure is not documented: see the option auth_errors
            raise ApiFailure(UNAUTHORIZED, "Authentication credentials were not provided or are not valid.")
        user: int = row["id"]
        return user

    def _record(self, request: web.Request, route: Route | None, path: str, given: Mapping[str, Any] | None) -> None:
        key, token = _credential(request)
        target = request.raw_path
        for secret in filter(None, (key, token)):
            target = target.replace(secret, access_log.REDACTED)
        seen = RecordedRequest(
            method=request.method,
            target=target,
            path=path,
            headers=tuple(name.lower() for name in request.headers),
            has_credential=bool(key or token),
            fields=_without_secrets(given),
        )
        self.recording.note(seen, counted_as=route.path if route else path)

    def _record_ignored(self, route: Route, names: list[str]) -> None:
        if route.incomplete:
            return
        params = () if route.method == "GET" else route.params
        self.recording.note_ignored(route.path, undocumented_fields(params, names))


def _fault_response(fault: HttpStatus | Envelope | Content) -> Response:
    if isinstance(fault, Envelope):
        return responses.page(200, failure(fault.code, fault.data), responses.JSON, code=fault.code)
    if isinstance(fault, Content):
        return responses.page(200, fault.body, fault.content_type)
    body = fault.body.encode() if isinstance(fault.body, str) else fault.body
    return responses.page(fault.status, body, fault.content_type)


def _log(request: web.Request, seconds: float) -> None:
    """Log a request whose response was sent, or which gets none."""
    if not access_log.LOGGER.isEnabledFor(logging.DEBUG):
        return
    sent = request.get(responses.SENT)
    answer = None if sent is None else (sent.status, sent.code)
    line = access_log.access_line(request.method, request.raw_path, answer, seconds, _credential(request))
    access_log.LOGGER.debug("%s", line)


def _credential(request: web.Request) -> tuple[str, str]:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return request.headers.get("x-api-key", ""), token.strip() if scheme == "Token" else ""


def _without_secrets(fields: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    if fields is None:
        return None
    return {name: access_log.REDACTED if name in _SECRET_FIELDS else value for name, value in fields.items()}


def _query_names(query: str) -> list[str]:
    return [unquote(part.partition("=")[0]) for part in query.split("&") if part]


async def _fields(request: web.Request, route: Route | None) -> tuple[dict[str, Any] | None, ApiFailure | None]:
    """Return the fields of a body, or the failure if it cannot be parsed."""
    if route is not None and route.form:
        return await _form(request)
    content = await request.read()
    if not content:
        return {}, None
    try:
        if request.content_type != "application/json":
            return None, ApiFailure(BAD_REQUEST, f'Unsupported media type "{request.content_type}" in request.')
        value = json.loads(content)
    except (ValueError, RecursionError):
        return None, ApiFailure(BAD_REQUEST, "JSON parse error.")
    if not isinstance(value, dict):
        return None, ApiFailure(BAD_REQUEST, "Invalid data. Expected an object.")
    return cast("dict[str, Any]", value), None


async def _form(request: web.Request) -> tuple[dict[str, Any] | None, ApiFailure | None]:
    if request.content_type != "multipart/form-data":
        await request.read()
        return None, ApiFailure(BAD_REQUEST, f'Unsupported media type "{request.content_type}" in request.')
    fields: dict[str, Any] = {}
    try:
        async for part in await request.multipart():
            if isinstance(part, BodyPartReader) and part.name:
                content = bytes(await part.read(decode=True))
                fields[part.name] = content if part.filename is not None else _parse_form_value(content)
    except (ValueError, HttpProcessingError):  # HttpProcessingError: a part with an invalid header
        return None, ApiFailure(BAD_REQUEST, "Multipart form parse error.")
    return fields, None


def _parse_form_value(content: bytes) -> int | str:
    text = content.decode(errors="replace")
    return int(text) if text.isascii() and text.isdecimal() else text  # a form has no types
