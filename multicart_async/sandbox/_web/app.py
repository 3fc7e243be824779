"""The aiohttp application: a request comes in, is noted, meets its fault or its handler, and is answered."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any, cast
from urllib.parse import unquote

import attrs
from aiohttp import BodyPartReader, web
from aiohttp.http_exceptions import HttpProcessingError

from multicart_async.sandbox._api.params import parse_params, unknown
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
from multicart_async.sandbox._web import responses
from multicart_async.sandbox._web.hosts import host_name, normalized
from multicart_async.sandbox._web.responses import Answer
from multicart_async.sandbox.faults import Content, Delay, DropAfter, DropBefore, Envelope, Fault, Faults, RetryLater
from multicart_async.sandbox.faults import Status as HttpStatus
from multicart_async.sandbox.recording import RecordedRequest, Recording

PREFIX = "/api/v1"
_UPLOAD_LIMIT = 64 * 2**20
_TIMED_OUT = 504
_HIDDEN = "<credential>"
_SECRET = frozenset({"password", "otp"})
_UNKNOWN_HOST = ApiFailure(
    FORBIDDEN,
    "This sandbox answers to its own address and to localhost only: pages in a browser must not reach it under a name of "
    "theirs. To use this name, start the sandbox with Sandbox(allowed_hosts=[NAME]) or --allow-host NAME.",
)


class _LineCut(Exception):  # noqa: N818 - no error: the connection was to be cut here
    """The commit after which the connection is to be cut."""


@attrs.define
class Service:
    """Requests of one sandbox."""

    world: SandboxState
    faults: Faults
    recording: Recording
    hosts: frozenset[str]
    closing: asyncio.Event = attrs.field(factory=asyncio.Event)
    under_way: list[web.Request] = attrs.field(factory=list[web.Request])  # requests cannot be hashed

    def application(self) -> web.Application:
        """The application; it routes by itself, because aiohttp would tidy paths up before it looks at them."""
        app = web.Application(client_max_size=_UPLOAD_LIMIT)
        app.router.add_route("*", "/{path:.*}", self.handle)
        return app

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request, well or badly."""
        self.under_way.append(request)
        try:
            if not self._is_own_host(request):
                return await responses.send(
                    request, responses.refused(_UNKNOWN_HOST, http_status=FORBIDDEN), None, self.closing
                )
            return await self._handle(request)
        except ConnectionError:  # gone before all of its body was here
            return responses.hang_up(request)
        finally:
            self.under_way.remove(request)

    def _is_own_host(self, request: web.Request) -> bool:
        """Return whether the request names this sandbox, or the address that its connection has come to."""
        name = host_name(request.headers.get("Host", ""))
        arrived = request.get_extra_info("sockname")
        return name is not None and (name in self.hosts or (bool(arrived) and name == normalized(arrived[0])))

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        raw_path, _, query = request.raw_path.partition("?")
        below = raw_path.removeprefix(PREFIX)
        found = find(below) if raw_path.startswith(PREFIX) else None
        route, in_path = found or (None, {})
        given, problem = await _fields(request, route)
        self._record(request, route, unquote(below), given)
        fault = self.faults.take(unquote(below), route.path if route else None)
        instead = await self._before(fault)
        if instead is not None:
            return await responses.send(request, instead, fault, self.closing)
        if isinstance(fault, DropBefore):
            return responses.hang_up(request, reset=fault.reset)
        if route is None:
            answer = responses.no_such_page()
        elif route.method != request.method:
            answer = responses.page(METHOD_NOT_ALLOWED, b"<h1>Method Not Allowed</h1>")
        else:
            self._note_ignored(route, [*(given or {}), *_names(query)])
            try:
                answer = self._work(request, route, problem or {**(given or {}), **in_path}, fault)
            except _LineCut:
                return responses.hang_up(request, reset=isinstance(fault, DropAfter) and fault.reset)
        return await responses.send(request, await self._after(answer, fault), fault, self.closing)

    async def _before(self, fault: Fault | None) -> Answer | None:
        """What is answered instead of doing anything."""
        if isinstance(fault, Delay) and fault.work == "after":
            await self._wait(fault.seconds)
        if isinstance(fault, RetryLater):
            return responses.retry_later(fault)
        if isinstance(fault, HttpStatus | Envelope) and not fault.work:
            return _replaced(fault)
        return None

    async def _after(self, answer: Answer, fault: Fault | None) -> Answer:
        """What is answered, once the work is done."""
        if isinstance(fault, Delay) and fault.work == "before":
            await self._wait(fault.seconds)
        if isinstance(fault, HttpStatus | Envelope | Content):
            return _replaced(fault)
        return answer

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self.closing.wait()
        except TimeoutError:
            return

    def _work(
        self, request: web.Request, route: Route, given: ApiFailure | Mapping[str, Any], fault: Fault | None
    ) -> Answer:
        """Do what was asked for; what is answered has been committed."""
        world, options = self.world, self.world.options
        base = options.links_base or f"{request.scheme}://{request.host}{PREFIX}"
        try:
            user = 0 if route.public else self._user(request)
            if isinstance(given, ApiFailure):
                raise given
            apply_due_changes(world)
            call = Call(world, user, parse_params(route.params, given), base, self._commits(fault))
            result = route.handler(call)
            world.db.commit()
        except ApiFailure as refusal:
            world.db.rollback()
            return responses.refused(refusal, http_status=self._status(route, refusal.code))
        except TimeoutError:  # what was committed until now stays
            return responses.page(_TIMED_OUT, b"<h1>504 Gateway Time-out</h1>")
        finally:
            world.db.rollback()
        if isinstance(result, FileResponse):
            return responses.attached(result, request, ranges=options.ranges)
        return responses.succeeded(result)

    def _status(self, route: Route, code: int) -> int:
        """The HTTP status of a refusal: 200, except for two kinds whose form is not documented."""
        options = self.world.options
        if code == UNAUTHORIZED:
            return code if options.auth_errors == "http" else 200
        return code if route.method == "GET" and options.file_errors == "http" else 200

    def _commits(self, fault: Fault | None) -> Callable[[], None]:
        left = fault.commits if isinstance(fault, DropAfter) else None

        def commit() -> None:
            nonlocal left
            self.world.db.commit()
            if left is not None:
                left -= 1
                if not left:
                    raise _LineCut

        return commit

    def _user(self, request: web.Request) -> int:
        key, token = _credential(request)
        row = self.world.row("SELECT id FROM users WHERE api_key = ? OR token = ?", key, token)
        if row is None:  # the form of this failure is not documented: see the option auth_errors
            raise ApiFailure(UNAUTHORIZED, "Authentication credentials were not provided or are not valid.")
        user: int = row["id"]
        return user

    def _record(self, request: web.Request, route: Route | None, path: str, given: Mapping[str, Any] | None) -> None:
        key, token = _credential(request)
        target = request.raw_path
        for secret in filter(None, (key, token)):
            target = target.replace(secret, _HIDDEN)
        seen = RecordedRequest(
            method=request.method,
            target=target,
            path=path,
            headers=tuple(name.lower() for name in request.headers),
            has_credential=bool(key or token),
            fields=_without_secrets(given),
        )
        self.recording.note(seen, counted_as=route.path if route else path)

    def _note_ignored(self, route: Route, names: list[str]) -> None:
        if route.cut:
            return
        params = () if route.method == "GET" else route.params
        self.recording.note_ignored(route.path, unknown(params, names))


