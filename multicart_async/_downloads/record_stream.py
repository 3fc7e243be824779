"""The records of one file across several transfers: a broken one is started again, and no record is yielded twice."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Any, TypeVar

import anyio.lowlevel

from multicart_async._core.log import log_retry
from multicart_async._core.response_headers import note_headers
from multicart_async._downloads.context import DownloadContext
from multicart_async._downloads.file_request import FileRequest, Refresh
from multicart_async._downloads.link_source import LinkSource
from multicart_async._downloads.record_response import RecordResponse
from multicart_async._downloads.replay_guard import ReplayGuard
from multicart_async._downloads.verifier import check_response
from multicart_async._http.retry_rules import is_transient
from multicart_async.errors import MultiCartError
from multicart_async.events import Retrying

__all__ = ["RecordStream"]

E = TypeVar("E", bound=MultiCartError)


class RecordStream:
    """Read the values of one file; call `aclose` at the end."""

    def __init__(self, context: DownloadContext, request: FileRequest, refresh: Refresh) -> None:
        self._context = context
        self._label = request.link.label
        self._links = LinkSource(request, refresh)
        self._guard = ReplayGuard()
        self._tries = 0
        self._response: RecordResponse | None = None
        self._opened = AsyncExitStack()

    async def read(self) -> list[Any] | None:
        """Return the next values, possibly an empty list; ``None`` at the end of the file.

        Raises:
            MultiCartError: The file could not be read further; transient errors only after the last attempt.
        """
        while True:
            try:
                with self._context.lifetime.track():
                    values = await self._read_response()
            except asyncio.CancelledError as error:
                error.__traceback__ = None  # its frames hold the body, which may repeat the credential
                raise
            except MultiCartError as error:
                self.with_headers(error).__traceback__ = None
                await self.aclose()
                await self._prepare_retry(error)
            else:
                if values:
                    self._guard.commit()
                return values

    async def aclose(self) -> None:
        """Release the connection and the download slot."""
        self._response = None
        await self._opened.aclose()

    def with_headers(self, error: E) -> E:
        """Return *error* with the headers of the response that has caused it."""
        if self._response is not None:
            note_headers(error, self._response.stream.headers, self._context.redactor.text)
        return error

    async def _read_response(self) -> list[Any] | None:
        response = self._response or await self._open()
        await anyio.lowlevel.checkpoint()
        return await response.read()

    async def _open(self) -> RecordResponse:
        context = self._context
        self._tries += 1
        await self._opened.enter_async_context(context.slot())
        opening = context.transport.stream(self._links.url, label=self._label, new_connection=self._tries > 1)
        stream = await self._opened.enter_async_context(opening)
        self._response = response = RecordResponse(
            self._label, stream, self._guard, limits=context.limits, redactor=context.redactor
        )
        await check_response(stream, self._label, context.redactor)
        return response

    async def _prepare_retry(self, error: MultiCartError) -> None:
        """Choose another link, or wait before the next attempt, or raise *error*."""
        retrier = self._context.retrier
        retrier.record_failure(self._label, error, self._tries)
        if await self._links.replace(error):
            return
        if not is_transient(error) or self._tries >= retrier.max_attempts or retrier.asks_too_long(error):
            raise error
        log_retry(self._label, self._tries + 1, error)
        self._context.emit(Retrying(path=self._label, attempt=self._tries + 1, error=error))
        await retrier.backoff(error, self._tries)
