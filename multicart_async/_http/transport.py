"""The transport protocol: three methods on which everything above depends, and which tests replace by fakes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

import attrs

from multicart_async._core.redaction import RedactedBody

__all__ = ["ByteStream", "MultipartForm", "Response", "Transport"]


@attrs.frozen
class Response:
    """A response: HTTP status, headers with lower-case names, and the complete body."""

    status: int
    payload: bytes = attrs.field(repr=False)
    headers: Mapping[str, str] = attrs.field(factory=dict[str, str], repr=False)


@attrs.frozen
class MultipartForm:
    """A multipart body with text fields and one file."""

    fields: Mapping[str, str]
    file_field: str
    file_name: str
    content: bytes = attrs.field(repr=False)


class ByteStream(Protocol):
    """The body of a file while it is received, with gzip decoded.

    ``length`` is the number of bytes that will be yielded, or ``None`` if it is unknown, as for an encoded body.
    ``self_delimited`` is true if the framing proves the end, so that a truncated body is recognised. If only gzip proves
    it, it becomes true at the end.
    """

    @property
    def status(self) -> int: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def length(self) -> int | None: ...
    @property
    def self_delimited(self) -> bool: ...
    def __aiter__(self) -> AsyncIterator[bytes]: ...


class Transport(Protocol):
    """Send calls and open files, without knowledge of endpoints and models.

    All waits end with `ClientClosedError` when the client is closed.
    """

    def post(
        self,
        path: str,
        body: bytes | RedactedBody | MultipartForm,
        *,
        new_connection: bool = False,
        public: bool = False,
    ) -> Coroutine[Any, Any, Response]:
        """POST to *path* below the base URL, with *new_connection* on a new connection, with *public* without a credential.

        An `asyncio.CancelledError` has the attribute ``request_sent = True`` if the request had begun, and lacks the
        attribute otherwise.

        Raises:
            APIConnectionError: No response; ``sent`` is true if the request may have arrived.
            ResponseTooLargeError: The response is above the limit.
            ConfigurationError: A credential is required and missing, or the settings do not make a valid request.
            ClientClosedError: The client was closed meanwhile.
        """
        ...

    def get(self, path: str, *, new_connection: bool = False, public: bool = False) -> Coroutine[Any, Any, Response]:
        """GET *path* below the base URL, with the limits and errors of `post`."""
        ...

    def stream(
        self, url: str, *, label: str, headers: Mapping[str, str] = ..., new_connection: bool = ...
    ) -> AbstractAsyncContextManager[ByteStream]:
        """GET *url*, which must have the base URL's origin; errors name it *label*.

        Raises:
            APIConnectionError: No response.
            UnreachableResultError: *url* has another origin.
            IncompleteDownloadError: The transfer was interrupted, while iterating.
            StalledDownloadError: The transfer was silent or too slow, while iterating.
        """
        ...
