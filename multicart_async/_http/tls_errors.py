"""Describe failed TLS handshakes, and decide whether another attempt may succeed."""

from __future__ import annotations

import ssl
from typing import Final, TypeGuard

__all__ = ["handshake_failure", "is_cut_handshake", "is_tls_error"]

_LASTING: Final = (
    "VERSION",  # WRONG_VERSION_NUMBER, TLSV1_ALERT_PROTOCOL_VERSION, UNSUPPORTED_SSL_VERSION
    "UNSUPPORTED_PROTOCOL",
    "NO_PROTOCOLS_AVAILABLE",
    "HTTP_REQUEST",
    "HANDSHAKE_FAILURE",
    "NO_SHARED_CIPHER",
    "NO_CIPHERS_AVAILABLE",
    "INSUFFICIENT_SECURITY",
    "INAPPROPRIATE_FALLBACK",
    "CERTIFICATE",
    "UNKNOWN_CA",
    "ACCESS_DENIED",
    "UNRECOGNIZED_NAME",
)
"""Parts of OpenSSL's reason names that will not change between attempts."""


def handshake_failure(error: OSError, context: ssl.SSLContext | None) -> tuple[str, bool]:
    """Return a description of *error*, and whether it is transient. *context* is the client's own, if known."""
    text = error.strerror or " ".join(str(part) for part in error.args if part) or "no reason was given"
    return f"{text}{_hint(text, context)}", not any(part in text for part in _LASTING)


def is_tls_error(error: Exception) -> TypeGuard[OSError]:
    """Return whether *error* was raised by OpenSSL; aiohttp keeps only its text.

    With TLS 1.3, a server reports a missing client certificate only after the request was sent.
    """
    return isinstance(error, OSError) and (error.strerror or "").startswith("[SSL: ")


def is_cut_handshake(error: OSError) -> bool:
    """Return whether the peer closed the connection during the handshake; asyncio's error for that has no text."""
    return isinstance(error, ConnectionResetError) and not error.args


def _hint(text: str, context: ssl.SSLContext | None) -> str:
    if "WRONG_VERSION_NUMBER" in text or "HTTP_REQUEST" in text:
        return "; the server may not use TLS there: check whether base_url must begin with http://"
    if "_VERSION" in text or "PROTOCOL" in text:
        return f"; client and server support no common TLS version{_offer(context)}"
    if "CERTIFICATE_REQUIRED" in text or "HANDSHAKE_FAILURE" in text:
        return "; the server may require a client certificate, or supports none of our ciphers: see ssl_context="
    return ""


def _offer(context: ssl.SSLContext | None) -> str:
    if context is None:
        return ""
    least, most = (version.name.replace("_", ".") for version in (context.minimum_version, context.maximum_version))
    return f"; this client offers {least} to {most}"
