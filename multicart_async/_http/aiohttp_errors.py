"""Translate aiohttp's exceptions to errors of this library.

aiohttp's exceptions never leave this package, because they hold the request's headers and with them the key. The errors
are raised outside the ``except`` block, so that no traceback leads to aiohttp's frames either.
"""

from __future__ import annotations

import asyncio
import errno
import os
import ssl
from types import TracebackType
from typing import Final

import aiohttp
import attrs
from aiohttp.http import HttpProcessingError

from multicart_async._core.redactor import Redactor
from multicart_async._http.aiohttp_connector import SendEvidence
from multicart_async._http.aiohttp_proxy import address, unused_proxy
from multicart_async._http.tls_errors import handshake_failure, is_cut_handshake, is_tls_error
from multicart_async.errors import (
    APIConnectionError,
    APITimeoutError,
    ClientClosedError,
    ConfigurationError,
    IncompleteDownloadError,
    InvalidResponseError,
    MultiCartError,
    StalledDownloadError,
)

__all__ = ["HEADERS", "LINE_BYTES", "Route", "call_error", "forget_request", "stream_error"]

LINE_BYTES: Final = 1 << 16
"""The maximum length of a status line or header of a response, in bytes."""
HEADERS: Final = 500
"""The maximum number of headers of a response."""

_SHOWN: Final = 80  # characters of the text of a foreign error
_OWN: Final = frozenset({"aiohttp", "asyncio", "encodings", "idna", "socket", "ssl", "yarl"})
_PLAIN: Final = (str, bytes, int, float, type(None))


@attrs.frozen
class Route:
    """The addresses of service and proxy as error messages show them, without credentials."""

    scheme: str
    host: str
    proxy: str | None = None
    trust_env: bool = False
    ssl_context: ssl.SSLContext | None = attrs.field(default=None, repr=False)
    redactor: Redactor = attrs.field(factory=Redactor, repr=False)

    def __str__(self) -> str:
        return self.host if self.proxy is None else f"{self.host} through the proxy {self.proxy}"

    def shown(self, error: Exception) -> str:
        """Describe *error* without secrets. Of aiohttp's errors only the class is shown, because their texts contain URLs."""
        name = type(error).__name__
        text = "" if _package(type(error).__module__) == "aiohttp" else _text(error)
        text = self.redactor.text(text)[:_SHOWN]
        return f"{name}: {text}" if text else name


def call_error(path: str, error: Exception, evidence: SendEvidence, route: Route, *, usable: bool) -> MultiCartError:
    """Return the error for a call, or for opening a file, that failed with *error*.

    *evidence* decides whether the request counts as sent. *usable* is false if the session is closed or belongs to
    another event loop.
    """
    if evidence.begun:
        fault = _after_sending(path, error, route)
    elif usable:
        fault = _before_sending(path, error, route)
    else:
        fault = ClientClosedError("the session is closed, or belongs to another event loop")
    if isinstance(fault, APIConnectionError):
        fault.reused = evidence.reused
    fault.__cause__ = _harmless(error, route)
    return fault


def _before_sending(path: str, error: Exception, route: Route) -> MultiCartError:
    if isinstance(error, TimeoutError):
        return APITimeoutError(path, f"connecting to {route} timed out ({_limit(error, route)})", sent=False)
    if isinstance(error, aiohttp.InvalidURL):
        return ConfigurationError(f"{path}: expected URLs that aiohttp can request as base_url and proxy")
    if isinstance(error, ValueError) and not isinstance(error, aiohttp.ClientError) and _is_own(error):
        return ConfigurationError(f"{path}: cannot make a request to {route}: {route.redactor.text(_text(error))}")
    reason, passing = _no_connection(error, route)
    return APIConnectionError(path, reason, sent=False, retryable=passing)


def _no_connection(error: Exception, route: Route) -> tuple[str, bool]:
    """Return why there is no connection, and whether the reason is transient."""
    proxy = "the session's proxy" if route.proxy is None else f"the proxy {route.proxy}"
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return f"{proxy} responded with HTTP {error.status}", True
    if rejection := _rejection(error):
        return f"the response of {proxy} is {rejection}", True
    if isinstance(error, aiohttp.ServerFingerprintMismatch):
        return f"the certificate of {route} is not the one whose fingerprint was given", False
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return f"the certificate of {address(error.host, error.port)} is not trusted: {error.certificate_error}", False
    if isinstance(error, aiohttp.ClientConnectorError):
        return _not_connected(error, route)
    if isinstance(error, aiohttp.ClientError):
        return f"the connection to {route} broke before anything was sent ({route.shown(error)})", True
    return f"the request to {route} could not be sent ({route.shown(error)})", True


