"""aiohttp's exceptions to ours. None of aiohttp's gets past this package: they hold the request's headers, and so the key.

Ours are raised outside of the ``except`` block, so that no traceback leads into aiohttp's frames either.
"""

from __future__ import annotations

import errno
import os

import aiohttp

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

__all__ = ["FAULTS", "fault_of_call", "fault_of_stream"]

FAULTS = (aiohttp.ClientError, OSError, RuntimeError, ValueError)  # OSError holds TimeoutError and ConnectionError
_PROXY_VARIABLES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")


def fault_of_call(path: str, error: Exception, *, trust_env: bool = False) -> MultiCartError:
    """What *error* means for a call, or for the opening of a file."""
    fault = _before_sending(path, error, trust_env=trust_env) or _after_sending(path, error)
    cause = getattr(error, "os_error", error)
    if type(cause).__module__ in {"builtins", "ssl", "socket"} and not isinstance(cause, TimeoutError):
        fault.__cause__ = cause.with_traceback(None)
    return fault


def _before_sending(path: str, error: Exception, *, trust_env: bool) -> MultiCartError | None:
    """The errors that prove that no byte of the request went out."""
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return APITimeoutError(path, "no connection in time (Timeouts.connect)", sent=False)
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return APIConnectionError(path, f"the proxy answers HTTP {error.status}", sent=False)
    if isinstance(error, aiohttp.InvalidURL):
        return ConfigurationError(f"{path}: the proxy or base_url is no URL that aiohttp can ask for")
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        reason = f"the certificate is not trusted: {error.certificate_error}"
        return APIConnectionError(path, reason, sent=False, passing=False)
    if not isinstance(error, aiohttp.ClientConnectorError):
        return None
    if error.os_error.errno in {errno.EMFILE, errno.ENFILE}:
        return APIConnectionError(path, "too many open files on this machine", sent=False)
    hint = ""
    if not trust_env and any(os.environ.get(name) for name in _PROXY_VARIABLES):
        hint = "; a proxy is set in the environment and not used, pass trust_env=True to use it"
    return APIConnectionError(path, f"cannot connect: {error.os_error.strerror or error.os_error}{hint}", sent=False)


def _after_sending(path: str, error: Exception) -> MultiCartError:
    if isinstance(error, TimeoutError):
        return APITimeoutError(path, "no answer in time (Timeouts.request)")
    if isinstance(error, RuntimeError):
        return ClientClosedError("the session is closed, or belongs to another event loop")
    if isinstance(error, aiohttp.ClientResponseError | ValueError):
        # aiohttp reports what its parser refuses as status 400: the service said no such thing
        return InvalidResponseError(path, "the answer is not proper HTTP")
    return APIConnectionError(path, f"the connection broke before the answer was complete ({type(error).__name__})")


def fault_of_stream(label: str, error: Exception, received: int, read: float) -> MultiCartError:
    """What *error* means in the middle of a file."""
    if isinstance(error, TimeoutError):
        return StalledDownloadError(label, f"silence for {read:g} s after {received} bytes")
    return IncompleteDownloadError(label, f"the transfer broke off after {received} bytes ({type(error).__name__})")
