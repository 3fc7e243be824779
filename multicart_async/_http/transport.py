"""The seam: three verbs that everything above is written against, and that a test can fake honestly."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import attrs

from multicart_async._core.redaction import RedactedBody

__all__ = ["ByteStream", "MultipartForm", "Response", "Transport"]


@attrs.frozen
class Response:
    """What came back: HTTP status, headers (names in lower case), and the whole body."""

    status: int
    payload: bytes = attrs.field(repr=False)
    headers: Mapping[str, str] = attrs.field(factory=dict[str, str], repr=False)


@attrs.frozen
class MultipartForm:
    """A multipart body: text fields, and one file."""

    fields: Mapping[str, str]
    file_field: str
    file_name: str
    content: bytes = attrs.field(repr=False)


class ByteStream(Protocol):
    """The body of a file, as it comes; gzip is decoded. ``length`` is that of what comes out, so a coded body has none.

    ``proved``: the framing shows where it ends, so a cut cannot pass for the end. Where only gzip shows that, it is known at
    the end.
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
    """Sends calls and opens files. It knows no endpoint and no model. What waits in it ends when the client is closed."""

    async def post(
        self,
        path: str,
        body: bytes | RedactedBody | MultipartForm,
        *,
        new_connection: bool = False,
        public: bool = False,
    ) -> Response:
        """POST to *path* below the base URL. ``new_connection``: on a new connection. ``public``: without a credential.

        A `asyncio.CancelledError` that leaves it has the attribute ``request_sent``, which is true, if the request had
        begun to leave; else it has none.

        Raises:
            APIConnectionError: No answer; ``sent`` says whether the request may have arrived.
            ResponseTooLargeError: The answer is above the limit.
            ConfigurationError: A credential is needed and there is none, or no request can be made of what is set.
            ClientClosedError: The client was closed meanwhile.
        """
        ...

    async def get(self, path: str, *, new_connection: bool = False, public: bool = False) -> Response:
        """GET *path* below the base URL: a call without a body, with the bounds and errors of `post`."""
        ...

    def stream(
        self, url: str, *, label: str, headers: Mapping[str, str] = ..., new_connection: bool = ...
    ) -> AbstractAsyncContextManager[ByteStream]:
        """GET *url*, of the base URL's origin; *label* stands for it in errors. ``new_connection``: on a new connection.

        Raises:
            APIConnectionError: No answer.
            UnreachableResultError: Another origin.
            IncompleteDownloadError: (while iterating) The transfer broke off.
            StalledDownloadError: (while iterating) Silence, or next to it.
        """
        ...