def _replaced(fault: HttpStatus | Envelope | Content) -> Answer:
    if isinstance(fault, Envelope):
        return responses.page(200, failure(fault.code, fault.data), responses.JSON)
    if isinstance(fault, Content):
        return responses.page(200, fault.body, fault.content_type)
    body = fault.body.encode() if isinstance(fault.body, str) else fault.body
    return responses.page(fault.status, body, fault.content_type)


def _credential(request: web.Request) -> tuple[str, str]:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return request.headers.get("x-api-key", ""), token.strip() if scheme == "Token" else ""


def _without_secrets(fields: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    if fields is None:
        return None
    return {name: _HIDDEN if name in _SECRET else value for name, value in fields.items()}


def _names(query: str) -> list[str]:
    return [unquote(part.partition("=")[0]) for part in query.split("&") if part]


async def _fields(request: web.Request, route: Route | None) -> tuple[dict[str, Any] | None, ApiFailure | None]:
    """The fields of a body, or what is wrong with it."""
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
                fields[part.name] = content if part.filename is not None else _number_or_text(content)
    except (ValueError, HttpProcessingError):  # the second one: a part with a header that is none
        return None, ApiFailure(BAD_REQUEST, "Multipart form parse error.")
    return fields, None


def _number_or_text(content: bytes) -> int | str:
    text = content.decode(errors="replace")
    return int(text) if text.isascii() and text.isdecimal() else text  # a form has no types
