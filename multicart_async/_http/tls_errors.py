"""What a failed TLS handshake means: in words, and whether another attempt can end otherwise."""

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
"""Parts of OpenSSL's names of reasons that are the same at each attempt."""


def handshake_failure(error: OSError, context: ssl.SSLContext | None) -> tuple[str, bool]:
    """Return what *error* says, and whether it may pass. *context* tells what was offered, where it is known."""
    text = error.strerror or " ".join(str(part) for part in error.args if part) or "no reason was given"
    return f"{text}{_hint(text, context)}", not any(part in text for part in _LASTING)


def is_tls_error(error: Exception) -> TypeGuard[OSError]:
    """Return whether *error* was OpenSSL's, of which aiohttp keeps the text alone.

    With TLS 1.3 a server reports a missing certificate only after the request was sent.
    """
    return isinstance(error, OSError) and (error.strerror or "").startswith("[SSL: ")


def is_cut_handshake(error: OSError) -> bool:
    """Return whether the peer ended the connection during the handshake: asyncio's error for that says nothing at all."""
    return isinstance(error, ConnectionResetError) and not error.args


def _hint(text: str, context: ssl.SSLContext | None) -> str:
    if "WRONG_VERSION_NUMBER" in text or "HTTP_REQUEST" in text:
        return "; does the service speak http there? Then base_url begins with http://, not https://"
    if "_VERSION" in text or "PROTOCOL" in text:
        return f"; no version of TLS suits both sides{_offer(context)}"
    if "CERTIFICATE_REQUIRED" in text or "HANDSHAKE_FAILURE" in text:
        return "; the server may want a certificate of the client, or offers no cipher of ours: see ssl_context="
    return ""


def _offer(context: ssl.SSLContext | None) -> str:
    if context is None:
        return ""
    least, most = (version.name.replace("_", ".") for version in (context.minimum_version, context.maximum_version))
    return f"; this client offers {least} to {most}"