def _not_connected(error: aiohttp.ClientConnectorError, route: Route) -> tuple[str, bool]:
    cause, where = error.os_error, address(error.host, error.port)
    if cause.errno in {errno.EMFILE, errno.ENFILE}:
        return "too many open files on this machine", True
    if isinstance(cause, ssl.SSLError):
        text, passing = handshake_failure(cause, route.ssl_context)
        return f"TLS with {where} failed: {text}", passing
    if is_cut_handshake(cause):
        return (
            f"TLS with {where} failed: the peer closed the connection during the handshake, without giving a reason",
            True,
        )
    unused = None if route.trust_env or route.proxy else unused_proxy(route.scheme)
    hint = f"; {unused} names a proxy that is not used, pass trust_env=True to use it" if unused else ""
    kind = "the proxy " if where == route.proxy else ""
    text = cause.strerror or str(cause)
    if cause.errno and text.startswith("Connect call failed"):  # asyncio repeats the address instead of the reason
        text = os.strerror(cause.errno)
    return f"cannot connect to {kind}{where}: {text}{hint}", True


def _after_sending(path: str, error: Exception, route: Route) -> MultiCartError:
    if isinstance(error, TimeoutError):
        return APITimeoutError(path, f"no response in time from {route} ({_limit(error, route)})")
    if rejection := _rejection(error):
        return InvalidResponseError(path, f"the response is {rejection}")
    detail, passing = route.shown(error), True
    if is_tls_error(error):
        detail, passing = handshake_failure(error, route.ssl_context)
    reason = f"the connection to {route} broke before the response was complete ({detail})"
    return APIConnectionError(path, reason, retryable=passing)


def _limit(error: TimeoutError, route: Route) -> str:
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return "Timeouts.connect"
    own = type(error) is TimeoutError or isinstance(error, aiohttp.ClientError)
    return "Timeouts.request" if own else route.shown(error)


def _rejection(error: Exception) -> str | None:
    """Return why aiohttp's parser rejected a response, or ``None`` if it did not.

    aiohttp reports all reasons as status 400, which neither a proxy nor the service sent; only the texts differ.
    """
    if not isinstance(error, aiohttp.ClientResponseError) or not isinstance(error.__cause__, HttpProcessingError):
        return None
    if error.message.startswith("Got more than"):
        return f"rejected: one of its headers is longer than {LINE_BYTES} bytes"
    if error.message.startswith("Too many"):
        return f"rejected: it has more than {HEADERS} headers"
    if r"b'\x15\x03" in error.message:
        return "TLS instead of HTTP; check whether base_url must begin with https://"
    return "not valid HTTP"


def stream_error(label: str, error: Exception, received: int, read: float, route: Route) -> MultiCartError:
    """Return the error for a transfer that failed with *error* after *received* bytes."""
    if isinstance(error, TimeoutError):
        return StalledDownloadError(label, f"no data for {read:g} s after {received} bytes")
    reason = f"the transfer broke off after {received} bytes ({route.shown(error)})"
    fault = IncompleteDownloadError(label, reason)
    fault.__cause__ = _harmless(error, route)
    return fault


def _harmless(error: Exception, route: Route) -> Exception | None:
    """Return *error*, or the operating system's error in it, without frames; ``None`` if it may hold a secret."""
    cause: Exception = getattr(error, "certificate_error", getattr(error, "os_error", error))
    if isinstance(cause, TimeoutError):  # it adds nothing
        return None
    if any(_package(kind.__module__) == "aiohttp" for kind in type(cause).__mro__):
        return None
    held = [*cause.args, *vars(cause).values()]
    if not all(isinstance(value, _PLAIN) for value in held):
        return None
    text = f"{held!r} {_text(cause)}"
    if route.redactor.text(text) != text:
        return None
    cause.__cause__ = cause.__context__ = None
    return cause.with_traceback(None)


def forget_request(error: asyncio.CancelledError | MultiCartError) -> None:
    """Remove the frames that hold the request from *error*, and the errors that aiohttp raised before it.

    Cancellations leave this package as they are, so unlike other errors they cannot be replaced by new ones.
    """
    error.__traceback__ = None
    each: BaseException | None = error
    while each is not None:
        if each.__cause__ is not None and _is_of_request(each.__cause__):
            each.__cause__ = None
        if each.__context__ is not None and _is_of_request(each.__context__):
            each.__context__ = None
        each = each.__context__


def _is_of_request(error: BaseException) -> bool:
    modules = [type(error).__module__, *_modules(error.__traceback__)]
    return any(_package(module) == "aiohttp" for module in modules)


def _text(error: Exception) -> str:
    try:
        return str(error).encode("utf-8", "backslashreplace").decode()
    except Exception:  # noqa: BLE001 -- a foreign class may have any fault
        return ""


def _is_own(error: Exception) -> bool:
    """Return whether *error* comes from aiohttp or its dependencies, not from a middleware, a connector or a trace."""
    return _package(_modules(error.__traceback__)[-1]) in _OWN


def _modules(traceback: TracebackType | None) -> list[str]:
    """Return the modules of the frames, from the outermost to the innermost, after an empty name."""
    names = [""]
    while traceback is not None:
        names.append(str(traceback.tb_frame.f_globals.get("__name__", "")))
        traceback = traceback.tb_next
    return names


def _package(module: str) -> str:
    return module.partition(".")[0]
