"""A service that repeats all secrets of a request, in every place of a response, and in every form."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from support.raw_server import Exchange
from support.scanner import escapes
from support.verbs import CODE, PASSWORD

Answer = Callable[[Exchange], Awaitable[None]]


def secrets_of(exchange: Exchange) -> list[str]:
    """What of a request is secret."""
    own = [
        exchange.headers[name] for name in ("x-api-key", "x-gateway", "proxy-authorization") if name in exchange.headers
    ]
    body = exchange.body.decode()
    own += [PASSWORD] if json.dumps(PASSWORD, ensure_ascii=False) in body else []
    return own + ([str(CODE)] if str(CODE) in body else [])


def said(exchange: Exchange, form: str | None = None) -> str:
    """All secrets, in that form or in all of them."""
    texts = [text for secret in secrets_of(exchange) for name, text in escapes(secret).items() if form in {None, name}]
    return " | ".join(texts)


async def refusal(exchange: Exchange) -> None:
    await exchange.answer(json.dumps({"code": 400, "data": f"no: {said(exchange)}", "status": 0}).encode())


async def escaped_refusal(exchange: Exchange) -> None:
    """The same text, every sign of which is escaped on the wire."""
    text = escapes(said(exchange, "plain"))["JSON with signs escaped"]
    await exchange.answer(f'{{"code": 401, "data": "{text}", "status": 0}}'.encode())


async def object_refusal(exchange: Exchange) -> None:
    names = {text: "known" for secret in secrets_of(exchange) for text in escapes(secret).values()}
    numbers = [int(text) for text in secrets_of(exchange) if text.isdigit()]
    detail = {"errors": [{"name": said(exchange)}, names, numbers]}
    await exchange.answer(json.dumps({"code": 400, "data": detail, "status": 0}).encode(), status="400 Bad Request")


async def message(exchange: Exchange) -> None:
    await exchange.answer(json.dumps({"code": 400, "message": said(exchange), "status": 0}).encode())


async def hidden_error(exchange: Exchange) -> None:
    data = {"output": {"error": said(exchange)}}
    await exchange.answer(json.dumps({"code": 200, "data": data, "status": 1}).encode())


async def odd_status(exchange: Exchange) -> None:
    await exchange.answer(
        json.dumps({"code": 200, "data": {}, "status": said(exchange, "JSON with all escaped")}).encode()
    )


async def other_shape(exchange: Exchange) -> None:
    row = {"id": said(exchange), "name": [said(exchange)], said(exchange): 1, "token": 5}
    await exchange.answer(json.dumps({"code": 200, "data": [row], "status": 1}).encode())


async def no_envelope(exchange: Exchange) -> None:
    await exchange.answer(json.dumps([said(exchange)]).encode(), status="400 Bad Request")


async def large(exchange: Exchange) -> None:
    text = json.dumps({"code": 500, "data": said(exchange), "status": 0, "more": "x" * 300_000})
    await exchange.answer(text.encode())


async def page(exchange: Exchange, *, form: str, status: str = "502 Bad Gateway") -> None:
    """Its beginning is shown, so each form stands at the start of one."""
    await exchange.answer(f"<p>{said(exchange, form)}</p>".encode(), status=status, Content_Type="text/html")


async def head(exchange: Exchange) -> None:
    """In the reason, and in headers that errors keep."""
    texts = [text.encode().decode("latin-1") for text in (said(exchange, "plain"), said(exchange, "percent"))]
    headers: dict[str, str] = {
        "X_Request_Id": texts[0],
        "Server": texts[1],
        "X_RateLimit_Limit": said(exchange, "HTML by numbers"),
    }
    await exchange.answer(b"slow", status=f"429 {texts[0]}", Retry_After="0", **headers)


async def redirect(exchange: Exchange) -> None:
    await exchange.answer(b"", status="302 Found", Location=f"http://x.invalid/?{said(exchange, 'percent')}")


async def redirect_loop(exchange: Exchange) -> None:
    place = f"{exchange.path.partition('?')[0]}?{said(exchange, 'percent with all escaped')}"
    await exchange.answer(b"", status="307 Again", Location=place, X_Request_Id=said(exchange, "percent"))


async def coding(exchange: Exchange) -> None:
    await exchange.answer(b"[{}]", Content_Encoding=f"br, {said(exchange, 'HTML by numbers')}")


async def too_large(exchange: Exchange) -> None:
    text = said(exchange)
    body = json.dumps([text] * (600_000 // len(text) + 1)).encode() if text else b" " * 600_000
    await exchange.answer(body, X_Request_Id=said(exchange, "plain"), Server=said(exchange, "HTML by numbers")[:150])


async def malformed(exchange: Exchange) -> None:
    await exchange.send(f"HTTP/1.1 200 OK\r\nContent-Length: {said(exchange, 'percent')}\r\n\r\n".encode())


async def cut(exchange: Exchange) -> None:
    text = json.dumps([{"a": said(exchange)}])[:-3]  # no record of it is whole, and so the caller's
    await exchange.send(f"HTTP/1.1 200 OK\r\nContent-Length: {len(text) + 100}\r\n\r\n{text}".encode())


async def reset(exchange: Exchange) -> None:
    exchange.reset()


async def silence(exchange: Exchange) -> None:
    await exchange.send(
        f"HTTP/1.1 200 OK\r\nX-Key: {said(exchange, 'percent')}\r\nContent-Length: 999\r\n\r\n".encode()
    )
    await exchange.send(said(exchange, "percent")[:500].encode())
    await exchange.hang()


async def nothing(exchange: Exchange) -> None:
    await exchange.hang()


FORMS = list(escapes("x"))
ANSWERS: dict[str, Answer] = {
    each.__name__: each
    for each in (
        refusal, escaped_refusal, object_refusal, message, hidden_error, odd_status, other_shape, no_envelope, large,
        head, redirect, redirect_loop, coding, too_large, malformed, cut, reset,
    )
}  # fmt: skip
PAGES: dict[str, Answer] = {
    f"{form}, {status}": partial(page, form=form, status=status)
    for form in FORMS
    for status in ("200 OK", "502 Bad Gateway")
}
SILENCES: dict[str, Any] = {"silence": silence, "nothing": nothing}
