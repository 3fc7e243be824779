"""Responses, and how they are sent: headers, pieces, ranges, and the effect of a fault."""

from __future__ import annotations

import asyncio
import re
import socket
import struct
from urllib.parse import quote

import attrs
from aiohttp import web

from multicart_async.sandbox._api.request import FileResponse
from multicart_async.sandbox._content.body import Body, BytesBody
from multicart_async.sandbox._content.envelope import NOT_FOUND_PAGE, OK, ApiFailure, failure, success
from multicart_async.sandbox.faults import Cut, DropAfter, Fault, RetryLater, Stall

JSON = "application/json"
_HTML = "text/html; charset=utf-8"
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


@attrs.frozen
class Response:
    """A status, headers, and a part of a body. ``code`` is that of the envelope, if the body is one."""

    status: int
    headers: dict[str, str]
    body: Body
    start: int
    stop: int
    code: int | None = None

    @property
    def size(self) -> int:
        """The number of bytes to send."""
        return self.stop - self.start


SENT = web.RequestKey("sent", Response)
"""Of a request whose response has begun to be sent."""


def page(status: int, content: bytes, content_type: str = _HTML, *, code: int | None = None) -> Response:
    """Return a response of *content* with a status."""
    return Response(status, {"Content-Type": content_type}, BytesBody(content), 0, len(content), code)


def page_not_found() -> Response:
    """Return Django's page for an unknown path, such as one with a missing or additional final slash."""
    return page(404, NOT_FOUND_PAGE)


def succeeded(data: object) -> Response:
    """Return an envelope with status 1."""
    return page(200, success(data), JSON, code=OK)


def failed(error: ApiFailure, *, http_status: int = 200) -> Response:
    """Return an envelope with status 0."""
    return page(http_status, failure(error.code, error.text), JSON, code=error.code)


def retry_later(fault: RetryLater) -> Response:
    """Return a status with Retry-After."""
    response = page(fault.status, b"<h1>Try again later</h1>")
    if fault.retry_after is not None:
        response.headers["Retry-After"] = str(fault.retry_after)
    return response


def file_response(file: FileResponse, request: web.Request, *, ranges: bool) -> Response:
    """Return a complete file, as a plain Django FileResponse does, or with *ranges* the requested part of it."""
    headers = {"Content-Type": file.content_type, "Content-Disposition": _disposition(file.name)}
    size = file.body.size
    if not ranges:
        return Response(200, headers, file.body, 0, size)
    tag = f'"{file.tag}-{size:x}"'
    headers |= {"ETag": tag, "Accept-Ranges": "bytes"}
    if request.headers.get("If-Range", tag) != tag:
        return Response(200, headers, file.body, 0, size)
    requested = _requested_range(request.headers.get("Range", ""), size)
    if requested is None:
        return Response(200, headers, file.body, 0, size)
    start, stop = requested
    if start >= stop:
        return Response(416, {"Content-Range": f"bytes */{size}"}, BytesBody(b""), 0, 0)
    headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    return Response(206, headers, file.body, start, stop)


def _requested_range(header: str, size: int) -> tuple[int, int] | None:
    matched = _RANGE.fullmatch(header)
    if matched is None or header == "bytes=-":
        return None  # no range, several ranges, or an invalid one: send the whole file
    first, last = matched.groups()
    if not first:
        return max(size - int(last), 0), size
    return int(first), min(int(last) + 1, size) if last else size


def _disposition(name: str) -> str:
    if name.isascii() and name.isprintable():
        escaped = name.replace("\\", "\\\\").replace('"', r"\"")
        return f'attachment; filename="{escaped}"'
    return f"attachment; filename*=utf-8''{quote(name, safe='')}"


class _UntilClose(web.StreamResponse):
    """A body that is ended only by the end of the connection."""

    _length_check = False


async def send(
    request: web.Request, response: Response, fault: Fault | None, closing: asyncio.Event
) -> web.StreamResponse:
    """Send a response, as far as the fault permits."""
    if isinstance(fault, DropAfter):
        return disconnect(request, reset=fault.reset)
    if isinstance(fault, Stall) and fault.after_bytes is None:
        await closing.wait()
        return disconnect(request)
    stream = _open_stream(response, fault)
    try:
        await _transfer(request, stream, response, fault)
        if isinstance(fault, Stall):
            await closing.wait()
        if isinstance(fault, Cut | Stall):
            disconnect(request, reset=isinstance(fault, Cut) and fault.reset)
    except ConnectionError:  # the client closed the connection, or the sandbox is closing
        disconnect(request)
    return stream


def _open_stream(response: Response, fault: Fault | None) -> web.StreamResponse:
    framing = fault.framing if isinstance(fault, Cut) else "length"
    kind = _UntilClose if framing == "close" else web.StreamResponse
    stream = kind(status=response.status, headers=response.headers)
    if framing == "length":
        stream.content_length = response.size
    elif framing == "chunked":
        stream.enable_chunked_encoding()
    else:
        stream.force_close()
    return stream


async def _transfer(request: web.Request, stream: web.StreamResponse, response: Response, fault: Fault | None) -> None:
    stop = response.stop
    if isinstance(fault, Cut):
        stop = min(stop, response.start + fault.at)
    elif isinstance(fault, Stall) and fault.after_bytes is not None:
        stop = min(stop, response.start + fault.after_bytes)
    await stream.prepare(request)
    request[SENT] = response
    for piece in response.body.pieces(response.start, stop):
        if piece:
            await stream.write(piece)
        else:
            await asyncio.sleep(0)  # a checksum is being computed: let other tasks run


def disconnect(request: web.Request, *, reset: bool = False) -> web.StreamResponse:
    """Close the connection: after what is written so far, or with *reset* at once by RST."""
    transport = request.transport
    if transport is not None and reset:
        connection: socket.socket = transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    elif transport is not None:
        transport.close()
    return web.Response()
