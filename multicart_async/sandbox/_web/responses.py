"""Answers on their way out: headers, pieces, ranges, and what a fault does to them on the wire."""

from __future__ import annotations

import asyncio
import re
import socket
import struct
from urllib.parse import quote

import attrs
from aiohttp import web

from multicart_async.sandbox._api.request import FileResponse
from multicart_async.sandbox._content.body import Body, Plain
from multicart_async.sandbox._content.envelope import NOT_FOUND_PAGE, ApiFailure, failure, success
from multicart_async.sandbox.faults import Cut, DropAfter, Fault, RetryLater, Stall

JSON = "application/json"
_HTML = "text/html; charset=utf-8"
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


@attrs.frozen
class Answer:
    """A status, headers, and a stretch of a body."""

    status: int
    headers: dict[str, str]
    body: Body
    start: int
    stop: int

    @property
    def size(self) -> int:
        """Bytes to be sent."""
        return self.stop - self.start


def page(status: int, content: bytes, content_type: str = _HTML) -> Answer:
    """A few bytes under a status."""
    return Answer(status, {"Content-Type": content_type}, Plain(content), 0, len(content))


def no_such_page() -> Answer:
    """What a Django service says to a path that it does not know, a wrong slash at the end included."""
    return page(404, NOT_FOUND_PAGE)


def succeeded(data: object) -> Answer:
    """An envelope with status 1."""
    return page(200, success(data), JSON)


def refused(refusal: ApiFailure, *, http_status: int = 200) -> Answer:
    """An envelope with status 0, under HTTP 200 unless told otherwise."""
    return page(http_status, failure(refusal.code, refusal.text), JSON)


def retry_later(fault: RetryLater) -> Answer:
    """A status with Retry-After."""
    answer = page(fault.status, b"<h1>Try again later</h1>")
    if fault.retry_after is not None:
        answer.headers["Retry-After"] = str(fault.retry_after)
    return answer


def attached(file: FileResponse, request: web.Request, *, ranges: bool) -> Answer:
    """A file; in whole, as a plain Django FileResponse sends it, unless ranges are to be honoured."""
    headers = {"Content-Type": file.content_type, "Content-Disposition": _disposition(file.name)}
    size = file.body.size
    if not ranges:
        return Answer(200, headers, file.body, 0, size)
    tag = f'"{file.tag}-{size:x}"'
    headers |= {"ETag": tag, "Accept-Ranges": "bytes"}
    if request.headers.get("If-Range", tag) != tag:
        return Answer(200, headers, file.body, 0, size)
    asked = _asked(request.headers.get("Range", ""), size)
    if asked is None:
        return Answer(200, headers, file.body, 0, size)
    start, stop = asked
    if start >= stop:
        return Answer(416, {"Content-Range": f"bytes */{size}"}, Plain(b""), 0, 0)
    headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    return Answer(206, headers, file.body, start, stop)


def _asked(header: str, size: int) -> tuple[int, int] | None:
    matched = _RANGE.fullmatch(header)
    if matched is None or header == "bytes=-":
        return None  # none, several, or nonsense: the whole file
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
    """A body whose only end is the end of the connection."""

    _length_check = False


async def send(request: web.Request, answer: Answer, fault: Fault | None, closing: asyncio.Event) -> web.StreamResponse:
    """Send an answer, as far as the fault lets it."""
    if isinstance(fault, DropAfter):
        return hang_up(request, reset=fault.reset)
    if isinstance(fault, Stall) and fault.after_bytes is None:
        await closing.wait()
        return hang_up(request)
    response = _response(answer, fault)
    try:
        await _transfer(request, response, answer, fault)
        if isinstance(fault, Stall):
            await closing.wait()
        if isinstance(fault, Cut | Stall):
            hang_up(request, reset=isinstance(fault, Cut) and fault.reset)
    except ConnectionError:  # the client has gone, or the sandbox is closing
        hang_up(request)
    return response


def _response(answer: Answer, fault: Fault | None) -> web.StreamResponse:
    framing = fault.framing if isinstance(fault, Cut) else "length"
    kind = _UntilClose if framing == "close" else web.StreamResponse
    response = kind(status=answer.status, headers=answer.headers)
    if framing == "length":
        response.content_length = answer.size
    elif framing == "chunked":
        response.enable_chunked_encoding()
    else:
        response.force_close()
    return response


async def _transfer(request: web.Request, response: web.StreamResponse, answer: Answer, fault: Fault | None) -> None:
    stop = answer.stop
    if isinstance(fault, Cut):
        stop = min(stop, answer.start + fault.at)
    elif isinstance(fault, Stall) and fault.after_bytes is not None:
        stop = min(stop, answer.start + fault.after_bytes)
    await response.prepare(request)
    for piece in answer.body.pieces(answer.start, stop):
        if piece:
            await response.write(piece)
        else:
            await asyncio.sleep(0)  # a check sum is being made: let others have a turn


def hang_up(request: web.Request, *, reset: bool = False) -> web.StreamResponse:
    """End the connection: after what was written so far, or at once by RST."""
    transport = request.transport
    if transport is not None and reset:
        connection: socket.socket = transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    elif transport is not None:
        transport.close()
    return web.Response()
